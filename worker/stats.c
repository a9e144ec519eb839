/*
 * stats: asks each queue for its counts and prints them.
 *
 * "Waiting" is all that could be taken now: BullMQ's wait, prioritized and, of
 * older versions, paused. While Redis is away there is no line: rconn has said
 * why.
 */
#include "worker/stats.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "worker/bell.h"

struct stats {
	struct event *timer;
	int64_t interval_ms;
	struct stats_queue **queues;
	size_t n_queues;
};

struct stats_queue {
	struct queue *queue;
	bool is_asking;
};

void
stats_print(const char *queue, const struct admin_counts *counts,
	    int64_t now_ms, struct buf *line, struct buf *more)
{
	const int64_t waiting = counts->n[JOB_WAIT] +
				counts->n[JOB_PRIORITIZED] +
				counts->n[JOB_PAUSED];
	int64_t oldest_ms = 0;
	char age[32];

	buf_notef(line,
		  "%c%s Queue Stats: Waiting: %" PRId64 " Active: %" PRId64
		  " Completed: %" PRId64 " Failed: %" PRId64,
		  toupper((unsigned char)queue[0]), queue[0] ? queue + 1 : "",
		  waiting, counts->n[JOB_ACTIVE], counts->n[JOB_COMPLETED],
		  counts->n[JOB_FAILED]);
	if (waiting > 0 && counts->oldest_waiting_ms > 0)
		oldest_ms = now_ms - counts->oldest_waiting_ms;
	if (counts->n[JOB_DELAYED] == 0 && oldest_ms < 1000)
		return;
	buf_notef(more, "%c%s Queue Stats: Delayed: %" PRId64,
		  toupper((unsigned char)queue[0]), queue[0] ? queue + 1 : "",
		  counts->n[JOB_DELAYED]);
	if (oldest_ms >= 1000) {
		num_duration_text(oldest_ms / 1000 * 1000, age, sizeof(age));
		buf_notef(more, " Oldest: %s", age);
	}
}

static void
on_counts(void *ctx, enum hs_err err, const char *text,
	  const struct admin_counts *counts)
{
	struct stats_queue *mine = ctx;
	struct buf line, more;

	mine->is_asking = false;
	if (err) {
		if (err != HS_UNAVAILABLE)
			log_warn("no statistics queue=%s reason=\"%s\"",
				 keys_queue(mine->queue->keys),
				 text && *text ? text : hs_err_text(err));
		return;
	}
	buf_init(&line, BOUNDS_LOG_LINE_BYTES);
	buf_init(&more, BOUNDS_LOG_LINE_BYTES);
	stats_print(keys_queue(mine->queue->keys), counts, clock_wall_ms(),
		    &line, &more);
	log_info("%s", buf_text(&line));
	if (more.len > 0)
		log_info("%s", buf_text(&more));
	buf_fini(&line);
	buf_fini(&more);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct stats *stats = ctx;

	(void)fd;
	(void)what;
	bell_set(stats->timer, stats->interval_ms);
	for (size_t i = 0; i < stats->n_queues; i++) {
		struct stats_queue *mine = stats->queues[i];

		if (!mine->is_asking &&
		    admin_count(mine->queue, on_counts, mine) == HS_OK)
			mine->is_asking = true;
	}
}

struct stats *
stats_new(struct event_base *base, int64_t interval_ms)
{
	struct stats *stats = xcalloc(1, sizeof(*stats));

	stats->timer = bell_new(base, on_timer, stats);
	stats_set_interval(stats, interval_ms);
	return stats;
}

void
stats_set_interval(struct stats *stats, int64_t interval_ms)
{
	if (stats->interval_ms == interval_ms)
		return;
	stats->interval_ms = interval_ms;
	if (interval_ms > 0)
		bell_set(stats->timer, interval_ms);
	else
		event_del(stats->timer);
}

void
stats_add(struct stats *stats, struct queue *queue)
{
	stats->queues = xreallocarray(stats->queues, stats->n_queues + 1,
				      sizeof(struct stats_queue *));
	stats->queues[stats->n_queues] = xcalloc(1, sizeof(struct stats_queue));
	stats->queues[stats->n_queues++]->queue = queue;
}

void
stats_free(struct stats *stats)
{
	if (!stats)
		return;
	event_free(stats->timer);
	for (size_t i = 0; i < stats->n_queues; i++)
		free(stats->queues[i]);
	free(stats->queues);
	free(stats);
}
