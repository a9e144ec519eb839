/*
 * progress: a bar on standard error.
 *
 *	retrying  [#########          ]  47%  9,400 of 20,000  12s left
 *
 * The rest is guessed from the average so far. Known limit: a terminal that is
 * made smaller meanwhile may keep a piece of an older line.
 */
#include "ctl/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ctl/show.h"

enum {
	PATIENCE_MS = 500, /* what ends sooner needs no bar */
	REDRAW_MS = 100,
	BAR_MAX = 30,
	BAR_MIN = 8,
	GUESS_AFTER_MS = 2000, /* an average of less is no average */
};

struct progress {
	char *label;
	int64_t total;
	int64_t n_done;
	int64_t began_ms; /* monotonic */
	int64_t drawn_ms;
	bool is_shown; /* standard error is a terminal that can erase a line */
	bool is_drawn; /* the line holds our bar */
};

struct progress *
progress_new(const char *label, int64_t total)
{
	struct progress *progress = xcalloc(1, sizeof *progress);
	const char *term = getenv("TERM");

	progress->label = xstrdup(label);
	progress->total = total;
	progress->began_ms = clock_mono_ms();
	progress->is_shown =
		isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	return progress;
}

void
progress_free(struct progress *progress)
{
	if (!progress)
		return;
	progress_hide(progress);
	free(progress->label);
	free(progress);
}

void
progress_hide(struct progress *progress)
{
	if (!progress->is_drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->is_drawn = false;
}

void
progress_set_total(struct progress *progress, int64_t total)
{
	progress->total = total;
}

static int
terminal_columns(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

void
progress_set(struct progress *progress, int64_t n_done)
{
	char line[PROGRESS_LINE_SIZE];
	int64_t now_ms = clock_mono_ms();

	progress->n_done = n_done;
	if (!progress->is_shown || now_ms - progress->began_ms < PATIENCE_MS ||
	    (progress->is_drawn && now_ms - progress->drawn_ms < REDRAW_MS))
		return;
	/* the last column is left free: some terminals wrap there */
	progress_print(progress->label, n_done, progress->total,
		       now_ms - progress->began_ms, terminal_columns() - 1,
		       line);
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
	progress->is_drawn = true;
	progress->drawn_ms = now_ms;
}

static void
add_bar(struct buf *line, int64_t n_done, int64_t total, int width)
{
	int n_full = (int)(n_done * width / total);
	buf_notef(line, "  [");
	for (int i = 0; i < width; i++)
		buf_notef(line, i < n_full ? "#" : " ");
	buf_notef(line, "]");
}

void
progress_print(const char *label, int64_t n_done, int64_t total,
	       int64_t elapsed_ms, int columns, char out[PROGRESS_LINE_SIZE])
{
	char done[SHOW_COUNT_SIZE];
	char all[SHOW_COUNT_SIZE];
	char left[SHOW_AGE_SIZE];
	struct buf line;
	struct buf tail;

	if (columns > PROGRESS_LINE_SIZE - 1)
		columns = PROGRESS_LINE_SIZE - 1;
	if (columns < 20)
		columns = 20;
	buf_init(&line, (size_t)columns);
	buf_init(&tail, PROGRESS_LINE_SIZE);
	/* more than there were: others add while we work */
	if (total > 0 && n_done > total)
		n_done = total;
	buf_notef(&line, "%s", label);
	if (total > 0) {
		buf_notef(&tail, " %3d%%  %s of %s",
			  (int)(n_done * 100 / total), show_count(n_done, done),
			  show_count(total, all));
		if (elapsed_ms >= GUESS_AFTER_MS && n_done > 0 &&
		    n_done < total)
			buf_notef(
				&tail, "  %s left",
				show_age((total - n_done) * elapsed_ms / n_done,
					 left));
		int room = columns - (int)line.len - (int)tail.len - 4;
		if (room >= BAR_MIN)
			add_bar(&line, n_done, total,
				room < BAR_MAX ? room : BAR_MAX);
	} else {
		buf_notef(&tail, "  %s", show_count(n_done, done));
	}
	buf_notef(&line, "%s", buf_text(&tail));
	snprintf(out, PROGRESS_LINE_SIZE, "%s", buf_text(&line));
	buf_fini(&tail);
	buf_fini(&line);
}
