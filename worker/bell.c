/*
 * bell: see bell.h.
 */
#include "worker/bell.h"

#include "base/clock.h"
#include "base/log.h"

static struct event *
open_bell(struct event_base *base, short what, event_callback_fn fn, void *ctx)
{
	struct event *bell = event_new(base, -1, what, fn, ctx);

	if (!bell)
		log_fatal(71, "cannot make a timer"); /* EX_OSERR */
	return bell;
}

struct event *
bell_new(struct event_base *base, event_callback_fn fn, void *ctx)
{
	return open_bell(base, 0, fn, ctx);
}

struct event *
bell_every(struct event_base *base, int64_t every_ms, event_callback_fn fn,
	   void *ctx)
{
	struct event *bell = open_bell(base, EV_PERSIST, fn, ctx);

	bell_set(bell, every_ms);
	return bell;
}

void
bell_set(struct event *bell, int64_t ms)
{
	const struct timeval after = clock_timeval(ms);

	if (event_add(bell, &after))
		log_bug("cannot set a timer");
}
