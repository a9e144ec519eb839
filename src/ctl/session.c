/*
 * session: one visit to Redis.
 *
 * rconn tries for ever, which is right for a daemon. A session lets it fail
 * TRIES times ("localhost" may have two addresses, of which one answers; a
 * Redis that is just loading is back in a moment) or until the connect timeout
 * has passed, then says what rconn knows.
 *
 * Known limits: a call's deadline is rconn's; the session itself keeps no
 * clock once it is connected.
 */
#include "ctl/session.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "redis/rconn.h"
#include "redis/topo.h"
#include "ctl/ctl.h"
#include "ctl/guide.h"

enum { TRIES = 3 };

struct session {
	const struct conf *conf;
	struct event_base *base;
	struct event *tick;
	struct topo *topo;
	struct rconn *conn;
	struct queue **queues; /* NULL-terminated once there is one */
	size_t n_queues;
	struct rconn **others; /* session_connection() */
	size_t n_others;
	size_t n_pending;
	struct event *signals[2];
	bool is_interrupted;
	bool is_spoilt;
};

static void
on_state(void *ctx, struct rconn *conn, bool is_up)
{
	(void)ctx;
	(void)conn;
	(void)is_up; /* session_connect() looks for itself after each turn */
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx; /* only ends a turn, so that deadlines are looked at */
}

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct session *session = ctx;
	(void)number;
	(void)what;
	session->is_interrupted = true;
	/* who asks twice does not want to wait for our answer */
	for (size_t i = 0; i < 2; i++)
		event_del(session->signals[i]);
}

static bool
session_connect(struct session *session)
{
	int64_t due_ms =
		clock_mono_ms() + session->conf->redis.connect_timeout_ms;
	enum rconn_state before = RCONN_DOWN;
	int n_failed = 0;

	rconn_start(session->conn);
	while (!rconn_is_up(session->conn)) {
		if (event_base_loop(session->base, EVLOOP_ONCE) < 0)
			return false;
		enum rconn_state now = rconn_state(session->conn);
		if (before == RCONN_LOGIN && now == RCONN_DOWN)
			n_failed++;
		before = now;
		if (n_failed >= TRIES || clock_mono_ms() >= due_ms)
			break;
	}
	return rconn_is_up(session->conn);
}

static struct rconn *
connection_new(struct session *session, const char *label, rconn_state_fn fn,
	       void *ctx)
{
	const struct conf_redis *redis = &session->conf->redis;
	struct rconn_settings settings = {
		.label = label,
		.username = redis->username,
		.password = redis->password ? buf_text(&redis->password->value)
					    : NULL,
		.db = redis->db,
		.client_name = "hooksync",
		.connect_timeout_ms = redis->connect_timeout_ms,
		.is_quiet = true,
		.retry_max_ms = 200, /* a person is waiting */
		.scripts = queue_command_scripts,
	};
	return rconn_new(session->base, session->topo, &settings, fn, ctx);
}

static struct topo *
topo_new(const struct conf *conf)
{
	const struct topo_address address = {
		.unix_path = conf->redis.unix_path,
		.host = conf->redis.host,
		.port = (int)conf->redis.port,
	};
	return topo_static_new(&address);
}

char *
session_address_of(const struct conf *conf)
{
	struct topo *topo = topo_new(conf);
	char *text = xstrdup(topo_text(topo));
	topo_free(topo);
	return text;
}

struct session *
session_try(const struct conf *conf, struct buf *why)
{
	struct session *session = xcalloc(1, sizeof *session);
	const struct timeval tick = { .tv_usec = 20 * 1000 };

	session->conf = conf;
	session->base = event_base_new();
	if (!session->base)
		log_fatal(CTL_OS, "the event loop could not be made");
	session->tick =
		event_new(session->base, -1, EV_PERSIST, on_tick, session);
	if (!session->tick || event_add(session->tick, &tick) < 0)
		log_fatal(CTL_OS, "the event loop could not be made");
	session->topo = topo_new(conf);
	session->conn = connection_new(session, "redis", on_state, session);
	if (session_connect(session)) {
		event_del(session->tick);
		return session;
	}
	const char *said = rconn_error(session->conn);
	buf_notef(why, "%s", said && *said ? said : "no answer in time");
	session_close(session);
	return NULL;
}

struct session *
session_open(const struct conf *conf)
{
	struct buf why;
	struct buf advice;

	buf_init(&why, BOUNDS_REASON_BYTES);
	buf_init(&advice, BOUNDS_LOG_LINE_BYTES);
	struct session *session = session_try(conf, &why);
	if (!session) {
		char *address = session_address_of(conf);
		ctl_complain("Redis at %s cannot be used: %s", address,
			     buf_text(&why));
		guide_redis(&conf->redis, buf_text(&why), &advice);
		if (advice.len > 0)
			ctl_complain("%s", buf_text(&advice));
		else
			ctl_complain("is it running, and are redis.url, the "
				     "password and the database right? "
				     "\"hooksync config\" shows what is in "
				     "force");
		free(address);
	}
	buf_fini(&advice);
	buf_fini(&why);
	return session;
}

void
session_close_connections(struct session *session)
{
	for (size_t i = 0; i < session->n_others; i++)
		rconn_free(session->others[i]);
	free(session->others);
	session->others = NULL;
	session->n_others = 0;
}

void
session_close(struct session *session)
{
	if (!session)
		return;
	session_close_connections(session);
	rconn_free(session->conn);
	for (size_t i = 0; i < 2; i++)
		if (session->signals[i])
			event_free(session->signals[i]);
	for (size_t i = 0; i < session->n_queues; i++)
		queue_free(session->queues[i]);
	free(session->queues);
	topo_free(session->topo);
	event_free(session->tick);
	event_base_free(session->base);
	free(session);
}

struct queue *
session_queue(struct session *session, const char *name)
{
	const struct conf *conf = session->conf;
	struct queue *queue = queue_new(session->conn, conf->queue.prefix, name,
					conf->redis.command_timeout_ms,
					conf->queue.max_events);
	queue->level = (enum queue_level)conf->queue.bullmq_level;
	session->queues = xreallocarray(session->queues, session->n_queues + 1,
					sizeof *session->queues);
	session->queues[session->n_queues++] = queue;
	return queue;
}

static void
complain_advice(const struct conf *conf, const char *text)
{
	struct buf advice;
	buf_init(&advice, BOUNDS_LOG_LINE_BYTES);
	guide_redis(&conf->redis, text, &advice);
	ctl_complain("%s", buf_text(&advice));
	buf_fini(&advice);
}

void
session_begin(struct session *session)
{
	session->n_pending++;
}

void
session_end(struct session *session, enum hs_err err, const char *text)
{
	log_assert(session->n_pending > 0);
	session->n_pending--;
	if (err == HS_OK || session->is_spoilt)
		return;
	session->is_spoilt = true;
	if (err == HS_PROTOCOL && text && *text)
		ctl_complain("Redis at %s refused: %s",
			     topo_text(session->topo), text);
	else
		ctl_complain("Redis at %s: %s", topo_text(session->topo),
			     text && *text ? text : hs_err_text(err));
	if (err == HS_PROTOCOL && text && strncmp(text, "NOPERM", 6) == 0)
		complain_advice(session->conf, text);
	if (err == HS_PROTOCOL && text && strncmp(text, "WRONGTYPE", 9) == 0)
		ctl_complain("a key of the queue holds something else: "
			     "\"hooksync doctor\" finds it");
}

int
session_wait(struct session *session)
{
	while (session->n_pending > 0)
		if (event_base_loop(session->base, EVLOOP_ONCE) < 0)
			log_fatal(CTL_INTERNAL, "the event loop has failed");
	return session->is_spoilt ? CTL_UNAVAILABLE : CTL_OK;
}

void
session_catch_interrupt(struct session *session)
{
	static const int numbers[2] = { SIGINT, SIGTERM };

	if (session->signals[0])
		return; /* it does already */
	for (size_t i = 0; i < 2; i++) {
		session->signals[i] = evsignal_new(session->base, numbers[i],
						   on_signal, session);
		if (!session->signals[i] ||
		    event_add(session->signals[i], NULL) < 0)
			log_fatal(CTL_OS, "signals cannot be caught");
	}
}

bool
session_is_interrupted(const struct session *session)
{
	return session->is_interrupted;
}

struct rconn *
session_connection(struct session *session, const char *label,
		   rconn_state_fn fn, void *ctx)
{
	struct rconn *conn = connection_new(session, label, fn, ctx);
	session->others = xreallocarray(session->others, session->n_others + 1,
					sizeof *session->others);
	session->others[session->n_others++] = conn;
	return conn;
}

void
session_turn(struct session *session, int64_t at_most_ms)
{
	const struct timeval tick = clock_timeval(at_most_ms);

	if (event_add(session->tick, &tick) < 0 ||
	    event_base_loop(session->base, EVLOOP_ONCE) < 0)
		log_fatal(CTL_INTERNAL, "the event loop has failed");
	event_del(session->tick);
}

const char *
session_address(const struct session *session)
{
	return topo_text(session->topo);
}
