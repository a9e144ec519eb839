/*
 * admin: looking at a queue and repairing it: counts, lists, one job, retry.
 */
#ifndef QUEUE_ADMIN_H
#define QUEUE_ADMIN_H

#include "queue/job.h"
#include "queue/queue.h"

struct admin_counts {
	int64_t n[JOB_N_STATES]; /* by enum job_state */
	bool is_paused;
	int64_t oldest_waiting_ms; /* timestamp of the job next in turn; 0: none */
};
typedef void (*admin_counts_fn)(void *ctx, enum hs_err err, const char *text,
				const struct admin_counts *counts);
enum hs_err admin_count(struct queue *queue, admin_counts_fn fn,
			void *ctx) HS_MUST_CHECK;

/* Jobs of a state, newest first for finished ones, next in turn first else; at
 * most `n` from `offset` on, fewer when they are large. Jobs are owned by the
 * callback, the array is not.
 * An id without a hash is passed over. n_seen is the number of ids read (0:
 * the end). */
typedef void (*admin_jobs_fn)(void *ctx, enum hs_err err, const char *text,
			      struct job **jobs, size_t n, size_t n_seen);
enum hs_err admin_list(struct queue *queue, enum job_state state, size_t offset,
		       size_t n, admin_jobs_fn fn, void *ctx) HS_MUST_CHECK;

/* err HS_NOT_FOUND when there is no such job; job is owned by the callback. */
typedef void (*admin_job_fn)(void *ctx, enum hs_err err, const char *text,
			     struct job *job, enum job_state state);
enum hs_err admin_get(struct queue *queue, struct span id, admin_job_fn fn,
		      void *ctx) HS_MUST_CHECK;

/* A failed (or completed) job waits again, its attempts counted anew. err
 * HS_NOT_FOUND: no such job; HS_INVALID: it is not in `from`. */
typedef void (*admin_done_fn)(void *ctx, enum hs_err err, const char *text);
enum hs_err admin_retry(struct queue *queue, struct span id,
			enum job_state from, int64_t now_ms, admin_done_fn fn,
			void *ctx) HS_MUST_CHECK;

#endif
