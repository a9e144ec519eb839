/*
 * lease: renewal for all jobs in one call, from a loop that never blocks.
 *
 * Jobs whose finish is on its way are left out: their lock goes with it, and a
 * renewal behind it would find none and call them lost; so are those whose
 * finish may have arrived, for it is sent again at once. A connection that is
 * down is no news here: the locks run on for three quarters of their time, and
 * the first renewal after it says who is still ours. A lost lock cancels its
 * attempt: another worker may have the job, and two must not push at once
 * longer than can be helped.
 *
 * Where the loop has much to do, its timer goes first (priority 0 of the loop's
 * events), and a renewal whose turn came while the last one had no answer is
 * made up for with the answer, not a quarter of the lock's time later.
 *
 * Locks that are out last as long as was said when they were taken or renewed.
 * So a longer time sets the pace only when all have been renewed for it, and
 * those of a take that was under way meanwhile as well: from the second renewal
 * on.
 */
#include "worker/lease.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/bell.h"
#include "worker/refusal.h"

struct lease {
	struct event *timer;
	struct roster *roster;
	struct settle *settle;
	int64_t lock_duration_ms;
	bool is_asking;
	bool is_missed;   /* its time came while is_asking */
	int64_t asked_ms; /* monotonic */
	int64_t asked_duration_ms;
	int64_t renewed_duration_ms; /* of the last renewal that went well */
	int64_t fire_due_ms;
	struct log_storm storm;
};

/* Those that were asked for: a job that was taken since has its own time. */
static void
note_renewed(const struct lease *lease, struct list *list)
{
	list_each(node, list) {
		struct attempt *attempt = roster_attempt(node);

		if (attempt->taken_us / 1000 < lease->asked_ms)
			attempt->lock_due_ms =
				lease->asked_ms + lease->asked_duration_ms;
	}
}

static void
on_extended(void *ctx, enum hs_err err, const char *text,
	    const struct span *lost, size_t n_lost)
{
	struct lease *lease = ctx;

	lease->is_asking = false;
	if (err) {
		if (err != HS_UNAVAILABLE)
			refusal_log(LOG_LEVEL_WARN, &lease->storm,
				    "cannot renew locks", lease->roster->name,
				    0, err, text);
		return;
	}
	for (size_t i = 0; i < n_lost; i++) {
		struct attempt *attempt = roster_find(lease->roster, lost[i]);

		if (attempt)
			settle_lost(lease->settle, attempt,
				    "it could not be renewed");
	}
	lease->renewed_duration_ms = lease->asked_duration_ms;
	note_renewed(lease, &lease->roster->active);
	if (lease->is_missed)
		lease_renew(lease);
}

static size_t
collect_ids(struct list *list, const char **ids, size_t n, size_t max)
{
	list_each(node, list) {
		const struct attempt *attempt = roster_attempt(node);

		if (n == max)
			break;
		if (!attempt->is_told)
			ids[n++] = attempt->job->id;
	}
	return n;
}

void
lease_renew(struct lease *lease)
{
	struct roster *roster = lease->roster;
	const char **ids;
	size_t n = 0;

	lease->is_missed = lease->is_asking;
	if (lease->is_asking)
		return;
	if (roster->n == 0) {
		lease->renewed_duration_ms = lease->lock_duration_ms;
		return;
	}
	ids = xcalloc(roster->n, sizeof(*ids));
	n = collect_ids(&roster->active, ids, n, roster->n);
	n = collect_ids(&roster->ended, ids, n, roster->n);
	if (n > 0 &&
	    finish_extend(roster->queue, roster->token, ids, n,
			  lease->lock_duration_ms, on_extended, lease) == HS_OK)
		lease->is_asking = true;
	lease->asked_ms = clock_mono_ms();
	lease->asked_duration_ms = lease->lock_duration_ms;
	free(ids);
}

static void
wind_up(struct lease *lease)
{
	const int64_t duration_ms =
		lease->lock_duration_ms < lease->renewed_duration_ms
			? lease->lock_duration_ms
			: lease->renewed_duration_ms;
	const int64_t ms = duration_ms / 4; /* BullMQ's own */

	lease->fire_due_ms = clock_mono_ms() + ms;
	bell_set(lease->timer, ms);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct lease *lease = ctx;

	(void)fd;
	(void)what;
	wind_up(lease);
	lease_renew(lease);
}

void
lease_set_duration(struct lease *lease, int64_t lock_duration_ms)
{
	lease->lock_duration_ms = lock_duration_ms;
	/* sooner, not later: whoever reloads again and again puts nothing off */
	if (clock_mono_ms() + lock_duration_ms / 4 < lease->fire_due_ms)
		wind_up(lease);
}

int64_t
lease_due_ms(const struct lease *lease)
{
	const int64_t answer_due_ms =
		lease->asked_ms + lease->roster->queue->timeout_ms;

	if (lease->is_asking && answer_due_ms < lease->fire_due_ms)
		return answer_due_ms;
	return lease->fire_due_ms;
}

struct lease *
lease_new(struct event_base *base, struct roster *roster, struct settle *settle,
	  int64_t lock_duration_ms)
{
	struct lease *lease = xcalloc(1, sizeof(*lease));

	lease->roster = roster;
	lease->settle = settle;
	lease->timer = bell_new(base, on_timer, lease);
	if (event_priority_set(lease->timer, 0))
		log_bug("a timer has no priority");
	lease->lock_duration_ms = lock_duration_ms;
	lease->renewed_duration_ms = lock_duration_ms;
	wind_up(lease);
	return lease;
}

void
lease_free(struct lease *lease)
{
	if (!lease)
		return;
	event_free(lease->timer);
	free(lease);
}
