/*
 * admin: reads, and one repair. Nothing here needs a lock or wakes anybody but
 * by the rules of the scripts.
 */
#include "queue/admin.h"

#include <stdlib.h>

#include "queue/call.h"
#include "queue/scripts.h"

#define LIST_MAX 1000  /* jobs a page: each may carry megabytes */
#define REPLY_COUNTS 2 /* paused, oldest; then the counts */
#define RETRY_MISSING -1
#define RETRY_ELSEWHERE -3

struct count_call {
	admin_counts_fn fn;
	void *ctx;
};

struct list_call {
	admin_jobs_fn fn;
	void *ctx;
};

struct get_call {
	admin_job_fn fn;
	void *ctx;
	char *id;
	size_t id_len;
};

struct retry_call {
	admin_done_fn fn;
	void *ctx;
};

/* The states in the order of lua/count.lua. */
static const enum job_state count_order[JOB_N_STATES] = {
	JOB_WAIT,      JOB_PRIORITIZED, JOB_DELAYED,          JOB_ACTIVE,
	JOB_COMPLETED, JOB_FAILED,      JOB_WAITING_CHILDREN, JOB_PAUSED,
};

static bool
read_counts(const struct reply *reply, struct admin_counts *counts)
{
	int64_t is_paused;
	if (reply->n_items != REPLY_COUNTS + JOB_N_STATES ||
	    reply_i64(reply->items[0], &is_paused) != HS_OK)
		return false;
	counts->is_paused = is_paused != 0;
	/* a job's timestamp may be missing or odd: then it is not known */
	if (reply_i64(reply->items[1], &counts->oldest_waiting_ms) != HS_OK)
		counts->oldest_waiting_ms = 0;
	for (size_t i = 0; i < JOB_N_STATES; i++) {
		if (reply_i64(reply->items[REPLY_COUNTS + i],
			      &counts->n[count_order[i]]) != HS_OK)
			return false;
	}
	return true;
}

static void
on_counted(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct count_call *count = ctx;
	struct admin_counts counts = { 0 };
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && !read_counts(reply, &counts)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of count";
	}
	count->fn(count->ctx, err, text, &counts);
	free(count);
}

static void
on_listed(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct list_call *list = ctx;
	struct job **jobs = NULL;
	size_t n = 0;
	size_t n_seen = 0;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK) {
		n_seen = reply->n_items / 2;
		jobs = xcalloc(n_seen + 1, sizeof(*jobs));
	}
	for (size_t i = 0; err == HS_OK && i < n_seen; i++) {
		enum hs_err job_err =
			job_from_hash(reply->items[2 * i]->text,
				      reply->items[2 * i + 1], &jobs[n]);
		if (job_err == HS_OK)
			n++;
		else if (job_err != HS_NOT_FOUND)
			err = job_err;
	}
	if (err != HS_OK) {
		while (n > 0)
			job_free(jobs[--n]);
		if (reply && reply->type == REPLY_ARRAY)
			text = hs_err_text(err);
	}
	list->fn(list->ctx, err, text, jobs, n, n_seen);
	free(jobs);
	free(list);
}

static void
on_got(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct get_call *get = ctx;
	struct job *job = NULL;
	enum job_state state = JOB_UNKNOWN;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK &&
	    (reply->n_items != 2 || reply->items[0]->type != REPLY_TEXT)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of get";
	}
	if (err == HS_OK) {
		if (job_state_parse((const char *)reply->items[0]->text.ptr,
				    &state) != HS_OK)
			state = JOB_UNKNOWN;
		err = job_from_hash(span_of(get->id, get->id_len),
				    reply->items[1], &job);
		text = hs_err_text(err);
	}
	get->fn(get->ctx, err, text, job, state);
	free(get->id);
	free(get);
}

static void
on_retried(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct retry_call *retry = ctx;
	const char *text;
	err = call_check(err, reply, REPLY_INTEGER, &text);
	if (err == HS_OK && reply->integer == RETRY_MISSING) {
		err = HS_NOT_FOUND;
		text = "no such job";
	} else if (err == HS_OK && reply->integer == RETRY_ELSEWHERE) {
		err = HS_INVALID;
		text = "the job is not in that state";
	}
	retry->fn(retry->ctx, err, text);
	free(retry);
}

enum hs_err
admin_count(struct queue *queue, admin_counts_fn fn, void *ctx)
{
	struct count_call *count = xcalloc(1, sizeof(*count));
	*count = (struct count_call){ fn, ctx };
	enum hs_err err = call_send(call_new(queue, 0), &queue_script_count,
				    on_counted, count);
	if (err != HS_OK)
		free(count);
	return err;
}

enum hs_err
admin_list(struct queue *queue, enum job_state state, size_t offset, size_t n,
	   admin_jobs_fn fn, void *ctx)
{
	if (n == 0 || state >= JOB_N_STATES || offset > INT32_MAX)
		return HS_INVALID;
	if (n > LIST_MAX)
		return HS_TOO_BIG;
	struct call *call = call_new(queue, 3);
	call_text(call, job_state_text(state));
	call_i64(call, (int64_t)offset);
	call_i64(call, (int64_t)n);
	struct list_call *list = xcalloc(1, sizeof(*list));
	*list = (struct list_call){ fn, ctx };
	enum hs_err err = call_send(call, &queue_script_list, on_listed, list);
	if (err != HS_OK)
		free(list);
	return err;
}

enum hs_err
admin_get(struct queue *queue, struct span id, admin_job_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 1);
	call_span(call, id);
	struct get_call *get = xcalloc(1, sizeof(*get));
	*get = (struct get_call){ fn, ctx, span_dup(id), id.len };
	enum hs_err err =
		get->id ? call_send(call, &queue_script_get, on_got, get)
			: HS_NO_MEMORY;
	if (!get->id)
		call_free(call);
	if (err != HS_OK) {
		free(get->id);
		free(get);
	}
	return err;
}

enum hs_err
admin_retry(struct queue *queue, struct span id, enum job_state from,
	    int64_t now_ms, admin_done_fn fn, void *ctx)
{
	(void)now_ms; /* BullMQ's reprocess needs no clock */
	if (from != JOB_FAILED && from != JOB_COMPLETED)
		return HS_INVALID;
	struct call *call = call_new(queue, 2);
	call_span(call, id);
	call_text(call, job_state_text(from));
	struct retry_call *retry = xcalloc(1, sizeof(*retry));
	*retry = (struct retry_call){ fn, ctx };
	enum hs_err err =
		call_send(call, &queue_script_retry, on_retried, retry);
	if (err != HS_OK)
		free(retry);
	return err;
}
