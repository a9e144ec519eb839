/*
 * pulse: a beat, its echo, and the list of who owes what.
 *
 * The beat goes through an eventfd, so that it comes back by the loop's own
 * way of waiting for descriptors. It comes back in a later turn than the timer
 * that sent it.
 *
 * A process that was stopped, or a machine that slept, finds that its clock has
 * gone on and its timers have not. Such a gap shows between two beats, and as
 * much time again is given to make up for it.
 */
#include "base/pulse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"

#define MAX_ROOMS 16 /* a program has a handful */

struct room {
	const char *name;
	pulse_due_fn fn;
	void *ctx;
};

struct pulse {
	int fd;
	struct room rooms[MAX_ROOMS];
	size_t n_rooms;
	int64_t interval_ms;
	int64_t last_beat_ms;   /* monotonic */
	int64_t lenient_due_ms; /* nothing is late before */
	bool is_late;           /* as the log knows it */
};

struct pulse *
pulse_new(void)
{
	struct pulse *pulse = xcalloc(1, sizeof(*pulse));
	pulse->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (pulse->fd < 0)
		log_fatal(EX_OSERR, "eventfd: %s", strerror(errno));
	pulse->interval_ms = notify_watchdog_interval_ms();
	pulse->last_beat_ms = clock_mono_ms();
	return pulse;
}

void
pulse_free(struct pulse *pulse)
{
	if (pulse == NULL)
		return;
	close(pulse->fd);
	free(pulse);
}

int
pulse_fd(const struct pulse *pulse)
{
	return pulse->fd;
}

void
pulse_ask(struct pulse *pulse, const char *name, pulse_due_fn fn, void *ctx)
{
	log_assert(pulse->n_rooms < MAX_ROOMS);
	pulse->rooms[pulse->n_rooms++] = (struct room){ name, fn, ctx };
}

void
pulse_beat(struct pulse *pulse)
{
	const uint64_t one = 1;
	int64_t now_ms = clock_mono_ms();
	int64_t gap_ms = now_ms - pulse->last_beat_ms - pulse->interval_ms;
	if (gap_ms > PULSE_MARGIN_MS)
		pulse->lenient_due_ms = now_ms + gap_ms;
	pulse->last_beat_ms = now_ms;
	/* full only when nobody has read it for ages: no ping then either */
	ssize_t n = write(pulse->fd, &one, sizeof(one));
	(void)n;
}

/* The room that is the latest; NULL: none is. */
static const struct room *
find_late(const struct pulse *pulse, int64_t *late_ms)
{
	int64_t now_ms = clock_mono_ms();
	const struct room *latest = NULL;
	*late_ms = PULSE_MARGIN_MS;
	if (now_ms < pulse->lenient_due_ms)
		return NULL;
	for (size_t i = 0; i < pulse->n_rooms; i++) {
		const struct room *room = &pulse->rooms[i];
		int64_t due_ms = room->fn(room->ctx);
		if (due_ms == PULSE_NOTHING || now_ms - due_ms <= *late_ms)
			continue;
		latest = room;
		*late_ms = now_ms - due_ms;
	}
	return latest;
}

bool
pulse_answer(struct pulse *pulse)
{
	uint64_t n_beats;
	int64_t late_ms;
	if (read(pulse->fd, &n_beats, sizeof(n_beats)) !=
	    (ssize_t)sizeof(n_beats))
		return false;
	const struct room *late = find_late(pulse, &late_ms);
	if (late != NULL && !pulse->is_late)
		log_event(LOG_LEVEL_ERROR, MESSAGE_WATCHDOG,
			  "no sign of life for the watchdog: overdue is "
			  "what=\"%s\" late_ms=%lld",
			  late->name, (long long)late_ms);
	else if (late == NULL && pulse->is_late)
		log_notice("nothing is overdue any more");
	pulse->is_late = late != NULL;
	return late == NULL;
}

const char *
pulse_late(const struct pulse *pulse)
{
	int64_t late_ms;
	const struct room *late = find_late(pulse, &late_ms);
	return late != NULL ? late->name : NULL;
}
