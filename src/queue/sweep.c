/*
 * sweep: the calls of the scripts that remove; what they do is told there.
 */
#include "queue/sweep.h"

#include <stdlib.h>

#include "queue/call.h"
#include "queue/scripts.h"

struct clean_call {
	sweep_clean_fn fn;
	void *ctx;
};

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

static void
on_cleaned(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct clean_call *clean = ctx;
	struct span *ids = NULL;
	size_t n = 0;
	int64_t n_seen = 0;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && (reply->n_items == 0 ||
			     reply_i64(reply->items[0], &n_seen) != HS_OK)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of clean";
	}
	if (err == HS_OK) {
		n = reply->n_items - 1;
		ids = xcalloc(n + 1, sizeof(*ids));
		for (size_t i = 0; i < n; i++)
			ids[i] = reply->items[i + 1]->text;
	}
	clean->fn(clean->ctx, err, text, ids, n, (size_t)n_seen);
	free(ids);
	free(clean);
}

enum hs_err
sweep_clean(struct queue *queue, enum job_state state, int64_t before_ms,
	    size_t skip, size_t limit, sweep_clean_fn fn, void *ctx)
{
	if (state >= JOB_N_STATES || limit == 0 || limit > SWEEP_CLEAN_MAX ||
	    skip > INT32_MAX)
		return HS_INVALID;
	struct call *call = call_new(queue, 4);
	call_text(call, job_state_text(state));
	call_i64(call, before_ms);
	call_i64(call, (int64_t)skip);
	call_i64(call, (int64_t)limit);
	struct clean_call *clean = xcalloc(1, sizeof(*clean));
	*clean = (struct clean_call){ fn, ctx };
	enum hs_err err =
		call_send(call, &queue_script_clean, on_cleaned, clean);
	if (err != HS_OK)
		free(clean);
	return err;
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
