/*
 * shift: one loop, and after each of its turns a short list of duties:
 *
 *	gates	let in who may go, send away who may not
 *	settle	tell Redis what has ended: one call per queue
 *	pump	take jobs into the free slots, or wait
 *	stop	when asked to: is anything left?
 *
 * Stopping: take nothing more; what runs may end within the grace, its locks
 * renewed meanwhile; then it is cancelled and given back. A second signal ends
 * the grace at once. When Redis is away at the end, LAST_WORDS_MS later we
 * leave all the same: locks run out by themselves, and the jobs run again.
 *
 * A reload (reload.c) ends with a new plan, which counts from then on: for jobs
 * taken before, their own one counts until they have ended. What only a start
 * can take over (Redis, the names) stays with the configuration of the start.
 */
#include "worker/shift.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/hangup.h"
#include "base/log.h"
#include "base/notify.h"
#include "worker/announce.h"
#include "worker/bell.h"
#include "worker/pump.h"
#include "worker/reload.h"
#include "worker/report.h"
#include "worker/stats.h"
#include "worker/vigil.h"

#define LAST_WORDS_MS 3000   /* to give jobs back after the grace */
#define GRACE_MARGIN_MS 5000 /* and to leave, on a busy host */
#define NUDGE_MS 250         /* for what a turn had to leave for later */
#define WORKER_NAME_BYTES 128
#define NOFILE_MAX 65536 /* more than BOUNDS_ACTIVE transfers will need */

struct shift {
	const struct load *load;
	struct conf *boot;       /* of the start; names are borrowed from it */
	struct plan *plan;       /* for jobs to come */
	const struct conf *conf; /* the plan's */
	struct list plans;       /* all that live */
	struct event_base *base;
	struct topo *topo;
	struct rconn *conn;
	struct http *http;
	struct map *map;
	struct attempt_env env;
	struct pump **pumps;
	size_t n_pumps;
	size_t first_pump; /* whose turn it is to take first */
	struct roster_slots slots;
	struct stats *stats;
	struct event *on_term, *on_int, *on_hup;
	struct event *nudge; /* wakes the loop for one more turn */
	struct reload *reload;
	struct report *report;
	struct vigil *vigil;
	struct vigil_wards wards;
	int64_t away_at_ms; /* wall time: since when Redis is, if it is */
	char token[40];
	char name[WORKER_NAME_BYTES];
	bool is_stopping;
	bool is_giving_back;
	int64_t stop_due_ms; /* monotonic: end of the grace, then of all */
};

/* ---- signals ---- */

static size_t
n_held(const struct shift *shift)
{
	size_t n = 0;

	for (size_t i = 0; i < shift->n_pumps; i++)
		n += pump_n_held(shift->pumps[i]);
	return n;
}

static void
set_stop_due(struct shift *shift, int64_t due_ms)
{
	shift->stop_due_ms = due_ms;
	shift->wards.stop_due_ms = due_ms;
}

static void
on_stop_signal(evutil_socket_t number, short what, void *ctx)
{
	struct shift *shift = ctx;
	const int64_t grace_ms = shift->conf->worker.shutdown_grace_ms;

	(void)what;
	if (shift->is_stopping) {
		if (!shift->is_giving_back)
			set_stop_due(shift, clock_mono_ms());
		bell_set(shift->nudge, 0);
		return;
	}
	shift->is_stopping = true;
	set_stop_due(shift, clock_mono_ms() + grace_ms);
	log_event(LOG_LEVEL_NOTICE, MESSAGE_STOPPING,
		  "stopping signal=%s jobs=%zu grace_ms=%" PRId64,
		  number == SIGTERM ? "SIGTERM" : "SIGINT", n_held(shift),
		  grace_ms);
	reload_stop(shift->reload);
	notify_stopping();
	notify_grace(grace_ms + LAST_WORDS_MS + GRACE_MARGIN_MS);
	report_now(shift->report);
	for (size_t i = 0; i < shift->n_pumps; i++)
		pump_stop(shift->pumps[i]);
	bell_set(shift->nudge, 0);
}

static void
on_reload_signal(evutil_socket_t number, short what, void *ctx)
{
	struct shift *shift = ctx;

	(void)number;
	(void)what;
	if (shift->is_stopping)
		log_notice("SIGHUP is too late: stopping");
	else
		reload_start(shift->reload, shift->plan);
}

static void
on_nudge(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx; /* the turn that follows is what was wanted */
}

static struct event *
watch_signal(struct shift *shift, int number, event_callback_fn fn)
{
	struct event *event = evsignal_new(shift->base, number, fn, shift);

	if (!event || event_add(event, NULL))
		log_fatal(71, "cannot watch signals"); /* EX_OSERR */
	return event;
}

/* ---- the turn ---- */

static void
on_end(void *ctx, struct attempt *attempt)
{
	struct shift *shift = ctx;

	for (size_t i = 0; i < shift->n_pumps; i++)
		if (pump_ended(shift->pumps[i], attempt))
			return;
	log_bug("an attempt of no queue ended");
}

static void
open_gates(struct shift *shift)
{
	const int64_t now_ms = clock_mono_ms();
	struct gate_ticket *ticket;
	enum gate_answer answer;

	list_each(node, &shift->plans) {
		const struct plan *plan = list_owner(node, struct plan, node);

		for (size_t i = 0; i < plan->n_gates; i++)
			while ((ticket = gate_next(plan->gates[i], now_ms,
						   &answer)))
				attempt_admit(attempt_of_ticket(ticket),
					      answer);
	}
}

static bool
is_over(struct shift *shift)
{
	const int64_t now_ms = clock_mono_ms();
	const size_t n = n_held(shift);

	if (!shift->is_stopping)
		return false;
	if (n == 0)
		return true;
	if (now_ms >= shift->stop_due_ms && shift->is_giving_back) {
		log_warn("leaving without Redis jobs=%zu reason=\"%s; their "
			 "locks run out and they run again\"",
			 n, rconn_error(shift->conn));
		return true;
	}
	if (now_ms >= shift->stop_due_ms) {
		log_notice("giving jobs back jobs=%zu", n);
		shift->is_giving_back = true;
		set_stop_due(shift, now_ms + LAST_WORDS_MS);
		for (size_t i = 0; i < shift->n_pumps; i++) {
			pump_give_back(shift->pumps[i]);
			(void)pump_settle(shift->pumps[i]);
		}
	}
	bell_set(shift->nudge, NUDGE_MS);
	return false;
}

/* Who has taken comes last next time. */
static void
take_turns(struct shift *shift)
{
	const size_t first = shift->first_pump;

	for (size_t i = 0; i < shift->n_pumps; i++) {
		const size_t n = (first + i) % shift->n_pumps;

		if (pump_turn(shift->pumps[n]))
			shift->first_pump = n + 1;
	}
}

/* false: the shift is over */
static bool
turn(struct shift *shift)
{
	open_gates(shift);
	for (size_t i = 0; i < shift->n_pumps; i++)
		if (!pump_settle(shift->pumps[i]) &&
		    !event_pending(shift->nudge, EV_TIMEOUT, NULL))
			bell_set(shift->nudge, NUDGE_MS);
	take_turns(shift);
	report_turn(shift->report);
	return !is_over(shift);
}

/* ---- beginning ---- */

static void
on_connection(void *ctx, struct rconn *conn, bool is_up)
{
	struct shift *shift = ctx;

	(void)conn;
	shift->away_at_ms = clock_wall_ms();
	for (size_t i = 0; is_up && i < shift->n_pumps; i++)
		pump_on_connected(shift->pumps[i]);
}

static void
draw_token(struct shift *shift)
{
	unsigned char r[16];

	/* the look of a UUID, as Node's tokens have */
	digest_random(r, sizeof(r));
	snprintf(shift->token, sizeof(shift->token),
		 "%02x%02x%02x%02x-%02x%02x-4%x%02x-a%x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 r[0], r[1], r[2], r[3], r[4], r[5], r[6] & 15u, r[7],
		 r[8] & 15u, r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

/* A name with a space or worse would hide us from getWorkers(). */
static void
choose_name(struct shift *shift)
{
	char host[64] = "localhost";

	if (shift->conf->worker.name) {
		snprintf(shift->name, sizeof(shift->name), "%s",
			 shift->conf->worker.name);
	} else {
		(void)gethostname(host, sizeof(host) - 1);
		snprintf(shift->name, sizeof(shift->name), "hooksync-%s-%ld",
			 host, (long)getpid());
	}
	for (char *c = shift->name; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '-';
}

static void
raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= NOFILE_MAX)
		return;
	limit.rlim_cur =
		limit.rlim_max < NOFILE_MAX ? limit.rlim_max : NOFILE_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void
connect_redis(struct shift *shift)
{
	const struct conf_redis *redis = &shift->boot->redis;
	const struct topo_address address = {
		.unix_path = redis->unix_path,
		.host = redis->host,
		.port = (int)redis->port,
	};
	const struct rconn_settings settings = {
		.label = "redis",
		.username = redis->username,
		.password = redis->password ? buf_text(&redis->password->value)
					    : NULL,
		.db = redis->db,
		.connect_timeout_ms = redis->connect_timeout_ms,
		.scripts = queue_work_scripts,
	};

	shift->topo = topo_static_new(&address);
	shift->conn = rconn_new(shift->base, shift->topo, &settings,
				on_connection, shift);
}

static void
open_pumps(struct shift *shift)
{
	struct pump_settings settings = {
		.base = shift->base,
		.topo = shift->topo,
		.conn = shift->conn,
		.conf = shift->boot,
		.prefix = shift->boot->queue.prefix,
		.worker_name = shift->name,
		.token = shift->token,
		.slots = &shift->slots,
		.env = &shift->env,
	};
	char **queues = shift->boot->worker.queues;
	size_t n = 0;

	while (queues[n])
		n++;
	shift->pumps = xcalloc(n, sizeof(struct pump *));
	for (size_t i = 0; i < n; i++) {
		settings.queue = queues[i];
		shift->pumps[i] = pump_new(&settings);
		pump_set_conf(shift->pumps[i], shift->conf);
		shift->n_pumps = i + 1;
		stats_add(shift->stats, pump_queue(shift->pumps[i]));
		if (rconn_is_up(shift->conn))
			pump_on_connected(shift->pumps[i]);
	}
	shift->wards.pumps = shift->pumps;
	shift->wards.n_pumps = n;
}

/* The slots of a plan. Without a route each job taken would only fail: leave
 * them alone. */
static void
set_slots(struct shift *shift)
{
	const size_t n = (size_t)shift->conf->worker.concurrency;
	const bool is_idle = shift->plan->n_routes == 0;

	roster_slots_set(&shift->slots, is_idle ? 0 : n);
	http_raise_max(shift->http, n);
	if (!is_idle && shift->n_pumps == 0)
		open_pumps(shift);
	if (is_idle)
		log_event(LOG_LEVEL_WARN, MESSAGE_NO_ROUTE,
			  "no route is configured: no job will be taken (see "
			  "routes in hooksync.conf(5))");
}

static void
on_reloaded(void *ctx, struct plan *fresh)
{
	struct shift *shift = ctx;
	struct plan *before = shift->plan;
	enum log_level level;

	if (load_level(shift->load, fresh->conf, &level) == HS_OK)
		log_set_level(level);
	list_push_back(&shift->plans, &fresh->node);
	plan_enter(fresh);
	shift->plan = fresh;
	shift->conf = fresh->conf;
	shift->env.plan = fresh;
	for (size_t i = 0; i < shift->n_pumps; i++)
		pump_set_conf(shift->pumps[i], shift->conf);
	plan_unref(before);
	set_slots(shift);
	stats_set_interval(shift->stats, shift->conf->worker.stats_interval_ms);
	log_event(LOG_LEVEL_NOTICE, MESSAGE_RELOADED,
		  "reloaded concurrency=%zu routes=%zu services=%zu "
		  "maps_compiled=%zu",
		  shift->slots.n_all, fresh->n_routes, fresh->n_gates,
		  fresh->n_compiled);
	announce(fresh);
	bell_set(shift->nudge, 0);
}

/* A pause that a service asked for is over by itself, and not told. */
static void
gather_shut(const struct plan *plan, struct report_facts *out)
{
	for (size_t i = 0; i < plan->n_gates; i++) {
		const enum gate_cause cause = gate_cause(plan->gates[i]);

		if (cause == GATE_OPEN || cause == GATE_RETRY_AFTER)
			continue;
		if (out->n_shut++ > 0)
			continue;
		out->shut_service = gate_name(plan->gates[i]);
		out->why_shut = gate_cause_text(cause);
	}
}

/* For the status line. */
static void
gather_facts(void *ctx, struct report_facts *out)
{
	const struct shift *shift = ctx;

	for (size_t i = 0; i < shift->n_pumps; i++) {
		const struct settle_counts counts =
			pump_counts(shift->pumps[i]);

		if (!out->refused[0] && shift->plan->n_routes > 0)
			out->refused = pump_refused(shift->pumps[i]);
		out->n_active += pump_n_active(shift->pumps[i]);
		out->n_done += counts.n_done;
		out->n_failed += counts.n_failed;
	}
	out->is_stopping = shift->is_stopping;
	out->is_idle = shift->plan->n_routes == 0;
	out->is_up = rconn_is_up(shift->conn);
	out->why_away = rconn_error(shift->conn);
	out->away_at_ms = shift->away_at_ms;
	out->reload_failed = reload_failed(shift->reload);
	gather_shut(shift->plan, out);
}

/* Its warnings tell of name servers, and twice in two seconds while one is away;
 * what comes of it is said in our own words. */
static void
on_libevent_says(int severity, const char *text)
{
	(void)severity;
	log_debug("libevent: %s", text);
}

static void
begin(struct shift *shift)
{
	size_t n_queues = 0;

	raise_limits();
	draw_token(shift);
	choose_name(shift);
	event_set_log_callback(on_libevent_says);
	shift->base = event_base_new();
	/* two priorities: the renewal of locks, and the rest */
	if (!shift->base || event_base_priority_init(shift->base, 2))
		log_fatal(71, "cannot make an event loop"); /* EX_OSERR */
	shift->on_term = watch_signal(shift, SIGTERM, on_stop_signal);
	shift->on_int = watch_signal(shift, SIGINT, on_stop_signal);
	shift->on_hup = watch_signal(shift, SIGHUP, on_reload_signal);
	hangup_let_in();
	shift->nudge = bell_new(shift->base, on_nudge, NULL);
	shift->reload = reload_new(shift->base, shift->load, shift->boot,
				   on_reloaded, shift);
	shift->report = report_new(shift->base, gather_facts, shift);
	shift->stats =
		stats_new(shift->base, shift->conf->worker.stats_interval_ms);
	shift->http =
		http_new(shift->base, (size_t)shift->conf->worker.concurrency);
	shift->map = map_new(shift->base, MAP_LIMIT_MS);
	shift->env = (struct attempt_env){
		.plan = shift->plan,
		.http = shift->http,
		.map = shift->map,
		.on_end = on_end,
		.ctx = shift,
	};
	connect_redis(shift);
	while (shift->boot->worker.queues[n_queues])
		n_queues++;
	log_event(LOG_LEVEL_NOTICE, MESSAGE_STARTED,
		  "working concurrency=%" PRId64
		  " queues=%zu routes=%zu services=%zu redis=%s name=%s",
		  shift->conf->worker.concurrency, n_queues,
		  shift->plan->n_routes, shift->plan->n_gates,
		  topo_text(shift->topo), shift->name);
	for (size_t i = 0; i < n_queues; i++)
		log_notice("queue=%s prefix=%s", shift->boot->worker.queues[i],
			   shift->boot->queue.prefix);
	announce(shift->plan);
	set_slots(shift);
	shift->away_at_ms = clock_wall_ms();
	rconn_start(shift->conn);
	shift->wards = (struct vigil_wards){
		.conn = shift->conn,
		.pumps = shift->pumps,
		.n_pumps = shift->n_pumps,
		.plans = &shift->plans,
		.map = shift->map,
		.slots = &shift->slots,
		.stop_due_ms = INT64_MAX,
	};
	shift->vigil = vigil_new(shift->base, &shift->wards);
	notify_ready();
	report_now(shift->report);
}

/* ---- end ---- */

static void
end(struct shift *shift)
{
	vigil_free(shift->vigil);
	reload_free(shift->reload);
	report_free(shift->report);
	/* replies first, then what waits for them, then what that runs on */
	rconn_free(shift->conn);
	stats_free(shift->stats);
	for (size_t i = 0; i < shift->n_pumps; i++)
		pump_free(shift->pumps[i]);
	free(shift->pumps);
	map_free(shift->map);
	http_free(shift->http);
	topo_free(shift->topo);
	plan_unref(shift->plan);
	conf_unref(shift->boot);
	event_free(shift->on_term);
	event_free(shift->on_int);
	event_free(shift->on_hup);
	event_free(shift->nudge);
	event_base_free(shift->base);
	log_event(LOG_LEVEL_NOTICE, MESSAGE_STOPPED, "stopped");
}

int
shift_run(struct plan *plan, const struct load *load)
{
	struct shift shift = {
		.load = load,
		.boot = conf_ref(plan->conf),
		.plan = plan,
		.conf = plan->conf,
	};

	list_init(&shift.plans);
	list_push_back(&shift.plans, &plan->node);
	begin(&shift);
	do {
		if (event_base_loop(shift.base, EVLOOP_ONCE) < 0)
			log_bug("the event loop failed");
	} while (turn(&shift));
	end(&shift);
	return 0;
}
