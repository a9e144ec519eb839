/*
 * ctl_queue: whole queues: how many jobs are in which state, and what keeps
 * workers from taking them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/num.h"
#include "queue/admin.h"
#include "queue/control.h"
#include "queue/metrics.h"
#include "ctl/ctl.h"
#include "ctl/grid.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"
#include "ctl/view.h"

struct stats {
	struct session *session;
	const char *queue;
	struct admin_counts counts;
	struct control_settings settings;
	int64_t limited_ms; /* nothing may be taken for so long; 0: it may */
	struct metrics completed;
	struct metrics failed;
};

enum { RECENT_MINUTES = 15 }; /* what "per minute" is an average of */

static void
on_counts(void *ctx, enum hs_err err, const char *text,
	  const struct admin_counts *counts)
{
	struct stats *stats = ctx;
	if (err == HS_OK)
		stats->counts = *counts;
	session_end(stats->session, err, text);
}

static void
on_settings(void *ctx, enum hs_err err, const char *text,
	    const struct control_settings *settings)
{
	struct stats *stats = ctx;
	if (err == HS_OK)
		stats->settings = *settings;
	session_end(stats->session, err, text);
}

static void
on_limited(void *ctx, enum hs_err err, const char *text, int64_t n)
{
	struct stats *stats = ctx;
	if (err == HS_OK && n > 0)
		stats->limited_ms = n;
	session_end(stats->session, err, text);
}

static void
on_completed(void *ctx, enum hs_err err, const char *text,
	     const struct metrics *metrics)
{
	struct stats *stats = ctx;
	stats->completed = *metrics;
	session_end(stats->session, err, text);
}

static void
on_failed(void *ctx, enum hs_err err, const char *text,
	  const struct metrics *metrics)
{
	struct stats *stats = ctx;
	stats->failed = *metrics;
	session_end(stats->session, err, text);
}

static bool
has_metrics(const struct stats *stats)
{
	return stats->completed.n_total > 0 || stats->failed.n_total > 0;
}

/* The minutes that are over, not the one under way. */
static double
per_minute(const struct metrics *metrics)
{
	int64_t n = 0;
	for (size_t i = 1; i <= RECENT_MINUTES; i++)
		n += metrics->per_minute[i];
	return (double)n / RECENT_MINUTES;
}

static void
print_minutes_json(const char *name, const struct metrics *metrics)
{
	printf("\"%s\":[", name);
	for (size_t i = 0; i < METRICS_MINUTES; i++)
		printf("%s%" PRId64, i > 0 ? "," : "", metrics->per_minute[i]);
	fputs("]", stdout);
}

static void
print_metrics_json(const struct stats *stats)
{
	if (!has_metrics(stats)) {
		fputs("\"per_minute\":null,", stdout);
		return;
	}
	fputs("\"per_minute\":{", stdout);
	print_minutes_json("completed", &stats->completed);
	fputs(",", stdout);
	print_minutes_json("failed", &stats->failed);
	fputs("},", stdout);
}

static void
print_metrics(const struct stats *stats)
{
	if (!has_metrics(stats))
		return;
	show_text(stdout, span_text(stats->queue));
	printf(": %.1f completed and %.1f failed a minute, in the last %d "
	       "minutes\n",
	       per_minute(&stats->completed), per_minute(&stats->failed),
	       RECENT_MINUTES);
}

static void
print_settings_json(const struct stats *stats)
{
	const struct control_settings *settings = &stats->settings;

	if (settings->concurrency > 0)
		printf("\"concurrency\":%" PRId64 ",", settings->concurrency);
	else
		fputs("\"concurrency\":null,", stdout);
	if (settings->max > 0)
		printf("\"limit\":{\"max\":%" PRId64 ",\"duration_ms\":%" PRId64
		       "},",
		       settings->max, settings->duration_ms);
	else
		fputs("\"limit\":null,", stdout);
	printf("\"limited_for_ms\":%" PRId64 ",", stats->limited_ms);
	view_json_text("version",
		       *settings->version ? settings->version : NULL);
}

/* What binds all workers of the fleet; nothing for most queues. */
static void
print_settings(const struct stats *stats)
{
	const struct control_settings *settings = &stats->settings;
	char time[32];
	struct buf text;

	buf_init(&text, BOUNDS_REASON_BYTES);
	if (settings->concurrency > 0)
		buf_notef(&text, "; at most %" PRId64 " active",
			  settings->concurrency);
	if (settings->max > 0) {
		num_duration_text(settings->duration_ms, time, sizeof time);
		buf_notef(&text, "; at most %" PRId64 " in %s", settings->max,
			  time);
	}
	if (stats->limited_ms > 0) {
		num_duration_text(stats->limited_ms, time, sizeof time);
		buf_notef(&text, "; limited for another %s", time);
	}
	if (settings->is_pro)
		buf_notef(&text, "; made by BullMQ Pro, whose keys are its "
				 "own");
	if (text.len > 0) {
		show_text(stdout, span_text(stats->queue));
		printf(": %s\n", buf_text(&text) + 2);
	}
	buf_fini(&text);
}

static void
stats_print_json(const struct stats *stats, size_t n, int64_t now_ms)
{
	fputs("[", stdout);
	for (size_t i = 0; i < n; i++) {
		const struct admin_counts *counts = &stats[i].counts;
		int64_t oldest_ms = counts->oldest_waiting_ms;
		fputs(i > 0 ? ",\n {\"queue\":" : "{\"queue\":", stdout);
		show_json_text(stdout, span_text(stats[i].queue));
		fputs(",\"counts\":{", stdout);
		for (int k = 0; k < JOB_N_STATES; k++)
			printf("%s\"%s\":%" PRId64, k > 0 ? "," : "",
			       job_state_text((enum job_state)k), counts->n[k]);
		printf("},\"is_paused\":%s,",
		       counts->is_paused ? "true" : "false");
		print_settings_json(&stats[i]);
		print_metrics_json(&stats[i]);
		if (oldest_ms > 0)
			printf("\"oldest_waiting_at_ms\":%" PRId64
			       ",\"oldest_waiting_age_ms\":%" PRId64 "}",
			       oldest_ms,
			       now_ms > oldest_ms ? now_ms - oldest_ms : 0);
		else
			printf("\"oldest_waiting_at_ms\":null,"
			       "\"oldest_waiting_age_ms\":null}");
	}
	fputs("]\n", stdout);
}

static const struct stats_column {
	enum job_state state;
	const char *head;
	bool is_rare; /* shown only where one of the queues has some */
} stats_columns[] = {
	{ JOB_WAIT, "WAIT", false },
	{ JOB_PRIORITIZED, "PRIORITIZED", true },
	{ JOB_DELAYED, "DELAYED", false },
	{ JOB_ACTIVE, "ACTIVE", false },
	{ JOB_COMPLETED, "COMPLETED", false },
	{ JOB_FAILED, "FAILED", false },
	{ JOB_PAUSED, "PAUSED", true },
	{ JOB_WAITING_CHILDREN, "WAITING-CHILDREN", true },
};
enum { N_STATS_COLUMNS = sizeof stats_columns / sizeof stats_columns[0] };

static bool
stats_has_column(const struct stats_column *column, const struct stats *stats,
		 size_t n)
{
	bool is_wanted = !column->is_rare;
	for (size_t i = 0; i < n; i++)
		is_wanted = is_wanted || stats[i].counts.n[column->state] > 0;
	return is_wanted;
}

static void
stats_print(const struct stats *stats, size_t n, int64_t now_ms)
{
	struct grid_column columns[N_STATS_COLUMNS + 2] = { 0 };
	enum job_state states[N_STATS_COLUMNS];
	size_t n_columns = 0;

	columns[0].head = "QUEUE";
	for (size_t k = 0; k < N_STATS_COLUMNS; k++) {
		if (!stats_has_column(&stats_columns[k], stats, n))
			continue;
		states[n_columns++] = stats_columns[k].state;
		columns[n_columns].head = stats_columns[k].head;
		columns[n_columns].is_right = true;
	}
	columns[n_columns + 1].head = "OLDEST";
	columns[n_columns + 1].is_right = true;

	struct grid *table = grid_new(columns, n_columns + 2);
	for (size_t i = 0; i < n; i++) {
		const struct admin_counts *counts = &stats[i].counts;
		char *cells[N_STATS_COLUMNS + 2];
		char age[SHOW_AGE_SIZE];
		char *name = show_text_dup(span_text(stats[i].queue), 128);
		cells[0] = xasprintf("%s%s", name,
				     counts->is_paused ? " (paused)" : "");
		free(name);
		for (size_t k = 0; k < n_columns; k++)
			cells[k + 1] =
				xasprintf("%" PRId64, counts->n[states[k]]);
		cells[n_columns + 1] =
			counts->oldest_waiting_ms > 0
				? xstrdup(show_age(
					  now_ms - counts->oldest_waiting_ms,
					  age))
				: NULL;
		grid_add(table, cells);
	}
	grid_print(table, stdout, show_terminal_width());
	grid_free(table);
	for (size_t i = 0; i < n; i++) {
		print_settings(&stats[i]);
		print_metrics(&stats[i]);
	}
}

/* All that is asked of one queue goes out together. */
static void
stats_start(struct stats *stats, struct session *session)
{
	struct queue *queue = session_queue(session, stats->queue);
	const int64_t now_ms = clock_wall_ms();

	stats->session = session;
	session_begin(session);
	enum hs_err err = admin_count(queue, on_counts, stats);
	if (err != HS_OK)
		session_end(session, err, NULL);
	session_begin(session);
	err = control_read(queue, on_settings, stats);
	if (err != HS_OK)
		session_end(session, err, NULL);
	session_begin(session);
	err = control_limit_ttl(queue, 0, on_limited, stats);
	if (err != HS_OK)
		session_end(session, err, NULL);
	session_begin(session);
	err = metrics_read(queue, false, now_ms, on_completed, stats);
	if (err != HS_OK)
		session_end(session, err, NULL);
	session_begin(session);
	err = metrics_read(queue, true, now_ms, on_failed, stats);
	if (err != HS_OK)
		session_end(session, err, NULL);
}

/* Who mistyped a name sees nothing but zeros. */
static void
complain_of_stranger(const struct stats *stats)
{
	int64_t n = stats->settings.max_events;

	for (int k = 0; k < JOB_N_STATES; k++)
		n += stats->counts.n[k];
	if (n == 0 && stats->settings.version[0] == '\0')
		ctl_complain("nobody has opened a queue \"%s\" yet: is that "
			     "its name?",
			     stats->queue);
}

static int
stats_run(struct session *session, const char **queues,
	  const struct cmd_line *line)
{
	size_t n = 0;

	while (queues[n])
		n++;
	struct stats *stats = xcalloc(n, sizeof *stats);
	for (size_t i = 0; i < n; i++) {
		stats[i].queue = queues[i];
		stats_start(&stats[i], session);
	}
	int code = session_wait(session);
	if (code == CTL_OK && line->is_json)
		stats_print_json(stats, n, clock_wall_ms());
	else if (code == CTL_OK)
		stats_print(stats, n, clock_wall_ms());
	if (code == CTL_OK && line->queue)
		complain_of_stranger(&stats[0]);
	free(stats);
	return code;
}

int
ctl_stats(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_ALL, stats_run);
}
