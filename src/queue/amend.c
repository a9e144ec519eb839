/*
 * amend: the calls of the scripts that change one job; what they do is told
 * there.
 */
#include "queue/amend.h"

#include "queue/call.h"
#include "queue/job.h"
#include "queue/scripts.h"

enum hs_err
amend_data(struct queue *queue, struct span id, struct span data,
	   queue_number_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 2);
	call_span(call, id);
	call_span(call, data);
	return call_send_number(call, &queue_script_amend_data, fn, ctx);
}

enum hs_err
amend_progress(struct queue *queue, struct span id, struct span progress,
	       queue_number_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 2);
	call_span(call, id);
	call_span(call, progress);
	return call_send_number(call, &queue_script_amend_progress, fn, ctx);
}

enum hs_err
amend_log(struct queue *queue, struct span id, struct span row, int64_t keep,
	  queue_number_fn fn, void *ctx)
{
	if (keep < 0)
		return HS_INVALID;
	struct call *call = call_new(queue, 3);
	call_span(call, id);
	call_span(call, row);
	call_i64(call, keep);
	return call_send_number(call, &queue_script_amend_log, fn, ctx);
}

enum hs_err
amend_read_log(struct queue *queue, struct span id, int64_t first, int64_t last,
	       queue_list_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 3);
	call_span(call, id);
	call_i64(call, first);
	call_i64(call, last);
	return call_send_list(call, &queue_script_read_log, fn, ctx);
}

enum hs_err
amend_clear_log(struct queue *queue, struct span id, int64_t keep,
		queue_number_fn fn, void *ctx)
{
	if (keep < 0)
		return HS_INVALID;
	struct call *call = call_new(queue, 2);
	call_span(call, id);
	call_i64(call, keep);
	return call_send_number(call, &queue_script_clear_log, fn, ctx);
}

enum hs_err
amend_delay(struct queue *queue, struct span id, int64_t delay_ms,
	    int64_t now_ms, queue_number_fn fn, void *ctx)
{
	if (now_ms < 0 || now_ms >= JOB_DUE_END_MS || delay_ms < 0 ||
	    delay_ms >= JOB_DUE_END_MS - now_ms)
		return HS_INVALID;
	struct call *call = call_new(queue, 3);
	call_span(call, id);
	call_i64(call, delay_ms);
	call_i64(call, now_ms);
	return call_send_number(call, &queue_script_amend_delay, fn, ctx);
}

enum hs_err
amend_priority(struct queue *queue, struct span id, int64_t priority,
	       bool is_next, queue_number_fn fn, void *ctx)
{
	if (priority < 0 || priority > JOB_PRIORITY_MAX)
		return HS_INVALID;
	struct call *call = call_new(queue, 3);
	call_span(call, id);
	call_i64(call, priority);
	call_i64(call, is_next);
	return call_send_number(call, &queue_script_amend_priority, fn, ctx);
}

enum hs_err
amend_free_dedup(struct queue *queue, struct span dedup_id, struct span owner,
		 queue_number_fn fn, void *ctx)
{
	if (dedup_id.len == 0)
		return HS_INVALID;
	struct call *call = call_new(queue, 2);
	call_span(call, dedup_id);
	call_span(call, owner);
	return call_send_number(call, &queue_script_amend_dedup, fn, ctx);
}
