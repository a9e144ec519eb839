/*
 * ctl_logs: the rows that a job's worker wrote down while it ran.
 *
 * A row is one line here, whatever is in it. Rows are read a page at a time;
 * those that come meanwhile may be among them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "queue/amend.h"
#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"

enum { PAGE = 500 };

struct log_page {
	struct session *session;
	bool is_json;
	bool is_first; /* no row was printed yet */
	size_t n;
	int64_t n_total;
};

static void
on_rows(void *ctx, enum hs_err err, const char *text, const struct span *rows,
	size_t n, int64_t n_total)
{
	struct log_page *page = ctx;

	page->n = err == HS_OK ? n : 0;
	page->n_total = n_total;
	for (size_t i = 0; i < page->n; i++) {
		if (page->is_json) {
			fputs(page->is_first ? "" : ",\n ", stdout);
			show_json_text(stdout, rows[i]);
		} else {
			show_text(stdout, rows[i]);
			putchar('\n');
		}
		page->is_first = false;
	}
	session_end(page->session, err, text);
}

static int
page_read(struct log_page *page, struct queue *queue, const char *id,
	  int64_t first, int64_t last)
{
	page->n = 0;
	session_begin(page->session);
	enum hs_err err = amend_read_log(queue, span_text(id), first, last,
					 on_rows, page);
	if (err != HS_OK)
		session_end(page->session, err, NULL);
	return session_wait(page->session);
}

/* The newest n_wanted rows (0: all), the oldest of them first. */
static int
print_rows(struct session *session, struct queue *queue,
	   const struct cmd_line *line, int64_t *n_printed)
{
	struct log_page page = { .session = session,
				 .is_json = line->is_json,
				 .is_first = true };
	const char *id = line->args[0];
	int64_t at = 0;
	int code = CTL_OK;

	*n_printed = 0;
	if (line->number > 0) { /* a row that is not there tells how many are */
		code = page_read(&page, queue, id, INT32_MAX, INT32_MAX);
		if (code == CTL_OK && page.n_total > (int64_t)line->number)
			at = page.n_total - (int64_t)line->number;
	}
	while (code == CTL_OK) {
		code = page_read(&page, queue, id, at, at + PAGE - 1);
		if (code != CTL_OK || page.n == 0)
			break;
		at += (int64_t)page.n;
		*n_printed += (int64_t)page.n;
		if (at >= page.n_total || fflush(stdout) != 0)
			break;
	}
	return code;
}

static int
logs_visit(struct session *session, const char **queues,
	   const struct cmd_line *line)
{
	const char *id = line->args[0];

	for (size_t i = 0; queues[i]; i++) {
		struct queue *queue = session_queue(session, queues[i]);
		struct job *job;
		enum job_state state;
		int64_t n = 0;
		int code = ask_job(session, queue, id, &job, &state);
		if (code != CTL_OK)
			return code;
		if (!job)
			continue;
		job_free(job);
		if (line->is_json)
			fputs("[", stdout);
		code = print_rows(session, queue, line, &n);
		if (line->is_json)
			fputs("]\n", stdout);
		if (code == CTL_OK && n == 0 && !line->is_json)
			ctl_complain("%s: has no log", id);
		return code == CTL_OK && n == 0 ? CTL_NO_MATCH : code;
	}
	ctl_complain("%s: there is no such job", id);
	return CTL_NO_MATCH;
}

int
ctl_logs(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_ALL, logs_visit);
}
