/*
 * events: what happens in one or several queues, read from their streams as it
 * happens.
 *
 * It lives on a connection of its own, for it waits there (XREAD BLOCK). A
 * deadline is behind each wait, so a peer that is gone without a word is
 * noticed; after a loss events_go() continues behind the last entry that was
 * told, so nothing is told twice, and nothing is missed but what the streams
 * have dropped meanwhile. No consumer groups: who follows leaves no trace.
 */
#ifndef QUEUE_EVENTS_H
#define QUEUE_EVENTS_H

#include "queue/keys.h"
#include "redis/rconn.h"

struct events;

struct event_field {
	struct span name;
	struct span value;
};
struct event_entry {                      /* borrowed for the call */
	size_t stream;                    /* the queue's index */
	const char *id;                   /* "1795458411149-0" */
	int64_t at_ms;                    /* by Redis's clock */
	struct span event;                /* "completed" */
	struct span job_id;               /* len 0: it is about the queue */
	const struct event_field *fields; /* the others */
	size_t n_fields;
};
typedef void (*events_fn)(void *ctx, const struct event_entry *entry);
/* Once, when it cannot go on: Redis refuses, and text says why. */
typedef void (*events_end_fn)(void *ctx, const char *text);

#define EVENTS_FROM_NOW -1
/* conn: its own, borrowed. keys: n queues', borrowed. since_ms: entries from
 * that time on (0: all there are), or EVENTS_FROM_NOW. timeout_ms: of an answer
 * that need not be waited for. */
struct events *events_new(struct rconn *conn, const struct keys *const *keys,
			  size_t n, int64_t since_ms, int64_t timeout_ms,
			  events_fn fn, events_end_fn end_fn, void *ctx);
void events_free(struct events *events);

/* Call it when the connection came up. It goes on by itself until that is
 * lost. */
void events_go(struct events *events);

#endif
