/*
 * finish: how active jobs end or leave: completed, failed, delayed for another
 * attempt, waiting again at once, given back; and the locks in between.
 */
#ifndef QUEUE_FINISH_H
#define QUEUE_FINISH_H

#include "queue/code.h"
#include "queue/job.h"
#include "queue/queue.h"

enum finish_kind {
	FINISH_COMPLETED, /* value: JSON (returnvalue) */
	FINISH_FAILED,    /* value: text (failedReason) */
	FINISH_RETRY, /* delayed by delay_ms (0: waits at once); attempt counted; value: reason */
	FINISH_POSTPONE, /* delayed by delay_ms, attempt not counted (gate, Retry-After) */
	FINISH_GIVE_BACK, /* waits again, next in turn, attempt not counted (shutdown) */
};

struct finish_item {
	const struct job *job; /* borrowed for the call */
	enum finish_kind kind;
	struct span value;
	struct span stack; /* one entry for `stacktrace`; len 0: none */
	int64_t delay_ms;
	/* FINISH_COMPLETED, FINISH_FAILED: the rule that counts, the job's own
	 * or the worker's; is_set is not looked at, all zero removes at once */
	struct job_keep keep;
};

typedef void (*finish_fn)(void *ctx, enum hs_err err, const char *text,
			  const enum code *results, size_t n);
/* One script call for all (at most BOUNDS_TAKE_BATCH). Each item succeeds or
 * fails alone; text is Redis's where one was CODE_REFUSED. When all were, err
 * is HS_PROTOCOL. HS_INVALID: a completed item's value is no JSON, or a delay
 * is negative or longer than a year. Items given back come out again in their
 * order. */
enum hs_err finish_jobs(struct queue *queue, const char *token,
			const struct finish_item *items, size_t n,
			int64_t now_ms, finish_fn fn, void *ctx) HS_MUST_CHECK;

/* Renews the locks of n jobs in one call; fn gets the ids that are lost. */
enum hs_err finish_extend(struct queue *queue, const char *token,
			  const char *const *ids, size_t n,
			  int64_t lock_duration_ms, queue_ids_fn fn,
			  void *ctx) HS_MUST_CHECK;

#endif
