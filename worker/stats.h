/*
 * stats: the statistics line, for people and their log searches. Its text is a
 * promise: "Sync Queue Stats: Waiting: 5 Active: 2 Completed: 150 Failed: 1".
 */
#ifndef WORKER_STATS_H
#define WORKER_STATS_H

#include "queue/admin.h"

struct event_base;
struct stats;

/* Queues are borrowed; every interval_ms, and the first time after it; 0:
 * never. */
struct stats *stats_new(struct event_base *base, int64_t interval_ms);
void stats_set_interval(struct stats *stats, int64_t interval_ms);
void stats_add(struct stats *stats, struct queue *queue);
/* The queues' connection must be gone already. */
void stats_free(struct stats *stats);

/* The line, and the second one (empty when there is nothing to say): delayed
 * jobs, and since when the next in turn waits. Appended. */
void stats_print(const char *queue, const struct admin_counts *counts,
		 int64_t now_ms, struct buf *line, struct buf *more);

#endif
