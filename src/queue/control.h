/*
 * control: the switches of a whole queue: paused or not, how many jobs at once,
 * how many in a time. They live in Redis and bind every worker of the fleet,
 * whoever wrote it.
 *
 * Answers: queue_number_fn, called once (add.h says how each call of this floor
 * ends). Known limit: a rate limit binds a worker only where meta has `max`, or
 * the worker a limiter of its own.
 */
#ifndef QUEUE_CONTROL_H
#define QUEUE_CONTROL_H

#include "queue/code.h"
#include "queue/queue.h"

/* n: 0. Jobs in the hands of workers go on. */
enum hs_err control_pause(struct queue *queue, queue_number_fn fn,
			  void *ctx) HS_MUST_CHECK;
/* What version 5 kept apart while paused goes in front of what waits, in bounded
 * steps, until all has. n: 0. */
enum hs_err control_resume(struct queue *queue, queue_number_fn fn,
			   void *ctx) HS_MUST_CHECK;

/* Active jobs in the whole fleet, 0 or more; CONTROL_NONE takes the cap away.
 */
#define CONTROL_NONE -1
enum hs_err control_concurrency(struct queue *queue, int64_t n,
				queue_number_fn fn, void *ctx) HS_MUST_CHECK;
/* max jobs in duration_ms for the whole fleet; max of 0 takes the limit away.
 */
enum hs_err control_limit(struct queue *queue, int64_t max, int64_t duration_ms,
			  queue_number_fn fn, void *ctx) HS_MUST_CHECK;

/* Nothing more is taken for so long (a target said 429). n: 0. */
enum hs_err control_rate_limit(struct queue *queue, int64_t for_ms,
			       queue_number_fn fn, void *ctx) HS_MUST_CHECK;
/* That ends now. n: 1 when there was a limit in force, else 0. */
enum hs_err control_remove_rate_limit(struct queue *queue, queue_number_fn fn,
				      void *ctx) HS_MUST_CHECK;
/* n: ms for which nothing may be taken where `max` jobs count (0: meta's max);
 * without any max the rest of the limiter's life, -2 when there is none. */
enum hs_err control_limit_ttl(struct queue *queue, int64_t max,
			      queue_number_fn fn, void *ctx) HS_MUST_CHECK;

#define CONTROL_VERSION_BYTES 64

struct control_settings {
	bool is_paused;
	bool is_maxed;       /* as many jobs active as the fleet may have */
	int64_t concurrency; /* CONTROL_NONE: no cap */
	int64_t max;         /* 0: no limit */
	int64_t duration_ms;
	int64_t n_active;
	int64_t max_events;                  /* 0: not said */
	char version[CONTROL_VERSION_BYTES]; /* "bullmq:6.7.0"; "": none */
	/* The queue belongs to the closed edition of BullMQ, whose keys nobody
	 * else knows. */
	bool is_pro;
};
typedef void (*control_settings_fn)(void *ctx, enum hs_err err,
				    const char *text,
				    const struct control_settings *settings);
enum hs_err control_read(struct queue *queue, control_settings_fn fn,
			 void *ctx) HS_MUST_CHECK;

#endif
