/*
 * ctl_job: all that is known of one job.
 *
 * Everything in a job may have been written by a stranger, so all of it goes
 * through show.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/doc.h"
#include "base/num.h"
#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"
#include "ctl/view.h"

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
	char delay[32];

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
	if (state == JOB_DELAYED) {
		num_duration_text(job->delay_ms, delay, sizeof delay);
		print_line("delay", delay);
	}
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
	view_json(job, queue, state);
	putchar(',');
	view_json_text("poison", job->poison);
	view_json_text("deferred", job->deferred);
	view_json_text("scheduler", job->scheduler);
	view_json_raw("stacktrace", job->stacktrace);
	view_json_raw("progress", job->progress);
	view_json_raw("returnvalue", job->return_value);
	view_json_raw("opts", job->opts);
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
		struct job *job;
		enum job_state state;
		int code = ask_job(session, session_queue(session, queues[i]),
				   id, &job, &state);
		if (code != CTL_OK)
			return code;
		if (!job)
			continue;
		if (line->is_json)
			job_print_json(job, queues[i], state);
		else
			job_print(job, queues[i], state);
		job_free(job);
		return CTL_OK;
	}
	ctl_complain("%s: there is no such job", id);
	return CTL_NO_MATCH;
}

int
ctl_job(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_ALL, job_run);
}
