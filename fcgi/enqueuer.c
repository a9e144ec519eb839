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
	struct lane *lanes;
	size_t n_lanes;
	struct list ages;
	size_t n_parked;
	size_t bytes;
	struct event *flush;
	struct event *deadline;
	struct log_storm storm;
	bool is_starting; /* the first connection is neither made nor refused */
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

/* All have the same time, so the list is in the order of deadlines. */
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
	for (size_t i = 0; i < enqueuer->n_lanes; i++) {
		struct lane *lane = &enqueuer->lanes[i];
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
	for (size_t i = 0; i < enqueuer->n_lanes; i++) {
		if (is_up)
			queue_announce(enqueuer->lanes[i].queue);
		else
			answer_waiting(&enqueuer->lanes[i], HS_UNAVAILABLE);
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
	for (size_t i = 0; i < enqueuer->n_lanes; i++) {
		struct lane *lane = &enqueuer->lanes[i];
		if (strcmp(keys_queue(lane->queue->keys), queue) == 0)
			return lane;
	}
	return NULL;
}

static void
add_lane(struct enqueuer *enqueuer, const char *queue)
{
	const struct conf *conf = enqueuer->conf;
	if (find_lane(enqueuer, queue) != NULL)
		return;
	struct lane *lane = &enqueuer->lanes[enqueuer->n_lanes++];
	lane->enqueuer = enqueuer;
	lane->queue = queue_new(enqueuer->conn, conf->queue.prefix, queue,
				conf->redis.enqueue_timeout_ms,
				conf->queue.max_events);
	lane->queue->level = (enum queue_level)conf->queue.bullmq_level;
	list_init(&lane->parked);
}

struct enqueuer *
enqueuer_new(struct event_base *base, struct conf *conf)
{
	struct enqueuer *enqueuer = xcalloc(1, sizeof(*enqueuer));
	const struct conf_redis *redis = &conf->redis;
	size_t n_endpoints = 0;
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
		.scripts = queue_add_scripts,
	};
	enqueuer->conf = conf_ref(conf);
	list_init(&enqueuer->ages);
	enqueuer->topo = topo_static_new(&address);
	enqueuer->conn =
		rconn_new(base, enqueuer->topo, &settings, on_redis, enqueuer);
	while (conf->endpoints != NULL && conf->endpoints[n_endpoints] != NULL)
		n_endpoints++;
	enqueuer->lanes = xcalloc(n_endpoints + 1, sizeof(*enqueuer->lanes));
	for (size_t i = 0; i < n_endpoints; i++)
		add_lane(enqueuer, conf->endpoints[i]->queue);
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
	for (size_t i = 0; i < enqueuer->n_lanes; i++)
		answer_waiting(&enqueuer->lanes[i], HS_UNAVAILABLE);
	rconn_free(enqueuer->conn); /* calls on_added of what is in flight */
	for (size_t i = 0; i < enqueuer->n_lanes; i++)
		queue_free(enqueuer->lanes[i].queue);
	free(enqueuer->lanes);
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

bool
enqueuer_is_up(const struct enqueuer *enqueuer)
{
	return rconn_is_up(enqueuer->conn);
}

size_t
enqueuer_n_parked(const struct enqueuer *enqueuer)
{
	return enqueuer->n_parked;
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
	list_push_back(&enqueuer->ages, &parked->age_node);
	enqueuer->n_parked++;
	enqueuer->bytes += len;
	set_deadline(enqueuer);
	want_flush(enqueuer);
	return HS_OK;
}
