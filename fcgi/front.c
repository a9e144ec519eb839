/*
 * front: the loop's side of FastCGI.
 *
 * The ordinary way: a connection becomes readable; we peek, and walk the
 * 8-byte record headers (records.c). While the request is not whole nothing
 * else happens: the event is edge-triggered, so a part that lies in the
 * socket's buffer does not wake us again. When it is whole, libfcgi gets the
 * connection and reads parameters and body without ever having to wait.
 *
 * The slow lane: a request that is not whole after SLOW_AFTER_MS, or that
 * exceeds BOUNDS_PEEK_BYTES, can never become whole in the socket's buffer. Then
 * we take its bytes off the socket ourselves as they come, bounded, and let
 * libfcgi parse the parameters out of an anonymous file that holds the same
 * request without its body. libfcgi so never touches a socket that could make
 * it wait, and the lane needs no thread: any number of silent peers costs a
 * few bytes each until their deadline, and holds nobody up. What the bodies of
 * all slow requests may take together is bounded; beyond it a request is
 * called without its body, and its handler refuses it.
 *
 * Closing: a connection with unread bytes (a body that was refused) is shut for
 * writing and read empty for LINGER_MS, so that the answer is not lost to a
 * reset. An idle kept connection is never closed from our side while we serve:
 * the web server may be writing its next request on it. A connection is freed
 * after the turn in which its events were delivered.
 *
 * Stopping must close them all the same, and the request that the web server
 * writes at that very moment must not be swallowed: read, never answered, and
 * not to be repeated for all the web server knows. So the reading side is shut
 * first: on a Unix socket whatever comes later is refused to the writer, as by
 * a connection that was closed long ago, and what came before is still there
 * to be read and answered. A connection that has not had a request yet is
 * another matter: its first one must be on its way, and is waited for.
 */
#include "fcgi/front.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "fcgi/acceptor.h"
#include "fcgi/cgi.h"
#include "fcgi/records.h"
#include "fcgi/slow_lane.h"

/* nginx sends a request in one go; a second without its end is another kind of
 * peer. */
#define SLOW_AFTER_MS 1000
/* A peer that dribbles would have us peek at the same bytes again and again. */
#define MAX_PEEKS 64
#define LINGER_MS 2000 /* as libfcgi's own */
/* A web server connects because it has a request at hand. */
#define FIRST_MS 1000
#define TICK_MS 100
/* Per event, so that one peer does not keep the loop. */
#define MAX_READS 16

/* Edge-triggered where bytes stay in the socket, level where we take them. */
#define EDGE (EV_READ | EV_CLOSED | EV_PERSIST | EV_ET)
#define LEVEL (EV_READ | EV_PERSIST)

enum conn_state {
	CONN_IDLE,    /* on `idle`: nothing of a request seen */
	CONN_PARTIAL, /* on `partial`: part of it is in the socket's buffer */
	CONN_SLOW,    /* on `slow`: we take its bytes as they come */
	CONN_INSIDE,  /* on `inside`: the handler has it */
	CONN_LINGER,  /* on `linger`: answered; read empty, then closed */
	CONN_DEAD,    /* on `dead`: closed; freed after this turn */
};
#define CONN_N_STATES 6

static const char *const state_names[CONN_N_STATES] = {
	"idle", "partial", "slow", "inside", "linger", "dead",
};

struct front_call { /* lies in its connection: one request at a time */
	struct cgi *cgi;
	bool is_odd;
	enum front_body body_state;
	struct buf body; /* of a slow request: moved out of the lane */
};

struct conn {
	struct list node; /* the state's list */
	enum conn_state state;
	struct front *front;
	struct event *event;
	int fd;
	unsigned n_peeks;
	bool has_more;  /* the socket spoke while the handler had the call */
	bool is_kept;   /* it has had an answer */
	int64_t due_ms; /* when this state ends */
	int64_t whole_due_ms; /* when the request must be whole */

	struct slow_request slow; /* from CONN_SLOW to the answer */
	struct front_call call;
};

struct front {
	struct event_base *base;
	struct front_settings settings;
	struct acceptor *acceptor;
	struct event *tick;
	struct event *reap;
	struct list lists[CONN_N_STATES];
	size_t n_inside;
	bool is_stopping;
	struct slow_lane slow_lane;
	struct buf params; /* scratch of the peek */
	unsigned char scratch[BOUNDS_PEEK_BYTES];
};

static void on_readable(evutil_socket_t fd, short what, void *ctx);

/* ---- states ---- */

static bool
state_is_inside(enum conn_state state)
{
	return state == CONN_PARTIAL || state == CONN_SLOW ||
	       state == CONN_INSIDE;
}

static void
start_tick(struct front *front)
{
	const struct timeval tv = { 0, TICK_MS * 1000 };
	if (!event_pending(front->tick, EV_TIMEOUT, NULL))
		event_add(front->tick, &tv);
}

/* The only place where a connection changes its state. */
static void
conn_become(struct conn *conn, enum conn_state state)
{
	struct front *front = conn->front;
	if (state_is_inside(conn->state))
		front->n_inside--;
	if (state_is_inside(state))
		front->n_inside++;
	if (state != conn->state && state != CONN_DEAD)
		log_debug("connection %d: %s after %s", conn->fd,
			  state_names[state], state_names[conn->state]);
	conn->state = state;
	list_remove(&conn->node);
	list_push_back(&front->lists[state], &conn->node);
	if (state == CONN_PARTIAL || state == CONN_SLOW || state == CONN_LINGER)
		start_tick(front);
}

static bool
conn_listen(struct conn *conn, bool is_edge)
{
	short what = is_edge ? EDGE : LEVEL;
	event_del(conn->event);
	return event_assign(conn->event, conn->front->base, conn->fd, what,
			    on_readable, conn) == 0 &&
	       event_add(conn->event, NULL) == 0;
}

static void
forget_request(struct conn *conn)
{
	cgi_forget(conn->call.cgi);
	slow_lane_leave(&conn->front->slow_lane, &conn->slow);
	buf_fini(&conn->call.body);
}

/* conn is not to be touched by the caller afterwards, but is there until the
 * end of the turn. */
static void
conn_kill(struct conn *conn)
{
	if (conn->state == CONN_DEAD)
		return;
	forget_request(conn);
	/* before close(): the number may be taken again at once */
	event_del(conn->event);
	if (conn->fd >= 0)
		close(conn->fd);
	conn_become(conn, CONN_DEAD);
	conn->fd = -1;
	event_active(conn->front->reap, EV_TIMEOUT, 0);
}

static void
conn_drop(struct conn *conn, const char *why)
{
	log_debug("connection %d dropped: reason=\"%s\"", conn->fd, why);
	conn_kill(conn);
}

static void
on_reap(evutil_socket_t fd, short what, void *ctx)
{
	struct front *front = ctx;
	struct list *node;
	(void)fd;
	(void)what;
	while ((node = list_pop_front(&front->lists[CONN_DEAD])) != NULL) {
		struct conn *conn = list_owner(node, struct conn, node);
		event_free(conn->event);
		cgi_free(conn->call.cgi);
		free(conn);
		acceptor_release(front->acceptor);
	}
}

/* ---- a whole request, on its way to the handler ---- */

static void
begin_request(struct conn *conn, int64_t now_ms)
{
	conn->n_peeks = 0;
	conn->due_ms = now_ms + SLOW_AFTER_MS;
	conn->whole_due_ms = now_ms + conn->front->settings.request_timeout_ms;
	if (conn->due_ms > conn->whole_due_ms)
		conn->due_ms = conn->whole_due_ms;
}

static void
hand_over(struct conn *conn)
{
	/* level-triggered, it would wake us for what must wait */
	if (conn->state == CONN_SLOW)
		event_del(conn->event);
	conn_become(conn, CONN_INSIDE);
	conn->front->settings.fn(conn->front->settings.ctx, &conn->call);
}

/* The request is whole in the socket's buffer, and nothing behind it. */
static void
take_whole(struct conn *conn, const struct records *records, bool is_odd)
{
	struct front_call *call = &conn->call;
	if (!cgi_parse(call->cgi, conn->fd)) {
		conn->fd = -1; /* closed by libfcgi */
		conn_drop(conn, "libfcgi refused it");
		return;
	}
	call->is_odd = is_odd;
	buf_init(&call->body, records->n_body);
	unsigned char *room;
	if (buf_reserve(&call->body, records->n_body, &room) != HS_OK) {
		conn_drop(conn, "no memory for the body");
		return;
	}
	/* the room has the one byte more: buf keeps a NUL */
	if (!cgi_read(call->cgi, room, records->n_body)) {
		conn_drop(conn, "its body was cut");
		return;
	}
	buf_commit(&call->body, records->n_body);
	call->body_state = FRONT_BODY_WHOLE;
	hand_over(conn);
}

/* ---- slow lane ---- */

static void slow_read(struct conn *conn);

static void
become_slow(struct conn *conn)
{
	if (!slow_lane_enter(&conn->front->slow_lane, &conn->slow)) {
		conn_drop(conn, "the slow lane is full");
		return;
	}
	conn->due_ms = conn->whole_due_ms;
	conn_become(conn, CONN_SLOW);
	if (!conn_listen(conn, false)) {
		conn_drop(conn, "no event");
		return;
	}
	slow_read(conn);
}

static void
slow_hand_over(struct conn *conn, enum front_body body_state)
{
	conn->call.body = conn->slow.body;
	buf_init(&conn->slow.body, 0);
	conn->call.body_state = body_state;
	hand_over(conn);
}

/* libfcgi parses the parameters; then the socket is its place to answer. */
static bool
slow_parse(struct conn *conn)
{
	struct front_call *call = &conn->call;
	enum records_params params =
		records_params_check(buf_span(&conn->slow.params));
	if (params == RECORDS_PARAMS_BROKEN) {
		conn_drop(conn, "its parameters are broken");
		return false;
	}
	int fd = slow_lane_open_head(&conn->slow);
	if (fd < 0) {
		log_warn("no anonymous file for a slow request: reason=\"%s\"",
			 strerror(errno));
		conn_drop(conn, "no anonymous file");
		return false;
	}
	if (!cgi_parse(call->cgi, fd)) {
		conn_drop(conn, "libfcgi refused it");
		return false;
	}
	close(fd);
	cgi_move(call->cgi, conn->fd, conn->slow.records.is_kept);
	call->is_odd = params == RECORDS_PARAMS_ODD;
	return true;
}

/* The parameters are whole: how much body to take? False when the connection
 * was dropped or handed over. */
static bool
slow_head(struct conn *conn)
{
	struct front *front = conn->front;
	if (!slow_parse(conn))
		return false;
	int64_t limit = front->settings.limit(front->settings.ctx,
					      front_env(&conn->call));
	if (limit < 0) {
		slow_hand_over(conn, FRONT_BODY_UNWANTED);
		return false;
	}
	if (!slow_lane_limit(&front->slow_lane, &conn->slow, (size_t)limit)) {
		slow_hand_over(conn, FRONT_BODY_NO_ROOM);
		return false;
	}
	return true;
}

/* We were shown n bytes of it: those of this request are taken off the socket,
 * those behind it stay. False when the connection has gone on to another
 * state. */
static bool
slow_take(struct conn *conn, size_t n)
{
	unsigned char *scratch = conn->front->scratch;
	size_t used;
	enum slow_verdict verdict =
		slow_lane_feed(&conn->slow, scratch, n, &used);
	if (used > 0 &&
	    recv(conn->fd, scratch, used, MSG_DONTWAIT) != (ssize_t)used) {
		conn_drop(conn, "bytes it had shown are gone");
		return false;
	}
	switch (verdict) {
	case SLOW_MORE:
		return true;
	case SLOW_HEAD:
		return slow_head(conn);
	case SLOW_WHOLE:
		slow_hand_over(conn, FRONT_BODY_WHOLE);
		return false;
	case SLOW_TOO_LONG:
		slow_hand_over(conn, FRONT_BODY_TOO_LONG);
		return false;
	case SLOW_BAD:
		break;
	}
	conn_drop(conn, conn->slow.records.why);
	return false;
}

/* How much the socket's buffer shows, in the front's scratch: 0 when there is
 * nothing for now, or when the peer has left and the connection is dropped. */
static size_t
look(struct conn *conn)
{
	struct front *front = conn->front;
	ssize_t n;
	do
		n = recv(conn->fd, front->scratch, sizeof(front->scratch),
			 MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return (size_t)n;
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		conn_drop(conn, conn->state == CONN_IDLE
					? "the peer left"
					: "the peer left half-way");
	return 0;
}

static void
slow_read(struct conn *conn)
{
	for (int i = 0; i < MAX_READS; i++) {
		size_t n = look(conn);
		if (n == 0 || !slow_take(conn, n))
			return;
	}
}

/* ---- the ordinary way ---- */

/* True when the connection may be peeked at again. */
static bool
take_management(struct conn *conn, size_t n, size_t len)
{
	if (n < len) {
		if (conn->state == CONN_IDLE) {
			begin_request(conn, clock_mono_ms());
			conn_become(conn, CONN_PARTIAL);
		}
		return false;
	}
	if (!cgi_manage(conn->fd, conn->front->scratch, len)) {
		conn_drop(conn, "a management record without answer");
		return false;
	}
	if (recv(conn->fd, conn->front->scratch, len, MSG_DONTWAIT) !=
	    (ssize_t)len) {
		conn_drop(conn, "bytes it had shown are gone");
		return false;
	}
	conn_become(conn, CONN_IDLE);
	return true;
}

static void
judge(struct conn *conn, size_t n)
{
	struct front *front = conn->front;
	struct records records;
	size_t used = 0;
	enum records_verdict verdict = RECORDS_MORE;

	records_init(&records);
	buf_reset(&front->params);
	for (size_t at = 0;
	     at < n && verdict != RECORDS_WHOLE && verdict != RECORDS_BAD;
	     at = used) {
		size_t step;
		verdict = records_feed(&records, front->scratch + at, n - at,
				       &front->params, NULL, &step);
		used = at + step;
	}
	if (verdict == RECORDS_BAD) {
		conn_drop(conn, records.why);
		return;
	}
	if (conn->state == CONN_IDLE) {
		begin_request(conn, clock_mono_ms());
		conn_become(conn, CONN_PARTIAL);
	}
	if (verdict == RECORDS_WHOLE && used == n) {
		enum records_params params =
			records_params_check(buf_span(&front->params));
		if (params == RECORDS_PARAMS_BROKEN)
			conn_drop(conn, "its parameters are broken");
		else
			take_whole(conn, &records,
				   params == RECORDS_PARAMS_ODD);
		return;
	}
	/* Bytes behind the end: libfcgi would read and lose them. */
	if (verdict == RECORDS_WHOLE || n == sizeof(front->scratch) ||
	    ++conn->n_peeks > MAX_PEEKS)
		become_slow(conn);
}

static void
peek(struct conn *conn)
{
	struct front *front = conn->front;
	for (int i = 0; i < MAX_READS; i++) {
		size_t n = look(conn);
		if (n == 0)
			return;
		size_t len;
		enum hs_err err = records_management(front->scratch, n, &len);
		if (err == HS_TOO_BIG || err == HS_INVALID) {
			conn_drop(conn, err == HS_TOO_BIG
						? "a management record too long"
						: "a broken management record");
			return;
		}
		if (err == HS_OK && len > 0) {
			if (!take_management(conn, n, len))
				return;
			continue;
		}
		judge(conn, n);
		return;
	}
	conn_drop(conn, "nothing but management records");
}

static void
drain(struct conn *conn)
{
	struct front *front = conn->front;
	for (int i = 0; i < MAX_READS; i++) {
		ssize_t n = recv(conn->fd, front->scratch,
				 sizeof(front->scratch), MSG_DONTWAIT);
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
			conn_kill(conn);
		return;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *conn = ctx;
	(void)fd;
	/* the edge of the peer's leaving comes once, maybe with its last
	 * request: look again after the answer */
	if (what & EV_CLOSED)
		conn->has_more = true;
	switch (conn->state) {
	case CONN_IDLE:
	case CONN_PARTIAL:
		peek(conn);
		break;
	case CONN_SLOW:
		slow_read(conn);
		break;
	case CONN_INSIDE:
		conn->has_more = true;
		break;
	case CONN_LINGER:
		drain(conn);
		break;
	case CONN_DEAD:
		break;
	}
}

/* ---- stopping ---- */

/* Nothing is under way on it, or will be. */
static void
part(struct conn *conn)
{
	shutdown(conn->fd, SHUT_RD);
	peek(conn); /* drops it, unless something came just before */
}

static void
part_overdue(struct front *front, int64_t now_ms)
{
	list_each_safe(node, &front->lists[CONN_IDLE]) {
		struct conn *conn = list_owner(node, struct conn, node);
		if (conn->due_ms <= now_ms)
			part(conn);
	}
}

/* ---- deadlines ---- */

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct front *front = ctx;
	int64_t now_ms = clock_mono_ms();
	(void)fd;
	(void)what;
	list_each_safe(node, &front->lists[CONN_PARTIAL]) {
		struct conn *conn = list_owner(node, struct conn, node);
		if (conn->due_ms <= now_ms)
			become_slow(conn);
	}
	list_each_safe(slow, &front->lists[CONN_SLOW]) {
		struct conn *conn = list_owner(slow, struct conn, node);
		if (conn->due_ms <= now_ms)
			conn_drop(conn, "the request was not whole in time");
	}
	list_each_safe(linger, &front->lists[CONN_LINGER]) {
		struct conn *conn = list_owner(linger, struct conn, node);
		if (conn->due_ms <= now_ms)
			conn_kill(conn);
	}
	if (front->is_stopping)
		part_overdue(front, now_ms);
	if (!list_is_empty(&front->lists[CONN_PARTIAL]) ||
	    !list_is_empty(&front->lists[CONN_SLOW]) ||
	    !list_is_empty(&front->lists[CONN_LINGER]) || front->is_stopping)
		start_tick(front);
}

/* ---- new connections ---- */

static void
on_accepted(void *ctx, int fd)
{
	struct front *front = ctx;
	struct conn *conn = xcalloc(1, sizeof(*conn));
	list_init(&conn->node);
	conn->front = front;
	conn->fd = fd;
	slow_request_init(&conn->slow);
	buf_init(&conn->call.body, 0);
	conn->call.cgi = cgi_new();
	conn->event = event_new(front->base, fd, EDGE, on_readable, conn);
	if (conn->event == NULL)
		log_fatal(71, "no event for a connection: out of memory");
	conn_become(conn, CONN_IDLE);
	if (event_add(conn->event, NULL) != 0)
		conn_drop(conn, "no event");
}

/* ---- public ---- */

struct front *
front_new(struct event_base *base, const struct front_settings *settings)
{
	struct front *front = xcalloc(1, sizeof(*front));
	cgi_start();
	front->base = base;
	front->settings = *settings;
	for (int i = 0; i < CONN_N_STATES; i++)
		list_init(&front->lists[i]);
	buf_init(&front->params, BOUNDS_PARAMS_BYTES);
	front->tick = event_new(base, -1, 0, on_tick, front);
	front->reap = event_new(base, -1, 0, on_reap, front);
	if (front->tick == NULL || front->reap == NULL)
		log_fatal(71, "no events: out of memory");
	front->acceptor = acceptor_new(
		base, settings->listen_fd, settings->web_server_addrs,
		settings->max_connections, on_accepted, front);
	return front;
}

void
front_free(struct front *front)
{
	if (front == NULL)
		return;
	for (int i = 0; i < CONN_DEAD; i++) {
		list_each_safe(node, &front->lists[i])
			conn_kill(list_owner(node, struct conn, node));
	}
	on_reap(-1, 0, front);
	acceptor_free(front->acceptor);
	event_free(front->tick);
	event_free(front->reap);
	buf_fini(&front->params);
	free(front);
}

void
front_stop(struct front *front)
{
	struct list *idle = &front->lists[CONN_IDLE];
	int64_t first_due_ms = clock_mono_ms() + FIRST_MS;
	size_t n = 0;
	acceptor_stop(front->acceptor);
	front->is_stopping = true;
	list_each(node, idle)
		n++;
	/* each once: those that wait for their first request come to the end */
	while (n-- > 0) {
		struct conn *conn = list_owner(idle->next, struct conn, node);
		conn->due_ms = first_due_ms;
		conn_become(conn, CONN_IDLE);
		peek(conn);
		if (conn->state == CONN_IDLE && conn->is_kept)
			part(conn);
	}
	start_tick(front);
}

size_t
front_n_inside(const struct front *front)
{
	size_t n = front->n_inside;
	if (front->is_stopping) {
		list_each(node, &front->lists[CONN_IDLE])
			n++;
	}
	return n;
}

void
front_set_request_timeout(struct front *front, int64_t timeout_ms)
{
	front->settings.request_timeout_ms = timeout_ms;
}

int64_t
front_due_ms(const struct front *front)
{
	static const enum conn_state states[] = { CONN_PARTIAL, CONN_SLOW,
						  CONN_LINGER };
	int64_t earliest_ms = INT64_MAX;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		list_each(node, &front->lists[states[i]]) {
			const struct conn *conn =
				list_owner(node, struct conn, node);
			if (conn->due_ms < earliest_ms)
				earliest_ms = conn->due_ms;
		}
	}
	return earliest_ms;
}

const char *const *
front_env(const struct front_call *call)
{
	return cgi_env(call->cgi);
}

bool
front_env_is_odd(const struct front_call *call)
{
	return call->is_odd;
}

struct span
front_body(const struct front_call *call)
{
	return buf_span(&call->body);
}

enum front_body
front_body_state(const struct front_call *call)
{
	return call->body_state;
}

void
front_answer(struct front_call *call, struct span bytes)
{
	struct conn *conn = list_owner(call, struct conn, call);
	log_assert(conn->state == CONN_INSIDE);
	bool is_whole = call->body_state == FRONT_BODY_WHOLE;
	bool is_last = conn->front->is_stopping && is_whole;
	if (is_last)
		shutdown(conn->fd, SHUT_RD); /* before it may send the next */
	/* one that is not whole is ours to close */
	bool is_open = cgi_answer(call->cgi, bytes, !is_whole);
	forget_request(conn);
	if (!is_open) {
		/* closed by libfcgi a moment ago; conn_kill takes the event
		 * away before anybody can open that number again */
		conn->fd = -1;
		conn_kill(conn);
		return;
	}
	if (!is_whole) {
		/* its body is still on the way */
		shutdown(conn->fd, SHUT_WR);
		conn->due_ms = clock_mono_ms() + LINGER_MS;
		conn_become(conn, CONN_LINGER);
		if (!conn_listen(conn, false))
			conn_kill(conn);
		return;
	}
	if (is_last) {
		conn_kill(conn);
		return;
	}
	conn->is_kept = true;
	conn_become(conn, CONN_IDLE);
	bool has_more = conn->has_more;
	conn->has_more = false;
	if (has_more || event_get_events(conn->event) != EDGE) {
		/* added anew, it tells of what is there already */
		if (!conn_listen(conn, true))
			conn_kill(conn);
	}
}
