/*
 * requeue: jobs that wait again (failed and completed ones) or wait no longer
 * (delayed ones): one, or all of a state in bounded steps.
 */
#ifndef QUEUE_REQUEUE_H
#define QUEUE_REQUEUE_H

#include "queue/code.h"
#include "queue/job.h"
#include "queue/queue.h"

struct requeue_options {
	enum job_state from;  /* JOB_FAILED or JOB_COMPLETED */
	bool resets_attempts; /* count them anew (atm) */
	bool resets_starts;   /* and the starts (ats) */
};
/* Behind all others, or next in turn where the job's own options say lifo; by
 * its priority when it has one. n: 1, CODE_MISSING, CODE_NOT_IN_STATE. A parent
 * that had noted the job's end waits for it again. */
enum hs_err requeue_retry(struct queue *queue, struct span id,
			  const struct requeue_options *options,
			  queue_number_fn fn, void *ctx) HS_MUST_CHECK;

/* A delayed job waits no longer. n: 0, CODE_MISSING, CODE_NOT_IN_STATE. */
enum hs_err requeue_promote(struct queue *queue, struct span id,
			    queue_number_fn fn, void *ctx) HS_MUST_CHECK;

/* Those of a state that finished by before_ms, the oldest first, at most
 * `limit` (1..REQUEUE_MAX) a call. n: 1 there may be more, else 0. Attempts go
 * on being counted, priorities do not matter: BullMQ's way. */
#define REQUEUE_MAX 1000
enum hs_err requeue_retry_all(struct queue *queue, enum job_state from,
			      int64_t before_ms, size_t limit,
			      queue_number_fn fn, void *ctx) HS_MUST_CHECK;
/* All delayed jobs, those due first first. n: as above. */
enum hs_err requeue_promote_all(struct queue *queue, size_t limit,
				queue_number_fn fn, void *ctx) HS_MUST_CHECK;

#endif
