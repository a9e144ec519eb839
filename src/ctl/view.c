/*
 * view: how one job looks.
 */
#include "ctl/view.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/show.h"

int64_t
view_since_ms(const struct job *job, enum job_state state)
{
	if ((state == JOB_COMPLETED || state == JOB_FAILED) &&
	    job->finished_on_ms > 0)
		return job->finished_on_ms;
	if (state == JOB_ACTIVE && job->processed_on_ms > 0)
		return job->processed_on_ms;
	return job->timestamp_ms;
}

const char *
view_reason(const struct job *job, enum job_state state)
{
	if (state != JOB_COMPLETED && job->failed_reason)
		return job->failed_reason;
	return job->poison;
}

void
view_json_text(const char *name, const char *text)
{
	printf("\"%s\":", name);
	if (text)
		show_json_text(stdout, span_text(text));
	else
		fputs("null", stdout);
	putchar(',');
}

void
view_json_ms(const char *name, int64_t ms)
{
	if (ms > 0)
		printf("\"%s\":%" PRId64 ",", name, ms);
	else
		printf("\"%s\":null,", name);
}

void
view_json_i64(const char *name, int64_t value)
{
	printf("\"%s\":%" PRId64 ",", name, value);
}

void
view_json_raw(const char *name, struct span json)
{
	printf("\"%s\":", name);
	show_json_raw(stdout, json);
	putchar(',');
}

void
view_json(const struct job *job, const char *queue, enum job_state state)
{
	view_json_text("queue", queue);
	view_json_text("id", job->id);
	view_json_text("name", job->name);
	view_json_text("state", job_state_text(state));
	view_json_i64("attempts_made", job->made);
	view_json_i64("attempts", job->attempts > 0 ? job->attempts : 1);
	view_json_ms("created_at_ms", job->timestamp_ms);
	view_json_ms("started_at_ms", job->processed_on_ms);
	view_json_ms("finished_at_ms", job->finished_on_ms);
	view_json_i64("delay_ms", job->delay_ms);
	view_json_i64("priority", job->priority);
	view_json_i64("n_stalled", job->n_stalled);
	view_json_text("worker", job->worker);
	printf("\"failed_reason\":");
	if (job->failed_reason)
		show_json_text(stdout, span_text(job->failed_reason));
	else
		fputs("null", stdout);
}
