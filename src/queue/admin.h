/*
 * admin: looking at a queue: counts, lists, one job. Nothing here changes
 * anything.
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

/* The same as a walk that jobs may move under: a page goes on after the job at
 * which the one before it ended, not at a number. `after` is len 0 at first,
 * then the last page's `next`; next of len 0: there was nothing more.
 *
 * What a walk promises. In a state that is sorted (prioritized, delayed,
 * completed, failed, waiting-children): every job that stays there, its place
 * unchanged, comes exactly once. In a list (wait, active, paused): every
 * job that stays comes at least once; twice only when the last ADMIN_MARKS jobs
 * of a page all left before some that were shown earlier, or a thousand came in
 * front meanwhile. Jobs that come or go
 * meanwhile may or may not be seen. next is borrowed for the call. */
#define ADMIN_MARKS 8
#define ADMIN_PLACE_BYTES (64 * 1024)
typedef void (*admin_page_fn)(void *ctx, enum hs_err err, const char *text,
			      struct job **jobs, size_t n, struct span next);
enum hs_err admin_page(struct queue *queue, enum job_state state,
		       struct span after, size_t n, admin_page_fn fn,
		       void *ctx) HS_MUST_CHECK;

/* Where a job is, without its data; JOB_UNKNOWN: nowhere. */
typedef void (*admin_state_fn)(void *ctx, enum hs_err err, const char *text,
			       enum job_state state);
enum hs_err admin_state(struct queue *queue, struct span id, admin_state_fn fn,
			void *ctx) HS_MUST_CHECK;

/* How a job ended. value: its returnvalue (JSON) or the reason of its failure,
 * or len 0; borrowed for the call. HS_NOT_FOUND: no such job. */
enum admin_end { ADMIN_GOES_ON, ADMIN_COMPLETED, ADMIN_FAILED };
typedef void (*admin_end_fn)(void *ctx, enum hs_err err, const char *text,
			     enum admin_end end, struct span value);
enum hs_err admin_end(struct queue *queue, struct span id, admin_end_fn fn,
		      void *ctx) HS_MUST_CHECK;

/* How many wait with each of n priorities (at most ADMIN_PRIORITIES; 0: the
 * jobs without one); counts are borrowed for the call. */
#define ADMIN_PRIORITIES 64
typedef void (*admin_priorities_fn)(void *ctx, enum hs_err err,
				    const char *text, const int64_t *counts,
				    size_t n);
enum hs_err admin_priorities(struct queue *queue, const int64_t *priorities,
			     size_t n, admin_priorities_fn fn,
			     void *ctx) HS_MUST_CHECK;

/* The job that owns a deduplication id; len 0: none. Borrowed. */
typedef void (*admin_owner_fn)(void *ctx, enum hs_err err, const char *text,
			       struct span id);
enum hs_err admin_dedup_owner(struct queue *queue, struct span dedup_id,
			      admin_owner_fn fn, void *ctx) HS_MUST_CHECK;

#endif
