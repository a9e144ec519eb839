/*
 * status: what needs somebody to act stands in front, for the line is cut at
 * its end.
 */
#include "fcgi/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/notify.h"

#define TIME_BYTES 32
/* A reason must leave room for the rest. */
#define REASON_CHARS 90

/* "12:03", of another day "Nov 24 12:03". */
static void
say_time(int64_t at_ms, int64_t now_at_ms, char out[TIME_BYTES])
{
	time_t at = (time_t)(at_ms / 1000);
	time_t now = (time_t)(now_at_ms / 1000);
	struct tm then = { 0 };
	struct tm today = { 0 };
	(void)localtime_r(&at, &then);
	(void)localtime_r(&now, &today);
	bool is_today =
		then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
	if (strftime(out, TIME_BYTES, is_today ? "%H:%M" : "%b %e %H:%M",
		     &then) == 0)
		out[0] = '\0';
}

void
status_compose(const struct status_facts *facts, int64_t now_at_ms,
	       struct buf *out)
{
	char time[TIME_BYTES];
	if (facts->is_stopping) {
		buf_notef(out, "stopping; %zu requests are inside",
			  facts->n_inside);
		return;
	}
	if (facts->reload_error != NULL) {
		say_time(facts->reload_failed_at_ms, now_at_ms, time);
		buf_notef(out,
			  "reload failed at %s, the old settings stay: "
			  "%.*s; ",
			  time, REASON_CHARS, facts->reload_error);
	}
	buf_notef(out, "listening on %s; ", facts->listening);
	if (!facts->has_endpoints)
		buf_notef(out, "no endpoint is configured yet; ");
	buf_notef(out, "%" PRIu64 " accepted, %" PRIu64 " refused; ",
		  facts->n_accepted, facts->n_refused);
	if (facts->is_redis_up) {
		buf_notef(out, "Redis up");
		return;
	}
	say_time(facts->redis_away_since_at_ms, now_at_ms, time);
	buf_notef(out, "Redis away since %s: %.*s", time, REASON_CHARS,
		  facts->redis_error);
}

void
status_tell(struct status *status, const struct status_facts *facts)
{
	struct buf text;
	buf_init(&text, STATUS_BYTES);
	status_compose(facts, clock_wall_ms(), &text);
	if (strcmp(buf_text(&text), status->sent) != 0) {
		(void)snprintf(status->sent, sizeof(status->sent), "%s",
			       buf_text(&text));
		notify_status("%s", status->sent);
	}
	buf_fini(&text);
}
