/*
 * workers: who works on a queue: the clients of Redis that carry its name, as
 * BullMQ's getWorkers() and Bull Board find them. A worker of any origin names
 * one of its connections "<prefix>:<base64 of the queue>", and ":w:<its own
 * name>" behind it if it has one.
 *
 * Known limits: where CLIENT LIST is forbidden (some clouds) there is no
 * answer; in a cluster the list is that of one node.
 */
#ifndef QUEUE_WORKERS_H
#define QUEUE_WORKERS_H

#include "queue/queue.h"

struct worker {           /* texts are borrowed for the call */
	struct span name; /* its own; len 0: it has none */
	struct span addr; /* "127.0.0.1:4711", "[::1]:4711", "/run/r.sock:0" */
	int64_t age_s;    /* of its connection; -1: Redis does not say */
	int64_t idle_s;
};

/* Reads the text that CLIENT LIST answers, one client a line, those of the
 * queue only, in its order. Returned owned: free(). NULL when there is none. */
struct worker *workers_parse(const struct keys *keys, struct span text,
			     size_t *n) HS_MUST_CHECK;

/* err HS_PROTOCOL: Redis refuses, text says why. */
typedef void (*workers_fn)(void *ctx, enum hs_err err, const char *text,
			   const struct worker *workers, size_t n);
enum hs_err workers_list(struct queue *queue, workers_fn fn,
			 void *ctx) HS_MUST_CHECK;

#endif
