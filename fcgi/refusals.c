/*
 * refusals: a few windows side by side, one per endpoint and reason. A reason
 * may hold words of the sender (a field's fault), so their number is bounded:
 * when all windows are taken, further reasons share the last one.
 */
#include "fcgi/refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define N_WINDOWS 64
#define OTHERS "several reasons"

struct window {
	char endpoint[BOUNDS_NAME_BYTES + 1];
	char why[BOUNDS_REASON_BYTES + 1];
	int status;
	int64_t due_ms; /* monotonic: its end; 0: it is free */
	unsigned n_lines;
	uint64_t n_held_back;
};

struct refusals {
	struct window windows[N_WINDOWS];
	int64_t next_due_ms; /* no window ends earlier */
};

struct refusals *
refusals_new(void)
{
	struct refusals *refusals = xcalloc(1, sizeof(*refusals));
	refusals->next_due_ms = INT64_MAX;
	return refusals;
}

/* A wrong signature may be an attack or a wrong secret, a 503 is a delivery
 * that must come again: somebody should know. The rest is the sender's. */
static enum log_level
level_of(int status)
{
	return status >= 500 || status == 401 ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
}

static enum message
message_of(int status)
{
	if (status == 401)
		return MESSAGE_REFUSED_SIGNATURE;
	return status >= 500 ? MESSAGE_REFUSED_UNAVAILABLE : MESSAGE_REFUSED;
}

static void
window_close(struct window *window)
{
	if (window->n_held_back > 0)
		log_event(level_of(window->status), message_of(window->status),
			  "more deliveries refused endpoint=%s status=%d "
			  "n=%llu reason=\"%s\"",
			  window->endpoint, window->status,
			  (unsigned long long)window->n_held_back, window->why);
	window->due_ms = 0;
	window->n_held_back = 0;
}

void
refusals_free(struct refusals *refusals)
{
	if (refusals == NULL)
		return;
	for (size_t i = 0; i < N_WINDOWS; i++)
		window_close(&refusals->windows[i]);
	free(refusals);
}

void
refusals_tick(struct refusals *refusals)
{
	int64_t now_ms = clock_mono_ms();
	if (now_ms < refusals->next_due_ms)
		return;
	refusals->next_due_ms = INT64_MAX;
	for (size_t i = 0; i < N_WINDOWS; i++) {
		struct window *window = &refusals->windows[i];
		if (window->due_ms != 0 && now_ms >= window->due_ms)
			window_close(window);
		if (window->due_ms != 0 &&
		    window->due_ms < refusals->next_due_ms)
			refusals->next_due_ms = window->due_ms;
	}
}

static struct window *
find(struct refusals *refusals, const char *endpoint, int status,
     const char *why)
{
	struct window *unused = NULL;
	struct window *others = &refusals->windows[N_WINDOWS - 1];
	for (size_t i = 0; i < N_WINDOWS - 1; i++) {
		struct window *window = &refusals->windows[i];
		if (window->due_ms == 0) {
			if (unused == NULL)
				unused = window;
		} else if (window->status == status &&
			   strcmp(window->endpoint, endpoint) == 0 &&
			   strcmp(window->why, why) == 0) {
			return window;
		}
	}
	if (unused == NULL && others->due_ms != 0) {
		/* its count is as loud as the worst of it */
		if (level_of(status) > level_of(others->status))
			others->status = status;
		return others;
	}
	struct window *window = unused != NULL ? unused : others;
	*window = (struct window){ .status = status };
	(void)snprintf(window->endpoint, sizeof(window->endpoint), "%s",
		       unused != NULL ? endpoint : "several");
	(void)snprintf(window->why, sizeof(window->why), "%s",
		       unused != NULL ? why : OTHERS);
	window->due_ms = clock_mono_ms() + REFUSALS_WINDOW_MS;
	if (refusals->next_due_ms > window->due_ms)
		refusals->next_due_ms = window->due_ms;
	return window;
}

void
refusals_log(struct refusals *refusals, const char *endpoint, int status,
	     const char *request_id, const char *path, const char *why)
{
	refusals_tick(refusals);
	struct window *window = find(refusals, endpoint, status, why);
	if (window->n_lines >= REFUSALS_LINES) {
		window->n_held_back++;
		return;
	}
	window->n_lines++;
	log_event(level_of(status), message_of(status),
		  "delivery refused endpoint=%s status=%d request=%s path=%s "
		  "reason=\"%s\"",
		  endpoint, status, request_id, path, why);
}
