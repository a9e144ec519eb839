/*
 * pump: the take loop of one queue.
 *
 * Rules, after BullMQ's worker: never block while there may be something to
 * take; after an empty take wait on the marker; a wait that ends, by marker or
 * by time, is followed by a take (the net under lost markers); a marker that
 * names a time only sets the timer, and the wait goes on for what is left of it:
 * where delayed jobs are added all the time, each would else put the take off.
 * Beyond BullMQ: the time of the next delayed job is kept by our own timer,
 * because Redis ends a blocking wait only to a tenth of a second; and a take
 * that brings fewer than asked for has emptied the queue, so no second one is
 * sent to see it empty. While there is work, the call that tells how jobs ended
 * takes the next ones (settle): on_taken() does not care which call brought
 * them.
 *
 * Several queues share the slots in turn. A queue that finds none says that it
 * is hungry; as long as one is, no other keeps the slots it sets free by taking
 * in the same call. A marker that came while there was no slot is put back: it
 * may be meant for a worker elsewhere that has one.
 *
 * A queue of BullMQ's closed edition is left alone, unless the operator says
 * otherwise: its keys are unknown, and what we do not know we could harm. Its
 * settings are looked at before the first take and with each stalled check.
 *
 * The blocking connection carries the worker's name (CLIENT SETNAME), by which
 * getWorkers() and dashboards find us. If it alone is down, a timer takes its
 * place.
 *
 * For the watchdog each take is a proof of life: while Redis is there and a slot
 * is free, there is an answer to one after every wait on the marker. So a worker
 * that only seems to wait is found out, and one whose queue is empty or paused,
 * or whose slots are all in use, is not.
 */
#include "worker/pump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "queue/control.h"
#include "queue/take.h"
#include "worker/bell.h"
#include "worker/lease.h"
#include "worker/quote.h"
#include "worker/refusal.h"
#include "worker/settle.h"
#include "worker/tick.h"

#define REST_MS 1000         /* after a refusal; BullMQ: 15 s */
#define LIMITED_MAX_MS 30000 /* BullMQ's maximumRateLimitDelay */
#define TIMER_MAX_MS 10000   /* BullMQ's cap of a block */
#define WAIT_MIN_MS 10       /* a shorter one is not worth a command */
#define PRO_MS 60000         /* between looks at a queue that is not for us */
#define CLIENT_NAME_BYTES 1024

struct pump {
	struct pump_settings set;
	struct queue *queue;
	struct rconn *blocking;
	struct roster roster;
	struct settle *settle;
	struct lease *lease;
	struct tick *tick;
	struct event *due_timer; /* then: take */
	struct event *stalled_timer;
	bool is_known;    /* the queue may be worked on */
	bool is_pro;      /* it may not: it is BullMQ Pro's */
	bool is_looking;  /* at its settings */
	bool has_started; /* the blocking connection */
	bool is_stopping;
	bool is_drained;       /* the last take left nothing to take */
	bool is_waiting;       /* a wait on the marker is under way */
	bool is_resting;       /* due_timer says when that is over */
	bool is_busy;          /* paused, or at the queue's own limit */
	bool is_hungry;        /* has something to take and no slot */
	bool has_marker;       /* and has taken nothing since it came */
	size_t n_asked;        /* of the take under way; 0: none */
	int64_t asked_ms;      /* monotonic: when it was sent */
	int64_t asked_lock_ms; /* and how long its locks will last */
	int64_t answered_ms; /* of the last take, or a look before the first */
	int64_t connected_ms;
	int64_t rest_due_ms;
	int64_t wait_ms;   /* a duration: from take to take, of the last wait */
	int64_t due_at_ms; /* wall time of the next delayed job; 0: unknown */
	uint64_t n_told_seen;
	struct log_storm storm;
	char refused
		[REFUSAL_REASON_BYTES]; /* the last take: why; "": it was not */
};

/* ---- timers ---- */

/* At the due time of the next delayed job; in between, now and then. */
static void
arm_due(struct pump *pump)
{
	int64_t ms = pump->set.conf->worker.drain_delay_ms;

	if (pump->due_at_ms > 0) {
		const int64_t left_ms = pump->due_at_ms - clock_wall_ms();

		if (left_ms < TIMER_MAX_MS)
			ms = left_ms > 0 ? left_ms : 0;
		else if (pump->is_waiting)
			return;
	} else if (pump->is_waiting) {
		return; /* its own end is enough */
	}
	if (ms > TIMER_MAX_MS)
		ms = TIMER_MAX_MS;
	bell_set(pump->due_timer, ms);
}

static void
rest(struct pump *pump, int64_t ms)
{
	pump->is_resting = true;
	pump->rest_due_ms = clock_mono_ms() + ms;
	bell_set(pump->due_timer, ms > 0 ? ms : 1);
}

static void
on_due(evutil_socket_t fd, short what, void *ctx)
{
	struct pump *pump = ctx;

	(void)fd;
	(void)what;
	pump->is_resting = false;
	pump->is_drained = false;
	pump->due_at_ms = 0;
}

/* ---- taking ---- */

static void
trouble(struct pump *pump, const char *what, enum hs_err err, const char *text)
{
	/* a lost connection is rconn's to report */
	if (err != HS_UNAVAILABLE)
		refusal_log(LOG_LEVEL_ERROR, &pump->storm, what,
			    pump->set.queue, 0, err, text);
}

/* No job will be taken until Redis thinks otherwise. */
static void
note_refusal(struct pump *pump, enum hs_err err, const char *text)
{
	if (err == HS_UNAVAILABLE || err == HS_TIMEOUT)
		return;
	snprintf(pump->refused, sizeof(pump->refused), "%s",
		 text && *text ? text : hs_err_text(err));
}

static void
log_taken(const struct pump *pump, const struct job *job)
{
	struct quote_id id;

	log_event(LOG_LEVEL_INFO, MESSAGE_JOB_TAKEN,
		  "job taken queue=%s job=%s name=\"%s\" attempt=%" PRId64
		  " age_ms=%" PRId64,
		  pump->set.queue, quote_id(&id, job->id_bytes), job->name,
		  job->made + 1, clock_wall_ms() - job->timestamp_ms);
}

/* Since a take was sent a stop or a reload may have left no slot at all: what it
 * brings goes back. true: it does. */
static bool
goes_back(struct pump *pump, struct attempt *attempt)
{
	if (!pump->is_stopping && pump->set.slots->n_all > 0)
		return false;
	attempt_give_back(attempt);
	roster_move(&pump->roster.ended, attempt);
	return true;
}

static void
begin(struct pump *pump, struct job *job)
{
	struct attempt *before = roster_find(&pump->roster, job->id_bytes);
	struct attempt *attempt;

	/* our own lock ran out and we got the job again */
	if (before)
		settle_lost(pump->settle, before, "the job was taken again");
	log_taken(pump, job);
	attempt = attempt_new(pump->set.env, job);
	attempt->lock_due_ms = pump->asked_ms + pump->asked_lock_ms;
	roster_add(&pump->roster, attempt);
	if (!goes_back(pump, attempt) && !tick_begin(pump->tick, attempt))
		attempt_start(attempt);
}

/* Its scheduler's next job is there. */
static void
on_ticked(void *ctx, struct attempt *attempt)
{
	struct pump *pump = ctx;

	if (!goes_back(pump, attempt))
		attempt_start(attempt);
}

static void
on_taken(void *ctx, enum hs_err err, const char *text,
	 struct take_result *result)
{
	struct pump *pump = ctx;
	const size_t n_asked = pump->n_asked;

	pump->n_asked = 0;
	pump->answered_ms = clock_mono_ms();
	roster_slots_free(pump->set.slots, n_asked);
	if (err) {
		trouble(pump, "cannot take jobs", err, text);
		note_refusal(pump, err, text);
		if (err != HS_UNAVAILABLE)
			rest(pump, REST_MS);
		return;
	}
	pump->refused[0] = '\0';
	pump->is_busy = result->is_busy;
	pump->due_at_ms = result->next_due_ms;
	pump->set.slots->n_used += result->n;
	for (size_t i = 0; i < result->n; i++)
		begin(pump, result->jobs[i]);
	if (result->limited_ms > 0)
		rest(pump, result->limited_ms < LIMITED_MAX_MS
				   ? result->limited_ms
				   : LIMITED_MAX_MS);
	else if (result->n < n_asked)
		pump->is_drained = true;
}

/* What comes with the ends of jobs, which may have been what kept the queue at
 * its own limit: that was looked at. */
static void
on_taken_with_ends(void *ctx, enum hs_err err, const char *text,
		   struct take_result *result)
{
	struct pump *pump = ctx;

	pump->n_told_seen = settle_n_told(pump->settle);
	on_taken(pump, err, text, result);
}

static struct take_options
take_options_of(const struct pump *pump, size_t n)
{
	const struct conf *conf = pump->set.conf;

	return (struct take_options){
		.token = pump->set.token,
		.worker_name = pump->set.worker_name,
		.lock_duration_ms = conf->worker.lock_duration_ms,
		.n = n < BOUNDS_TAKE_BATCH ? n : BOUNDS_TAKE_BATCH,
		.now_ms = clock_wall_ms(),
		.limit = { conf->queue.limit_max, conf->queue.limit_ms },
	};
}

static void
note_asked(struct pump *pump, size_t n)
{
	pump->n_asked = n;
	pump->has_marker = false;
	pump->asked_ms = clock_mono_ms();
	pump->asked_lock_ms = pump->set.conf->worker.lock_duration_ms;
	pump->set.slots->n_used += n;
}

static bool
may_take(const struct pump *pump)
{
	return !pump->is_stopping && pump->n_asked == 0 && !pump->is_resting &&
	       pump->is_known;
}

static void
take(struct pump *pump, size_t n_free)
{
	const struct take_options options = take_options_of(pump, n_free);
	enum hs_err err;

	err = take_jobs(pump->queue, &options, on_taken, pump);
	if (err) {
		trouble(pump, "cannot take jobs", err, NULL);
		rest(pump, REST_MS);
		return;
	}
	note_asked(pump, options.n);
}

/* ---- waiting ---- */

static void
on_marker(void *ctx, enum hs_err err, int64_t due_ms)
{
	struct pump *pump = ctx;

	pump->is_waiting = false;
	if (err) {
		if (err != HS_UNAVAILABLE && err != HS_TIMEOUT) {
			trouble(pump, "cannot wait for jobs", err, NULL);
			rest(pump, REST_MS);
		}
		return;
	}
	if (due_ms > clock_wall_ms()) { /* consumed early: remember it */
		if (pump->due_at_ms == 0 || due_ms < pump->due_at_ms)
			pump->due_at_ms = due_ms;
		return;
	}
	pump->is_drained = false;
	pump->has_marker = due_ms >= 0;
}

static void
pass_marker_on(struct pump *pump)
{
	/* when it cannot be: others look for themselves, a little later */
	if (take_wake(pump->queue) != HS_OK)
		log_debug("a marker is lost queue=%s", pump->set.queue);
	pump->has_marker = false;
}

/* Of the time between two takes. */
static int64_t
wait_left_ms(const struct pump *pump)
{
	return pump->answered_ms + pump->set.conf->worker.drain_delay_ms -
	       clock_mono_ms();
}

static void
wait(struct pump *pump)
{
	if (!pump->is_waiting &&
	    take_wait(pump->blocking, pump->queue->keys, wait_left_ms(pump),
		      on_marker, pump) == HS_OK) {
		pump->is_waiting = true;
		pump->wait_ms = pump->set.conf->worker.drain_delay_ms;
	}
	if (pump->due_at_ms > 0 ||
	    !event_pending(pump->due_timer, EV_TIMEOUT, NULL))
		arm_due(pump);
}

/* ---- the stalled check ---- */

static void
on_stalled(void *ctx, enum hs_err err, const char *text, const struct span *ids,
	   size_t n)
{
	struct pump *pump = ctx;

	if (err) {
		trouble(pump, "cannot look for stalled jobs", err, text);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct attempt *ours = roster_find(&pump->roster, ids[i]);
		struct quote_id id;

		log_event(LOG_LEVEL_WARN, MESSAGE_JOB_STALLED,
			  "job stalled queue=%s job=%s reason=\"its worker "
			  "lost the lock; it waits again\"",
			  pump->set.queue, quote_id(&id, ids[i]));
		if (ours)
			settle_lost(pump->settle, ours, "it stalled");
	}
	if (n > 0)
		pump->is_drained = false;
}

static void
check_stalled(struct pump *pump)
{
	const struct conf_worker *worker = &pump->set.conf->worker;
	enum hs_err err;

	if (pump->is_stopping || !rconn_is_up(pump->set.conn))
		return;
	err = take_stalled(pump->queue, worker->stalled_interval_ms,
			   worker->max_stalled_count, clock_wall_ms(),
			   on_stalled, pump);
	if (err)
		trouble(pump, "cannot look for stalled jobs", err, NULL);
}

/* ---- whose queue it is ---- */

static void
set_standing(struct pump *pump, const struct control_settings *settings)
{
	const bool is_pro =
		settings->is_pro && !pump->set.conf->worker.force_pro;

	if (is_pro && !pump->is_pro)
		log_error("queue is left alone queue=%s reason=\"it belongs to "
			  "BullMQ Pro (%s), whose keys are not public; see "
			  "worker.force_pro in hooksync.conf(5)\"",
			  pump->set.queue, settings->version);
	if (pump->is_pro && !is_pro) {
		log_notice("queue is worked on queue=%s reason=\"it belongs to "
			   "BullMQ Pro no more\"",
			   pump->set.queue);
		pump->is_resting = false;
		pump->is_drained = false;
	}
	/* the connection by which getWorkers() finds us */
	if (!is_pro && !pump->has_started)
		rconn_start(pump->blocking);
	pump->has_started = pump->has_started || !is_pro;
	pump->is_pro = is_pro;
	pump->is_known = !is_pro;
}

static void
on_settings(void *ctx, enum hs_err err, const char *text,
	    const struct control_settings *settings)
{
	struct pump *pump = ctx;

	pump->is_looking = false;
	if (!pump->is_known)
		pump->answered_ms = clock_mono_ms();
	if (pump->is_stopping)
		return;
	if (err) {
		trouble(pump, "cannot read the queue's settings", err, text);
		if (!pump->is_known)
			note_refusal(pump, err, text);
		if (err != HS_UNAVAILABLE)
			rest(pump, REST_MS);
		return;
	}
	set_standing(pump, settings);
	if (pump->is_pro) {
		pump->refused[0] = '\0'; /* none is wanted */
		rest(pump, PRO_MS);
	} else {
		check_stalled(pump);
	}
}

/* At the queue's settings; then, if it is for us, for stalled jobs. */
static void
look(struct pump *pump)
{
	enum hs_err err;

	if (pump->is_stopping || pump->is_looking ||
	    !rconn_is_up(pump->set.conn))
		return;
	err = control_read(pump->queue, on_settings, pump);
	if (err == HS_OK)
		pump->is_looking = true;
	else
		trouble(pump, "cannot read the queue's settings", err, NULL);
}

static void
on_stalled_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	look(ctx);
}

static void
set_hungry(struct pump *pump, bool is_hungry)
{
	if (pump->is_hungry == is_hungry)
		return;
	pump->is_hungry = is_hungry;
	if (is_hungry)
		pump->set.slots->n_hungry++;
	else
		pump->set.slots->n_hungry--;
}

bool
pump_turn(struct pump *pump)
{
	struct roster_slots *slots = pump->set.slots;

	set_hungry(pump, false);
	if (!rconn_is_up(pump->set.conn))
		return false;
	if (!pump->is_known && !pump->is_resting)
		look(pump);
	if (!may_take(pump))
		return false;
	if (pump->is_busy && settle_n_told(pump->settle) != pump->n_told_seen) {
		/* what kept the queue at its own limit may have been ours */
		pump->is_busy = false;
		pump->is_drained = false;
	}
	pump->n_told_seen = settle_n_told(pump->settle);
	if (!pump->is_waiting && wait_left_ms(pump) < WAIT_MIN_MS)
		pump->is_drained = false;
	if (pump->is_drained) { /* also without a slot: others do not wait */
		wait(pump);
		return false;
	}
	if (slots->n_used >= slots->n_all) {
		set_hungry(pump, true);
		if (pump->has_marker)
			pass_marker_on(pump);
		return false;
	}
	take(pump, slots->n_all - slots->n_used);
	return true;
}

/* ---- connections ---- */

static void
on_blocking_state(void *ctx, struct rconn *conn, bool is_up)
{
	struct pump *pump = ctx;

	(void)conn;
	if (is_up) /* markers may have come and gone meanwhile */
		pump->is_drained = false;
}

void
pump_on_connected(struct pump *pump)
{
	pump->connected_ms = clock_mono_ms();
	pump->is_drained = false;
	pump->is_resting = false;
	/* in this order: what is still ours must not look stalled */
	lease_renew(pump->lease);
	look(pump);
	tick_again(pump->tick);
}

static struct rconn *
blocking_new(struct pump *pump)
{
	const struct conf_redis *redis = &pump->set.conf->redis;
	struct rconn_settings settings = {
		.label = "redis (waiting)",
		.username = redis->username,
		.db = redis->db,
		.connect_timeout_ms = redis->connect_timeout_ms,
		.is_quiet = true,
	};
	struct rconn *conn;
	struct buf name;

	if (redis->password)
		settings.password = buf_text(&redis->password->value);
	buf_init(&name, CLIENT_NAME_BYTES);
	if (keys_worker_client_name(pump->queue->keys, pump->set.worker_name,
				    &name) == HS_OK)
		settings.client_name = buf_text(&name);
	conn = rconn_new(pump->set.base, pump->set.topo, &settings,
			 on_blocking_state, pump);
	buf_fini(&name);
	return conn;
}

/* ---- life ---- */

struct pump *
pump_new(const struct pump_settings *settings)
{
	struct pump *pump = xcalloc(1, sizeof(*pump));
	const struct conf *conf = settings->conf;

	pump->set = *settings;
	pump->queue = queue_new(settings->conn, settings->prefix,
				settings->queue, conf->redis.command_timeout_ms,
				conf->queue.max_events);
	pump->queue->level = (enum queue_level)conf->queue.bullmq_level;
	roster_init(&pump->roster, pump->queue, settings->queue,
		    settings->token, settings->slots);
	pump->settle =
		settle_new(&pump->roster, conf, on_taken_with_ends, pump);
	pump->lease = lease_new(settings->base, &pump->roster, pump->settle,
				conf->worker.lock_duration_ms);
	pump->tick = tick_new(&pump->roster, on_ticked, pump);
	pump->due_timer = bell_new(settings->base, on_due, pump);
	pump->stalled_timer =
		bell_every(settings->base, conf->worker.stalled_interval_ms,
			   on_stalled_timer, pump);
	pump->blocking = blocking_new(pump);
	return pump;
}

void
pump_free(struct pump *pump)
{
	if (!pump)
		return;
	rconn_free(pump->blocking);
	lease_free(pump->lease);
	tick_free(pump->tick);
	roster_fini(&pump->roster);
	settle_free(pump->settle);
	event_free(pump->due_timer);
	event_free(pump->stalled_timer);
	queue_free(pump->queue);
	free(pump);
}

bool
pump_ended(struct pump *pump, struct attempt *attempt)
{
	if (roster_find(&pump->roster, attempt->job->id_bytes) != attempt)
		return false;
	roster_move(&pump->roster.ended, attempt);
	return true;
}

bool
pump_settle(struct pump *pump)
{
	const struct roster_slots *slots = pump->set.slots;
	const size_t n_free =
		slots->n_used < slots->n_all ? slots->n_all - slots->n_used : 0;
	/* settle adds those that its call sets free */
	struct take_options next = take_options_of(pump, n_free);
	const bool others_wait = slots->n_hungry > (pump->is_hungry ? 1 : 0);
	/* when more are in use than there are now, those set free stay so */
	const bool takes = may_take(pump) && !others_wait &&
			   slots->n_used <= slots->n_all &&
			   (!pump->is_drained || pump->is_busy);

	if (settle_turn(pump->settle, takes ? &next : NULL))
		note_asked(pump, next.n);
	return list_is_empty(&pump->roster.ended);
}

void
pump_set_conf(struct pump *pump, const struct conf *conf)
{
	const int64_t was_ms = pump->set.conf->worker.stalled_interval_ms;
	const bool was_forced = pump->set.conf->worker.force_pro;

	pump->set.conf = conf;
	settle_set_conf(pump->settle, conf);
	lease_set_duration(pump->lease, conf->worker.lock_duration_ms);
	if (pump->is_stopping)
		return;
	if (conf->worker.stalled_interval_ms != was_ms)
		bell_set(pump->stalled_timer, conf->worker.stalled_interval_ms);
	if (conf->worker.force_pro != was_forced)
		look(pump);
}

void
pump_stop(struct pump *pump)
{
	if (pump->is_stopping)
		return;
	pump->is_stopping = true;
	event_del(pump->due_timer);
	event_del(pump->stalled_timer);
	/* a marker it may have popped is lost; the next worker's poll finds
	 * what it stood for */
	rconn_free(pump->blocking);
	pump->blocking = NULL;
}

void
pump_give_back(struct pump *pump)
{
	while (!list_is_empty(&pump->roster.active)) {
		struct attempt *attempt =
			roster_attempt(pump->roster.active.next);

		attempt_give_back(attempt);
		roster_move(&pump->roster.ended, attempt);
	}
}

size_t
pump_n_held(const struct pump *pump)
{
	return pump->roster.n + (pump->n_asked > 0);
}

size_t
pump_n_slots(const struct pump *pump)
{
	return pump->roster.n + pump->n_asked;
}

size_t
pump_n_active(const struct pump *pump)
{
	return pump->roster.n;
}

struct settle_counts
pump_counts(const struct pump *pump)
{
	return settle_counts(pump->settle);
}

const char *
pump_refused(const struct pump *pump)
{
	return pump->is_stopping ? "" : pump->refused;
}

struct queue *
pump_queue(const struct pump *pump)
{
	return pump->queue;
}

/* ---- for the watchdog ---- */

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
pump_take_due_ms(const struct pump *pump)
{
	const struct roster_slots *slots = pump->set.slots;
	const int64_t wait_ms = later(pump->set.conf->worker.drain_delay_ms,
				      pump->wait_ms); /* before a reload */
	int64_t since_ms = later(pump->answered_ms, pump->connected_ms);

	if (pump->is_stopping || !rconn_is_up(pump->set.conn) ||
	    slots->n_used - pump->n_asked >= slots->n_all)
		return INT64_MAX;
	since_ms = later(since_ms, later(pump->rest_due_ms, slots->freed_ms));
	/* the wait fails, the timer comes in its place, the take is asked */
	return since_ms + wait_ms + TAKE_WAIT_EXTRA_MS +
	       (wait_ms < TIMER_MAX_MS ? wait_ms : TIMER_MAX_MS) +
	       pump->queue->timeout_ms;
}

int64_t
pump_attempt_due_ms(const struct pump *pump)
{
	int64_t earliest_ms = INT64_MAX;

	list_each(node, (struct list *)(uintptr_t)&pump->roster.active) {
		const struct attempt *attempt =
			list_owner(node, struct attempt, node);
		int64_t due_ms = attempt_due_ms(attempt);

		/* Redis is asked for the scheduler's next job */
		if (attempt->state == ATTEMPT_NEW &&
		    rconn_is_up(pump->set.conn))
			due_ms = later(attempt->moved_ms, pump->connected_ms) +
				 pump->queue->timeout_ms;
		if (due_ms < earliest_ms)
			earliest_ms = due_ms;
	}
	return earliest_ms;
}

int64_t
pump_settle_due_ms(const struct pump *pump)
{
	return settle_due_ms(pump->settle, pump->connected_ms);
}

int64_t
pump_lease_due_ms(const struct pump *pump)
{
	return lease_due_ms(pump->lease);
}

int64_t
pump_redis_due_ms(const struct pump *pump)
{
	return pump->blocking ? rconn_due_ms(pump->blocking) : INT64_MAX;
}
