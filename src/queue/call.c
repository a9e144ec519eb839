/*
 * call: see call.h. The number of arguments is known before the first is
 * added, so nothing moves while spans point into it.
 */
#include "queue/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define N_COMMON 3 /* in front of a script's own arguments */
#define UNEXPECTED "unexpected reply of a script"
#define NUMBER_BYTES 24 /* "-9223372036854775808" and its NUL */

struct call {
	const struct queue *queue;
	struct span *args;
	size_t n;
	size_t max;
	char (*numbers)[NUMBER_BYTES]; /* numbers[i] is used by args[i] alone */
};

struct call *
call_new(const struct queue *queue, size_t max_args)
{
	struct call *call = xcalloc(1, sizeof(*call));
	call->queue = queue;
	call->max = KEYS_N + N_COMMON + max_args;
	call->args = xcalloc(call->max, sizeof(*call->args));
	call->numbers = xcalloc(call->max, sizeof(*call->numbers));
	for (size_t i = 0; i < KEYS_N; i++)
		call_text(call, keys_at(queue->keys, i));
	call_text(call, keys_base(queue->keys));
	call_i64(call, queue->max_events);
	call_i64(call, queue->level);
	return call;
}

void
call_free(struct call *call)
{
	if (!call)
		return;
	free(call->numbers);
	free(call->args);
	free(call);
}

void
call_span(struct call *call, struct span span)
{
	log_assert(call->n < call->max);
	call->args[call->n++] = span;
}

void
call_text(struct call *call, const char *text)
{
	call_span(call, span_text(text));
}

void
call_i64(struct call *call, int64_t value)
{
	log_assert(call->n < call->max);
	char *text = call->numbers[call->n];
	int len = snprintf(text, NUMBER_BYTES, "%" PRId64, value);
	call_span(call, span_of(text, (size_t)len));
}

enum hs_err
call_send(struct call *call, const struct script *script, rconn_reply_fn fn,
	  void *ctx)
{
	enum hs_err err =
		script_call(call->queue->conn, script, call->args, call->n,
			    call->queue->timeout_ms, fn, ctx);
	call_free(call);
	return err;
}

struct answer_call {
	queue_number_fn number_fn;
	queue_ids_fn ids_fn;
	queue_list_fn list_fn;
	void *ctx;
};

static void
on_number(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct answer_call *answer = ctx;
	const char *text;
	err = call_check(err, reply, REPLY_INTEGER, &text);
	answer->number_fn(answer->ctx, err, text,
			  err == HS_OK ? reply->integer : 0);
	free(answer);
}

/* The texts from the first-th item on; the array is owned by the caller. */
static struct span *
texts_of(const struct reply *reply, size_t first, size_t *n)
{
	*n = reply->n_items - first;
	struct span *texts = xcalloc(*n + 1, sizeof(*texts));
	for (size_t i = 0; i < *n; i++)
		texts[i] = reply->items[first + i]->text;
	return texts;
}

static void
on_ids(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct answer_call *answer = ctx;
	const char *text;
	struct span *ids = NULL;
	size_t n = 0;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK)
		ids = texts_of(reply, 0, &n);
	answer->ids_fn(answer->ctx, err, text, ids, n);
	free(ids);
	free(answer);
}

static void
on_list(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct answer_call *answer = ctx;
	const char *text;
	struct span *rows = NULL;
	size_t n = 0;
	int64_t number = 0;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && (reply->n_items == 0 ||
			     reply_i64(reply->items[0], &number) != HS_OK)) {
		err = HS_PROTOCOL;
		text = UNEXPECTED;
	}
	if (err == HS_OK)
		rows = texts_of(reply, 1, &n);
	answer->list_fn(answer->ctx, err, text, rows, n, number);
	free(rows);
	free(answer);
}

static enum hs_err
send_answered(struct call *call, const struct script *script,
	      struct answer_call like, rconn_reply_fn fn)
{
	struct answer_call *answer = xcalloc(1, sizeof(*answer));
	*answer = like;
	enum hs_err err = call_send(call, script, fn, answer);
	if (err != HS_OK)
		free(answer);
	return err;
}

enum hs_err
call_send_number(struct call *call, const struct script *script,
		 queue_number_fn fn, void *ctx)
{
	struct answer_call answer = { .number_fn = fn, .ctx = ctx };
	return send_answered(call, script, answer, on_number);
}

enum hs_err
call_send_ids(struct call *call, const struct script *script, queue_ids_fn fn,
	      void *ctx)
{
	struct answer_call answer = { .ids_fn = fn, .ctx = ctx };
	return send_answered(call, script, answer, on_ids);
}

enum hs_err
call_send_list(struct call *call, const struct script *script, queue_list_fn fn,
	       void *ctx)
{
	struct answer_call answer = { .list_fn = fn, .ctx = ctx };
	return send_answered(call, script, answer, on_list);
}

enum hs_err
call_check(enum hs_err err, const struct reply *reply, enum reply_type type,
	   const char **text)
{
	*text = hs_err_text(err);
	if (err != HS_OK)
		return err;
	if (reply && reply->type == type)
		return HS_OK;
	*text = reply && reply->type == REPLY_ERROR
			? (const char *)reply->text.ptr
			: UNEXPECTED;
	return HS_PROTOCOL;
}
