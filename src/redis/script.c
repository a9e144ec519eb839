/*
 * A call is formatted once, into a block that the socket and this file share
 * until the answer is here: a repeat after NOSCRIPT sends the same bytes. When
 * the server forgot its scripts under a full pipeline, every call in it comes
 * back with NOSCRIPT; the first loads the script again, the others only repeat:
 * what is sent later runs later.
 *
 * A call is repeated once. A second NOSCRIPT is the caller's to see.
 */
#include "redis/script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "redis/wire.h"

struct call {
	struct rconn *conn;
	const struct script *script;
	struct wire_block *block;
	int64_t due_ms; /* monotonic; 0: none */
	bool is_repeat;
	rconn_reply_fn fn;
	void *ctx;
};

static void on_reply(void *ctx, enum hs_err err, const struct reply *reply);

static void
call_free(struct call *call)
{
	wire_block_unref(call->block);
	free(call);
}

static enum hs_err
repeat(struct call *call)
{
	enum hs_err err = rconn_load_script(call->conn, call->script);

	if (err != HS_OK)
		return err;
	call->is_repeat = true;
	return rconn_send_block(call->conn, call->block, call->due_ms, true,
				on_reply, call);
}

static void
on_reply(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct call *call = ctx;

	/* when it cannot be repeated the caller gets the NOSCRIPT */
	if (err == HS_OK && !call->is_repeat &&
	    reply_is_error(reply, "NOSCRIPT") && repeat(call) == HS_OK)
		return;
	rconn_reply_fn fn = call->fn;
	void *fn_ctx = call->ctx;
	call_free(call);
	fn(fn_ctx, err, reply);
}

enum hs_err
script_call(struct rconn *conn, const struct script *script,
	    const struct span *args, size_t n_args, int64_t timeout_ms,
	    rconn_reply_fn fn, void *ctx)
{
	char n_keys[16];
	const struct rconn_script *known = rconn_script(conn, script);

	log_assert(known != NULL);
	log_assert(script->n_keys >= 0 && (size_t)script->n_keys <= n_args);
	if (!rconn_is_up(conn))
		return HS_UNAVAILABLE;
	snprintf(n_keys, sizeof(n_keys), "%d", script->n_keys);
	struct span first[3] = { span_text("EVALSHA"), span_text(known->sha),
				 span_text(n_keys) };
	struct call *call = xcalloc(1, sizeof(*call));
	*call = (struct call){
		.conn = conn,
		.script = script,
		.block = wire_block_new(BOUNDS_OUTPUT_BYTES),
		.due_ms = timeout_ms > 0 ? clock_mono_ms() + timeout_ms : 0,
		.fn = fn,
		.ctx = ctx,
	};
	enum hs_err err =
		resp_command_2(&call->block->bytes, first, 3, args, n_args);
	if (err == HS_OK)
		err = rconn_send_block(conn, call->block, call->due_ms, false,
				       on_reply, call);
	if (err != HS_OK)
		call_free(call);
	return err;
}
