/*
 * settle: telling Redis how attempts ended: one call per queue and turn of the
 * loop, repeated after a lost connection while the lock may still be ours.
 *
 * The same call may take: the pump says how many it has room for, and what is
 * taken goes to the pump, as if it had asked itself. What settle does with ends
 * does not depend on it.
 */
#ifndef WORKER_SETTLE_H
#define WORKER_SETTLE_H

#include "conf/conf.h"
#include "worker/roster.h"

struct settle;

struct settle_counts { /* since the start, as Redis has them */
	uint64_t n_done;
	uint64_t n_failed;
};

/* All borrowed. on_taken gets the answer of each take that settle_turn() said it
 * has sent, after the ends of the same call were dealt with. */
struct settle *settle_new(struct roster *roster, const struct conf *conf,
			  take_fn on_taken, void *ctx);
/* The queue's connection must be gone already: no reply may come. */
void settle_free(struct settle *settle);

/* At the end of a turn: sends what has ended. next: jobs to take in the first of
 * its calls, next->n of them for slots that are free now, to which settle adds
 * those that the call itself sets free; NULL: none. true: that was sent. */
bool settle_turn(struct settle *settle, struct take_options *next);
/* How many jobs have ended and been told since the start; a slot under the
 * queue's own limit may be free when it grows. */
uint64_t settle_n_told(const struct settle *settle);
struct settle_counts settle_counts(const struct settle *settle);
/* Another configuration from now on; borrowed. */
void settle_set_conf(struct settle *settle, const struct conf *conf);
/* By when (monotonic ms) Redis, which is there since connected_ms, must have
 * been told something, or have answered; INT64_MAX: nothing is to be told. */
int64_t settle_due_ms(const struct settle *settle, int64_t connected_ms);
/* Was told that a lock of this attempt is lost (lease, stalled check, a second
 * take of the same job): cancels it and drops it, or leaves that to the reply
 * under way. */
void settle_lost(struct settle *settle, struct attempt *attempt,
		 const char *how);

#endif
