/*
 * patience: a test turns its loop until something holds, for so long and no
 * longer. It needs a persistent event that ticks (on_tick), or the loop may
 * sleep past the end.
 */
#ifndef TESTS_LIB_PATIENCE_H
#define TESTS_LIB_PATIENCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"

#define PATIENCE_MS 60000 /* what is well is quick; this is for what hangs */

#define WAIT_FOR(base, cond)                                            \
	do {                                                            \
		int64_t due_ms_ = clock_mono_ms() + PATIENCE_MS;        \
		while (!(cond)) {                                       \
			if (clock_mono_ms() > due_ms_)                  \
				fail_msg("in vain: %s", #cond);         \
			/* a failure inside a callback left the loop */ \
			if (event_base_loop((base), EVLOOP_ONCE) < 0)   \
				fail_msg("no loop for: %s", #cond);     \
		}                                                       \
	} while (0)

static inline void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
}

/* How many turns there were. */
static inline int
turn_for(struct event_base *base, int64_t ms)
{
	int64_t due_ms = clock_mono_ms() + ms;
	int n = 0;

	for (; clock_mono_ms() < due_ms; n++)
		(void)event_base_loop(base, EVLOOP_ONCE);
	return n;
}

#endif
