/*
 * The states: DOWN (a timer waits for the next try), LOGIN (the wire connects,
 * then the login goes out and is answered), UP. go_down() is the only way down
 * and runs only from the loop: a callback that finds the connection useless
 * leaves its reason (the login's error, or close_why), and whoever called it
 * goes down afterwards.
 *
 * Each command in the ring has its own deadline, but there is one timer: it is
 * set to the earliest deadline seen, is not touched by replies, and looks
 * through the ring when it fires. So a reply in time costs nothing.
 *
 * -READONLY, -MASTERDOWN and -LOADING say that this server is not the one to
 * talk to: the reply is passed up, then the topology is asked again.
 *
 * Known limit: a password passes through libevent's output buffer, which is
 * freed and not wiped.
 */
#include "redis/rconn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "redis/login.h"
#include "redis/ring.h"
#include "redis/script.h"
#include "redis/wire.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 2000       /* Redis back is noticed in 2 s */
#define CONNECT_TIMEOUT_MS 5000 /* when the settings say nothing */
#define FEED_BYTES (16 * 1024)  /* the reader moves what lies unread */
#define BLOCK_BYTES 8192        /* larger commands are not copied twice */
#define MAX_TEXTS 32            /* arguments of rconn_send_texts() */

struct rconn {
	struct event_base *base;
	struct topo *topo;
	rconn_state_fn fn;
	void *ctx;
	/* settings */
	char *label;
	char *timeout_why;
	int64_t connect_timeout_ms;
	int64_t retry_min_ms;
	int64_t retry_max_ms;
	bool is_quiet;

	enum rconn_state state;
	struct wire *wire; /* NULL in DOWN */
	struct resp_reader *reader;
	struct event *timer;  /* DOWN: next try; LOGIN, UP: deadlines */
	int64_t armed_due_ms; /* when it fires in UP; RING_NEVER: not set */
	int64_t state_due_ms; /* when DOWN or LOGIN end; RING_NEVER: never */
	struct ring *ring;    /* sent and not answered */
	struct buf scratch;   /* small commands are formatted here */
	struct login *login;

	int64_t retry_ms;   /* the next pause, before jitter */
	int64_t up_at_ms;   /* monotonic */
	int64_t lost_at_ms; /* monotonic; 0: never lost */
	bool is_started;
	bool in_callback;
	bool has_warned;     /* since it was last said to be up */
	bool has_complained; /* of a refused login, since then */
	/* We gave it up: a replica that refuses each write, one that does not
	 * answer. It lets us in again at once, and is said to be back only when
	 * it has answered something well. */
	bool is_flapping;
	char close_why[200]; /* not empty: go down as soon as possible */
	char error[200];
};

static void connect_now(struct rconn *conn);
static void go_down(struct rconn *conn, const char *why);

/* ---- the timer ---- */

static void
arm(struct rconn *conn, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	struct timeval wait = clock_timeval(ms);

	if (evtimer_add(conn->timer, &wait) != 0)
		log_fatal(EX_OSERR, "out of memory");
}

static void
arm_deadline(struct rconn *conn, int64_t due_ms)
{
	if (conn->state != RCONN_UP || due_ms >= conn->armed_due_ms)
		return;
	conn->armed_due_ms = due_ms;
	arm(conn, due_ms - clock_mono_ms());
}

static void
check_deadlines(struct rconn *conn)
{
	int64_t earliest = ring_earliest_due_ms(conn->ring);

	conn->armed_due_ms = RING_NEVER;
	if (earliest == RING_NEVER)
		return;
	if (earliest > clock_mono_ms()) {
		arm_deadline(conn, earliest);
		return;
	}
	conn->is_flapping = true;
	go_down(conn, "no answer in time");
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct rconn *conn = ctx;

	(void)fd;
	(void)what;
	switch (conn->state) {
	case RCONN_DOWN:
		connect_now(conn);
		return;
	case RCONN_LOGIN:
		go_down(conn, conn->timeout_why);
		return;
	case RCONN_UP:
		check_deadlines(conn);
		return;
	}
}

/* ---- sending ---- */

static int64_t
due_after(int64_t timeout_ms)
{
	return timeout_ms > 0 ? clock_mono_ms() + timeout_ms : RING_NEVER;
}

static enum hs_err
check_room(const struct rconn *conn, size_t len, bool is_repeat)
{
	if (is_repeat)
		return HS_OK;
	if (ring_n_commands(conn->ring) >= BOUNDS_PIPELINE)
		return HS_AGAIN;
	if (wire_n_unsent(conn->wire) + len > BOUNDS_OUTPUT_BYTES)
		return HS_AGAIN;
	return HS_OK;
}

static void
note_sent(struct rconn *conn, int64_t due_ms, rconn_reply_fn fn, void *ctx)
{
	const struct ring_command command = {
		.fn = fn,
		.ctx = ctx,
		.due_ms = due_ms,
	};

	ring_push(conn->ring, &command);
	arm_deadline(conn, due_ms);
}

static enum hs_err
send_block(struct rconn *conn, struct wire_block *block, int64_t due_ms,
	   bool is_repeat, rconn_reply_fn fn, void *ctx)
{
	enum hs_err err = check_room(conn, block->bytes.len, is_repeat);

	if (err == HS_OK)
		err = wire_write_block(conn->wire, block);
	if (err == HS_OK)
		note_sent(conn, due_ms, fn, ctx);
	return err;
}

static enum hs_err
send_large(struct rconn *conn, const struct span *args, size_t n_args,
	   int64_t due_ms, rconn_reply_fn fn, void *ctx)
{
	struct wire_block *block = wire_block_new(BOUNDS_OUTPUT_BYTES);
	enum hs_err err = resp_command(&block->bytes, args, n_args);

	if (err == HS_OK)
		err = send_block(conn, block, due_ms, false, fn, ctx);
	wire_block_unref(block);
	return err;
}

/* As rconn_send() but in any state that has an open wire. */
static enum hs_err
send_args(struct rconn *conn, const struct span *args, size_t n_args,
	  int64_t due_ms, rconn_reply_fn fn, void *ctx)
{
	size_t len = 0;

	for (size_t i = 0; i < n_args; i++)
		len += args[i].len;
	if (len > BLOCK_BYTES)
		return send_large(conn, args, n_args, due_ms, fn, ctx);
	buf_reset(&conn->scratch);
	enum hs_err err = resp_command(&conn->scratch, args, n_args);
	if (err == HS_OK)
		err = check_room(conn, conn->scratch.len, false);
	if (err == HS_OK)
		err = wire_write(conn->wire, buf_span(&conn->scratch));
	if (err == HS_OK)
		note_sent(conn, due_ms, fn, ctx);
	return err;
}

/* ---- logging in ---- */

static enum hs_err
send_for_login(void *ctx, const struct span *args, size_t n_args,
	       rconn_reply_fn fn, void *fn_ctx)
{
	struct rconn *conn = ctx;
	enum hs_err err = send_args(conn, args, n_args, RING_NEVER, fn, fn_ctx);

	buf_wipe(&conn->scratch); /* it may be the password */
	return err;
}

static void
on_no_password(void *ctx)
{
	const struct rconn *conn = ctx;

	if (!conn->is_quiet && conn->lost_at_ms == 0)
		log_warn("%s wants no password, but one is configured "
			 "address=%s",
			 conn->label, topo_text(conn->topo));
}

static void
log_up(struct rconn *conn)
{
	conn->is_flapping = false;
	conn->has_warned = false;
	conn->has_complained = false;
	if (conn->is_quiet)
		return;
	if (conn->lost_at_ms == 0)
		log_event(LOG_LEVEL_NOTICE, MESSAGE_REDIS_UP,
			  "%s connected address=%s", conn->label,
			  topo_text(conn->topo));
	else
		log_event(LOG_LEVEL_NOTICE, MESSAGE_REDIS_UP,
			  "%s back address=%s down_ms=%lld", conn->label,
			  topo_text(conn->topo),
			  (long long)(clock_mono_ms() - conn->lost_at_ms));
}

static void
on_logged_in(void *ctx)
{
	struct rconn *conn = ctx;

	conn->state = RCONN_UP;
	conn->up_at_ms = clock_mono_ms();
	conn->armed_due_ms = RING_NEVER;
	(void)evtimer_del(conn->timer);
	conn->error[0] = '\0';
	if (!conn->is_flapping)
		log_up(conn);
	if (conn->fn != NULL)
		conn->fn(conn->ctx, conn, true);
}

static const struct login_fns login_fns = {
	.send = send_for_login,
	.on_no_password = on_no_password,
	.on_done = on_logged_in,
};

/* ---- going down ---- */

static void
log_down(struct rconn *conn, bool was_up)
{
	if (conn->is_quiet)
		return;
	if (login_was_refused(conn->login) && !conn->has_complained) {
		conn->has_complained = true;
		conn->has_warned = true;
		log_event(LOG_LEVEL_ERROR, MESSAGE_REDIS_DENIED,
			  "%s refuses the login address=%s reason=\"%s\"",
			  conn->label, topo_text(conn->topo), conn->error);
		return;
	}
	if (conn->has_warned)
		return;
	conn->has_warned = true;
	log_event(LOG_LEVEL_WARN, MESSAGE_REDIS_LOST,
		  "%s %s address=%s reason=\"%s\"", conn->label,
		  was_up || conn->lost_at_ms != 0 ? "lost" : "unreachable",
		  topo_text(conn->topo), conn->error);
}

/* Half of the pause is fixed, half is drawn: those who lost the same server
 * do not come back together. */
static void
schedule_retry(struct rconn *conn)
{
	int64_t half = conn->retry_ms / 2;

	if (login_was_refused(conn->login)) /* a person must act: no hurry */
		half = conn->retry_max_ms / 2;
	int64_t wait_ms =
		half + (int64_t)digest_random_below((uint64_t)half + 1);
	conn->state_due_ms = clock_mono_ms() + wait_ms;
	arm(conn, wait_ms);
	conn->retry_ms *= 2;
	if (conn->retry_ms > conn->retry_max_ms)
		conn->retry_ms = conn->retry_max_ms;
}

/* Takes the ring away and calls back all that were in it: those who use it
 * from the callbacks find it empty. */
static void
fail_pending(struct rconn *conn)
{
	struct ring *ring = conn->ring;
	struct ring_command command;
	int64_t now_ms = clock_mono_ms();

	conn->ring = ring_new();
	conn->in_callback = true;
	while (ring_pop(ring, &command))
		command.fn(command.ctx,
			   command.due_ms <= now_ms ? HS_TIMEOUT
						    : HS_UNAVAILABLE,
			   NULL);
	conn->in_callback = false;
	ring_free(ring);
}

/* Why a callback found the connection useless; "" if none did. */
static const char *
reason_to_close(const struct rconn *conn)
{
	return conn->close_why[0] != '\0' ? conn->close_why
					  : login_error(conn->login);
}

static void
go_down(struct rconn *conn, const char *why)
{
	const char *reason = reason_to_close(conn);
	bool was_up = conn->state == RCONN_UP;

	/* what the server said explains more than that it hung up */
	snprintf(conn->error, sizeof(conn->error), "%s",
		 reason[0] != '\0' ? reason : why);
	conn->close_why[0] = '\0';
	conn->state = RCONN_DOWN;
	wire_free(conn->wire);
	conn->wire = NULL;
	resp_reader_free(conn->reader);
	conn->reader = NULL;
	if (was_up) {
		int64_t now_ms = clock_mono_ms();
		if (!conn->has_warned)
			conn->lost_at_ms = now_ms;
		if (now_ms - conn->up_at_ms >= conn->retry_max_ms)
			conn->retry_ms = conn->retry_min_ms;
	}
	log_down(conn, was_up);
	schedule_retry(conn);
	login_reset(conn->login);
	fail_pending(conn);
	if (was_up && conn->fn != NULL) {
		conn->in_callback = true;
		conn->fn(conn->ctx, conn, false);
		conn->in_callback = false;
	}
}

/* ---- the wire's events ---- */

static bool
is_wrong_server(const struct reply *reply)
{
	if (reply->type != REPLY_ERROR)
		return false;
	return reply_is_error(reply, "READONLY") ||
	       reply_is_error(reply, "MASTERDOWN") ||
	       reply_is_error(reply, "LOADING") ||
	       /* Redis 6 hides it behind "ERR Error running script" */
	       strstr((const char *)reply->text.ptr, " -READONLY ") != NULL;
}

static void
take_reply(struct rconn *conn, const struct reply *reply)
{
	struct ring_command command;

	if (!ring_pop(conn->ring, &command)) {
		snprintf(conn->close_why, sizeof(conn->close_why),
			 "an answer to no question");
		return;
	}
	bool was_up = conn->state == RCONN_UP;
	if (was_up && conn->is_flapping && reply->type != REPLY_ERROR)
		log_up(conn);
	conn->in_callback = true;
	command.fn(command.ctx, HS_OK, reply);
	conn->in_callback = false;
	if (was_up && is_wrong_server(reply)) {
		conn->is_flapping = true;
		snprintf(conn->close_why, sizeof(conn->close_why), "%s",
			 (const char *)reply->text.ptr);
	}
}

/* All replies that are whole. */
static enum hs_err
take_replies(struct rconn *conn)
{
	struct reply *reply;
	enum hs_err err;

	while ((err = resp_reader_next(conn->reader, &reply)) == HS_OK) {
		take_reply(conn, reply);
		reply_free(reply);
		/* a refused login waits for the rest of its replies */
		if (reason_to_close(conn)[0] != '\0' &&
		    (conn->state == RCONN_UP ||
		     ring_n_commands(conn->ring) == 0))
			return HS_UNAVAILABLE;
	}
	return err == HS_AGAIN ? HS_OK : err;
}

static void
on_bytes(void *ctx, const unsigned char *bytes, size_t len)
{
	struct rconn *conn = ctx;

	while (len > 0) {
		size_t n = len < FEED_BYTES ? len : FEED_BYTES;
		enum hs_err err = resp_reader_feed(conn->reader, bytes, n);
		if (err == HS_OK)
			err = take_replies(conn);
		if (err != HS_OK) {
			go_down(conn, resp_reader_error(conn->reader));
			return;
		}
		bytes += n;
		len -= n;
	}
}

static void
on_open(void *ctx)
{
	struct rconn *conn = ctx;
	enum hs_err err = login_send(conn->login);

	if (err != HS_OK)
		go_down(conn, hs_err_text(err));
}

static void
on_close(void *ctx, const char *why)
{
	go_down(ctx, why);
}

static const struct wire_fns wire_fns = {
	.on_open = on_open,
	.on_bytes = on_bytes,
	.on_close = on_close,
};

static void
connect_now(struct rconn *conn)
{
	conn->state = RCONN_LOGIN;
	conn->reader = resp_reader_new();
	conn->state_due_ms = clock_mono_ms() + conn->connect_timeout_ms;
	arm(conn, conn->connect_timeout_ms);
	conn->wire = wire_open(conn->base, topo_resolve(conn->topo),
			       conn->connect_timeout_ms, &wire_fns, conn);
}

/* ---- public ---- */

static int64_t
positive_or(int64_t value, int64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

struct rconn *
rconn_new(struct event_base *base, struct topo *topo,
	  const struct rconn_settings *settings, rconn_state_fn fn, void *ctx)
{
	struct rconn *conn = xcalloc(1, sizeof(*conn));

	conn->base = base;
	conn->topo = topo;
	conn->fn = fn;
	conn->ctx = ctx;
	conn->label =
		xstrdup(settings->label != NULL ? settings->label : "redis");
	conn->timeout_why = xasprintf(
		"no connection in time%s%s",
		settings->timeout_hint != NULL ? "; " : "",
		settings->timeout_hint != NULL ? settings->timeout_hint : "");
	conn->is_quiet = settings->is_quiet;
	conn->connect_timeout_ms =
		positive_or(settings->connect_timeout_ms, CONNECT_TIMEOUT_MS);
	conn->retry_min_ms = positive_or(settings->retry_min_ms, RETRY_MIN_MS);
	conn->retry_max_ms = positive_or(settings->retry_max_ms, RETRY_MAX_MS);
	conn->retry_ms = conn->retry_min_ms;
	conn->login = login_new(settings, &login_fns, conn);
	conn->state = RCONN_DOWN;
	conn->armed_due_ms = RING_NEVER;
	conn->state_due_ms = RING_NEVER;
	conn->ring = ring_new();
	buf_init(&conn->scratch, BOUNDS_OUTPUT_BYTES);
	snprintf(conn->error, sizeof(conn->error), "not started");
	conn->timer = evtimer_new(base, on_timer, conn);
	if (conn->timer == NULL)
		log_fatal(EX_OSERR, "out of memory");
	return conn;
}

void
rconn_free(struct rconn *conn)
{
	if (conn == NULL)
		return;
	log_assert(!conn->in_callback);
	bool was_login = conn->state == RCONN_LOGIN;
	conn->state = RCONN_DOWN;
	event_free(conn->timer);
	wire_free(conn->wire);
	conn->wire = NULL;
	resp_reader_free(conn->reader);
	if (!was_login) /* else they are our own */
		fail_pending(conn);
	ring_free(conn->ring);
	buf_wipe(&conn->scratch);
	buf_fini(&conn->scratch);
	login_free(conn->login);
	free(conn->label);
	free(conn->timeout_why);
	free(conn);
}

void
rconn_start(struct rconn *conn)
{
	if (conn->is_started)
		return;
	conn->is_started = true;
	snprintf(conn->error, sizeof(conn->error), "connecting");
	conn->state_due_ms = clock_mono_ms();
	arm(conn, 0);
}

enum rconn_state
rconn_state(const struct rconn *conn)
{
	return conn->state;
}

bool
rconn_is_up(const struct rconn *conn)
{
	return conn->state == RCONN_UP;
}

const char *
rconn_error(const struct rconn *conn)
{
	return conn->error;
}

size_t
rconn_n_pending(const struct rconn *conn)
{
	return ring_n_commands(conn->ring);
}

int64_t
rconn_due_ms(const struct rconn *conn)
{
	if (conn->state != RCONN_UP)
		return conn->state_due_ms;
	return ring_earliest_due_ms(conn->ring);
}

enum hs_err
rconn_send(struct rconn *conn, const struct span *args, size_t n_args,
	   int64_t timeout_ms, rconn_reply_fn fn, void *ctx)
{
	if (conn->state != RCONN_UP)
		return HS_UNAVAILABLE;
	return send_args(conn, args, n_args, due_after(timeout_ms), fn, ctx);
}

enum hs_err
rconn_send_texts(struct rconn *conn, int64_t timeout_ms, rconn_reply_fn fn,
		 void *ctx, ...)
{
	struct span args[MAX_TEXTS];
	size_t n = 0;
	const char *text;
	va_list list;

	va_start(list, ctx);
	while ((text = va_arg(list, const char *)) != NULL && n < MAX_TEXTS)
		args[n++] = span_text(text);
	va_end(list);
	if (text != NULL)
		return HS_TOO_BIG;
	return rconn_send(conn, args, n, timeout_ms, fn, ctx);
}

struct rconn_script *
rconn_script(struct rconn *conn, const struct script *script)
{
	return login_script(conn->login, script);
}

static void
on_reloaded(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct rconn_script *known = ctx;

	(void)err;
	(void)reply; /* when it failed, the call that follows says NOSCRIPT */
	known->is_loading = false;
}

enum hs_err
rconn_load_script(struct rconn *conn, const struct script *script)
{
	struct rconn_script *known = login_script(conn->login, script);

	if (known == NULL)
		return HS_NOT_FOUND;
	if (conn->state != RCONN_UP)
		return HS_UNAVAILABLE;
	if (known->is_loading)
		return HS_OK;
	struct span args[3] = { span_text("SCRIPT"), span_text("LOAD"),
				span_text(script->text) };
	enum hs_err err =
		send_args(conn, args, 3, RING_NEVER, on_reloaded, known);
	known->is_loading = err == HS_OK;
	return err;
}

enum hs_err
rconn_send_block(struct rconn *conn, struct wire_block *block, int64_t due_ms,
		 bool is_repeat, rconn_reply_fn fn, void *ctx)
{
	if (conn->state != RCONN_UP)
		return HS_UNAVAILABLE;
	return send_block(conn, block, due_ms == 0 ? RING_NEVER : due_ms,
			  is_repeat, fn, ctx);
}
