/*
 * enqueuer: jobs on their way into Redis, many in one script call.
 *
 * Group commit without a timer: what is parked in one turn of the loop goes at
 * its end; while batches are in flight, the next one gathers. Idle, a batch of
 * one goes at once; busy, batches grow.
 *
 * It owns the deadline (redis.enqueue_timeout_ms) and answers each parked job
 * exactly once, from the loop, never from inside enqueuer_park(). Thread: the
 * loop's.
 */
#ifndef FCGI_ENQUEUER_H
#define FCGI_ENQUEUER_H

#include "conf/conf.h"
#include "queue/add.h"

struct event_base;
struct enqueuer;

struct enqueuer_job {
	const char *queue; /* one of the endpoints' queues */
	const char *name;  /* of the job; borrowed until the answer */
	struct span id;    /* borrowed for the call */
	struct buf *data; /* its bytes are taken over; empty afterwards, also on
			      failure */
};

/* HS_OK: Redis has it. Else it is not known to have it: HS_UNAVAILABLE, HS_TIMEOUT
 * or HS_PROTOCOL. */
typedef void (*enqueuer_fn)(void *ctx, enum hs_err err, enum add_result result);

/* Keeps a reference to conf. Makes the connection to Redis and a queue for each
 * queue name of the endpoints; enqueuer_start() connects. */
struct enqueuer *enqueuer_new(struct event_base *base, struct conf *conf);
/* What is parked or in flight is answered HS_UNAVAILABLE first. */
void enqueuer_free(struct enqueuer *enqueuer);
void enqueuer_start(struct enqueuer *enqueuer);
/* Jobs from now on go by conf, of which a reference is kept, to the queues of
 * its endpoints. What only a start reads (where Redis is, the queues' prefix and
 * level) stays. */
void enqueuer_reload(struct enqueuer *enqueuer, struct conf *conf);
bool enqueuer_is_up(const struct enqueuer *enqueuer);
/* While it is not up: why, for people (borrowed), and since when (wall time). */
const char *enqueuer_error(const struct enqueuer *enqueuer);
int64_t enqueuer_away_since_at_ms(const struct enqueuer *enqueuer);
/* By when (monotonic) a job must have been answered, or the connection have
 * acted; INT64_MAX: nothing is due. For a watchdog. */
int64_t enqueuer_due_ms(const struct enqueuer *enqueuer);
int64_t enqueuer_redis_due_ms(const struct enqueuer *enqueuer);
size_t enqueuer_n_parked(const struct enqueuer *enqueuer);

/* HS_UNAVAILABLE: Redis is known to be away; HS_AGAIN: full (bounds.h); then fn
 * is never called. */
enum hs_err enqueuer_park(struct enqueuer *enqueuer,
			  const struct enqueuer_job *job, enqueuer_fn fn,
			  void *ctx) HS_MUST_CHECK;

#endif
