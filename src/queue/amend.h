/*
 * amend: changing one job where it is: its data, progress, logs, delay,
 * priority, deduplication key. Nobody is asked whether a worker has it.
 *
 * n of each: 0 or what is said, CODE_MISSING without such a job. data and
 * progress are JSON text, scanned by the caller: anything else would make every
 * reader of the queue fail.
 */
#ifndef QUEUE_AMEND_H
#define QUEUE_AMEND_H

#include "queue/code.h"
#include "queue/queue.h"

enum hs_err amend_data(struct queue *queue, struct span id, struct span data,
		       queue_number_fn fn, void *ctx) HS_MUST_CHECK;
enum hs_err amend_progress(struct queue *queue, struct span id,
			   struct span progress, queue_number_fn fn,
			   void *ctx) HS_MUST_CHECK;

/* keep: the newest so many rows stay; 0: all. n: how many there are now. */
enum hs_err amend_log(struct queue *queue, struct span id, struct span row,
		      int64_t keep, queue_number_fn fn,
		      void *ctx) HS_MUST_CHECK;
/* Rows first..last as LRANGE counts (-1: the newest), in their order, as many as
 * fit a reply. The number: of the whole log. */
enum hs_err amend_read_log(struct queue *queue, struct span id, int64_t first,
			   int64_t last, queue_list_fn fn,
			   void *ctx) HS_MUST_CHECK;
/* All but the newest `keep` rows. n: 0, also without a job. */
enum hs_err amend_clear_log(struct queue *queue, struct span id, int64_t keep,
			    queue_number_fn fn, void *ctx) HS_MUST_CHECK;

/* A delayed job's, counted from now_ms. CODE_NOT_IN_STATE: it is not delayed.
 */
enum hs_err amend_delay(struct queue *queue, struct span id, int64_t delay_ms,
			int64_t now_ms, queue_number_fn fn,
			void *ctx) HS_MUST_CHECK;
/* is_next: in front of those of the same priority. A job that neither waits nor
 * is prioritized only has it written down. */
enum hs_err amend_priority(struct queue *queue, struct span id,
			   int64_t priority, bool is_next, queue_number_fn fn,
			   void *ctx) HS_MUST_CHECK;

/* The deduplication id is free; with an owner (len > 0) only if that job has
 * it. n: 1, or 0 when nothing changed. */
enum hs_err amend_free_dedup(struct queue *queue, struct span dedup_id,
			     struct span owner, queue_number_fn fn,
			     void *ctx) HS_MUST_CHECK;

#endif
