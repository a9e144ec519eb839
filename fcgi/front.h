/*
 * front: FastCGI connections on the loop.
 *
 * Each whole request is given to one handler as a call; the handler answers it
 * exactly once, at once or later. Whoever is slow - a peer that stops half-way,
 * a body larger than a socket's buffer - waits in the slow lane, which costs
 * others nothing. A peer that leaves in the middle of a request is dropped
 * without a call; one that leaves afterwards is still to be answered (the
 * answer then goes nowhere).
 *
 * Thread: the loop's.
 */
#ifndef FCGI_FRONT_H
#define FCGI_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct event_base;
struct front;
struct front_call; /* one request, from its parameters to its answer */

enum front_body {
	FRONT_BODY_WHOLE,
	FRONT_BODY_UNWANTED, /* front_limit_fn said -1; not read */
	FRONT_BODY_TOO_LONG, /* more than the limit; not read to its end */
	FRONT_BODY_NO_ROOM,  /* the slow lane holds all it may; not read */
};

/* A request is whole, or its body will not be read. */
typedef void (*front_fn)(void *ctx, struct front_call *call);
/* How many bytes of body does a request deserve, seen its parameters? -1: it
 * will be refused without its body. Asked only for requests that arrive in
 * pieces. */
typedef int64_t (*front_limit_fn)(void *ctx, const char *const *env);

struct front_settings {
	int listen_fd; /* borrowed; never shut down */
	size_t max_connections;
	int64_t request_timeout_ms; /* from a request's first byte to its last */
	const char *web_server_addrs; /* FCGI_WEB_SERVER_ADDRS; NULL: any */
	front_fn fn;
	front_limit_fn limit;
	void *ctx;
};

struct front *front_new(struct event_base *base,
			const struct front_settings *settings);
/* Closes all connections; calls that are not answered are forgotten. */
void front_free(struct front *front);
/* Takes what waits in the backlog and what connections have sent so far, which
 * are inside then or answered; then no connection more. A kept connection is
 * closed as soon as nothing is under way on it. */
void front_stop(struct front *front);
/* Requests of which we have seen a byte and sent no answer; after front_stop()
 * also connections whose first request must be on its way. */
size_t front_n_inside(const struct front *front);
/* For requests that begin from now on. */
void front_set_request_timeout(struct front *front, int64_t timeout_ms);
/* By when (monotonic) it must have given up on a peer; INT64_MAX: on none. For
 * a watchdog. */
int64_t front_due_ms(const struct front *front);

/* CGI variables, "NAME=value", ending in NULL; valid until the answer. */
const char *const *front_env(const struct front_call *call);
/* Did the parameters hold what no web server sends (NUL, names with '=')? */
bool front_env_is_odd(const struct front_call *call);
/* Valid until the answer. */
struct span front_body(const struct front_call *call);
enum front_body front_body_state(const struct front_call *call);
/* The call is over and gone. `bytes` is a CGI response: headers, an empty
 * line, a body. */
void front_answer(struct front_call *call, struct span bytes);

#endif
