/*
 * rconn and script against a real redis-server that is killed, stopped and
 * restarted under them, and against a pretended one that says what a real one
 * says only in bad moments.
 */
#include "redis/rconn.h"

#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "redis/script.h"
#include "redis/topo.h"
#include "tests/lib/patience.h"
#include "tests/lib/redis_server.h"

static struct event_base *base;
static struct event *tick;
static struct redis_server *server;
static struct topo *topo;
static struct rconn *conn;
static int n_up;
static int n_down;

/* ---- the log ---- */

static int n_lost;
static int n_unreachable;
static int n_back;
static int n_connected;
static int n_refused;
static int n_warned_password;

static void
on_line(enum log_level level, const char *line)
{
	n_lost += level == LOG_LEVEL_WARN && strstr(line, "redis lost") != NULL;
	n_unreachable += level == LOG_LEVEL_WARN &&
			 strstr(line, "redis unreachable") != NULL;
	n_back += level == LOG_LEVEL_NOTICE &&
		  strstr(line, "redis back") != NULL &&
		  strstr(line, "down_ms=") != NULL;
	n_connected += level == LOG_LEVEL_NOTICE &&
		       strstr(line, "redis connected address=") != NULL;
	n_refused += level == LOG_LEVEL_ERROR &&
		     strstr(line, "refuses the login") != NULL;
	n_warned_password += strstr(line, "wants no password") != NULL;
	/* no secret in any line */
	assert_null(strstr(line, "sesame"));
}

/* ---- a reply, remembered ---- */

struct seen {
	int n;
	enum hs_err err;
	bool had_reply;
	enum reply_type type;
	long long integer;
	char text[256];
	size_t len;
};

static void
on_reply(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->err = err;
	seen->had_reply = reply != NULL;
	if (reply == NULL)
		return;
	seen->type = reply->type;
	seen->integer = reply->integer;
	seen->len =
		reply->type == REPLY_ARRAY ? reply->n_items : reply->text.len;
	snprintf(seen->text, sizeof(seen->text), "%.200s",
		 reply->text.len > 0 ? (const char *)reply->text.ptr : "");
}

#define ASK(seen, ...)                                                         \
	do {                                                                   \
		(seen)->n = 0;                                                 \
		assert_int_equal(rconn_send_texts(conn, 10000, on_reply, seen, \
						  __VA_ARGS__, NULL),          \
				 HS_OK);                                       \
		WAIT_FOR(base, (seen)->n > 0);                                 \
		assert_int_equal((seen)->n, 1);                                \
	} while (0)

static void
on_state(void *ctx, struct rconn *which, bool is_up)
{
	assert_ptr_equal(ctx, &conn);
	assert_true(rconn_is_up(which) == is_up);
	if (is_up)
		n_up++;
	else
		n_down++;
}

/* ---- set up, tear down ---- */

static int
setup(void **state)
{
	struct timeval often = { 0, 10000 };

	(void)state;
	base = event_base_new();
	tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	event_add(tick, &often);
	n_up = n_down = n_lost = n_unreachable = n_back = n_connected = 0;
	n_refused = n_warned_password = 0;
	log_set_sink(on_line);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rconn_free(conn);
	conn = NULL;
	topo_free(topo);
	topo = NULL;
	redis_server_stop(server);
	server = NULL;
	event_free(tick);
	event_base_free(base);
	log_set_sink(NULL);
	return 0;
}

static void
open_unix(const struct rconn_settings *settings)
{
	struct topo_address address = {
		.unix_path = redis_server_unix_path(server),
	};

	topo = topo_static_new(&address);
	conn = rconn_new(base, topo, settings, on_state, &conn);
	rconn_start(conn);
}

static void
open_port(const struct rconn_settings *settings, const char *host, int port)
{
	struct topo_address address = { .host = host, .port = port };

	topo = topo_static_new(&address);
	conn = rconn_new(base, topo, settings, on_state, &conn);
	rconn_start(conn);
}

static const struct rconn_settings plain = {
	.label = "redis",
	.connect_timeout_ms = 5000,
};

static void
start_plain(void)
{
	server = redis_server_start(NULL);
	open_unix(&plain);
	WAIT_FOR(base, rconn_is_up(conn));
}

/* ---- connecting ---- */

static void
connects_over_unix_socket(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	start_plain();
	assert_int_equal(n_up, 1);
	assert_int_equal(n_connected, 1);
	assert_string_equal(rconn_error(conn), "");
	ASK(&seen, "ECHO", "hello");
	assert_int_equal(seen.err, HS_OK);
	assert_int_equal(seen.type, REPLY_TEXT);
	assert_string_equal(seen.text, "hello");
	assert_int_equal(n_lost + n_back + n_unreachable + n_refused, 0);
}

static void
connects_over_tcp_by_name(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	server = redis_server_start(NULL);
	open_port(&plain, "localhost", redis_server_port(server));
	WAIT_FOR(base, rconn_is_up(conn));
	ASK(&seen, "PING");
	assert_string_equal(seen.text, "PONG");
}

static void
connects_over_tcp_by_number(void **state)
{
	(void)state;
	server = redis_server_start(NULL);
	open_port(&plain, "127.0.0.1", redis_server_port(server));
	WAIT_FOR(base, rconn_is_up(conn));
}

static void
says_why_it_is_down(void **state)
{
	struct topo_address nowhere = { .unix_path = "/nonexistent/redis" };
	struct seen seen = { 0 };

	(void)state;
	topo = topo_static_new(&nowhere);
	assert_string_equal(topo_text(topo), "unix:/nonexistent/redis");
	conn = rconn_new(base, topo, &plain, on_state, &conn);
	assert_string_equal(rconn_error(conn), "not started");
	assert_true(rconn_due_ms(conn) == INT64_MAX);
	assert_int_equal(
		rconn_send_texts(conn, 0, on_reply, &seen, "PING", NULL),
		HS_UNAVAILABLE);
	rconn_start(conn);
	rconn_start(conn); /* once is enough, twice does no harm */
	WAIT_FOR(base, strstr(rconn_error(conn), "No such file") != NULL);
	turn_for(base, 500); /* several tries */
	assert_in_range(rconn_due_ms(conn), 1, clock_mono_ms() + 5000);
	assert_int_equal(n_unreachable, 1);
	assert_int_equal(n_up + n_down + n_lost + n_back, 0);
	assert_int_equal(seen.n, 0);
}

static void
survives_a_path_too_long(void **state)
{
	char path[300];
	struct topo_address address = { .unix_path = path };

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	topo = topo_static_new(&address);
	conn = rconn_new(base, topo, &plain, on_state, &conn);
	rconn_start(conn);
	WAIT_FOR(base, strstr(rconn_error(conn), "too long") != NULL);
}

static void
survives_a_name_that_is_none(void **state)
{
	struct rconn_settings settings = plain;

	(void)state;
	settings.connect_timeout_ms = 300;
	open_port(&settings, "no-such-host.invalid", 6379);
	WAIT_FOR(base, n_unreachable == 1);
	turn_for(base, 600);
	assert_false(rconn_is_up(conn));
	assert_string_not_equal(rconn_error(conn), "");
	/* freed with a lookup under way: the loop cleans up */
	rconn_free(conn);
	conn = NULL;
	turn_for(base, 100);
}

static void
waits_for_a_server_that_comes_later(void **state)
{
	(void)state;
	server = redis_server_start(NULL);
	redis_server_kill(server);
	open_port(&plain, "127.0.0.1", redis_server_port(server));
	WAIT_FOR(base, strcmp(rconn_error(conn), "Connection refused") == 0);
	turn_for(base, 300);
	redis_server_again(server, NULL);
	WAIT_FOR(base, rconn_is_up(conn));
	assert_int_equal(n_unreachable, 1);
	assert_int_equal(n_connected, 1);
	assert_int_equal(n_back, 0);
}

static void
logs_in(void **state)
{
	const char *const options[] = { "--requirepass", "sesame", NULL };
	struct rconn_settings settings = plain;
	struct seen seen = { 0 };

	(void)state;
	server = redis_server_start(options);
	settings.password = "sesame";
	settings.db = 3;
	settings.client_name = "hooksync-test";
	open_unix(&settings);
	WAIT_FOR(base, rconn_is_up(conn));
	ASK(&seen, "CLIENT", "GETNAME");
	assert_string_equal(seen.text, "hooksync-test");
	ASK(&seen, "SET", "k", "v");
	ASK(&seen, "SELECT", "0");
	ASK(&seen, "EXISTS", "k");
	assert_int_equal(seen.integer, 0);
	ASK(&seen, "SELECT", "3");
	ASK(&seen, "EXISTS", "k");
	assert_int_equal(seen.integer, 1);
}

static void
logs_in_as_a_user(void **state)
{
	const char *const options[] = { "--user", "alice", "on", ">sesame",
					"~*",     "+@all", NULL };
	struct rconn_settings settings = plain;
	struct seen seen = { 0 };

	(void)state;
	server = redis_server_start(options);
	settings.username = "alice";
	settings.password = "sesame";
	settings.client_name = "not a valid name"; /* is ignored */
	open_unix(&settings);
	WAIT_FOR(base, rconn_is_up(conn));
	ASK(&seen, "ACL", "WHOAMI");
	assert_string_equal(seen.text, "alice");
}

static void
complains_once_of_a_wrong_password(void **state)
{
	const char *const wrong[] = { "--requirepass", "other", NULL };
	const char *const right[] = { "--requirepass", "sesame", NULL };
	struct rconn_settings settings = plain;

	(void)state;
	server = redis_server_start(wrong);
	settings.password = "sesame";
	settings.retry_max_ms = 100;
	open_unix(&settings);
	WAIT_FOR(base, n_refused == 1);
	assert_non_null(strstr(rconn_error(conn), "WRONGPASS"));
	turn_for(base, 500);
	assert_int_equal(n_refused, 1);
	assert_int_equal(n_up, 0);
	redis_server_again(server, right);
	WAIT_FOR(base, rconn_is_up(conn));
	assert_int_equal(n_unreachable, 0);
}

static void
complains_of_a_password_it_lacks(void **state)
{
	const char *const options[] = { "--requirepass", "other", NULL };

	(void)state;
	server = redis_server_start(options);
	open_unix(&plain);
	WAIT_FOR(base, n_refused == 1);
	assert_non_null(strstr(rconn_error(conn), "NOAUTH"));
}

static void
takes_a_server_without_password(void **state)
{
	struct rconn_settings settings = plain;

	(void)state;
	server = redis_server_start(NULL);
	settings.password = "sesame";
	open_unix(&settings);
	WAIT_FOR(base, rconn_is_up(conn));
	assert_int_equal(n_warned_password, 1);
}

static void
refuses_a_db_out_of_range(void **state)
{
	struct rconn_settings settings = plain;

	(void)state;
	server = redis_server_start(NULL);
	settings.db = 99;
	open_unix(&settings);
	WAIT_FOR(base, n_refused == 1);
	assert_non_null(strstr(rconn_error(conn), "DB index"));
}

/* ---- pipelines ---- */

#define N_PINGS 10000

struct pings {
	int n_sent;
	int n_answered;
};

static void
on_ping(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct pings *pings = ctx;

	assert_int_equal(err, HS_OK);
	assert_true(span_is(reply->text, "PONG"));
	pings->n_answered++;
	/* from inside the callback: the pipeline fills up, and stays full */
	while (pings->n_sent < N_PINGS &&
	       rconn_n_pending(conn) < BOUNDS_PIPELINE) {
		assert_int_equal(rconn_send_texts(conn, 20000, on_ping, pings,
						  "PING", NULL),
				 HS_OK);
		pings->n_sent++;
	}
}

static void
pipelines_ten_thousand_pings(void **state)
{
	struct pings pings = { .n_sent = 1000 };

	(void)state;
	start_plain();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rconn_send_texts(conn, 20000, on_ping, &pings,
						  "PING", NULL),
				 HS_OK);
	assert_int_equal(rconn_n_pending(conn), 1000);
	WAIT_FOR(base, pings.n_answered == N_PINGS);
	assert_int_equal(pings.n_sent, N_PINGS);
	assert_int_equal(rconn_n_pending(conn), 0);
}

static void
answers_in_order(void **state)
{
	static struct seen seen[3000];

	(void)state;
	start_plain();
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 3000; i++) {
		char number[16];
		snprintf(number, sizeof(number), "%d", i);
		assert_int_equal(rconn_send_texts(conn, 0, on_reply, &seen[i],
						  "ECHO", number, NULL),
				 HS_OK);
	}
	WAIT_FOR(base, rconn_n_pending(conn) == 0);
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(seen[i].n, 1);
		assert_int_equal(atol(seen[i].text), i);
	}
}

static void
refuses_what_is_over_the_ceiling(void **state)
{
	struct pings pings = { .n_sent = N_PINGS };
	struct seen seen = { 0 };
	static unsigned char much[BOUNDS_OUTPUT_BYTES + 1];
	struct span args[2] = { span_text("ECHO"),
				span_of(much, sizeof(much)) };

	(void)state;
	start_plain();
	assert_int_equal(rconn_send(conn, args, 2, 0, on_reply, &seen),
			 HS_TOO_BIG);
	for (int i = 0; i < BOUNDS_PIPELINE; i++)
		assert_int_equal(rconn_send_texts(conn, 0, on_ping, &pings,
						  "PING", NULL),
				 HS_OK);
	assert_int_equal(
		rconn_send_texts(conn, 0, on_reply, &seen, "PING", NULL),
		HS_AGAIN);
	WAIT_FOR(base, pings.n_answered == BOUNDS_PIPELINE);
	assert_int_equal(seen.n, 0);
	/* bytes count too: the second finds the first unsent */
	args[1].len = BOUNDS_OUTPUT_BYTES - 1000;
	assert_int_equal(rconn_send(conn, args, 2, 0, on_reply, &seen), HS_OK);
	assert_int_equal(rconn_send(conn, args, 2, 0, on_reply, &seen),
			 HS_AGAIN);
	WAIT_FOR(base, seen.n == 1);
	assert_int_equal(seen.len, args[1].len);
}

static void
on_same_bytes(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct span *wanted = ctx;

	assert_int_equal(err, HS_OK);
	assert_int_equal(reply->type, REPLY_TEXT);
	assert_true(span_equal(reply->text, *wanted));
	assert_int_equal(reply->text.ptr[reply->text.len], 0);
	wanted->ptr = NULL;
}

static void
carries_big_values(void **state)
{
	size_t len = 20 * 1024 * 1024 + 7;
	unsigned char *bytes = malloc(len);
	struct seen seen = { 0 };

	(void)state;
	start_plain();
	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(i * 31 + i / 4093);
	struct span set[3] = { span_text("SET"), span_text("big"),
			       span_of(bytes, len) };
	assert_int_equal(rconn_send(conn, set, 3, 20000, on_reply, &seen),
			 HS_OK);
	struct span wanted = span_of(bytes, len);
	assert_int_equal(rconn_send_texts(conn, 20000, on_same_bytes, &wanted,
					  "GET", "big", NULL),
			 HS_OK);
	WAIT_FOR(base, wanted.ptr == NULL);
	assert_string_equal(seen.text, "OK");
	ASK(&seen, "EVAL",
	    "local t = {} for i = 1, 200000 do t[i] = i end return t", "0");
	assert_int_equal(seen.type, REPLY_ARRAY);
	assert_int_equal(seen.len, 200000);
	free(bytes);
}

/* ---- losing it ---- */

struct count {
	int n;
	int n_unavailable;
	int n_timeout;
	int n_refused;
};

static void
on_lost(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct count *count = ctx;

	assert_null(reply);
	count->n++;
	count->n_unavailable += err == HS_UNAVAILABLE;
	count->n_timeout += err == HS_TIMEOUT;
	/* what is sent now is refused, not lost */
	count->n_refused += rconn_send_texts(conn, 0, on_lost, count, "PING",
					     NULL) == HS_UNAVAILABLE;
}

static void
fails_each_command_once_when_killed(void **state)
{
	struct count count = { 0 };
	struct seen seen = { 0 };

	(void)state;
	start_plain();
	redis_server_pause(server);
	for (int i = 0; i < 100; i++)
		assert_int_equal(rconn_send_texts(conn, 0, on_lost, &count,
						  "PING", NULL),
				 HS_OK);
	turn_for(base, 50);
	assert_int_equal(count.n, 0);
	redis_server_kill(server);
	WAIT_FOR(base, n_down == 1);
	assert_int_equal(count.n, 100);
	assert_int_equal(count.n_unavailable, 100);
	assert_int_equal(count.n_refused, 100);
	assert_int_equal(n_lost, 1);
	turn_for(base, 300);
	assert_int_equal(n_lost, 1);
	assert_int_equal(
		rconn_send_texts(conn, 0, on_lost, &count, "PING", NULL),
		HS_UNAVAILABLE);
	redis_server_again(server, NULL);
	int64_t back_ms = clock_mono_ms();
	WAIT_FOR(base, rconn_is_up(conn));
	assert_true(clock_mono_ms() - back_ms < 4000);
	assert_int_equal(n_up, 2);
	assert_int_equal(n_back, 1);
	assert_int_equal(n_connected, 1);
	ASK(&seen, "PING");
	assert_string_equal(seen.text, "PONG");
	assert_int_equal(count.n, 100);
}

static void
times_out_when_the_server_stops(void **state)
{
	struct count count = { 0 };
	struct seen seen = { 0 };

	(void)state;
	start_plain();
	redis_server_pause(server);
	/* the long deadline first: the short one behind it counts */
	assert_int_equal(
		rconn_send_texts(conn, 60000, on_lost, &count, "PING", NULL),
		HS_OK);
	assert_int_equal(
		rconn_send_texts(conn, 200, on_lost, &count, "PING", NULL),
		HS_OK);
	assert_int_equal(
		rconn_send_texts(conn, 0, on_lost, &count, "PING", NULL),
		HS_OK);
	int64_t sent_ms = clock_mono_ms();
	assert_in_range(rconn_due_ms(conn), sent_ms, sent_ms + 200);
	WAIT_FOR(base, count.n == 3);
	/* it owes another try, soon */
	assert_in_range(rconn_due_ms(conn), 1, clock_mono_ms() + 5000);
	assert_true(clock_mono_ms() - sent_ms >= 190);
	assert_true(clock_mono_ms() - sent_ms < 2000);
	assert_int_equal(count.n_timeout, 1);
	assert_int_equal(count.n_unavailable, 2);
	assert_string_equal(rconn_error(conn), "no answer in time");
	/* a stopped server still accepts: the login must time out as well */
	redis_server_resume(server);
	WAIT_FOR(base, rconn_is_up(conn));
	ASK(&seen, "PING");
	assert_true(rconn_due_ms(conn) == INT64_MAX);
	assert_int_equal(n_lost, 1);
	assert_int_equal(n_back, 1);
}

static void
keeps_deadlines_apart(void **state)
{
	struct seen blocking = { 0 };
	struct seen seen = { 0 };

	(void)state;
	start_plain();
	/* answered in time: its deadline must not fire later */
	assert_int_equal(
		rconn_send_texts(conn, 1500, on_reply, &seen, "PING", NULL),
		HS_OK);
	WAIT_FOR(base, seen.n == 1);
	assert_int_equal(rconn_send_texts(conn, 10000, on_reply, &blocking,
					  "BLPOP", "nothing", "1.6", NULL),
			 HS_OK);
	WAIT_FOR(base, blocking.n == 1);
	assert_int_equal(blocking.err, HS_OK);
	assert_int_equal(blocking.type, REPLY_NIL);
	assert_int_equal(n_down, 0);
}

static void
login_has_a_deadline(void **state)
{
	struct rconn_settings settings = plain;

	(void)state;
	server = redis_server_start(NULL);
	redis_server_pause(server);
	settings.connect_timeout_ms = 200;
	open_unix(&settings);
	WAIT_FOR(base, strcmp(rconn_error(conn), "no connection in time") == 0);
	rconn_free(conn);
	topo_free(topo);
	settings.timeout_hint = "look there";
	open_unix(&settings);
	WAIT_FOR(base, strcmp(rconn_error(conn),
			      "no connection in time; look there") == 0);
	redis_server_resume(server);
	WAIT_FOR(base, rconn_is_up(conn));
}

/* The bare words would be of the kernel alone. */
static void
a_closed_socket_says_what_to_look_at(void **state)
{
	(void)state;
	server = redis_server_start(NULL);
	assert_int_equal(chmod(redis_server_unix_path(server), 0), 0);
	/* root may do all */
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	open_unix(&plain);
	WAIT_FOR(base, strncmp(rconn_error(conn), "Permission denied: is this",
			       26) == 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(redis_server_unix_path(server), 0700), 0);
	WAIT_FOR(base, rconn_is_up(conn));
}

static void
free_calls_back(void **state)
{
	struct count count = { 0 };

	(void)state;
	start_plain();
	for (int i = 0; i < 10; i++)
		assert_int_equal(rconn_send_texts(conn, 1000, on_lost, &count,
						  "PING", NULL),
				 HS_OK);
	rconn_free(conn);
	conn = NULL;
	assert_int_equal(count.n, 10);
	assert_int_equal(count.n_unavailable, 10);
	assert_int_equal(n_down, 0);
}

static void
leaves_a_server_that_became_a_replica(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	start_plain();
	ASK(&seen, "REPLICAOF", "127.0.0.1", "1");
	ASK(&seen, "SET", "k", "v");
	assert_int_equal(seen.err, HS_OK);
	assert_non_null(strstr(seen.text, "READONLY"));
	WAIT_FOR(base, n_down == 1);
	assert_non_null(strstr(rconn_error(conn), "READONLY"));
	WAIT_FOR(base, n_up == 2);
	/* refused at each visit, it is lost once, and not back */
	ASK(&seen, "SET", "k", "v");
	WAIT_FOR(base, n_up == 3);
	ASK(&seen, "SET", "k", "v");
	WAIT_FOR(base, n_up == 4);
	assert_int_equal(n_lost, 1);
	assert_int_equal(n_back, 0);
	ASK(&seen, "REPLICAOF", "NO", "ONE");
	assert_int_equal(n_back, 1);
	ASK(&seen, "SET", "k", "v");
	assert_string_equal(seen.text, "OK");
}

static void
quiet_is_quiet(void **state)
{
	struct rconn_settings settings = plain;

	(void)state;
	server = redis_server_start(NULL);
	settings.is_quiet = true;
	open_unix(&settings);
	WAIT_FOR(base, rconn_is_up(conn));
	redis_server_again(server, NULL);
	WAIT_FOR(base, n_down == 1 && rconn_is_up(conn));
	assert_int_equal(n_lost + n_back + n_connected + n_unreachable, 0);
}

/* ---- scripts ---- */

static const struct script add = {
	.name = "add",
	.n_keys = 1,
	.text = "return redis.call('INCRBY', KEYS[1], ARGV[1])",
};
static const struct script len = {
	.name = "len",
	.n_keys = 0,
	.text = "return #ARGV[1]",
};
static const struct script none = {
	.name = "none",
	.n_keys = 0,
	.text = "return 'unused'",
};
static const struct script wrong = {
	.name = "wrong",
	.n_keys = 0,
	.text = "this is no Lua",
};
static const struct script *const scripts[] = { &none, &add, &len, NULL };
static const struct script *const bad_scripts[] = { &add, &wrong, NULL };

static void
start_scripts(void)
{
	struct rconn_settings settings = plain;

	server = redis_server_start(NULL);
	settings.scripts = scripts;
	open_unix(&settings);
	WAIT_FOR(base, rconn_is_up(conn));
}

static void
call_add(struct seen *seen, const char *amount)
{
	struct span args[2] = { span_text("counter"), span_text(amount) };

	assert_int_equal(
		script_call(conn, &add, args, 2, 10000, on_reply, seen), HS_OK);
}

static void
calls_scripts(void **state)
{
	struct seen seen = { 0 };
	static unsigned char big[5 * 1024 * 1024];
	struct span args[1] = { span_of(big, sizeof(big)) };

	(void)state;
	start_scripts();
	call_add(&seen, "5");
	WAIT_FOR(base, seen.n == 1);
	assert_int_equal(seen.integer, 5);
	assert_int_equal(
		script_call(conn, &len, args, 1, 10000, on_reply, &seen),
		HS_OK);
	WAIT_FOR(base, seen.n == 2);
	assert_int_equal(seen.integer, sizeof(big));
}

static void
repeats_once_after_a_flush(void **state)
{
	static struct seen seen[200];
	struct seen other = { 0 };
	static unsigned char big[3 * 1024 * 1024];
	struct span args[1] = { span_of(big, sizeof(big)) };

	(void)state;
	start_scripts();
	memset(seen, 0, sizeof(seen));
	ASK(&other, "SCRIPT", "FLUSH");
	ASK(&other, "CONFIG", "RESETSTAT");
	for (int i = 0; i < 200; i++)
		call_add(&seen[i], "1");
	other.n = 0;
	assert_int_equal(
		script_call(conn, &len, args, 1, 10000, on_reply, &other),
		HS_OK);
	WAIT_FOR(base, rconn_n_pending(conn) == 0);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(seen[i].n, 1);
		assert_int_equal(seen[i].integer, i + 1);
	}
	assert_int_equal(other.n, 1);
	assert_int_equal(other.integer, sizeof(big));
	/* each script was loaded once, not once per call */
	struct seen stats = { 0 };
	ASK(&stats, "EVAL",
	    "return string.match(redis.call('INFO', 'commandstats'),"
	    " 'cmdstat_script|load:calls=(%d+)')",
	    "0");
	assert_string_equal(stats.text, "2");
}

static void
scripts_survive_a_restart(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	start_scripts();
	redis_server_again(server, NULL);
	WAIT_FOR(base, n_up == 2);
	call_add(&seen, "7");
	WAIT_FOR(base, seen.n == 1);
	assert_int_equal(seen.integer, 7);
}

static void
calls_in_flight_are_lost_once(void **state)
{
	struct count count = { 0 };
	struct span args[2] = { span_text("counter"), span_text("1") };

	(void)state;
	start_scripts();
	redis_server_pause(server);
	for (int i = 0; i < 50; i++)
		assert_int_equal(
			script_call(conn, &add, args, 2, 0, on_lost, &count),
			HS_OK);
	redis_server_kill(server);
	WAIT_FOR(base, n_down == 1);
	assert_int_equal(count.n, 50);
	assert_int_equal(script_call(conn, &add, args, 2, 0, on_lost, &count),
			 HS_UNAVAILABLE);
}

static void
refuses_a_script_that_is_none(void **state)
{
	struct rconn_settings settings = plain;

	(void)state;
	server = redis_server_start(NULL);
	settings.scripts = bad_scripts;
	open_unix(&settings);
	WAIT_FOR(base, n_refused == 1);
	assert_non_null(strstr(rconn_error(conn), "compiling"));
}

/* ---- a pretended server ---- */

static const char *const *lines; /* one per connection, the last for ever */
static int n_accepted;

static void
on_request(struct bufferevent *bev, void *ctx)
{
	const char *line = ctx;
	struct evbuffer *input = bufferevent_get_input(bev);

	evbuffer_drain(input, evbuffer_get_length(input));
	bufferevent_write(bev, line, strlen(line));
}

static void
on_gone(struct bufferevent *bev, short what, void *ctx)
{
	(void)what;
	(void)ctx;
	bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
	  struct sockaddr *name, int name_len, void *ctx)
{
	struct bufferevent *bev =
		bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)name;
	(void)name_len;
	(void)ctx;
	n_accepted++;
	bufferevent_setcb(bev, on_request, NULL, on_gone,
			  (void *)(uintptr_t)*lines);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	if (lines[1] != NULL)
		lines++;
}

/* Returns when one of the answers let the connection come up. */
static void
pretend(const char *const *answers)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t name_len = sizeof(name);
	struct rconn_settings settings = plain;

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct evconnlistener *listener = evconnlistener_new_bind(
		base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, -1,
		(struct sockaddr *)&name, (int)name_len);
	assert_non_null(listener);
	getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&name,
		    &name_len);
	lines = answers;
	n_accepted = 0;
	settings.retry_max_ms = 100;
	open_port(&settings, "127.0.0.1", ntohs(name.sin_port));
	WAIT_FOR(base, n_up > 0);
	rconn_free(conn);
	conn = NULL;
	turn_for(base, 50); /* its connections see the end */
	evconnlistener_free(listener);
}

static void
waits_while_redis_loads(void **state)
{
	const char *const answers[] = {
		"-LOADING Redis is loading the dataset in memory\r\n",
		"-LOADING Redis is loading the dataset in memory\r\n",
		"-MASTERDOWN Link with MASTER is down\r\n",
		"+PONG\r\n",
		NULL,
	};

	(void)state;
	pretend(answers);
	assert_int_equal(n_accepted, 4);
	assert_int_equal(n_unreachable, 1);
	assert_int_equal(n_refused, 0);
}

static void
drops_rubbish(void **state)
{
	const char *const answers[] = {
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"*1000000000\r\n*1000000000\r\n*5\r\n:1\r\n\r\n",
		"$99999999999999999999\r\n",
		"-DENIED protected mode\r\n",
		"+PONG\r\n",
		NULL,
	};

	(void)state;
	pretend(answers);
	assert_int_equal(n_accepted, 5);
}

static void
drops_answers_to_no_question(void **state)
{
	const char *const answers[] = { "+PONG\r\n+PONG\r\n", NULL };

	(void)state;
	pretend(answers); /* up, and down with the second */
	assert_int_equal(n_up, 1);
	assert_int_equal(n_down, 1);
	assert_int_equal(n_lost, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(connects_over_unix_socket),
		CASE(connects_over_tcp_by_name),
		CASE(connects_over_tcp_by_number),
		CASE(says_why_it_is_down),
		CASE(survives_a_path_too_long),
		CASE(survives_a_name_that_is_none),
		CASE(waits_for_a_server_that_comes_later),
		CASE(logs_in),
		CASE(logs_in_as_a_user),
		CASE(complains_once_of_a_wrong_password),
		CASE(complains_of_a_password_it_lacks),
		CASE(takes_a_server_without_password),
		CASE(refuses_a_db_out_of_range),
		CASE(pipelines_ten_thousand_pings),
		CASE(answers_in_order),
		CASE(refuses_what_is_over_the_ceiling),
		CASE(carries_big_values),
		CASE(fails_each_command_once_when_killed),
		CASE(times_out_when_the_server_stops),
		CASE(keeps_deadlines_apart),
		CASE(login_has_a_deadline),
		CASE(a_closed_socket_says_what_to_look_at),
		CASE(free_calls_back),
		CASE(leaves_a_server_that_became_a_replica),
		CASE(quiet_is_quiet),
		CASE(calls_scripts),
		CASE(repeats_once_after_a_flush),
		CASE(scripts_survive_a_restart),
		CASE(calls_in_flight_are_lost_once),
		CASE(refuses_a_script_that_is_none),
		CASE(waits_while_redis_loads),
		CASE(drops_rubbish),
		CASE(drops_answers_to_no_question),
	};

	signal(SIGPIPE, SIG_IGN);
	if (!redis_server_is_here())
		return 0;
	return cmocka_run_group_tests_name("rconn", tests, NULL, NULL);
}
