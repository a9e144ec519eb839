/*
 * vigil: the watchdog's pings, and who is asked before one goes out: see
 * base/pulse.h. What each room owes:
 *
 *	Redis	an answer to each command, or the next try at a connection
 *	pump	a take, after each wait; an end of each request under way
 *	settle	an answer to what was told
 *	lease	a renewal of the locks
 *	map	the end of a run
 *	gate	another ticket in, while a line waits
 *	shift	its end, when the grace is over
 *
 * So a worker waits for Redis, an empty queue, or a slow service as long as it
 * takes, and does not stay alive by waiting for nothing.
 */
#ifndef WORKER_VIGIL_H
#define WORKER_VIGIL_H

#include "worker/map.h"
#include "worker/plan.h"
#include "worker/pump.h"

struct vigil;

struct vigil_wards { /* asked at each beat; the pointers are borrowed */
	struct rconn *conn;
	struct pump **pumps;
	size_t n_pumps;
	struct list *plans; /* all that live */
	struct map *map;
	const struct roster_slots *slots;
	int64_t stop_due_ms; /* monotonic; INT64_MAX: does not stop */
};

/* wards is borrowed and may change. NULL when nobody wants pings. */
struct vigil *vigil_new(struct event_base *base,
			const struct vigil_wards *wards);
void vigil_free(struct vigil *vigil);

#endif
