/*
 * ctl_job: single jobs: the list of a state, and all of one.
 *
 * Everything in a job may have been written by a stranger, so all of it goes
 * through show. Known limit: a list reads whole jobs, data included, and holds
 * a page of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/doc.h"
#include "queue/admin.h"
#include "ctl/ctl.h"
#include "ctl/session.h"
#include "ctl/show.h"

enum { JOBS_PAGE = 100 };

/* ---- as JSON ---- */

static void
put_text(const char *name, const char *text)
{
	printf("\"%s\":", name);
	if (text)
		show_json_text(stdout, span_text(text));
	else
		fputs("null", stdout);
	putchar(',');
}

static void
put_ms(const char *name, int64_t ms)
{
	if (ms > 0)
		printf("\"%s\":%" PRId64 ",", name, ms);
	else
		printf("\"%s\":null,", name);
}

static void
put_json(const char *name, struct span json)
{
	printf("\"%s\":", name);
	show_json_raw(stdout, json);
	putchar(',');
}

/* What both a list and a single job say. */
static void
put_job(const struct job *job, const char *queue, enum job_state state)
{
	put_text("queue", queue);
	put_text("id", job->id);
	put_text("name", job->name);
	put_text("state", job_state_text(state));
	printf("\"attempts_made\":%" PRId64 ",\"attempts\":%" PRId64 ",",
	       job->made, job->attempts > 0 ? job->attempts : 1);
	put_ms("created_at_ms", job->timestamp_ms);
	put_ms("started_at_ms", job->processed_on_ms);
	put_ms("finished_at_ms", job->finished_on_ms);
	printf("\"delay_ms\":%" PRId64 ",\"priority\":%" PRId64
	       ",\"n_stalled\":%" PRId64 ",",
	       job->delay_ms, job->priority, job->n_stalled);
	put_text("worker", job->worker);
	printf("\"failed_reason\":");
	if (job->failed_reason)
		show_json_text(stdout, span_text(job->failed_reason));
	else
		fputs("null", stdout);
}

/* ---- jobs ---- */

struct listing {
	struct session *session;
	const struct cmd_line *line;
	enum job_state state;
	const char *queue;
	struct show_table *table; /* NULL with --json */
	bool names_queue;         /* a column for it */
	int64_t now_ms;
	size_t n_wanted;
	size_t n_shown; /* of this queue */
	size_t n_total;
	size_t n_seen; /* of the last page */
};

/* How old: since it ended, since it began to run, since it was made. */
static int64_t
age_of(const struct job *job, enum job_state state, int64_t now_ms)
{
	int64_t since_ms = job->timestamp_ms;
	if ((state == JOB_COMPLETED || state == JOB_FAILED) &&
	    job->finished_on_ms > 0)
		since_ms = job->finished_on_ms;
	else if (state == JOB_ACTIVE && job->processed_on_ms > 0)
		since_ms = job->processed_on_ms;
	return now_ms - since_ms;
}

static void
list_add_row(struct listing *list, const struct job *job)
{
	char *cells[6];
	char age[SHOW_AGE_SIZE];
	size_t n = 0;
	/* a completed job may have failed before */
	const char *reason =
		list->state == JOB_COMPLETED ? NULL : job->failed_reason;

	if (!reason && job->poison)
		reason = job->poison;
	if (list->names_queue)
		cells[n++] = show_text_dup(span_text(list->queue),
					   BOUNDS_NAME_BYTES);
	cells[n++] = show_text_dup(span_text(job->id), BOUNDS_JOB_ID_BYTES);
	cells[n++] = show_text_dup(span_text(job->name), BOUNDS_NAME_BYTES);
	cells[n++] = xasprintf("%" PRId64 "/%" PRId64, job->made,
			       job->attempts > 0 ? job->attempts : 1);
	cells[n++] =
		xstrdup(show_age(age_of(job, list->state, list->now_ms), age));
	cells[n++] =
		reason ? show_text_dup(span_text(reason), BOUNDS_REASON_BYTES)
		       : NULL;
	show_table_add(list->table, cells);
}

static void
on_jobs(void *ctx, enum hs_err err, const char *text, struct job **jobs,
	size_t n, size_t n_seen)
{
	struct listing *list = ctx;

	list->n_seen = err == HS_OK ? n_seen : 0;
	for (size_t i = 0; err == HS_OK && i < n; i++) {
		if (list->n_shown < list->n_wanted) {
			list->n_shown++;
			if (list->table) {
				list_add_row(list, jobs[i]);
			} else {
				fputs(list->n_total > 0 ? ",\n {" : "{",
				      stdout);
				put_job(jobs[i], list->queue, list->state);
				fputs("}", stdout);
			}
			list->n_total++;
		}
		job_free(jobs[i]);
	}
	session_end(list->session, err, text);
}

static int
list_queue(struct listing *list, const char *name)
{
	struct queue *queue = session_queue(list->session, name);
	size_t offset = 0;
	int code = CTL_OK;

	list->queue = name;
	list->n_shown = 0;
	while (list->n_shown < list->n_wanted) {
		size_t n = list->n_wanted - list->n_shown;
		n = n < JOBS_PAGE ? n : JOBS_PAGE;
		list->n_seen = 0;
		session_begin(list->session);
		enum hs_err err = admin_list(queue, list->state, offset, n,
					     on_jobs, list);
		if (err != HS_OK)
			session_end(list->session, err, NULL);
		code = session_wait(list->session);
		if (code != CTL_OK || list->n_seen == 0)
			break;
		offset += list->n_seen;
	}
	return code;
}

static int
jobs_run(struct session *session, const char **queues,
	 const struct cmd_line *line)
{
	static const struct show_column columns[] = {
		{ .head = "QUEUE" },
		{ .head = "ID" },
		{ .head = "NAME", .may_shrink = true },
		{ .head = "ATTEMPTS", .is_right = true },
		{ .head = "AGE", .is_right = true },
		{ .head = "REASON", .may_shrink = true, .may_hide = true },
	};
	const bool names_queue = queues[1] != NULL;
	enum job_state state;
	if (job_state_parse(line->args[0], &state) != HS_OK)
		return CTL_USAGE; /* ctl_jobs() has looked */
	struct listing list = {
		.session = session,
		.line = line,
		.state = state,
		.names_queue = names_queue,
		.now_ms = clock_wall_ms(),
		.n_wanted = line->number,
	};
	int code = CTL_OK;

	if (line->is_json)
		fputs("[", stdout);
	else
		list.table = show_table_new(names_queue ? columns : columns + 1,
					    names_queue ? 6 : 5);
	for (size_t i = 0; code == CTL_OK && queues[i]; i++)
		code = list_queue(&list, queues[i]);
	if (line->is_json)
		fputs("]\n", stdout);
	else if (list.n_total > 0)
		show_table_print(list.table, stdout, show_terminal_width());
	else if (code == CTL_OK)
		ctl_complain("no job is in %s", job_state_text(state));
	show_table_free(list.table);
	return code == CTL_OK && list.n_total == 0 ? CTL_NO_MATCH : code;
}

int
ctl_jobs(const struct cmd_line *line)
{
	enum job_state state;

	if (job_state_parse(line->args[0], &state) != HS_OK ||
	    state == JOB_UNKNOWN) {
		ctl_complain("\"%s\" is no state of a job: wait, prioritized, "
			     "delayed, active, completed, failed, "
			     "waiting-children, paused",
			     line->args[0]);
		return CTL_USAGE;
	}
	return session_visit(line, CTL_QUEUES_ALL, jobs_run);
}

/* ---- job ---- */

struct found {
	struct session *session;
	struct job *job; /* NULL: not found */
	enum job_state state;
};

static void
on_job(void *ctx, enum hs_err err, const char *text, struct job *job,
       enum job_state state)
{
	struct found *found = ctx;
	if (err == HS_OK) {
		found->job = job;
		found->state = state;
	}
	session_end(found->session, err == HS_NOT_FOUND ? HS_OK : err, text);
}

static void
print_line(const char *label, const char *text)
{
	if (!text)
		return;
	printf("%-10s ", label);
	show_text(stdout, span_text(text));
	putchar('\n');
}

static void
print_time(const char *label, int64_t wall_ms, int64_t now_ms)
{
	char time[SHOW_TIME_SIZE];
	char age[SHOW_AGE_SIZE];

	if (wall_ms <= 0)
		return;
	show_time(wall_ms, time);
	if (wall_ms > now_ms)
		printf("%-10s %s, in %s\n", label, time,
		       show_age(wall_ms - now_ms, age));
	else
		printf("%-10s %s, %s ago\n", label, time,
		       show_age(now_ms - wall_ms, age));
}

static void
print_json(const char *label, struct span json)
{
	if (json.len == 0)
		return;
	printf("%s\n  ", label);
	show_json(stdout, json, 2);
	putchar('\n');
}

/* One entry of a stack trace keeps its lines. */
static void
print_trace(struct span text)
{
	while (text.len > 0) {
		const unsigned char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;
		fputs("  ", stdout);
		show_text(stdout, span_of(text.ptr, len));
		putchar('\n');
		text.ptr += end ? len + 1 : len;
		text.len -= end ? len + 1 : len;
	}
}

static void
print_stacktrace(struct span json)
{
	struct doc *doc = NULL;
	struct span text;

	if (json.len == 0 || doc_parse(json, &doc) != HS_OK)
		return;
	if (doc_len(doc) > 0)
		printf("stacktrace\n");
	for (size_t i = 0; i < doc_len(doc); i++)
		if (doc_text(doc_at(doc, i), &text) == HS_OK)
			print_trace(text);
	doc_free(doc);
}

static void
job_print(const struct job *job, const char *queue, enum job_state state)
{
	const int64_t now_ms = clock_wall_ms();

	print_line("id", job->id);
	print_line("queue", queue);
	print_line("name", job->name);
	print_line("state", state == JOB_UNKNOWN
				    ? "unknown: in none of the queue's lists"
				    : job_state_text(state));
	printf("%-10s %" PRId64 " of %" PRId64, "attempts", job->made,
	       job->attempts > 0 ? job->attempts : 1);
	if (job->n_stalled > 0)
		printf(", stalled %" PRId64 " times", job->n_stalled);
	putchar('\n');
	if (job->priority > 0)
		printf("%-10s %" PRId64 "\n", "priority", job->priority);
	print_time("created", job->timestamp_ms, now_ms);
	print_time("started", job->processed_on_ms, now_ms);
	print_time("finished", job->finished_on_ms, now_ms);
	if (state == JOB_DELAYED)
		printf("%-10s %" PRId64 "ms\n", "delay", job->delay_ms);
	print_line("worker", job->worker);
	print_line("scheduler", job->scheduler);
	print_line("poison", job->poison);
	print_line("deferred", job->deferred);
	print_line("reason", job->failed_reason);
	print_stacktrace(job->stacktrace);
	print_json("progress", job->progress);
	print_json("returned", job->return_value);
	print_json("options", job->opts);
	print_json("data", job->data);
}

static void
job_print_json(const struct job *job, const char *queue, enum job_state state)
{
	putchar('{');
	put_job(job, queue, state);
	putchar(',');
	put_text("poison", job->poison);
	put_text("deferred", job->deferred);
	put_text("scheduler", job->scheduler);
	put_json("stacktrace", job->stacktrace);
	put_json("progress", job->progress);
	put_json("returnvalue", job->return_value);
	put_json("opts", job->opts);
	printf("\"data\":");
	show_json_raw(stdout, job->data);
	printf("}\n");
}

static int
job_run(struct session *session, const char **queues,
	const struct cmd_line *line)
{
	const char *id = line->args[0];

	for (size_t i = 0; queues[i]; i++) {
		struct found found = { .session = session };
		session_begin(session);
		enum hs_err err = admin_get(session_queue(session, queues[i]),
					    span_text(id), on_job, &found);
		if (err != HS_OK)
			session_end(session, err, NULL);
		int code = session_wait(session);
		if (code != CTL_OK)
			return code;
		if (!found.job)
			continue;
		if (line->is_json)
			job_print_json(found.job, queues[i], found.state);
		else
			job_print(found.job, queues[i], found.state);
		job_free(found.job);
		return CTL_OK;
	}
	ctl_complain("%s: there is no such job", id);
	return CTL_NO_MATCH;
}

int
ctl_job(const struct cmd_line *line)
{
	return session_visit(line, CTL_QUEUES_ALL, job_run);
}
