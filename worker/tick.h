/*
 * tick: a scheduler's job is taken: the next one is made first, and only then
 * does this one run. Otherwise the scheduler would end with a job that is cut
 * short, whoever works on the queue.
 *
 * Until Redis has answered, the attempt stays new, on the active list, where its
 * lock is renewed. When the connection is lost meanwhile, the question is asked
 * again: of two that arrive, the second finds that the job is not the current
 * one any more. When the lock is lost, the attempt goes as any other does, and
 * whoever takes the job next asks.
 */
#ifndef WORKER_TICK_H
#define WORKER_TICK_H

#include "worker/roster.h"

struct tick;

/* From the loop: the attempt may start. */
typedef void (*tick_fn)(void *ctx, struct attempt *attempt);

/* roster is borrowed. */
struct tick *tick_new(struct roster *roster, tick_fn on_ready, void *ctx);
/* The queue's connection must be gone already: no reply may come. */
void tick_free(struct tick *tick);

/* A new attempt, on the active list. false: it may start at once; true: on_ready
 * will say so, or it is put off, because the next job cannot be made here. */
bool tick_begin(struct tick *tick, struct attempt *attempt);
/* The connection is back: asks again where no answer came. */
void tick_again(struct tick *tick);

#endif
