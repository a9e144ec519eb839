/*
 * requeue: the calls of retry.lua, promote.lua and retry_all.lua; what they do
 * is told there.
 */
#include "queue/requeue.h"

#include "queue/call.h"
#include "queue/scripts.h"

static bool
is_finished(enum job_state state)
{
	return state == JOB_FAILED || state == JOB_COMPLETED;
}

enum hs_err
requeue_retry(struct queue *queue, struct span id,
	      const struct requeue_options *options, queue_number_fn fn,
	      void *ctx)
{
	if (!is_finished(options->from))
		return HS_INVALID;
	struct call *call = call_new(queue, 4);
	call_span(call, id);
	call_text(call, job_state_text(options->from));
	call_i64(call, options->resets_attempts);
	call_i64(call, options->resets_starts);
	return call_send_number(call, &queue_script_retry, fn, ctx);
}

enum hs_err
requeue_promote(struct queue *queue, struct span id, queue_number_fn fn,
		void *ctx)
{
	struct call *call = call_new(queue, 1);
	call_span(call, id);
	return call_send_number(call, &queue_script_promote, fn, ctx);
}

static enum hs_err
requeue_all(struct queue *queue, enum job_state from, int64_t before_ms,
	    size_t limit, queue_number_fn fn, void *ctx)
{
	if (limit == 0 || limit > REQUEUE_MAX)
		return HS_INVALID;
	struct call *call = call_new(queue, 3);
	call_text(call, job_state_text(from));
	call_i64(call, before_ms);
	call_i64(call, (int64_t)limit);
	return call_send_number(call, &queue_script_retry_all, fn, ctx);
}

enum hs_err
requeue_retry_all(struct queue *queue, enum job_state from, int64_t before_ms,
		  size_t limit, queue_number_fn fn, void *ctx)
{
	if (!is_finished(from))
		return HS_INVALID;
	return requeue_all(queue, from, before_ms, limit, fn, ctx);
}

enum hs_err
requeue_promote_all(struct queue *queue, size_t limit, queue_number_fn fn,
		    void *ctx)
{
	/* their scores are no times: all of them, whenever they are due */
	return requeue_all(queue, JOB_DELAYED, INT64_MAX, limit, fn, ctx);
}
