/*
 * control: the switches are fields of the queue's meta; commands, and scripts
 * where more than one key is touched. Pause and resume are sent again by the
 * answer to themselves, until the script has nothing more to move.
 */
#include "queue/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/call.h"
#include "queue/scripts.h"

#define MOVE_MAX 5000 /* jobs a call moves between lists: some ms of Redis */
#define N_SETTINGS 7
#define LIMITER_FULL "9007199254740991" /* 2^53 - 1: more than any max */
#define PRO_PREFIX "bullmq-pro"

struct move {
	struct queue *queue;
	const struct script *script;
	queue_number_fn fn;
	void *ctx;
};

struct number {
	queue_number_fn fn;
	void *ctx;
};

struct settings_call {
	control_settings_fn fn;
	void *ctx;
};

static void on_moved(void *ctx, enum hs_err err, const char *text, int64_t n);

static enum hs_err
move_send(struct move *move, bool is_first)
{
	struct call *call = call_new(move->queue, 2);
	call_i64(call, is_first);
	call_i64(call, MOVE_MAX);
	return call_send_number(call, move->script, on_moved, move);
}

static void
on_moved(void *ctx, enum hs_err err, const char *text, int64_t n)
{
	struct move *move = ctx;
	if (err == HS_OK && n > 0) {
		err = move_send(move, false);
		if (err == HS_OK)
			return;
		text = hs_err_text(err);
	}
	move->fn(move->ctx, err, text, 0);
	free(move);
}

static enum hs_err
move_start(struct queue *queue, const struct script *script, queue_number_fn fn,
	   void *ctx)
{
	struct move *move = xcalloc(1, sizeof(*move));
	*move = (struct move){ queue, script, fn, ctx };
	enum hs_err err = move_send(move, true);
	if (err != HS_OK)
		free(move);
	return err;
}

enum hs_err
control_pause(struct queue *queue, queue_number_fn fn, void *ctx)
{
	return move_start(queue, &queue_script_pause, fn, ctx);
}

enum hs_err
control_resume(struct queue *queue, queue_number_fn fn, void *ctx)
{
	return move_start(queue, &queue_script_resume, fn, ctx);
}

/* A plain command's integer, or 0 for OK. */
static void
on_command(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct number *number = ctx;
	const char *text;
	int64_t n = 0;
	if (reply && reply->type == REPLY_STATUS) {
		text = hs_err_text(err);
	} else {
		err = call_check(err, reply, REPLY_INTEGER, &text);
		n = err == HS_OK ? reply->integer : 0;
	}
	number->fn(number->ctx, err, text, n);
	free(number);
}

#define COMMAND_ARGS 6

/* Ends in NULL. */
static enum hs_err
command(struct queue *queue, const char *const *texts, queue_number_fn fn,
	void *ctx)
{
	struct span args[COMMAND_ARGS];
	size_t n = 0;
	while (texts[n]) {
		args[n] = span_text(texts[n]);
		n++;
	}
	struct number *number = xcalloc(1, sizeof(*number));
	*number = (struct number){ fn, ctx };
	enum hs_err err = rconn_send(queue->conn, args, n, queue->timeout_ms,
				     on_command, number);
	if (err != HS_OK)
		free(number);
	return err;
}

#define COMMAND(queue, fn, ctx, ...) \
	command(queue, (const char *const[]){ __VA_ARGS__, NULL }, fn, ctx)

#define NUMBER_BYTES 24

static const char *
number_text(char text[NUMBER_BYTES], int64_t n)
{
	snprintf(text, NUMBER_BYTES, "%" PRId64, n);
	return text;
}

enum hs_err
control_concurrency(struct queue *queue, int64_t n, queue_number_fn fn,
		    void *ctx)
{
	char text[NUMBER_BYTES];
	const char *meta = keys_of(queue->keys, "meta");
	if (n < CONTROL_NONE)
		return HS_INVALID;
	if (n == CONTROL_NONE)
		return COMMAND(queue, fn, ctx, "HDEL", meta, "concurrency");
	return COMMAND(queue, fn, ctx, "HSET", meta, "concurrency",
		       number_text(text, n));
}

enum hs_err
control_limit(struct queue *queue, int64_t max, int64_t duration_ms,
	      queue_number_fn fn, void *ctx)
{
	char max_text[NUMBER_BYTES];
	char duration_text[NUMBER_BYTES];
	const char *meta = keys_of(queue->keys, "meta");
	if (max < 0 || (max > 0 && duration_ms <= 0))
		return HS_INVALID;
	if (max == 0)
		return COMMAND(queue, fn, ctx, "HDEL", meta, "max", "duration");
	return COMMAND(queue, fn, ctx, "HSET", meta, "max",
		       number_text(max_text, max), "duration",
		       number_text(duration_text, duration_ms));
}

enum hs_err
control_rate_limit(struct queue *queue, int64_t for_ms, queue_number_fn fn,
		   void *ctx)
{
	char text[NUMBER_BYTES];
	if (for_ms <= 0)
		return HS_INVALID;
	return COMMAND(queue, fn, ctx, "SET", keys_of(queue->keys, "limiter"),
		       LIMITER_FULL, "PX", number_text(text, for_ms));
}

enum hs_err
control_remove_rate_limit(struct queue *queue, queue_number_fn fn, void *ctx)
{
	return COMMAND(queue, fn, ctx, "DEL", keys_of(queue->keys, "limiter"));
}

enum hs_err
control_limit_ttl(struct queue *queue, int64_t max, queue_number_fn fn,
		  void *ctx)
{
	if (max < 0)
		return HS_INVALID;
	struct call *call = call_new(queue, 1);
	call_i64(call, max);
	return call_send_number(call, &queue_script_limit_ttl, fn, ctx);
}

static int64_t
setting(const struct reply *reply, size_t i, int64_t absent)
{
	int64_t n;
	return reply_i64(reply->items[i], &n) == HS_OK ? n : absent;
}

static void
on_settings(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct settings_call *call = ctx;
	struct control_settings settings = { 0 };
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && reply->n_items != N_SETTINGS) {
		err = HS_PROTOCOL;
		text = "unexpected reply of settings";
	}
	if (err == HS_OK) {
		settings.is_paused = reply->items[0]->text.len > 0;
		settings.concurrency = setting(reply, 1, CONTROL_NONE);
		settings.max = setting(reply, 2, 0);
		settings.duration_ms = setting(reply, 3, 0);
		settings.max_events = setting(reply, 4, 0);
		snprintf(settings.version, sizeof(settings.version), "%s",
			 (const char *)reply->items[5]->text.ptr);
		settings.n_active = setting(reply, 6, 0);
		settings.is_maxed = settings.concurrency != CONTROL_NONE &&
				    settings.n_active >= settings.concurrency;
		settings.is_pro = strncmp(settings.version, PRO_PREFIX,
					  strlen(PRO_PREFIX)) == 0;
	}
	call->fn(call->ctx, err, text, &settings);
	free(call);
}

enum hs_err
control_read(struct queue *queue, control_settings_fn fn, void *ctx)
{
	struct settings_call *call = xcalloc(1, sizeof(*call));
	*call = (struct settings_call){ fn, ctx };
	enum hs_err err = call_send(call_new(queue, 0), &queue_script_settings,
				    on_settings, call);
	if (err != HS_OK)
		free(call);
	return err;
}
