/*
 * ctl_queue: whole queues: how many jobs are in which state, and letting what
 * failed run again.
 *
 * "retry --all" walks the failed jobs page by page while workers may be failing
 * more of them. It ends for two reasons: what failed after it began is passed
 * over, and it never retries more jobs than had failed when it began. Read
 * twice is harmless (a job that is not in failed is refused), so pages need
 * not be a snapshot.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "queue/admin.h"
#include "ctl/ctl.h"
#include "ctl/session.h"
#include "ctl/show.h"

/* ---- stats ---- */

struct stats {
	struct session *session;
	const char *queue;
	struct admin_counts counts;
};

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
	struct show_column columns[N_STATS_COLUMNS + 2] = { 0 };
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

	struct show_table *table = show_table_new(columns, n_columns + 2);
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
		show_table_add(table, cells);
	}
	show_table_print(table, stdout, show_terminal_width());
	show_table_free(table);
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
		stats[i].session = session;
		stats[i].queue = queues[i];
		session_begin(session);
		enum hs_err err = admin_count(session_queue(session, queues[i]),
					      on_counts, &stats[i]);
		if (err != HS_OK)
			session_end(session, err, NULL);
	}
	int code = session_wait(session);
	if (code == CTL_OK && line->is_json)
		stats_print_json(stats, n, clock_wall_ms());
	else if (code == CTL_OK)
		stats_print(stats, n, clock_wall_ms());
	free(stats);
	return code;
}

int
ctl_stats(const struct cmd_line *line)
{
	return session_visit(line, CTL_QUEUES_ALL, stats_run);
}

/* ---- retry ---- */

enum { RETRY_PAGE = 50 }; /* a page holds whole jobs, data and all */

struct retry { /* one job */
	struct session *session;
	enum hs_err err;
};

static void
on_retried(void *ctx, enum hs_err err, const char *text)
{
	struct retry *retry = ctx;
	retry->err = err;
	/* "no such job" and "has not failed" are answers, not troubles */
	bool is_answer = err == HS_NOT_FOUND || err == HS_INVALID;
	session_end(retry->session, is_answer ? HS_OK : err, text);
}

static void
retry_start(struct retry *retry, struct session *session, struct queue *queue,
	    struct span id)
{
	retry->session = session;
	session_begin(session);
	enum hs_err err = admin_retry(queue, id, JOB_FAILED, clock_wall_ms(),
				      on_retried, retry);
	if (err == HS_OK)
		return;
	retry->err = err;
	session_end(session, err, NULL);
}

struct page {
	struct session *session;
	struct job *jobs[RETRY_PAGE];
	size_t n;
	size_t n_seen;
};

static void
on_page(void *ctx, enum hs_err err, const char *text, struct job **jobs,
	size_t n, size_t n_seen)
{
	struct page *page = ctx;
	page->n = 0;
	page->n_seen = err == HS_OK ? n_seen : 0;
	for (size_t i = 0; err == HS_OK && i < n; i++) {
		if (page->n < RETRY_PAGE)
			page->jobs[page->n++] = jobs[i];
		else
			job_free(jobs[i]);
	}
	session_end(page->session, err, text);
}

static int
page_read(struct page *page, struct queue *queue, size_t offset)
{
	page->n = 0;
	page->n_seen = 0;
	session_begin(page->session);
	enum hs_err err = admin_list(queue, JOB_FAILED, offset, RETRY_PAGE,
				     on_page, page);
	if (err != HS_OK)
		session_end(page->session, err, NULL);
	return session_wait(page->session);
}

static void
page_free(struct page *page)
{
	for (size_t i = 0; i < page->n; i++)
		job_free(page->jobs[i]);
	page->n = 0;
}

/* Retries what had failed by began_ms on one page, at most n_max jobs. *n_done
 * counts them. */
static int
page_retry(struct page *page, struct queue *queue, int64_t began_ms,
	   int64_t n_max, int64_t *n_done)
{
	struct retry retries[RETRY_PAGE];
	size_t n = 0;

	for (size_t i = 0; i < page->n && (int64_t)n < n_max; i++) {
		const struct job *job = page->jobs[i];
		if (job->finished_on_ms > began_ms)
			continue;
		retry_start(&retries[n++], page->session, queue,
			    span_text(job->id));
	}
	int code = session_wait(page->session);
	*n_done = 0;
	for (size_t i = 0; i < n; i++)
		*n_done += retries[i].err == HS_OK;
	return code;
}

/* One walk over the failed jobs. */
static int
retry_walk(struct session *session, struct queue *queue, int64_t began_ms,
	   int64_t n_max, int64_t *n_total)
{
	struct page page = { .session = session };
	size_t offset = 0;
	int code = CTL_OK;

	*n_total = 0;
	while (*n_total < n_max) {
		int64_t n_done = 0;
		code = page_read(&page, queue, offset);
		if (code != CTL_OK || page.n_seen == 0)
			break;
		code = page_retry(&page, queue, began_ms, n_max - *n_total,
				  &n_done);
		*n_total += n_done;
		/* those that were retried have left; the rest is behind us */
		offset += page.n_seen - (size_t)n_done;
		page_free(&page);
		if (code != CTL_OK)
			break;
	}
	page_free(&page);
	return code;
}

static int
retry_queue(struct session *session, const char *name, int64_t *n_total)
{
	struct queue *queue = session_queue(session, name);
	struct stats stats = { .session = session, .queue = name };
	const int64_t began_ms = clock_wall_ms();
	int64_t n_left;
	int64_t n_done = 1;

	*n_total = 0;
	session_begin(session);
	enum hs_err err = admin_count(queue, on_counts, &stats);
	if (err != HS_OK)
		session_end(session, err, NULL);
	int code = session_wait(session);
	n_left = stats.counts.n[JOB_FAILED];
	/* others may move jobs while we walk: again, until nothing is found */
	while (code == CTL_OK && n_left > 0 && n_done > 0) {
		code = retry_walk(session, queue, began_ms, n_left, &n_done);
		*n_total += n_done;
		n_left -= n_done;
	}
	return code;
}

static void
retry_print_json_begin(const char *queue, bool is_first)
{
	fputs(is_first ? "[{\"queue\":" : ",\n {\"queue\":", stdout);
	show_json_text(stdout, span_text(queue));
}

static int
retry_all(struct session *session, const char **queues,
	  const struct cmd_line *line)
{
	int64_t n_total = 0;
	int code = CTL_OK;

	for (size_t i = 0; code == CTL_OK && queues[i]; i++) {
		int64_t n = 0;
		code = retry_queue(session, queues[i], &n);
		n_total += n;
		if (line->is_json) {
			retry_print_json_begin(queues[i], i == 0);
			printf(",\"n_retried\":%" PRId64 "}", n);
		} else {
			show_text(stdout, span_text(queues[i]));
			printf(": %" PRId64 " failed %s again\n", n,
			       n == 1 ? "job waits" : "jobs wait");
		}
	}
	if (line->is_json)
		fputs("]\n", stdout);
	if (code == CTL_OK && n_total == 0)
		return CTL_NO_MATCH;
	return code;
}

/* One id, in the first of the queues that knows it. */
static int
retry_id(struct session *session, struct queue **queues, size_t n,
	 const char *id, const char **where, enum hs_err *result)
{
	*result = HS_NOT_FOUND;
	*where = NULL;
	for (size_t i = 0; i < n; i++) {
		struct retry retry = { .err = HS_OK };
		retry_start(&retry, session, queues[i], span_text(id));
		int code = session_wait(session);
		if (code != CTL_OK)
			return code;
		*result = retry.err;
		if (retry.err == HS_NOT_FOUND)
			continue;
		*where = keys_queue(queues[i]->keys);
		return CTL_OK;
	}
	return CTL_OK;
}

static void
retry_print_id(const char *id, const char *where, enum hs_err result)
{
	if (result == HS_OK) {
		show_text(stdout, span_text(id));
		printf(": waits again in ");
		show_text(stdout, span_text(where));
		putchar('\n');
	} else if (result == HS_INVALID) {
		ctl_complain("%s: is not in failed (in queue %s); \"hooksync "
			     "job %s\" tells more",
			     id, where, id);
	} else {
		ctl_complain("%s: there is no such job", id);
	}
}

static void
retry_print_id_json(const char *id, const char *where, enum hs_err result,
		    bool is_first)
{
	fputs(is_first ? "[{\"id\":" : ",\n {\"id\":", stdout);
	show_json_text(stdout, span_text(id));
	fputs(",\"queue\":", stdout);
	if (where)
		show_json_text(stdout, span_text(where));
	else
		fputs("null", stdout);
	printf(",\"is_retried\":%s,\"reason\":%s}",
	       result == HS_OK ? "true" : "false",
	       result == HS_OK        ? "null"
	       : result == HS_INVALID ? "\"not in failed\""
				      : "\"no such job\"");
}

static int
retry_ids(struct session *session, const char **names,
	  const struct cmd_line *line)
{
	struct queue **queues;
	size_t n = 0;
	int code = CTL_OK;
	bool is_complete = true;

	while (names[n])
		n++;
	queues = xcalloc(n, sizeof *queues);
	for (size_t i = 0; i < n; i++)
		queues[i] = session_queue(session, names[i]);
	for (int i = 0; code == CTL_OK && i < line->n_args; i++) {
		const char *where;
		enum hs_err result;
		code = retry_id(session, queues, n, line->args[i], &where,
				&result);
		if (code != CTL_OK)
			break;
		is_complete = is_complete && result == HS_OK;
		if (line->is_json)
			retry_print_id_json(line->args[i], where, result,
					    i == 0);
		else
			retry_print_id(line->args[i], where, result);
	}
	if (line->is_json && code == CTL_OK)
		fputs("]\n", stdout);
	free(queues);
	return code == CTL_OK && !is_complete ? CTL_NO_MATCH : code;
}

int
ctl_retry(const struct cmd_line *line)
{
	/* All of the worker's; what only Node works on is named or left. */
	if (line->is_all)
		return session_visit(line, CTL_QUEUES_WORKER, retry_all);
	return session_visit(line, CTL_QUEUES_ALL, retry_ids);
}
