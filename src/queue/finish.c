/*
 * finish: how jobs leave our hands, N in one script call.
 *
 * The stacktrace of a failing job is the one array of its hash. Lua's JSON
 * cannot tell an empty array from an empty object, so the new array is made
 * here, from the one the job had when it was taken (our lock keeps others from
 * changing it) and the new entry.
 */
#include "queue/finish.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "queue/call.h"
#include "queue/scripts.h"

#define N_FIELDS 10 /* arguments for each job, as in lua/finish.lua */
#define DELAY_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)
#define STACKTRACE_MAX (1024 * 1024) /* beyond it only the newest entry stays */

struct finish_call {
	finish_fn fn;
	void *ctx;
	size_t n;
};

static const char *
kind_text(enum finish_kind kind)
{
	switch (kind) {
	case FINISH_COMPLETED:
		return "completed";
	case FINISH_FAILED:
		return "failed";
	case FINISH_RETRY:
		return "retry";
	case FINISH_POSTPONE:
		return "postpone";
	case FINISH_GIVE_BACK:
		return "release";
	}
	return "";
}

/* The old entries that stay, as raw JSON, then the new one. */
static enum hs_err
print_stacktrace(const struct doc *old, size_t n_old_kept, struct span stack,
		 bool keeps_new, struct buf *out)
{
	size_t n_old = doc_len(old);
	enum hs_err err = buf_add_text(out, "[");
	for (size_t i = n_old - n_old_kept; err == HS_OK && i < n_old; i++) {
		err = doc_print(doc_at(old, i), false, out);
		if (err == HS_OK && (i + 1 < n_old || keeps_new))
			err = buf_add_text(out, ",");
	}
	if (err == HS_OK && keeps_new)
		err = doc_string_encode(stack, out);
	return err == HS_OK ? buf_add_text(out, "]") : err;
}

static enum hs_err
make_stacktrace(const struct job *job, struct span stack, struct buf *out)
{
	int64_t limit = job->stacktrace_limit;
	size_t room = limit < 0 ? SIZE_MAX : (size_t)limit;
	struct doc *old = NULL;
	if (stack.len > BOUNDS_STACKTRACE_BYTES)
		stack.len = BOUNDS_STACKTRACE_BYTES;
	if (room > 1 && (doc_parse(job->stacktrace, &old) != HS_OK ||
			 doc_type_of(old) != DOC_ARRAY)) {
		doc_free(old); /* none yet, or nothing of ours */
		old = NULL;
	}
	size_t n_old = doc_len(old);
	if (room < 1)
		n_old = 0;
	else if (n_old > room - 1)
		n_old = room - 1;
	enum hs_err err = print_stacktrace(old, n_old, stack, room > 0, out);
	doc_free(old);
	if (err == HS_TOO_BIG) {
		buf_reset(out);
		err = print_stacktrace(NULL, 0, stack, true, out);
	}
	return err;
}

static bool
item_is_valid(const struct finish_item *item)
{
	if (item->delay_ms < 0 || item->delay_ms > DELAY_MAX_MS)
		return false;
	if (item->kind == FINISH_COMPLETED)
		/* one event that is no JSON stops every consumer for good */
		return doc_scan(item->value, NULL, NULL) == HS_OK;
	return item->kind == FINISH_FAILED || item->kind == FINISH_RETRY ||
	       item->kind == FINISH_POSTPONE || item->kind == FINISH_GIVE_BACK;
}

static void
put_item(struct call *call, const struct finish_item *item,
	 struct span stacktrace)
{
	call_text(call, kind_text(item->kind));
	call_span(call, item->job->id_bytes);
	call_span(call, item->value);
	call_span(call, stacktrace);
	call_i64(call, item->delay_ms);
	call_i64(call, item->job->attempts);
	call_i64(call, item->job->is_lifo);
	call_i64(call, item->keep.count);
	call_i64(call, item->keep.age_s);
	call_i64(call, item->keep.limit);
}

/* *refusal is set to the first text of Redis among the results. */
static bool
results_read(const struct reply *reply, size_t n, enum code *results,
	     size_t *n_refused, const char **refusal)
{
	if (reply->n_items != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct reply *code = reply->items[i];
		if (code->type == REPLY_INTEGER) {
			results[i] = (enum code)code->integer;
		} else if (code->type == REPLY_TEXT) {
			results[i] = CODE_REFUSED;
			if ((*n_refused)++ == 0)
				*refusal = (const char *)code->text.ptr;
		} else {
			return false;
		}
	}
	return true;
}

static void
on_finished(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct finish_call *finish = ctx;
	enum code *results = xcalloc(finish->n, sizeof(*results));
	size_t n_refused = 0;
	const char *text;
	const char *refusal = "";
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK) {
		if (!results_read(reply, finish->n, results, &n_refused,
				  &refusal)) {
			err = HS_PROTOCOL;
			text = "unexpected reply of finish";
		} else if (n_refused == finish->n) {
			err = HS_PROTOCOL; /* READONLY, OOM: nothing was done */
			text = refusal;
		} else if (n_refused > 0) {
			text = refusal;
		}
	}
	if (err == HS_OK)
		finish->fn(finish->ctx, err, text, results, finish->n);
	else
		finish->fn(finish->ctx, err, text, NULL, 0);
	free(results);
	free(finish);
}

enum hs_err
finish_jobs(struct queue *queue, const char *token,
	    const struct finish_item *items, size_t n, int64_t now_ms,
	    finish_fn fn, void *ctx)
{
	if (n == 0)
		return HS_INVALID;
	if (n > BOUNDS_TAKE_BATCH)
		return HS_TOO_BIG;
	enum hs_err err = HS_OK;
	struct call *call = call_new(queue, 2 + n * N_FIELDS);
	struct finish_call *finish = NULL;
	struct buf *traces = xcalloc(n, sizeof(*traces));
	for (size_t i = 0; i < n; i++)
		buf_init(&traces[i], STACKTRACE_MAX);

	call_i64(call, now_ms);
	call_text(call, token);
	for (size_t i = 0; i < n; i++) {
		const struct finish_item *item = &items[i];
		bool fails = item->kind == FINISH_FAILED ||
			     item->kind == FINISH_RETRY;
		err = item_is_valid(item) ? HS_OK : HS_INVALID;
		if (err == HS_OK && fails && item->stack.len > 0)
			err = make_stacktrace(item->job, item->stack,
					      &traces[i]);
		if (err != HS_OK)
			goto out;
		put_item(call, item, buf_span(&traces[i]));
	}
	finish = xcalloc(1, sizeof(*finish));
	*finish = (struct finish_call){ fn, ctx, n };
	err = call_send(call, &queue_script_finish, on_finished, finish);
	call = NULL; /* call_send has freed it */
	if (err == HS_OK)
		finish = NULL; /* on_finished has it */
out:
	free(finish);
	for (size_t i = 0; i < n; i++)
		buf_fini(&traces[i]);
	free(traces);
	call_free(call);
	return err;
}

enum hs_err
finish_extend(struct queue *queue, const char *token, const char *const *ids,
	      size_t n, int64_t lock_duration_ms, queue_ids_fn fn, void *ctx)
{
	if (n == 0 || lock_duration_ms <= 0)
		return HS_INVALID;
	if (n > BOUNDS_ACTIVE)
		return HS_TOO_BIG;
	struct call *call = call_new(queue, 2 + n);
	call_text(call, token);
	call_i64(call, lock_duration_ms);
	for (size_t i = 0; i < n; i++)
		call_text(call, ids[i]);
	return call_send_ids(call, &queue_script_extend, fn, ctx);
}
