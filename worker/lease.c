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
 */
#include "worker/lease.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/bell.h"

#define STORM_MS 10000

struct lease {
	struct event *timer;
	struct roster *roster;
	struct settle *settle;
	int64_t lock_duration_ms;
	bool is_asking;
	int64_t asked_ms; /* monotonic */
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
				lease->asked_ms + lease->lock_duration_ms;
	}
}

static void
on_extended(void *ctx, enum hs_err err, const char *text,
	    const struct span *lost, size_t n_lost)
{
	struct lease *lease = ctx;
	unsigned n_suppressed;

	lease->is_asking = false;
	if (err) {
		if (err != HS_UNAVAILABLE &&
		    log_storm_ok(&lease->storm, STORM_MS, &n_suppressed))
			log_event(LOG_LEVEL_WARN, MESSAGE_REDIS_REFUSES,
				  "cannot renew locks queue=%s reason=\"%s\"",
				  lease->roster->name,
				  text && *text ? text : hs_err_text(err));
		return;
	}
	for (size_t i = 0; i < n_lost; i++) {
		struct attempt *attempt = roster_find(lease->roster, lost[i]);

		if (attempt)
			settle_lost(lease->settle, attempt,
				    "it could not be renewed");
	}
	note_renewed(lease, &lease->roster->active);
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

	if (lease->is_asking || roster->n == 0)
		return;
	ids = xcalloc(roster->n, sizeof(*ids));
	n = collect_ids(&roster->active, ids, n, roster->n);
	n = collect_ids(&roster->ended, ids, n, roster->n);
	if (n > 0 &&
	    finish_extend(roster->queue, roster->token, ids, n,
			  lease->lock_duration_ms, on_extended, lease) == HS_OK)
		lease->is_asking = true;
	lease->asked_ms = clock_mono_ms();
	free(ids);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	lease_renew(ctx);
}

struct lease *
lease_new(struct event_base *base, struct roster *roster, struct settle *settle,
	  int64_t lock_duration_ms)
{
	struct lease *lease = xcalloc(1, sizeof(*lease));
	const int64_t every_ms = lock_duration_ms / 4; /* BullMQ's own rhythm */

	lease->roster = roster;
	lease->settle = settle;
	lease->lock_duration_ms = lock_duration_ms;
	lease->timer = bell_every(base, every_ms, on_timer, lease);
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
