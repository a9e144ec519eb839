/*
 * queue: one BullMQ queue on one connection; what add, take, finish and admin
 * work on. The wire format (keys, fields, Lua) lives on this floor only.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "queue/keys.h"
#include "redis/rconn.h"
#include "redis/script.h"

/* All scripts of this floor, for rconn_settings.scripts. */
extern const struct script *const queue_scripts[];

struct queue {
	struct keys *keys;
	struct rconn *conn; /* borrowed */
	int64_t timeout_ms; /* of each call */
	int64_t max_events; /* used where meta names none */
};

struct queue *queue_new(struct rconn *conn, const char *prefix,
			const char *name, int64_t timeout_ms,
			int64_t max_events);
void queue_free(struct queue *queue);

/* HSETNX of meta's opts.maxLenEvents and version, as each producer does once
 * per connection; sent and forgotten. */
void queue_announce(struct queue *queue);

#endif
