/*
 * metrics: how many jobs of a queue ended in each of the last minutes. Only
 * workers that were told to (queue.metrics, Node's metrics option) count, so
 * the figures may be of a part of the fleet.
 */
#ifndef QUEUE_METRICS_H
#define QUEUE_METRICS_H

#include "queue/queue.h"

#define METRICS_MINUTES 60

struct metrics {
	int64_t n_total; /* since somebody began to count; 0: nobody does */
	/* The minute under way, the one before it, and so on. */
	int64_t per_minute[METRICS_MINUTES];
};

/* From what stands in Redis: the counter's fields, the newest data points. What
 * is odd counts as nothing. For tests, too. */
void metrics_build(int64_t n_total, int64_t last_ms, int64_t last_total,
		   const int64_t *points, size_t n_points, int64_t now_ms,
		   struct metrics *metrics);

typedef void (*metrics_fn)(void *ctx, enum hs_err err, const char *text,
			   const struct metrics *metrics);
/* failed: those that failed, else those that completed. */
enum hs_err metrics_read(struct queue *queue, bool failed, int64_t now_ms,
			 metrics_fn fn, void *ctx) HS_MUST_CHECK;

#endif
