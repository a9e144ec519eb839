/*
 * finish: how active jobs end or leave: completed, failed, delayed for another
 * attempt, waiting again at once, given back; and the locks in between.
 */
#ifndef QUEUE_FINISH_H
#define QUEUE_FINISH_H

#include "queue/code.h"
#include "queue/job.h"
#include "queue/queue.h"
#include "queue/take.h"

enum finish_kind {
	FINISH_COMPLETED, /* value: JSON (returnvalue) */
	FINISH_FAILED,    /* value: text (failedReason) */
	FINISH_RETRY, /* delayed by delay_ms (0: waits at once); attempt counted; value: reason */
	FINISH_POSTPONE, /* delayed by delay_ms, attempt not counted (gate, Retry-After) */
	FINISH_GIVE_BACK, /* waits again, next in turn, attempt not counted (shutdown) */
	FINISH_WAIT_CHILDREN, /* until the child named by value (the key of its
			       * hash; len 0: every child) has ended */
};

struct finish_item {
	const struct job *job; /* borrowed for the call */
	enum finish_kind kind;
	struct span value;
	struct span stack; /* one entry for `stacktrace`; len 0: none */
	struct span trace; /* FINISH_FAILED, FINISH_RETRY: telemetry of the next
			    * attempt (tm); ptr NULL: as it was */
	int64_t delay_ms;
	/* FINISH_COMPLETED, FINISH_FAILED: the rule that counts, the job's own
	 * or the worker's; is_set is not looked at, all zero removes at once */
	struct job_keep keep;
};

struct finish_options {
	const char *token; /* of the locks; "0" passes every lock */
	int64_t now_ms;
	int64_t metrics_points; /* minutes to count; 0: none */
	/* jobs to take in the same script call; its token, now_ms and limit as
	 * in take.h. NULL: none */
	const struct take_options *next;
	/* nothing is taken where an item came to an error: BullMQ's way, whose
	 * workers come back for it */
	bool is_next_if_done;
};

struct finish_result {
	enum code code;
	/* FINISH_GIVE_BACK: the queue is rate limited for that long */
	int64_t limited_ms;
};

/* results has n entries, in the items' order. taken: what next asked for, NULL
 * when it asked for nothing or err is set; the callback owns its jobs, as in
 * take_fn. */
typedef void (*finish_fn)(void *ctx, enum hs_err err, const char *text,
			  const struct finish_result *results, size_t n,
			  struct take_result *taken);
/* One script call for all (at most BOUNDS_TAKE_BATCH). Each item succeeds or
 * fails alone: a value that is no JSON or a delay that is negative or longer
 * than a year is CODE_INVALID, a refusal of Redis CODE_REFUSED with text saying
 * why. When Redis refused all of several or the only one, err is HS_PROTOCOL.
 * Items given back come out again in their order. The items come before the
 * take: a job given back may be the first that is taken. */
enum hs_err finish_jobs(struct queue *queue,
			const struct finish_options *options,
			const struct finish_item *items, size_t n, finish_fn fn,
			void *ctx) HS_MUST_CHECK;

/* Renews the locks of n jobs in one call; fn gets the ids that are lost. */
enum hs_err finish_extend(struct queue *queue, const char *token,
			  const char *const *ids, size_t n,
			  int64_t lock_duration_ms, queue_ids_fn fn,
			  void *ctx) HS_MUST_CHECK;

#endif
