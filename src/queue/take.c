/*
 * take: the way of a job into our hands, and of lost jobs back to the queue.
 */
#include "queue/take.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/num.h"
#include "queue/call.h"
#include "queue/scripts.h"

#define REPLY_HEAD 3    /* limited, next due, busy; then of each job: */
#define REPLY_JOB 3     /* id, bytes left out, hash */
#define DUE_MAX_MS 9e15 /* below 2^53: lua/include/take.lua */
/* A million active jobs is another bug; what is left waits for the next check. */
#define STALLED_ROUNDS 1000
#define STALLED_IDS_MAX (64 * 1024 * 1024)

struct take_call {
	take_fn fn;
	void *ctx;
	size_t max; /* jobs asked for */
};

struct wait_call {
	take_wait_fn fn;
	void *ctx;
};

struct stalled_call {
	struct queue *queue;
	int64_t interval_ms;
	int64_t max_stalled;
	int64_t now_ms;
	size_t n_rounds;
	struct buf ids; /* one after the other */
	size_t *ends;   /* of each */
	size_t n;
	queue_ids_fn fn;
	void *ctx;
};

static enum hs_err
read_job(struct reply *const *items, struct job **out)
{
	int64_t n_left_out;
	if (reply_i64(items[1], &n_left_out) != HS_OK)
		return HS_PROTOCOL;
	enum hs_err err = job_from_hash(items[0]->text, items[2], out);
	if (err == HS_OK && n_left_out > 0 && !(*out)->poison)
		(*out)->poison = xasprintf(
			"the job is too large: %" PRId64 " bytes", n_left_out);
	return err;
}

static void
on_taken(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct take_call *take = ctx;
	struct take_result result = { 0 };
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK) {
		err = take_read(reply, 0, take->max, &result);
		if (err != HS_OK) /* what was taken stalls and comes back */
			text = err == HS_PROTOCOL ? "unexpected reply of take"
						  : hs_err_text(err);
	}
	take->fn(take->ctx, err, text, &result);
	free(result.jobs);
	free(take);
}

/* A score as the due time of a job; one that is due never, or in a time no clock
 * shows (a delay of Infinity), is as far as numbers go. */
static enum hs_err
read_due(struct span score, int64_t *due_ms)
{
	double due = DUE_MAX_MS;
	enum hs_err err =
		span_is(score, "inf") ? HS_OK : num_double(score, &due);
	if (err == HS_OK && due <= -1)
		err = HS_INVALID;
	if (err == HS_OK)
		*due_ms = (int64_t)(due < DUE_MAX_MS ? due : DUE_MAX_MS);
	return err;
}

static void
on_marker(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct wait_call *wait = ctx;
	int64_t due_ms = -1;
	if (err == HS_OK && reply->type == REPLY_ARRAY) {
		if (reply->n_items != 3 ||
		    read_due(reply->items[2]->text, &due_ms) != HS_OK)
			err = HS_PROTOCOL;
	} else if (err == HS_OK && reply->type != REPLY_NIL) {
		err = HS_PROTOCOL;
	}
	wait->fn(wait->ctx, err, due_ms);
	free(wait);
}

/* ---- the stalled check, in rounds ---- */

static void
stalled_free(struct stalled_call *stalled)
{
	buf_fini(&stalled->ids);
	free(stalled->ends);
	free(stalled);
}

static void
stalled_end(struct stalled_call *stalled, enum hs_err err, const char *text)
{
	struct span *ids = xcalloc(stalled->n + 1, sizeof(*ids));
	size_t start = 0;
	for (size_t i = 0; i < stalled->n; i++) {
		ids[i] = span_of(stalled->ids.data + start,
				 stalled->ends[i] - start);
		start = stalled->ends[i];
	}
	stalled->fn(stalled->ctx, err, text, err == HS_OK ? ids : NULL,
		    err == HS_OK ? stalled->n : 0);
	free(ids);
	stalled_free(stalled);
}

static enum hs_err
stalled_note(struct stalled_call *stalled, const struct reply *reply)
{
	stalled->ends =
		xreallocarray(stalled->ends, stalled->n + reply->n_items,
			      sizeof(*stalled->ends));
	for (size_t i = 1; i < reply->n_items; i++) {
		struct span id = reply->items[i]->text;
		enum hs_err err = buf_add(&stalled->ids, id.ptr, id.len);
		if (err != HS_OK)
			return err;
		stalled->ends[stalled->n++] = stalled->ids.len;
	}
	return HS_OK;
}

static void on_stalled(void *ctx, enum hs_err err, const struct reply *reply);

static enum hs_err
stalled_send(struct stalled_call *stalled, struct span from)
{
	struct call *call = call_new(stalled->queue, 4);
	call_i64(call, stalled->now_ms);
	call_i64(call, stalled->interval_ms);
	call_i64(call, stalled->max_stalled);
	call_span(call, from);
	return call_send(call, &queue_script_stalled, on_stalled, stalled);
}

static void
on_stalled(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct stalled_call *stalled = ctx;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK &&
	    (reply->n_items == 0 || reply->items[0]->type != REPLY_TEXT)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of stalled";
	}
	if (err == HS_OK)
		err = stalled_note(stalled, reply);
	if (err == HS_OK && reply->items[0]->text.len > 0 &&
	    ++stalled->n_rounds < STALLED_ROUNDS) {
		err = stalled_send(stalled, reply->items[0]->text);
		if (err == HS_OK)
			return;
		text = hs_err_text(err);
	}
	stalled_end(stalled, err, text);
}

/* ---- what others call ---- */

enum hs_err
take_options_check(const struct take_options *options)
{
	if (options->n == 0 || options->lock_duration_ms <= 0 ||
	    options->limit.max < 0 || options->limit.duration_ms < 0)
		return HS_INVALID;
	return options->n > BOUNDS_TAKE_BATCH ? HS_TOO_BIG : HS_OK;
}

void
take_put(struct call *call, const struct take_options *options)
{
	call_text(call, options->token);
	call_i64(call, options->lock_duration_ms);
	call_text(call, options->worker_name ? options->worker_name : "");
	call_i64(call, (int64_t)options->n);
	call_i64(call, options->limit.max);
	call_i64(call, options->limit.duration_ms);
}

enum hs_err
take_read(const struct reply *reply, size_t first, size_t max,
	  struct take_result *result)
{
	int64_t is_busy;
	*result = (struct take_result){ 0 };
	if (reply->n_items < first + REPLY_HEAD)
		return HS_PROTOCOL;
	struct reply *const *head = reply->items + first;
	size_t n_items = reply->n_items - first - REPLY_HEAD;
	if (n_items % REPLY_JOB != 0 || n_items / REPLY_JOB > max ||
	    reply_i64(head[0], &result->limited_ms) != HS_OK ||
	    reply_i64(head[1], &result->next_due_ms) != HS_OK ||
	    reply_i64(head[2], &is_busy) != HS_OK)
		return HS_PROTOCOL;
	result->is_busy = is_busy != 0;
	result->jobs = xcalloc(max, sizeof(struct job *));
	for (size_t i = 0; i < n_items; i += REPLY_JOB) {
		enum hs_err err = read_job(head + REPLY_HEAD + i,
					   &result->jobs[result->n]);
		if (err != HS_OK) {
			take_result_fini(result);
			return err;
		}
		result->n++;
	}
	return HS_OK;
}

void
take_result_fini(struct take_result *result)
{
	for (size_t i = 0; i < result->n; i++)
		job_free(result->jobs[i]);
	free(result->jobs);
	*result = (struct take_result){ 0 };
}

enum hs_err
take_jobs(struct queue *queue, const struct take_options *options, take_fn fn,
	  void *ctx)
{
	enum hs_err err = take_options_check(options);
	if (err != HS_OK)
		return err;
	struct call *call = call_new(queue, 1 + TAKE_N_ARGS);
	call_i64(call, options->now_ms);
	take_put(call, options);
	struct take_call *take = xcalloc(1, sizeof(*take));
	*take = (struct take_call){ fn, ctx, options->n };
	err = call_send(call, &queue_script_take, on_taken, take);
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
		blocking, timeout_ms + TAKE_WAIT_EXTRA_MS, on_marker, wait,
		"BZPOPMIN", keys_of(keys, "marker"), seconds, NULL);
	if (err != HS_OK)
		free(wait);
	return err;
}

static void
on_woken(void *ctx, enum hs_err err, const struct reply *reply)
{
	(void)ctx;
	(void)err; /* sleepers look for themselves, too */
	(void)reply;
}

enum hs_err
take_wake(struct queue *queue)
{
	return rconn_send_texts(queue->conn, queue->timeout_ms, on_woken, NULL,
				"ZADD", keys_of(queue->keys, "marker"), "0",
				"0", NULL);
}

enum hs_err
take_stalled(struct queue *queue, int64_t interval_ms, int64_t max_stalled,
	     int64_t now_ms, queue_ids_fn fn, void *ctx)
{
	if (interval_ms <= 0)
		return HS_INVALID;
	struct stalled_call *stalled = xcalloc(1, sizeof(*stalled));
	*stalled = (struct stalled_call){ .queue = queue,
					  .interval_ms = interval_ms,
					  .max_stalled = max_stalled,
					  .now_ms = now_ms,
					  .fn = fn,
					  .ctx = ctx };
	buf_init(&stalled->ids, STALLED_IDS_MAX);
	enum hs_err err = stalled_send(stalled, span_text(""));
	if (err != HS_OK)
		stalled_free(stalled);
	return err;
}
