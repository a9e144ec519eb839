/*
 * bell: a timer of the loop. A worker that cannot set one cannot work: these
 * end the process instead of returning an error.
 *
 * What is rung is an event of libevent: event_del() silences it, event_free()
 * ends it.
 */
#ifndef WORKER_BELL_H
#define WORKER_BELL_H

#include <stdint.h>

#include <event2/event.h>

/* Rings when it is set, once. Returned owned: event_free(). */
struct event *bell_new(struct event_base *base, event_callback_fn fn,
		       void *ctx);
/* Rings every so many ms from now on. Returned owned: event_free(). */
struct event *bell_every(struct event_base *base, int64_t every_ms,
			 event_callback_fn fn, void *ctx);
/* In so many ms, instead of any time before. One of bell_every() keeps to it. */
void bell_set(struct event *bell, int64_t ms);

#endif
