/*
 * clock: the two clocks, never mixed. Wall time is stored and shown
 * (..._at_ms); monotonic time is for deadlines (..._due_ms).
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <sys/time.h>

int64_t clock_wall_ms(void); /* ms since 1970-01-01 UTC */
int64_t clock_mono_ms(void); /* ms since some start, never going back */
int64_t clock_mono_us(void);

/* A span of time as timers take it; ms >= 0. */
static inline struct timeval
clock_timeval(int64_t ms)
{
	return (struct timeval){
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};
}

/* Tests put their own clocks in (µs); NULL restores the system's. */
void clock_set_source(int64_t (*wall_us)(void), int64_t (*mono_us)(void));

#endif
