/*
 * map: the map thread: runs jq programs beside the loop, so that a slow one
 * delays other maps but never a lock's renewal.
 *
 * Work is handed over, not shared: from map_start() until its callback the
 * inputs belong to the map thread. Every function here is the loop's to call;
 * every callback comes from the loop. A program runs on the map thread only.
 */
#ifndef WORKER_MAP_H
#define WORKER_MAP_H

#include <stdint.h>

#include "base/buf.h"
#include "worker/map_jq.h"

/* One run of a program, at most: maps take a millisecond; more than seconds is
 * a mistake, and memory grows meanwhile. */
#define MAP_LIMIT_MS 10000

struct event_base;
struct map;
struct map_work;

/* body is the callback's (it may steal the buf's memory); why is borrowed. */
typedef void (*map_fn)(void *ctx, enum map_result result, struct buf *body,
		       const char *why);

/* Starts the thread. limit_ms: the longest run. */
struct map *map_new(struct event_base *base, int64_t limit_ms);
/* Halts what runs, waits for the thread; no callbacks. */
void map_free(struct map *map);

/* The document that programs see: {"source":...,"data":...,"job":{...}}. All
 * scanned JSON; an empty source is null. Appended. */
enum hs_err map_input(struct span source, struct span data, const char *job_id,
		      const char *job_name, int64_t attempt,
		      struct buf *out) HS_MUST_CHECK;

/* Keeps input's memory (the buf is empty afterwards), and holds a reference of
 * the program. fn is called once from the loop. */
struct map_work *map_start(struct map *map, struct map_jq *program,
			   struct buf *input, map_fn fn, void *ctx);
/* No callback will come; a program that runs is left to end. */
void map_cancel(struct map_work *work);
/* By when (monotonic ms) the thread must have ended a run, or the loop have
 * heard of one; INT64_MAX: nothing is to be done. */
int64_t map_due_ms(struct map *map);

#endif
