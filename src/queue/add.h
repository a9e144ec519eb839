/*
 * add: batches of jobs into a queue, one script call for all of them.
 *
 * Every call of this floor: an error returned means fn is never called; HS_OK
 * means fn is called exactly once, from the loop. fn's err is HS_OK, or
 * HS_UNAVAILABLE / HS_TIMEOUT (lost on the way: may have happened), or
 * HS_PROTOCOL (Redis refused; text says why: OOM, READONLY, WRONGTYPE).
 */
#ifndef QUEUE_ADD_H
#define QUEUE_ADD_H

#include "queue/job.h"
#include "queue/queue.h"

struct add_item {
	struct span id; /* custom id; len 0: the queue's counter gives one */
	struct span name;
	struct span data;           /* JSON, scanned by the caller */
	struct job_options options; /* options.id is taken from id */
	/* a known id whose job is in failed is run again (a redelivery) */
	bool retries_failed;
};

enum add_result {
	ADD_NEW,
	ADD_DUPLICATE, /* the id exists: nothing changed but a `duplicated` event */
	ADD_RETRIED, /* the id existed in failed and waits again */
};

/* results and ids have n entries, in the items' order; borrowed for the call. */
typedef void (*add_fn)(void *ctx, enum hs_err err, const char *text,
		       const enum add_result *results, const struct span *ids,
		       size_t n);
/* Items are borrowed for the call; at most BOUNDS_ADD_BATCH of them. now_ms is
 * wall time. */
enum hs_err add_jobs(struct queue *queue, const struct add_item *items,
		     size_t n, int64_t now_ms, add_fn fn,
		     void *ctx) HS_MUST_CHECK;

#endif
