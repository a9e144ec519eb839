/*
 * enqueuer: parked jobs, lanes, batches.
 *
 * A lane is one queue's list of parked jobs. At the end of a turn each lane
 * with jobs and fewer than BOUNDS_ADD_IN_FLIGHT batches under way makes a
 * batch. A batch knows its jobs and each job its batch: whoever is first - the
 * reply, the lost connection, the deadline - answers a job and takes it out, so
 * the others find nothing.
 *
 * A deadline that passes does not take the job back: Redis may have it, or may
 * still get it. The sender hears 503, sends again, and the same id makes the
 * same job. rconn has a deadline of its own for each call, after which it
 * closes the connection; it is the same time, and so never frees a job here
 * much later than the job's own.
 *
 * A responder that has just started is connecting while the requests that
 * waited in its socket come in: they wait for that first connection, as long as
 * their deadline lets them. Later a Redis that is not there is known to be
 * away, and nobody waits.
 *
 * A reload adds lanes for queues that are new, and takes away those that no
 * endpoint names any more; such as still have work go at a later reload.
 */
#include "fcgi/enqueuer.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "redis/topo.h"

struct lane;
struct batch;

struct parked {
	struct list node;     /* its lane's list while it waits for a batch */
	struct list age_node; /* the enqueuer's list of all, oldest first */
	struct lane *lane;
	struct batch *batch; /* NULL while it waits for one */
	size_t index;        /* in the batch */
	const char *name;
	char *id;
	char *data;
	size_t data_len;
	int64_t due_ms;
	enqueuer_fn fn;
	void *ctx;
};

struct lane {
	struct list node;
	struct enqueuer *enqueuer;
	struct queue *queue;
	struct list parked;
	size_t n_parked;
	size_t n_in_flight; /* batches */
};

struct batch {
	struct lane *lane;
	size_t n;
	struct parked *jobs[BOUNDS_ADD_BATCH]; /* NULL: answered already */
};

struct enqueuer {
	struct conf *conf;
	struct topo *topo;
	struct rconn *conn;
	/* as conf was at the start */
	char *prefix;
	int64_t max_events;
	enum queue_level level;

	struct list lanes;
	struct list ages;
	size_t n_parked;
	size_t bytes;
	struct event *flush;
	struct event *deadline;
	struct log_storm storm;
	bool is_starting; /* the first connection is neither made nor refused */
	int64_t away_since_at_ms;
};

/* ---- answers ---- */

static void
answer(struct parked *job, enum hs_err err, enum add_result result)
{
	struct enqueuer *enqueuer = job->lane->enqueuer;
	if (job->batch != NULL)
		job->batch->jobs[job->index] = NULL;
	else
		job->lane->n_parked--;
	list_remove(&job->node);
	list_remove(&job->age_node);
	enqueuer->n_parked--;
	enqueuer->bytes -= job->data_len;
	job->fn(job->ctx, err, result);
	free(job->id);
	free(job->data);
	free(job);
}

static void
answer_waiting(struct lane *lane, enum hs_err err)
{
	while (!list_is_empty(&lane->parked))
		answer(list_owner(lane->parked.next, struct parked, node), err,
		       ADD_NEW);
}

static void
set_deadline(struct enqueuer *enqueuer)
{
	if (list_is_empty(&enqueuer->ages) ||
	    event_pending(enqueuer->deadline, EV_TIMEOUT, NULL))
		return;
	const struct parked *oldest =
		list_owner(enqueuer->ages.next, struct parked, age_node);
	int64_t wait_ms = oldest->due_ms - clock_mono_ms();
	if (wait_ms < 1)
		wait_ms = 1;
	struct timeval tv = clock_timeval(wait_ms);
	event_add(enqueuer->deadline, &tv);
}

/* The list is in the order of deadlines. */
static void
on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct enqueuer *enqueuer = ctx;
	int64_t now_ms = clock_mono_ms();
	(void)fd;
	(void)what;
	while (!list_is_empty(&enqueuer->ages)) {
		struct parked *oldest = list_owner(enqueuer->ages.next,
						   struct parked, age_node);
		if (oldest->due_ms > now_ms)
			break;
		answer(oldest, HS_TIMEOUT, ADD_NEW);
	}
	set_deadline(enqueuer);
}

/* ---- batches ---- */

static void
want_flush(struct enqueuer *enqueuer)
{
	/* behind everything this turn has found ready */
	event_active(enqueuer->flush, EV_TIMEOUT, 0);
}

static void
on_added(void *ctx, enum hs_err err, const char *text,
	 const enum add_result *results, const struct span *ids, size_t n)
{
	struct batch *batch = ctx;
	struct enqueuer *enqueuer = batch->lane->enqueuer;
	unsigned n_suppressed;
	(void)ids;
	batch->lane->n_in_flight--;
	if (err == HS_OK && n != batch->n)
		err = HS_PROTOCOL;
	size_t n_refused = err == HS_PROTOCOL ? batch->n : 0;
	for (size_t i = 0; i < batch->n; i++) {
		enum hs_err each = err;
		enum add_result result = err == HS_OK ? results[i] : ADD_NEW;
		if (result < ADD_NEW) {
			each = HS_PROTOCOL;
			result = ADD_NEW;
			n_refused++;
		}
		if (batch->jobs[i] != NULL)
			answer(batch->jobs[i], each, result);
	}
	if (n_refused > 0 &&
	    log_storm_ok(&enqueuer->storm, 5000, &n_suppressed))
		log_event(LOG_LEVEL_ERROR, MESSAGE_REDIS_REFUSES,
			  "Redis refuses jobs queue=%s n_jobs=%zu "
			  "reason=\"%s\" n_suppressed=%u",
			  keys_queue(batch->lane->queue->keys), n_refused,
			  text != NULL ? text : "an answer we do not know",
			  n_suppressed);
	free(batch);
	want_flush(enqueuer);
}

static void
fill_item(const struct conf_queue *conf, const struct parked *job,
	  struct add_item *item)
{
	*item = (struct add_item){
		.id = span_text(job->id),
		.name = span_text(job->name),
		.data = span_of(job->data, job->data_len),
		.retries_failed = true,
		.options = {
			.attempts = conf->attempts,
			.backoff = conf->backoff_type == CONF_BACKOFF_FIXED ?
					   JOB_BACKOFF_FIXED :
					   JOB_BACKOFF_EXPONENTIAL,
			.backoff_delay_ms = conf->backoff_delay_ms,
		},
	};
}

static void
send_batch(struct lane *lane)
{
	struct enqueuer *enqueuer = lane->enqueuer;
	struct batch *batch = xcalloc(1, sizeof(*batch));
	struct add_item items[BOUNDS_ADD_BATCH];
	size_t bytes = 0;
	batch->lane = lane;
	while (batch->n < BOUNDS_ADD_BATCH && !list_is_empty(&lane->parked)) {
		struct parked *job =
			list_owner(lane->parked.next, struct parked, node);
		if (batch->n > 0 &&
		    bytes + job->data_len > BOUNDS_ADD_BATCH_BYTES)
			break;
		bytes += job->data_len;
		list_remove(&job->node);
		lane->n_parked--;
		job->batch = batch;
		job->index = batch->n;
		fill_item(&enqueuer->conf->queue, job, &items[batch->n]);
		batch->jobs[batch->n++] = job;
	}
	enum hs_err err = add_jobs(lane->queue, items, batch->n,
				   clock_wall_ms(), on_added, batch);
	if (err == HS_OK) {
		lane->n_in_flight++;
		return;
	}
	for (size_t i = 0; i < batch->n; i++)
		answer(batch->jobs[i], HS_UNAVAILABLE, ADD_NEW);
	free(batch);
}

static void
on_flush(evutil_socket_t fd, short what, void *ctx)
{
	struct enqueuer *enqueuer = ctx;
	(void)fd;
	(void)what;
	if (enqueuer->is_starting)
		return; /* on_redis comes back to it */
	list_each(node, &enqueuer->lanes) {
		struct lane *lane = list_owner(node, struct lane, node);
		while (!list_is_empty(&lane->parked) &&
		       lane->n_in_flight < BOUNDS_ADD_IN_FLIGHT)
			send_batch(lane);
	}
}

/* What waits for a batch is answered when the connection goes; what is in
 * flight, when its call comes back. */
static void
on_redis(void *ctx, struct rconn *conn, bool is_up)
{
	struct enqueuer *enqueuer = ctx;
	(void)conn;
	enqueuer->is_starting = false;
	if (!is_up)
		enqueuer->away_since_at_ms = clock_wall_ms();
	list_each(node, &enqueuer->lanes) {
		struct lane *lane = list_owner(node, struct lane, node);
		if (is_up)
			queue_announce(lane->queue);
		else
			answer_waiting(lane, HS_UNAVAILABLE);
	}
	want_flush(enqueuer);
}

/* Is there a connection, or about to be the first? */
static bool
may_store(struct enqueuer *enqueuer)
{
	if (rconn_is_up(enqueuer->conn))
		return true;
	if (rconn_state(enqueuer->conn) == RCONN_DOWN)
		enqueuer->is_starting = false;
	return enqueuer->is_starting;
}

/* ---- public ---- */

static struct lane *
find_lane(const struct enqueuer *enqueuer, const char *queue)
{
	list_each(node, &enqueuer->lanes) {
		struct lane *lane = list_owner(node, struct lane, node);
		if (strcmp(keys_queue(lane->queue->keys), queue) == 0)
			return lane;
	}
	return NULL;
}

static void
add_lane(struct enqueuer *enqueuer, const char *queue)
{
	struct lane *lane = xcalloc(1, sizeof(*lane));
	lane->enqueuer = enqueuer;
	lane->queue = queue_new(enqueuer->conn, enqueuer->prefix, queue,
				enqueuer->conf->redis.enqueue_timeout_ms,
				enqueuer->max_events);
	lane->queue->level = enqueuer->level;
	list_init(&lane->parked);
	list_push_back(&enqueuer->lanes, &lane->node);
	if (rconn_is_up(enqueuer->conn))
		queue_announce(lane->queue);
}

static void
free_lane(struct lane *lane)
{
	list_remove(&lane->node);
	queue_free(lane->queue);
	free(lane);
}

static bool
is_wanted(const struct lane *lane, const struct conf *conf)
{
	for (struct endpoint **at = conf->endpoints; at != NULL && *at != NULL;
	     at++)
		if (strcmp(keys_queue(lane->queue->keys), (*at)->queue) == 0)
			return true;
	return false;
}

/* A lane for each queue of the endpoints, and none that has no use. */
static void
set_lanes(struct enqueuer *enqueuer)
{
	const struct conf *conf = enqueuer->conf;
	list_each_safe(node, &enqueuer->lanes) {
		struct lane *lane = list_owner(node, struct lane, node);
		if (lane->n_parked == 0 && lane->n_in_flight == 0 &&
		    !is_wanted(lane, conf))
			free_lane(lane);
	}
	for (struct endpoint **at = conf->endpoints; at != NULL && *at != NULL;
	     at++)
		if (find_lane(enqueuer, (*at)->queue) == NULL)
			add_lane(enqueuer, (*at)->queue);
	list_each(kept, &enqueuer->lanes)
		list_owner(kept, struct lane, node)->queue->timeout_ms =
			conf->redis.enqueue_timeout_ms;
}

/* systemd's IPAddressDeny= swallows what is sent and says nothing (a TCP
 * connection is not refused, it is never made): in a unit that is the first
 * thing to look at. */
static const char *
timeout_hint(const struct conf_redis *redis)
{
	if (redis->unix_path != NULL || getenv("INVOCATION_ID") == NULL)
		return NULL;
	return "is it in the unit's IPAddressAllow= (systemctl edit "
	       "hooksync-fcgi)?";
}

struct enqueuer *
enqueuer_new(struct event_base *base, struct conf *conf)
{
	struct enqueuer *enqueuer = xcalloc(1, sizeof(*enqueuer));
	const struct conf_redis *redis = &conf->redis;
	struct topo_address address = { .unix_path = redis->unix_path,
					.host = redis->host,
					.port = (int)redis->port };
	struct rconn_settings settings = {
		.label = "redis",
		.username = redis->username,
		.password = redis->password == NULL
				    ? NULL
				    : buf_text(&redis->password->value),
		.db = redis->db,
		.client_name = "hooksync-fcgi",
		.connect_timeout_ms = redis->connect_timeout_ms,
		.timeout_hint = timeout_hint(redis),
		.scripts = queue_add_scripts,
	};
	enqueuer->conf = conf_ref(conf);
	list_init(&enqueuer->lanes);
	list_init(&enqueuer->ages);
	enqueuer->topo = topo_static_new(&address);
	enqueuer->conn =
		rconn_new(base, enqueuer->topo, &settings, on_redis, enqueuer);
	enqueuer->prefix = xstrdup(conf->queue.prefix);
	enqueuer->max_events = conf->queue.max_events;
	enqueuer->level = (enum queue_level)conf->queue.bullmq_level;
	enqueuer->away_since_at_ms = clock_wall_ms();
	set_lanes(enqueuer);
	enqueuer->flush = event_new(base, -1, 0, on_flush, enqueuer);
	enqueuer->deadline = event_new(base, -1, 0, on_deadline, enqueuer);
	if (enqueuer->flush == NULL || enqueuer->deadline == NULL)
		log_fatal(71, "no events: out of memory");
	return enqueuer;
}

void
enqueuer_free(struct enqueuer *enqueuer)
{
	if (enqueuer == NULL)
		return;
	list_each(node, &enqueuer->lanes)
		answer_waiting(list_owner(node, struct lane, node),
			       HS_UNAVAILABLE);
	rconn_free(enqueuer->conn); /* calls on_added of what is in flight */
	list_each_safe(lane, &enqueuer->lanes)
		free_lane(list_owner(lane, struct lane, node));
	free(enqueuer->prefix);
	topo_free(enqueuer->topo);
	event_free(enqueuer->flush);
	event_free(enqueuer->deadline);
	conf_unref(enqueuer->conf);
	free(enqueuer);
}

void
enqueuer_start(struct enqueuer *enqueuer)
{
	enqueuer->is_starting = true;
	rconn_start(enqueuer->conn);
}

void
enqueuer_reload(struct enqueuer *enqueuer, struct conf *conf)
{
	struct conf *old = enqueuer->conf;
	enqueuer->conf = conf_ref(conf);
	set_lanes(enqueuer);
	conf_unref(old);
}

bool
enqueuer_is_up(const struct enqueuer *enqueuer)
{
	return rconn_is_up(enqueuer->conn);
}

const char *
enqueuer_error(const struct enqueuer *enqueuer)
{
	return rconn_error(enqueuer->conn);
}

int64_t
enqueuer_away_since_at_ms(const struct enqueuer *enqueuer)
{
	return enqueuer->away_since_at_ms;
}

int64_t
enqueuer_due_ms(const struct enqueuer *enqueuer)
{
	if (list_is_empty(&enqueuer->ages))
		return INT64_MAX;
	return list_owner(enqueuer->ages.next, struct parked, age_node)->due_ms;
}

int64_t
enqueuer_redis_due_ms(const struct enqueuer *enqueuer)
{
	return rconn_due_ms(enqueuer->conn);
}

size_t
enqueuer_n_parked(const struct enqueuer *enqueuer)
{
	return enqueuer->n_parked;
}

/* Behind all that are due earlier: at the end, but after a reload that has
 * shortened the time. */
static void
note_age(struct enqueuer *enqueuer, struct parked *parked)
{
	struct list *before = enqueuer->ages.prev;
	while (before != &enqueuer->ages &&
	       list_owner(before, struct parked, age_node)->due_ms >
		       parked->due_ms)
		before = before->prev;
	if (before == &enqueuer->ages && !list_is_empty(before))
		event_del(enqueuer->deadline); /* it waits for a later one */
	list_push_front(before, &parked->age_node);
}

enum hs_err
enqueuer_park(struct enqueuer *enqueuer, const struct enqueuer_job *job,
	      enqueuer_fn fn, void *ctx)
{
	struct lane *lane = find_lane(enqueuer, job->queue);
	size_t len = job->data->len;
	enum hs_err err = HS_OK;
	log_assert(lane != NULL);
	if (!may_store(enqueuer))
		err = HS_UNAVAILABLE;
	else if (enqueuer->n_parked >= BOUNDS_PARKED ||
		 len > BOUNDS_PARKED_BYTES - enqueuer->bytes)
		err = HS_AGAIN;
	if (err != HS_OK) {
		buf_fini(job->data);
		return err;
	}
	struct parked *parked = xcalloc(1, sizeof(*parked));
	list_init(&parked->node);
	list_init(&parked->age_node);
	parked->lane = lane;
	parked->name = job->name;
	parked->id = xstrndup((const char *)job->id.ptr, job->id.len);
	parked->data = buf_steal(job->data);
	parked->data_len = len;
	parked->due_ms =
		clock_mono_ms() + enqueuer->conf->redis.enqueue_timeout_ms;
	parked->fn = fn;
	parked->ctx = ctx;
	list_push_back(&lane->parked, &parked->node);
	lane->n_parked++;
	note_age(enqueuer, parked);
	enqueuer->n_parked++;
	enqueuer->bytes += len;
	set_deadline(enqueuer);
	want_flush(enqueuer);
	return HS_OK;
}
