/*
 * rconn: one connection to a Redis: it resolves, connects, logs in, loads the
 * scripts, pipelines commands in order, keeps deadlines, and reconnects for
 * ever with a jittered, growing pause.
 *
 * A command either is refused at once (HS_UNAVAILABLE while the connection is
 * not up, HS_AGAIN when the pipeline is full; the callback is then never
 * called), or its callback is called exactly once, from the loop: with a reply
 * (which may be an error reply), or with NULL when the connection was lost or
 * a deadline passed after sending: then nobody knows whether Redis did it.
 * A deadline that passes closes the connection: a half-open socket must not
 * hold the rest up.
 *
 * An answer -READONLY, -MASTERDOWN or -LOADING is passed up, then the
 * connection is closed: the topology is asked for a better server.
 *
 * "Redis lost" and "Redis back" are logged once each, unless is_quiet; so is a
 * first connection, a server that cannot be reached, a login that is refused.
 * SIGPIPE must be ignored by the program.
 * rconn knows nothing of jobs. Thread: the loop's.
 */
#ifndef REDIS_RCONN_H
#define REDIS_RCONN_H

#include <stdbool.h>
#include <stdint.h>

#include "redis/resp.h"
#include "redis/topo.h"

struct event_base;
struct rconn;
struct script;
struct wire_block;

struct rconn_settings {
	const char *label;    /* in logs: "redis"; copied */
	const char *username; /* NULL: none; all copied */
	const char *password; /* NULL: none */
	int64_t db;
	const char
		*client_name; /* CLIENT SETNAME (errors ignored); NULL: none */
	int64_t connect_timeout_ms; /* connect, log in, load scripts */
	/* what the operator should look at when that passes; copied. NULL:
	 * nothing in particular */
	const char *timeout_hint;
	bool is_quiet;
	int64_t retry_min_ms; /* 0: the built-in 50 ms ... */
	int64_t retry_max_ms; /* ... and 2000 ms: Redis back is noticed in 2 s */
	/* scripts to SCRIPT LOAD at each login, NULL-terminated; borrowed for
	 * the connection's life. NULL: none */
	const struct script *const *scripts;
};

enum rconn_state {
	RCONN_DOWN,  /* waiting to try again, or not started */
	RCONN_LOGIN, /* connecting, logging in, loading scripts */
	RCONN_UP,
};
/* Called from the loop when the connection came up or went down; after the
 * callbacks of the commands that went down with it. */
typedef void (*rconn_state_fn)(void *ctx, struct rconn *conn, bool is_up);
/* reply is borrowed for the call; NULL with err HS_UNAVAILABLE or HS_TIMEOUT. */
typedef void (*rconn_reply_fn)(void *ctx, enum hs_err err,
			       const struct reply *reply);

struct rconn *rconn_new(struct event_base *base,
			struct topo *topo /* borrowed */,
			const struct rconn_settings *settings,
			rconn_state_fn fn, void *ctx);
/* Pending callbacks are called with HS_UNAVAILABLE before this returns. Not to
 * be called from one of this connection's own callbacks. */
void rconn_free(struct rconn *conn);
void rconn_start(struct rconn *conn);
enum rconn_state rconn_state(const struct rconn *conn);
bool rconn_is_up(const struct rconn *conn);
/* Why it is down, for people: "Connection refused". Borrowed. */
const char *rconn_error(const struct rconn *conn);
size_t rconn_n_pending(const struct rconn *conn);
/* By when (monotonic) it must have acted: given a command without answer up, or
 * a login, or tried again. INT64_MAX: nothing is due. Not to be called often:
 * looks at each command that is under way. For a watchdog. */
int64_t rconn_due_ms(const struct rconn *conn);

/* timeout_ms counts from the call; 0: no deadline. HS_TOO_BIG when the command
 * is over BOUNDS_OUTPUT_BYTES. args are borrowed for the
 * call. Written to the socket at the end of the turn of the loop. */
enum hs_err rconn_send(struct rconn *conn, const struct span *args,
		       size_t n_args, int64_t timeout_ms, rconn_reply_fn fn,
		       void *ctx) HS_MUST_CHECK;
/* The same for a command given as at most 32 texts, ending in NULL. */
enum hs_err rconn_send_texts(struct rconn *conn, int64_t timeout_ms,
			     rconn_reply_fn fn, void *ctx, ...)
	__attribute__((sentinel)) HS_MUST_CHECK;

/* ---- for script.c ---- */

/* What this connection knows of one of its scripts. */
struct rconn_script {
	char sha[41];    /* hex, as the server said at the login */
	bool is_loading; /* a SCRIPT LOAD is under way */
};
/* NULL when it is none of the settings'. Borrowed. */
struct rconn_script *rconn_script(struct rconn *conn,
				  const struct script *script);
/* SCRIPT LOAD, unless it is under way already; in front of what is sent next. */
enum hs_err rconn_load_script(struct rconn *conn,
			      const struct script *script) HS_MUST_CHECK;
/* A formatted command, of which a reference is taken. due_ms is monotonic, 0:
 * none. is_repeat: the ceiling of the pipeline does not count. */
enum hs_err rconn_send_block(struct rconn *conn, struct wire_block *block,
			     int64_t due_ms, bool is_repeat, rconn_reply_fn fn,
			     void *ctx) HS_MUST_CHECK;

#endif
