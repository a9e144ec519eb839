/*
 * script: Lua on the server, by its SHA1. The digest comes from SCRIPT LOAD
 * when the connection logs in; NOSCRIPT (a flush, a failover) loads it again
 * and repeats the call once.
 */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include "redis/rconn.h"

struct script { /* a row of the generated table */
	const char *name;
	int n_keys; /* the first of args are KEYS */
	const char *text;
};

/* args: the keys, then the arguments. As rconn_send(). `script` must be one of
 * the connection's settings->scripts. */
enum hs_err script_call(struct rconn *conn, const struct script *script,
			const struct span *args, size_t n_args,
			int64_t timeout_ms, rconn_reply_fn fn,
			void *ctx) HS_MUST_CHECK;

#endif
