/*
 * schedule: job schedulers: a template of a job and when it is to be added, by
 * an interval or by a cron pattern in a time zone. There is always at most one
 * job of a scheduler to come; whoever takes it makes the next one.
 */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include "queue/code.h"
#include "queue/job.h"
#include "queue/queue.h"

struct schedule_repeat {     /* when; all borrowed */
	int64_t every_ms;    /* 0: by pattern */
	struct span pattern; /* len 0: by every_ms */
	struct span zone;    /* tz; len 0: the machine's own */
	struct span seed;    /* hashSeed, for `H` in the pattern */
	int64_t offset_ms;   /* every_ms: shifts the slots */
	int64_t limit;       /* jobs in all; 0: no end */
	int64_t count;       /* jobs so far */
	int64_t start_at_ms; /* wall time; 0: at once */
	int64_t end_at_ms;   /* 0: no end */
	bool is_immediate;   /* pattern: the first one now */
};

struct schedule_item { /* all borrowed */
	struct span id;
	struct span name; /* of its jobs */
	struct span data; /* JSON; len 0: {} */
	struct span opts; /* JSON object as a job has it; len 0: {} */
	struct schedule_repeat repeat;
};

/* job_id and delay_ms: the job to come; of advance, len 0 for none. Upsert:
 * CODE_SLOT_TAKEN, CODE_SLOTS_BUSY; advance: CODE_MISSING when the record is
 * gone, or is that of version 5's repeatable jobs, which are not continued. */
typedef void (*schedule_fn)(void *ctx, enum hs_err err, const char *text,
			    enum code code, struct span job_id,
			    int64_t delay_ms);
/* Makes a scheduler, or changes one. HS_NOT_FOUND: it is over before it began
 * (limit, end, a pattern that never matches); HS_INVALID, HS_DENIED (the zone):
 * why says what is wrong. fn is never called then. */
enum hs_err schedule_upsert(struct queue *queue,
			    const struct schedule_item *item, int64_t now_ms,
			    schedule_fn fn, void *ctx,
			    const char **why) HS_MUST_CHECK;

/* Adds the job that follows this one of a scheduler (job->scheduler), which was
 * just taken and does not run yet. None follows when the job is not the
 * scheduler's current one, or somebody has added the next already. fn is never
 * called with HS_NOT_FOUND: the scheduler is over (limit, end); HS_INVALID: the
 * job does not say when (why); HS_DENIED: its zone is unknown here (why). */
enum hs_err schedule_advance(struct queue *queue, const struct job *job,
			     int64_t now_ms, schedule_fn fn, void *ctx,
			     const char **why) HS_MUST_CHECK;

/* The second halves of both, for callers who know the time (next_ms; of an
 * interval it is decided in Redis) and all options of the job to come but its id and
 * delay. Nothing but these options is looked at. */
enum hs_err schedule_put(struct queue *queue, const struct schedule_item *item,
			 struct span job_opts, int64_t next_ms, int64_t now_ms,
			 schedule_fn fn, void *ctx) HS_MUST_CHECK;
enum hs_err schedule_follow(struct queue *queue, struct span id,
			    struct span taken, struct span data,
			    struct span job_opts, int64_t every_ms,
			    int64_t next_ms, int64_t now_ms, schedule_fn fn,
			    void *ctx) HS_MUST_CHECK;

/* n: 0 it was removed with its job to come, 1 there was none. */
enum hs_err schedule_remove(struct queue *queue, struct span id,
			    queue_number_fn fn, void *ctx) HS_MUST_CHECK;

struct schedule_entry { /* borrowed for the call */
	struct span id;
	int64_t next_ms;    /* when the current job is or was due; 0: unknown */
	int64_t iterations; /* ic */
	struct span name;
	struct span data; /* JSON; len 0: none */
	struct span opts;
	struct schedule_repeat repeat;
	bool is_legacy;           /* version 5's repeatable job */
	const struct reply *hash; /* all of it: field, value, ...; NULL */
};
/* n_seen: ids read, of which those without a hash are left out. */
typedef void (*schedule_list_fn)(void *ctx, enum hs_err err, const char *text,
				 const struct schedule_entry *entries, size_t n,
				 size_t n_seen);
/* The next due one first, or (is_reverse) last. */
enum hs_err schedule_list(struct queue *queue, size_t offset, size_t n,
			  bool is_reverse, schedule_list_fn fn,
			  void *ctx) HS_MUST_CHECK;
/* n is 1, or err is HS_NOT_FOUND. */
enum hs_err schedule_get(struct queue *queue, struct span id,
			 schedule_list_fn fn, void *ctx) HS_MUST_CHECK;
enum hs_err schedule_count(struct queue *queue, queue_number_fn fn,
			   void *ctx) HS_MUST_CHECK;

#endif
