/*
 * take: the way of a job into our hands, and of lost jobs back to the queue.
 */
#include "queue/take.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/num.h"
#include "queue/call.h"
#include "queue/scripts.h"

#define REPLY_HEAD 3 /* limited, next due, busy; then id and hash of each job */

struct take_call {
	take_fn fn;
	void *ctx;
	size_t max; /* jobs asked for */
};

struct wait_call {
	take_wait_fn fn;
	void *ctx;
};

static void
jobs_free(struct job **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		job_free(jobs[i]);
	free(jobs);
}

static enum hs_err
read_taken(const struct reply *reply, size_t max, struct take_result *result)
{
	int64_t is_busy;
	if (reply->n_items < REPLY_HEAD ||
	    (reply->n_items - REPLY_HEAD) % 2 != 0 ||
	    (reply->n_items - REPLY_HEAD) / 2 > max ||
	    reply_i64(reply->items[0], &result->limited_ms) != HS_OK ||
	    reply_i64(reply->items[1], &result->next_due_ms) != HS_OK ||
	    reply_i64(reply->items[2], &is_busy) != HS_OK)
		return HS_PROTOCOL;
	result->is_busy = is_busy != 0;
	result->jobs = xcalloc(max, sizeof(*result->jobs));
	for (size_t i = REPLY_HEAD; i < reply->n_items; i += 2) {
		enum hs_err err = job_from_hash(reply->items[i]->text,
						reply->items[i + 1],
						&result->jobs[result->n]);
		if (err != HS_OK)
			return err;
		result->n++;
	}
	return HS_OK;
}

static void
on_taken(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct take_call *take = ctx;
	struct take_result result = { 0 };
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK) {
		err = read_taken(reply, take->max, &result);
		if (err != HS_OK) {
			/* what was taken stalls and comes back */
			text = err == HS_PROTOCOL ? "unexpected reply of take"
						  : hs_err_text(err);
			jobs_free(result.jobs, result.n);
			result = (struct take_result){ 0 };
		}
	}
	take->fn(take->ctx, err, text, &result);
	free(result.jobs);
	free(take);
}

static void
on_marker(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct wait_call *wait = ctx;
	int64_t due_ms = -1;
	if (err == HS_OK && reply->type == REPLY_ARRAY) {
		double score;
		if (reply->n_items != 3 ||
		    num_double(reply->items[2]->text, &score) != HS_OK ||
		    !(score > -1 && score < 9e15))
			err = HS_PROTOCOL;
		else
			due_ms = (int64_t)score;
	} else if (err == HS_OK && reply->type != REPLY_NIL) {
		err = HS_PROTOCOL;
	}
	wait->fn(wait->ctx, err, due_ms);
	free(wait);
}

enum hs_err
take_jobs(struct queue *queue, const struct take_options *options, take_fn fn,
	  void *ctx)
{
	if (options->n == 0 || options->lock_duration_ms <= 0)
		return HS_INVALID;
	if (options->n > BOUNDS_TAKE_BATCH)
		return HS_TOO_BIG;
	struct call *call = call_new(queue, 5);
	call_i64(call, options->now_ms);
	call_text(call, options->token);
	call_i64(call, options->lock_duration_ms);
	call_text(call, options->worker_name ? options->worker_name : "");
	call_i64(call, (int64_t)options->n);
	struct take_call *take = xcalloc(1, sizeof(*take));
	*take = (struct take_call){ fn, ctx, options->n };
	enum hs_err err = call_send(call, &queue_script_take, on_taken, take);
	if (err != HS_OK)
		free(take);
	return err;
}

enum hs_err
take_wait(struct rconn *blocking, const struct keys *keys, int64_t timeout_ms,
	  take_wait_fn fn, void *ctx)
{
	if (timeout_ms <= 0)
		return HS_INVALID; /* 0 would block for ever */
	char seconds[32];
	snprintf(seconds, sizeof(seconds), "%lld.%03lld",
		 (long long)(timeout_ms / 1000),
		 (long long)(timeout_ms % 1000));
	struct wait_call *wait = xcalloc(1, sizeof(*wait));
	*wait = (struct wait_call){ fn, ctx };
	enum hs_err err = rconn_send_texts(
		blocking, timeout_ms + 1000, on_marker, wait, "BZPOPMIN",
		keys_of(keys, "marker"), seconds, NULL);
	if (err != HS_OK)
		free(wait);
	return err;
}

enum hs_err
take_stalled(struct queue *queue, int64_t interval_ms, int64_t max_stalled,
	     int64_t now_ms, queue_ids_fn fn, void *ctx)
{
	if (interval_ms <= 0)
		return HS_INVALID;
	struct call *call = call_new(queue, 3);
	call_i64(call, now_ms);
	call_i64(call, interval_ms);
	call_i64(call, max_stalled);
	return call_send_ids(call, &queue_script_stalled, fn, ctx);
}
