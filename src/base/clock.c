/*
 * clock: the system's two clocks behind two pointers, so that a test can stop
 * them, push them or let wall time jump back while monotonic time goes on.
 *
 * Nobody else in the house asks the system for the time. The pointers are set
 * before threads start and never after.
 */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t
system_us(clockid_t id)
{
	struct timespec now = { 0 };
	/* Both clocks exist on every Linux: it cannot fail. */
	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t
system_wall_us(void)
{
	return system_us(CLOCK_REALTIME);
}

/* Also counts while the machine sleeps: a lock does run out meanwhile. */
static int64_t
system_mono_us(void)
{
	return system_us(CLOCK_BOOTTIME);
}

static int64_t (*wall_source)(void) = system_wall_us;
static int64_t (*mono_source)(void) = system_mono_us;

int64_t
clock_wall_ms(void)
{
	return wall_source() / 1000;
}

int64_t
clock_mono_ms(void)
{
	return mono_source() / 1000;
}

int64_t
clock_mono_us(void)
{
	return mono_source();
}

void
clock_set_source(int64_t (*wall_us)(void), int64_t (*mono_us)(void))
{
	wall_source = wall_us != NULL ? wall_us : system_wall_us;
	mono_source = mono_us != NULL ? mono_us : system_mono_us;
}
