/*
 * session: one visit to Redis: connect, ask, wait for the answers, leave.
 *
 * The command has no loop of its own to live in; a session makes one, and
 * turns it until all calls of the verb are answered. It does not wait for a
 * Redis that is away: a person wants to hear that at once.
 */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include "conf/conf.h"
#include "queue/queue.h"
#include "ctl/ctl.h"

struct session;

/* Connected, or NULL after saying on standard error where we tried and what to
 * look at (then the exit code is CTL_UNAVAILABLE). conf is borrowed for the
 * session's life. */
struct session *session_open(const struct conf *conf);
/* The same, but says nothing: why (at most BOUNDS_REASON_BYTES) tells it. */
struct session *session_try(const struct conf *conf, struct buf *why);
/* Where Redis is by the configuration, for people; the caller frees. */
char *session_address_of(const struct conf *conf);
void session_close(struct session *session);

/* A queue on the session's connection; belongs to the session. */
struct queue *session_queue(struct session *session, const char *name);

/* Around each call: begin before, and end in its callback (or when the call
 * itself was refused). An err that is not HS_OK is told, once, and spoils the
 * session. */
void session_begin(struct session *session);
void session_end(struct session *session, enum hs_err err, const char *text);

/* Turns the loop until every call has ended. CTL_OK, or CTL_UNAVAILABLE when a
 * call went wrong. */
int session_wait(struct session *session) HS_MUST_CHECK;

/* From now on Ctrl-C, and a request to end, are only noted, so that a verb can
 * say how far it came; a second one ends it at once. */
void session_catch_interrupt(struct session *session);
bool session_is_interrupted(const struct session *session);

/* Another connection with the same settings, for what blocks; rconn_start() it.
 * Belongs to the session. label: as rconn_settings. */
struct rconn *session_connection(struct session *session, const char *label,
				 rconn_state_fn fn, void *ctx);
/* Ends all of those; what is under way on them is answered before it returns. */
void session_close_connections(struct session *session);
/* One turn of the loop: waits for something to happen, at most so long. */
void session_turn(struct session *session, int64_t at_most_ms);
/* Where Redis is, for people. */
const char *session_address(const struct session *session);

#endif
