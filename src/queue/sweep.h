/*
 * sweep: taking jobs away: one, its children, all that wait, those of a state
 * that are old, the queue itself.
 *
 * Each call is one script whose work is bounded (SWEEP_MAX); what takes longer
 * is called again by the caller, who can show how far it is and stop. Between
 * two calls the queue lives on. Neither an id without a hash nor a key of a
 * wrong type stops a sweep. A job that is a scheduler's next stays, but for
 * obliterate.
 */
#ifndef QUEUE_SWEEP_H
#define QUEUE_SWEEP_H

#include "queue/code.h"
#include "queue/job.h"
#include "queue/queue.h"

#define SWEEP_MAX 1000 /* jobs a call removes: some 15 ms of Redis (measured) */

/* n: 1 gone, 2 there was none (BullMQ's answer is 1 then, too), 0 it or one of
 * its children is being worked on, CODE_SCHEDULED. A child elsewhere goes as
 * well where with_children says so; a parent anywhere waits for it no longer.
 * A family of more than SWEEP_FAMILY_MAX jobs is refused: HS_PROTOCOL. */
#define SWEEP_FAMILY_MAX 10000 /* jobs; and 1000 deep */
enum hs_err sweep_remove(struct queue *queue, struct span id,
			 bool with_children, queue_number_fn fn,
			 void *ctx) HS_MUST_CHECK;

/* The children a job still waits for and that nobody works on are removed, and
 * theirs. n: 0. */
enum hs_err sweep_remove_children(struct queue *queue, struct span id,
				  queue_number_fn fn, void *ctx) HS_MUST_CHECK;

/* The job's parent waits for it no longer; the job itself stays. n: 1, 0 when
 * it was no pending child, CODE_MISSING, CODE_NO_PARENT. */
enum hs_err sweep_leave_parent(struct queue *queue, struct span id,
			       queue_number_fn fn, void *ctx) HS_MUST_CHECK;

/* One step of removing all that waits (and is delayed). n: how many this step
 * removed, at most SWEEP_MAX; fewer: there are no more. Call it again until
 * then; jobs may be added meanwhile. */
enum hs_err sweep_drain(struct queue *queue, bool with_delayed,
			queue_number_fn fn, void *ctx) HS_MUST_CHECK;

/* Jobs of a state that finished (or else started, or else were added) at or
 * before before_ms. One step passes over `skip` jobs and looks at `limit`
 * (1..SWEEP_CLEAN_MAX), from the next in turn, or the oldest, on. Rows: the ids
 * of those removed; the number: how many were looked at, fewer than limit at the
 * end. The number - n that stayed are to be skipped by the next step; upstream
 * never looks behind them. Active ones that are locked are let be. */
#define SWEEP_CLEAN_MAX 10000 /* upstream's: a quarter second; 1000 is kind */
enum hs_err sweep_clean(struct queue *queue, enum job_state state,
			int64_t before_ms, size_t skip, size_t limit,
			queue_list_fn fn, void *ctx) HS_MUST_CHECK;

/* One step of removing the queue, which must be paused; at most `limit` jobs
 * (1..SWEEP_CLEAN_MAX). n: 1 there is more, 0 gone, SWEEP_NOT_PAUSED, SWEEP_ACTIVE: jobs are active and not is_forced. It
 * stays paused where it cannot be removed. */
#define SWEEP_NOT_PAUSED -1
#define SWEEP_ACTIVE -2
enum hs_err sweep_obliterate(struct queue *queue, bool is_forced, size_t limit,
			     queue_number_fn fn, void *ctx) HS_MUST_CHECK;

#endif
