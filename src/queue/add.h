/*
 * add: batches of jobs into queues, one script call for all of them: plain,
 * delayed, prioritized, deduplicated ones, and the jobs of flows, parents in
 * front of their children.
 *
 * Every call of this floor: an error returned means fn is never called; HS_OK
 * means fn is called exactly once, from the loop. fn's err is HS_OK, or
 * HS_UNAVAILABLE / HS_TIMEOUT (lost on the way: may have happened), or
 * HS_PROTOCOL (Redis refused; text says why: OOM, READONLY, WRONGTYPE).
 */
#ifndef QUEUE_ADD_H
#define QUEUE_ADD_H

#include "queue/code.h"
#include "queue/job.h"
#include "queue/queue.h"

/* Of jobs with one deduplication id the queue holds one, the id's owner. */
struct add_dedup {
	struct span id; /* len 0: no deduplication */
	int64_t ttl_ms; /* how long the id is taken; 0: while its owner lives */
	bool extends;   /* each further job starts the time anew */
	bool replaces;  /* a further job takes a delayed owner's place */
	bool keeps_last_if_active; /* the last that came while the owner ran is
				      added when that ends; has no time */
	bool reschedules; /* a further job only moves a delayed owner's time */
};

/* What the failure of a child means to its parent. */
enum add_on_failure {
	ADD_FAILURE_HOLDS, /* the parent waits on */
	ADD_FAILURE_FAILS_PARENT,
	ADD_FAILURE_CONTINUES, /* the parent runs at once */
	ADD_FAILURE_IGNORED,   /* the parent runs when no other is pending */
	ADD_FAILURE_REMOVED,   /* the same, and nothing is noted of the child */
};

struct add_parent {
	struct span base; /* "bull:reports"; len 0: no parent */
	struct span id;
	enum add_on_failure on_failure;
};

struct add_item {
	struct span id; /* custom id; len 0: the queue's counter gives one */
	struct span name;
	struct span data;           /* JSON, scanned by the caller */
	struct job_options options; /* options.id is taken from id */
	/* stored as they are, a JSON object (scanned by the caller); options
	 * must then say the same. len 0: printed from what stands here */
	struct span opts;
	struct add_dedup dedup;
	struct add_parent parent;
	struct span base; /* "bull:letters", another queue; len 0: the call's */
	struct span scheduler; /* whose iteration it is (rjk); len 0: none */
	bool has_children;     /* waits for the items that name it as parent */
	/* one of a flow all of which is in this call: who waits for nothing in
	 * it is looked for when it is whole */
	bool is_in_flow;
	/* a known id whose job is in failed is run again (a redelivery) */
	bool retries_failed;
	/* the id was checked by BullMQ's own rules, which know fewer dangers */
	bool is_checked;
};

/* The negative ones are BullMQ's numbers (queue/code.h). */
enum add_result {
	ADD_NEW,
	ADD_DUPLICATE, /* the id exists: nothing changed but a `duplicated` event */
	ADD_RETRIED,      /* the id existed in failed and waits again */
	ADD_DEDUPLICATED, /* not added: the id answered is the owner's */
	ADD_NO_PARENT = CODE_NO_PARENT,
	ADD_OTHER_PARENT = CODE_OTHER_PARENT,
	ADD_REFUSED = CODE_REFUSED, /* by Redis, and nothing of it is left; the
				       callback's text says why. Never for all
				       items: then err is HS_PROTOCOL */
};

/* results and ids have n entries, in the items' order; borrowed for the call.
 * An id is empty where the result is negative. */
typedef void (*add_fn)(void *ctx, enum hs_err err, const char *text,
		       const enum add_result *results, const struct span *ids,
		       size_t n);
/* Items are borrowed for the call; at most BOUNDS_ADD_BATCH of them. now_ms is
 * wall time. What one item comes to is nothing to the others. */
enum hs_err add_jobs(struct queue *queue, const struct add_item *items,
		     size_t n, int64_t now_ms, add_fn fn,
		     void *ctx) HS_MUST_CHECK;

#endif
