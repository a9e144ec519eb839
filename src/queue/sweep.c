/*
 * sweep: the calls of the scripts that remove; what they do is told there.
 */
#include "queue/sweep.h"

#include "queue/call.h"
#include "queue/scripts.h"

enum hs_err
sweep_remove(struct queue *queue, struct span id, bool with_children,
	     queue_number_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 3);
	call_span(call, id);
	call_i64(call, with_children);
	call_i64(call, SWEEP_FAMILY_MAX);
	return call_send_number(call, &queue_script_remove, fn, ctx);
}

enum hs_err
sweep_remove_children(struct queue *queue, struct span id, queue_number_fn fn,
		      void *ctx)
{
	struct call *call = call_new(queue, 2);
	call_span(call, id);
	call_i64(call, SWEEP_FAMILY_MAX);
	return call_send_number(call, &queue_script_remove_children, fn, ctx);
}

enum hs_err
sweep_leave_parent(struct queue *queue, struct span id, queue_number_fn fn,
		   void *ctx)
{
	struct call *call = call_new(queue, 1);
	call_span(call, id);
	return call_send_number(call, &queue_script_leave_parent, fn, ctx);
}

enum hs_err
sweep_drain(struct queue *queue, bool with_delayed, queue_number_fn fn,
	    void *ctx)
{
	struct call *call = call_new(queue, 2);
	call_i64(call, with_delayed);
	call_i64(call, SWEEP_MAX);
	return call_send_number(call, &queue_script_drain, fn, ctx);
}

enum hs_err
sweep_clean(struct queue *queue, enum job_state state, int64_t before_ms,
	    size_t skip, size_t limit, queue_list_fn fn, void *ctx)
{
	if (state >= JOB_N_STATES || limit == 0 || limit > SWEEP_CLEAN_MAX ||
	    skip > INT32_MAX)
		return HS_INVALID;
	struct call *call = call_new(queue, 4);
	call_text(call, job_state_text(state));
	call_i64(call, before_ms);
	call_i64(call, (int64_t)skip);
	call_i64(call, (int64_t)limit);
	return call_send_list(call, &queue_script_clean, fn, ctx);
}

enum hs_err
sweep_obliterate(struct queue *queue, bool is_forced, size_t limit,
		 queue_number_fn fn, void *ctx)
{
	if (limit == 0 || limit > SWEEP_CLEAN_MAX)
		return HS_INVALID;
	struct call *call = call_new(queue, 2);
	call_i64(call, is_forced);
	call_i64(call, (int64_t)limit);
	return call_send_number(call, &queue_script_obliterate, fn, ctx);
}
