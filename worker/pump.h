/*
 * pump: keeps the house full, not fuller: one queue's way in. Waits on the
 * marker, takes jobs into free slots, starts their attempts, looks for stalled
 * ones; and owns what else belongs to one queue (roster, settle, lease).
 *
 *	TAKING ---- some, maybe more ----> TAKING as slots are free
 *	   |  \
 *	   |   empty, busy, or all there was --> DRAINED: waits on the marker,
 *	   |        at most drain_delay; a timer for the next delayed job
 *	   |                                     then TAKING
 *	   limited, refused --> RESTING: a timer, then TAKING
 */
#ifndef WORKER_PUMP_H
#define WORKER_PUMP_H

#include "conf/conf.h"
#include "worker/attempt.h"
#include "worker/roster.h"
#include "worker/settle.h"

struct event_base;
struct topo;
struct pump;

struct pump_settings { /* all borrowed */
	struct event_base *base;
	struct topo *topo;
	struct rconn *conn;      /* for all but the blocking wait */
	const struct conf *conf; /* of the start: see pump_set_conf() */
	const char *prefix;
	const char *queue;
	const char *worker_name;
	const char *token;
	struct roster_slots *slots;
	const struct attempt_env *env;
};

struct pump *pump_new(const struct pump_settings *settings);
/* settings.conn must be freed before, the map thread and http after it (its
 * attempts cancel what runs). */
void pump_free(struct pump *pump);

/* The command connection came up. */
void pump_on_connected(struct pump *pump);
/* Takes or waits, where that is due. Once per turn. true: it has asked for all
 * free slots, and others come first next time. */
bool pump_turn(struct pump *pump);
/* Tells Redis what ended. Once per turn. false: some had to be left for later.
 */
bool pump_settle(struct pump *pump);
/* An attempt of this worker ended: true and off the active list if ours. */
bool pump_ended(struct pump *pump, struct attempt *attempt);

/* Another configuration from now on, but for what only a start can take over:
 * the queue's name and prefix, the worker's name, Redis. Borrowed. */
void pump_set_conf(struct pump *pump, const struct conf *conf);

/* Takes nothing more. */
void pump_stop(struct pump *pump);
/* What runs is stopped and given back. */
void pump_give_back(struct pump *pump);
/* Jobs we answer for, and takes under way. */
size_t pump_n_held(const struct pump *pump);
/* Slots it has a claim to: by attempts, and by the take under way. */
size_t pump_n_slots(const struct pump *pump);
size_t pump_n_active(const struct pump *pump);
struct settle_counts pump_counts(const struct pump *pump);
/* Why Redis refused the last take, as it said; "": it did not. */
const char *pump_refused(const struct pump *pump);
struct queue *pump_queue(const struct pump *pump);

/* What a watchdog should know: by when (monotonic ms) there must be an answer to
 * a take, an end of a request under way, an answer to what was told, a renewal
 * of the locks, an act of the waiting connection. INT64_MAX: nothing is due. */
int64_t pump_take_due_ms(const struct pump *pump);
int64_t pump_attempt_due_ms(const struct pump *pump);
int64_t pump_settle_due_ms(const struct pump *pump);
int64_t pump_lease_due_ms(const struct pump *pump);
int64_t pump_redis_due_ms(const struct pump *pump);

#endif
