/*
 * pulse: may a daemon tell the watchdog that it is well?
 *
 * A timer of the program's loop calls pulse_beat(), which makes pulse_fd()
 * readable; the loop's I/O event for it calls pulse_answer(), which says
 * whether to ping. So a ping proves that timers and I/O run both. And it proves
 * progress: rooms that owe something are asked when that is due; while one of
 * them is late, no ping goes out, and the log says once which.
 *
 * A room owes only what it keeps its own deadlines for: a Redis that is away
 * owes us, not we it, but its next try at a connection is owed. Knows no loop.
 * Thread: the loop's.
 */
#ifndef BASE_PULSE_H
#define BASE_PULSE_H

#include <stdbool.h>
#include <stdint.h>

/* Of a pulse_due_fn: nothing is owed. */
#define PULSE_NOTHING INT64_MAX
/* Late is what is not done so long after it was due: a loop under load, a
 * machine that was stopped and has just gone on. */
#define PULSE_MARGIN_MS 5000

struct pulse;

/* By when (monotonic) the room must have done what it owes next: the earliest
 * of its deadlines. Cheap, changes nothing. */
typedef int64_t (*pulse_due_fn)(void *ctx);

struct pulse *pulse_new(void);
void pulse_free(struct pulse *pulse);
/* Non-blocking; to be watched for reading. */
int pulse_fd(const struct pulse *pulse);
/* A room that owes, and what, as the log says it: "a Redis command". The name
 * is borrowed for the pulse's life. */
void pulse_ask(struct pulse *pulse, const char *name, pulse_due_fn fn,
	       void *ctx);

/* From the timer, each notify_watchdog_interval_ms(). */
void pulse_beat(struct pulse *pulse);
/* From the I/O event. True: ping now. False: there was no beat, or something is
 * late. */
bool pulse_answer(struct pulse *pulse);
/* What is late by its name; NULL: nothing. */
const char *pulse_late(const struct pulse *pulse);

#endif
