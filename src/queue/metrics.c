/*
 * metrics: jobs per minute.
 *
 * A data point is written when the first job of a later minute ends: for the
 * minute of the job before it, then a zero for each minute between. So the
 * newest point belongs to the minute before that of the last job, and what is
 * of that minute itself is the counter less what it was at the last point.
 */
#include "queue/metrics.h"

#include <stdlib.h>

#include "queue/call.h"
#include "queue/scripts.h"

#define MINUTE_MS 60000
#define FIXED_ITEMS 3 /* of the script's answer, in front of the points */

struct read_call {
	metrics_fn fn;
	void *ctx;
	int64_t now_ms;
};

/* n_ago: minutes before the one under way; others are not of interest. */
static void
put(struct metrics *metrics, int64_t n_ago, int64_t n)
{
	if (n_ago >= 0 && n_ago < METRICS_MINUTES && n > 0)
		metrics->per_minute[n_ago] = n;
}

void
metrics_build(int64_t n_total, int64_t last_ms, int64_t last_total,
	      const int64_t *points, size_t n_points, int64_t now_ms,
	      struct metrics *metrics)
{
	int64_t ago = now_ms / MINUTE_MS - last_ms / MINUTE_MS;

	*metrics = (struct metrics){ .n_total = n_total > 0 ? n_total : 0 };
	if (n_total <= 0 || last_ms <= 0 || ago >= METRICS_MINUTES)
		return;
	if (ago < 0)
		ago = 0; /* a worker's clock is ahead */
	if (last_total >= 0 && last_total <= n_total)
		put(metrics, ago, n_total - last_total);
	for (size_t i = 0; i < n_points && i < METRICS_MINUTES; i++)
		put(metrics, ago + 1 + (int64_t)i, points[i]);
}

static int64_t
number_at(const struct reply *reply, size_t i)
{
	int64_t value;
	return i < reply->n_items && reply_i64(reply->items[i], &value) == HS_OK
		       ? value
		       : 0;
}

static void
on_read(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct read_call *call = ctx;
	struct metrics metrics = { 0 };
	int64_t points[METRICS_MINUTES];
	size_t n = 0;
	const char *text;

	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK) {
		while (n < METRICS_MINUTES &&
		       FIXED_ITEMS + n < reply->n_items) {
			points[n] = number_at(reply, FIXED_ITEMS + n);
			n++;
		}
		metrics_build(number_at(reply, 0), number_at(reply, 1),
			      number_at(reply, 2), points, n, call->now_ms,
			      &metrics);
	}
	call->fn(call->ctx, err, text, &metrics);
	free(call);
}

enum hs_err
metrics_read(struct queue *queue, bool failed, int64_t now_ms, metrics_fn fn,
	     void *ctx)
{
	struct call *call = call_new(queue, 2);
	struct read_call *read = xcalloc(1, sizeof(*read));

	*read = (struct read_call){ fn, ctx, now_ms };
	call_text(call, failed ? "failed" : "completed");
	call_i64(call, METRICS_MINUTES);
	enum hs_err err = call_send(call, &queue_script_metrics, on_read, read);
	if (err != HS_OK)
		free(read);
	return err;
}
