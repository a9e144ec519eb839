/*
 * refusals: the lines about refused deliveries.
 *
 * Each one gets a line with its request's id, until a window has had its fill
 * of lines of the same endpoint and reason: an attack, or a Redis that is away,
 * must not bury the rest of the log. What is held back is counted, and the
 * count gets a line of its own when the window is over: the lines and the
 * counts together are all that was refused. Thread: the owner's.
 */
#ifndef FCGI_REFUSALS_H
#define FCGI_REFUSALS_H

#include <stdint.h>

#define REFUSALS_WINDOW_MS 10000
#define REFUSALS_LINES 10 /* of one endpoint and reason in a window */

struct refusals;

struct refusals *refusals_new(void);
/* Tells the counts that are not told yet. */
void refusals_free(struct refusals *refusals);

/* One more. All borrowed; why is for the log, and so is path: the one that no
 * endpoint has, else NULL. */
void refusals_log(struct refusals *refusals, const char *endpoint, int status,
		  const char *request_id, const char *path, const char *why);
/* Tells the counts of windows that are over; cheap when there is none. From a
 * timer. */
void refusals_tick(struct refusals *refusals);

#endif
