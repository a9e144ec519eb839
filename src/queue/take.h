/*
 * take: jobs from waiting to active, each with a lock; waiting for the marker;
 * the stalled check.
 */
#ifndef QUEUE_TAKE_H
#define QUEUE_TAKE_H

#include "queue/job.h"
#include "queue/queue.h"

/* A worker's own limiter; meta's own max goes before it. max 0: none. */
struct take_limit {
	int64_t max;
	int64_t duration_ms;
};

struct take_options {
	const char *token; /* proves our locks; one per process; "0": no lock */
	const char *worker_name; /* goes to `pb` */
	int64_t lock_duration_ms;
	size_t n; /* at most BOUNDS_TAKE_BATCH */
	int64_t now_ms;
	struct take_limit limit;
};
struct take_result {
	struct job **
		jobs; /* the callback owns each job (job_free), not the array */
	size_t n;
	int64_t limited_ms;  /* >0: rate limited for that long */
	int64_t next_due_ms; /* wall time of the next delayed job; 0: none */
	bool is_busy;        /* paused, or at the queue's global concurrency */
};
typedef void (*take_fn)(void *ctx, enum hs_err err, const char *text,
			struct take_result *result);
enum hs_err take_jobs(struct queue *queue, const struct take_options *options,
		      take_fn fn, void *ctx) HS_MUST_CHECK;

/* Blocks on the marker (BZPOPMIN) on a connection of its own. err HS_OK:
 * due_ms is the marker's time truncated (0: now), -1 when timeout_ms passed.
 * The call's own deadline is TAKE_WAIT_EXTRA_MS later. */
#define TAKE_WAIT_EXTRA_MS 1000
typedef void (*take_wait_fn)(void *ctx, enum hs_err err, int64_t due_ms);
enum hs_err take_wait(struct rconn *blocking, const struct keys *keys,
		      int64_t timeout_ms, take_wait_fn fn,
		      void *ctx) HS_MUST_CHECK;

/* Wakes one sleeper: for a marker that came to a worker with no room. Nobody
 * waits for the answer. */
enum hs_err take_wake(struct queue *queue) HS_MUST_CHECK;

/* Active jobs without a lock go back to waiting (or get a deferred failure
 * after max_stalled). Many of them take several script calls, each short; fn
 * is called once, after the last, with the ids of all. What an error leaves
 * undone is for the next check. ids are borrowed for the call. */
enum hs_err take_stalled(struct queue *queue, int64_t interval_ms,
			 int64_t max_stalled, int64_t now_ms, queue_ids_fn fn,
			 void *ctx) HS_MUST_CHECK;

/* For finish.c, whose script takes too: the arguments of lua/include/take.lua
 * (TAKE_N_ARGS of them), and its answer, at reply's items from `first` on. */
#define TAKE_N_ARGS 6
struct call;
enum hs_err take_options_check(const struct take_options *options)
	HS_MUST_CHECK;
void take_put(struct call *call, const struct take_options *options);
enum hs_err take_read(const struct reply *reply, size_t first, size_t max,
		      struct take_result *result) HS_MUST_CHECK;
void take_result_fini(struct take_result *result); /* and the jobs in it */

#endif
