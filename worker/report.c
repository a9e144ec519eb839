/*
 * report: see report.h. A turn that comes too soon after the last line sets a
 * bell, so that the last change is always told and an idle worker sleeps.
 */
#include "worker/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/notify.h"
#include "worker/bell.h"

#define PAUSE_MS 1000
#define LINE_BYTES 512 /* more than systemd is told: notify.c cuts */
#define DAY_MS (24 * INT64_C(3600000))

struct report {
	report_fn fn;
	void *ctx;
	struct event *bell;
	int64_t told_ms; /* monotonic */
	bool is_told;
	char line[LINE_BYTES];
};

static void
print_time(int64_t at_ms, char *out, size_t out_len)
{
	const time_t at_s = (time_t)(at_ms / 1000);
	struct tm tm;

	out[0] = '\0';
	if (!localtime_r(&at_s, &tm))
		return;
	/* of today's outages nobody needs the date */
	(void)strftime(out, out_len,
		       clock_wall_ms() - at_ms < DAY_MS / 2 ? "%H:%M:%S"
							    : "%F %H:%M",
		       &tm);
}

static void
print_shut(const struct report_facts *facts, char *out, size_t out_len)
{
	out[0] = '\0';
	if (facts->n_shut == 1)
		snprintf(out, out_len, "; service %s is shut: %s",
			 facts->shut_service, facts->why_shut);
	else if (facts->n_shut > 1)
		snprintf(out, out_len,
			 "; %zu services are shut, among them %s: %s",
			 facts->n_shut, facts->shut_service, facts->why_shut);
}

void
report_print(const struct report_facts *facts, char *out, size_t out_len)
{
	char work[128];
	char redis[256];
	char shut[256];
	char when[32];

	if (facts->is_stopping)
		snprintf(work, sizeof(work), "stopping, %zu jobs under way",
			 facts->n_active);
	else if (facts->is_idle && facts->n_active == 0)
		snprintf(work, sizeof(work),
			 "no route is configured, no job is taken");
	else
		snprintf(work, sizeof(work),
			 "%zu active, %" PRIu64 " done, %" PRIu64 " failed",
			 facts->n_active, facts->n_done, facts->n_failed);
	if (facts->is_up && facts->refused[0]) {
		snprintf(redis, sizeof(redis), "refuses our commands: %s",
			 facts->refused);
	} else if (facts->is_up) {
		snprintf(redis, sizeof(redis), "up");
	} else {
		print_time(facts->away_at_ms, when, sizeof(when));
		snprintf(redis, sizeof(redis), "away since %s: %s", when,
			 facts->why_away);
	}
	print_shut(facts, shut, sizeof(shut));
	snprintf(out, out_len, "%s; Redis %s%s%s%s", work, redis,
		 facts->reload_failed[0] ? "; reload failed: " : "",
		 facts->reload_failed, shut);
}

static void
tell(struct report *report)
{
	struct report_facts facts = { .why_away = "",
				      .refused = "",
				      .reload_failed = "" };
	char line[LINE_BYTES];

	report->fn(report->ctx, &facts);
	report_print(&facts, line, sizeof(line));
	if (report->is_told && strcmp(line, report->line) == 0)
		return;
	memcpy(report->line, line, sizeof(line));
	report->is_told = true;
	report->told_ms = clock_mono_ms();
	notify_status("%s", line);
}

static void
on_bell(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	tell(ctx);
}

struct report *
report_new(struct event_base *base, report_fn fn, void *ctx)
{
	struct report *report = xcalloc(1, sizeof(*report));

	report->fn = fn;
	report->ctx = ctx;
	report->bell = bell_new(base, on_bell, report);
	return report;
}

void
report_free(struct report *report)
{
	if (!report)
		return;
	event_free(report->bell);
	free(report);
}

void
report_turn(struct report *report)
{
	const int64_t due_ms = report->told_ms + PAUSE_MS;
	const int64_t now_ms = clock_mono_ms();

	if (!report->is_told || now_ms >= due_ms)
		tell(report);
	else if (!event_pending(report->bell, EV_TIMEOUT, NULL))
		bell_set(report->bell, due_ms - now_ms);
}

void
report_now(struct report *report)
{
	tell(report);
}
