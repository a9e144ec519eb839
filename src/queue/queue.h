/*
 * queue: one BullMQ queue on one connection; what add, take, finish and admin
 * work on. The wire format (keys, fields, Lua) lives on this floor only.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "queue/keys.h"
#include "redis/rconn.h"
#include "redis/script.h"

/* For rconn_settings.scripts: those that a responder calls, a worker, the
 * command; or all of them. Each connection sends its list at every login, so a
 * list has what its program calls and no more: tests/unit/script_lists.sh. */
extern const struct script *const queue_add_scripts[];
extern const struct script *const queue_work_scripts[];
extern const struct script *const queue_command_scripts[];
extern const struct script *const queue_scripts[];

/* Where the majors of BullMQ leave different keys behind, whose way is ours? */
enum queue_level {
	QUEUE_LEVEL_AUTO = 0, /* that of the queue's last Node.js starter */
	QUEUE_LEVEL_5 = 5,    /* 5.81.3 */
	QUEUE_LEVEL_6 = 6,    /* 6.7.0 */
};

struct queue {
	struct keys *keys;
	struct rconn *conn;     /* borrowed */
	int64_t timeout_ms;     /* of each call */
	int64_t max_events;     /* used where meta names none */
	enum queue_level level; /* QUEUE_LEVEL_AUTO unless set */
};

/* Answers that many operations of this floor have in common. n: a number, or a
 * negative enum code. ids are borrowed for the call; NULL when err is set. */
typedef void (*queue_number_fn)(void *ctx, enum hs_err err, const char *text,
				int64_t n);
typedef void (*queue_ids_fn)(void *ctx, enum hs_err err, const char *text,
			     const struct span *ids, size_t n);
/* The same with a number beside them, whose meaning the call tells. */
typedef void (*queue_list_fn)(void *ctx, enum hs_err err, const char *text,
			      const struct span *rows, size_t n,
			      int64_t number);

struct queue *queue_new(struct rconn *conn, const char *prefix,
			const char *name, int64_t timeout_ms,
			int64_t max_events);
void queue_free(struct queue *queue);

/* HSETNX of meta's opts.maxLenEvents and version, as each producer does once
 * per connection; sent and forgotten. */
void queue_announce(struct queue *queue);

#endif
