/*
 * watching a queue on a real Redis: its events as they happen, over losses of
 * the connection, and the workers that Redis knows.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "redis/topo.h"
#include "queue/events.h"
#include "queue/metrics.h"
#include "queue/workers.h"
#include "tests/lib/patience.h"
#include "tests/lib/redis_server.h"

static struct redis_server *server;
static struct event_base *base;
static struct event *tick;
static struct topo *topo;
static struct rconn *conn; /* commands */
static struct queue *queue;
static struct queue *other;

static struct events *events;
static char told[8192]; /* what was told since the last look */
static int n_told;
static char ended[256];
static bool is_up;
static bool frees_itself;

/* ---- the loop ---- */

static void
on_state(void *ctx, struct rconn *which, bool up)
{
	(void)which;
	if (ctx)
		*(bool *)ctx = up;
	if (ctx && up && events)
		events_go(events);
}

static struct rconn *
connection(const char *name, bool *up)
{
	const struct rconn_settings settings = {
		.client_name = name,
		.is_quiet = true,
		.retry_max_ms = 100,
		.scripts = queue_scripts,
	};
	struct rconn *new = rconn_new(base, topo, &settings, on_state, up);
	rconn_start(new);
	WAIT_FOR(base, rconn_is_up(new));
	return new;
}

static int n_answers;

static void
on_reply(void *ctx, enum hs_err err, const struct reply *reply)
{
	(void)ctx;
	(void)err;
	(void)reply;
	n_answers++;
}

#define REDIS(...)                                                            \
	do {                                                                  \
		int before_ = n_answers;                                      \
		assert_int_equal(rconn_send_texts(conn, 5000, on_reply, NULL, \
						  __VA_ARGS__, NULL),         \
				 HS_OK);                                      \
		WAIT_FOR(base, n_answers > before_);                          \
	} while (0)

static int
group_setup(void **state)
{
	struct timeval often = { 0, 10000 };
	(void)state;
	server = redis_server_start(NULL);
	base = event_base_new();
	tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	event_add(tick, &often);
	const struct topo_address address = {
		.unix_path = redis_server_unix_path(server),
	};
	topo = topo_static_new(&address);
	conn = connection(NULL, NULL);
	queue = queue_new(conn, "bull", "sync", 5000, 10000);
	other = queue_new(conn, "bull", "other", 5000, 10000);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	queue_free(queue);
	queue_free(other);
	rconn_free(conn);
	topo_free(topo);
	event_free(tick);
	event_base_free(base);
	redis_server_stop(server);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	REDIS("FLUSHALL");
	told[0] = ended[0] = '\0';
	n_told = 0;
	frees_itself = false;
	return 0;
}

/* ---- events ---- */

static void
on_event(void *ctx, const struct event_entry *entry)
{
	size_t len = strlen(told);

	assert_ptr_equal(ctx, told);
	assert_true(entry->at_ms > 0);
	len += (size_t)snprintf(
		told + len, sizeof(told) - len, "%zu %.*s %.*s", entry->stream,
		(int)entry->event.len, (const char *)entry->event.ptr,
		(int)entry->job_id.len, (const char *)entry->job_id.ptr);
	for (size_t i = 0; i < entry->n_fields; i++)
		len += (size_t)snprintf(
			told + len, sizeof(told) - len, " %.*s=%.*s",
			(int)entry->fields[i].name.len,
			(const char *)entry->fields[i].name.ptr,
			(int)entry->fields[i].value.len,
			(const char *)entry->fields[i].value.ptr);
	snprintf(told + len, sizeof(told) - len, "; ");
	n_told++;
	if (frees_itself) {
		events_free(events);
		events = NULL;
	}
}

static void
on_end(void *ctx, const char *text)
{
	(void)ctx;
	assert_string_equal(ended, ""); /* once */
	snprintf(ended, sizeof(ended), "%s", text);
}

static struct rconn *
follow(int64_t since_ms)
{
	static const struct keys *keys[2];
	keys[0] = queue->keys;
	keys[1] = other->keys;
	events = NULL;
	struct rconn *blocking = connection(NULL, &is_up);
	events = events_new(blocking, keys, 2, since_ms, 5000, on_event, on_end,
			    told);
	events_go(events);
	return blocking;
}

static void
leave(struct rconn *blocking)
{
	struct events *gone = events;
	events = NULL;
	events_free(gone);
	rconn_free(blocking);
}

/* The place of each stream is known once XREAD waits. */
static void
wait_until_it_waits(const struct rconn *blocking)
{
	turn_for(base, 100);
	assert_int_equal(rconn_n_pending(blocking), 1);
}

static void
put(const char *key, const char *event, const char *id)
{
	REDIS("XADD", key, "*", "event", event, "jobId", id, "prev", "active");
}

static void
test_events_from_now(void **state)
{
	(void)state;
	put("bull:sync:events", "completed", "old");
	struct rconn *blocking = follow(EVENTS_FROM_NOW);
	wait_until_it_waits(blocking);
	put("bull:sync:events", "completed", "j1");
	put("bull:other:events", "failed", "j2"); /* no such key before */
	REDIS("XADD", "bull:sync:events", "*", "event", "paused");
	WAIT_FOR(base, n_told == 3);
	assert_string_equal(told, "0 completed j1 prev=active; "
				  "1 failed j2 prev=active; 0 paused ; ");
	leave(blocking);
}

static void
test_events_since(void **state)
{
	(void)state;
	REDIS("XADD", "bull:sync:events", "1000-0", "event", "a");
	REDIS("XADD", "bull:sync:events", "1999-7", "event", "b");
	REDIS("XADD", "bull:sync:events", "2000-0", "event", "c");
	struct rconn *blocking = follow(2000);
	WAIT_FOR(base, n_told == 1);
	assert_string_equal(told, "0 c ; ");
	leave(blocking);

	told[0] = '\0';
	blocking = follow(0);
	WAIT_FOR(base, n_told == 4);
	assert_string_equal(told, "0 a ; 0 b ; 0 c ; ");
	leave(blocking);
}

/* More than one answer holds, and nothing twice. */
static void
test_events_many(void **state)
{
	(void)state;
	REDIS("EVAL",
	      "for i = 1, 1700 do redis.call('XADD', KEYS[1], '*', 'event', "
	      "'e', 'jobId', i) end",
	      "1", "bull:sync:events");
	struct rconn *blocking = follow(0);
	told[0] = '\0';
	while (n_told < 1700) {
		WAIT_FOR(base, told[0] != '\0');
		told[0] = '\0';
	}
	wait_until_it_waits(blocking);
	assert_int_equal(n_told, 1700);
	leave(blocking);
}

static void
test_events_odd_entries(void **state)
{
	(void)state;
	struct rconn *blocking = follow(EVENTS_FROM_NOW);
	wait_until_it_waits(blocking);
	REDIS("XADD", "bull:sync:events", "*", "no", "event");
	REDIS("XADD", "bull:sync:events", "*", "event", "e", "event", "f",
	      "jobId", "", "", "");
	WAIT_FOR(base, n_told == 2);
	assert_string_equal(told, "0   no=event; 0 e  event=f =; ");
	leave(blocking);
}

static void
test_events_go_on_after_a_loss(void **state)
{
	(void)state;
	struct rconn *blocking = follow(EVENTS_FROM_NOW);
	wait_until_it_waits(blocking);
	put("bull:sync:events", "added", "j1");
	WAIT_FOR(base, n_told == 1);
	for (int i = 0; i < 3; i++) {
		REDIS("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
		put("bull:sync:events", "added", i == 0 ? "a" : "b");
		WAIT_FOR(base, n_told == i + 2);
	}
	assert_string_equal(told,
			    "0 added j1 prev=active; 0 added a prev=active; "
			    "0 added b prev=active; 0 added b prev=active; ");
	assert_string_equal(ended, "");
	leave(blocking);
}

static void
test_events_no_stream(void **state)
{
	(void)state;
	REDIS("SET", "bull:other:events", "text");
	struct rconn *blocking = follow(EVENTS_FROM_NOW);
	WAIT_FOR(base, ended[0] != '\0');
	assert_int_equal(strncmp(ended, "WRONGTYPE", 9), 0);
	events_go(events); /* no effect */
	turn_for(base, 50);
	assert_int_equal(rconn_n_pending(blocking), 0);
	leave(blocking);
}

/* Its callback may end it, in the middle of an answer. */
static void
test_events_freed_inside(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		put("bull:sync:events", "added", "x");
	frees_itself = true;
	struct rconn *blocking = follow(0);
	WAIT_FOR(base, n_told == 1);
	turn_for(base, 50);
	assert_int_equal(n_told, 1);
	assert_null(events);
	rconn_free(blocking);
}

/* ---- workers ---- */

struct list {
	enum hs_err err;
	char text[1024];
	bool is_done;
};

static void
on_workers(void *ctx, enum hs_err err, const char *text,
	   const struct worker *workers, size_t n)
{
	struct list *list = ctx;
	struct buf out;

	buf_init(&out, sizeof(list->text) - 1);
	if (err != HS_OK)
		buf_notef(&out, "%s", text);
	for (size_t i = 0; err == HS_OK && i < n; i++) {
		assert_true(workers[i].age_s >= 0);
		assert_true(workers[i].addr.len > 0);
		buf_notef(&out, "[%.*s]", (int)workers[i].name.len,
			  (const char *)workers[i].name.ptr);
	}
	list->err = err;
	snprintf(list->text, sizeof(list->text), "%s", buf_text(&out));
	list->is_done = true;
	buf_fini(&out);
}

static struct list
workers_of(struct queue *which)
{
	struct list list = { 0 };

	assert_int_equal(workers_list(which, on_workers, &list), HS_OK);
	WAIT_FOR(base, list.is_done);
	return list;
}

static void
test_workers(void **state)
{
	(void)state;
	assert_string_equal(workers_of(queue).text, "");
	/* sync in base64; QueueEvents, another queue, and look-alikes */
	struct rconn *named[] = {
		connection("bull:c3luYw==:w:hooksync-a-1", NULL),
		connection("bull:c3luYw==", NULL),
		connection("bull:c3luYw==:qe", NULL),
		connection("bull:c3luYw==x", NULL),
		connection("other:c3luYw==:w:b", NULL),
		connection("bull:b3RoZXI=:w:c", NULL),
	};
	/* Redis turns its list of clients a little every second */
	struct list list = workers_of(queue);
	if (strcmp(list.text, "[][hooksync-a-1]") != 0)
		assert_string_equal(list.text, "[hooksync-a-1][]");
	assert_string_equal(workers_of(other).text, "[c]");
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		rconn_free(named[i]);
}

static void
test_workers_forbidden(void **state)
{
	(void)state;
	REDIS("ACL", "SETUSER", "default", "-client");
	struct list list = workers_of(queue);
	REDIS("ACL", "SETUSER", "default", "+client");
	assert_int_equal(list.err, HS_PROTOCOL);
	assert_int_equal(strncmp(list.text, "NOPERM", 6), 0);
}

static void
check_parsed(const char *text, size_t wanted_n, const char *name,
	     const char *addr, int64_t age_s)
{
	size_t n;
	struct worker *workers =
		workers_parse(queue->keys, span_text(text), &n);
	assert_int_equal(n, wanted_n);
	if (n > 0) {
		assert_true(span_is(workers[0].name, name));
		assert_true(span_is(workers[0].addr, addr));
		assert_int_equal(workers[0].age_s, age_s);
	}
	free(workers);
}

static void
test_workers_parse(void **state)
{
	(void)state;
	check_parsed("", 0, "", "", 0);
	check_parsed("\n\n \n==\n", 0, "", "", 0);
	check_parsed("id=3 addr=[::1]:1 name=bull:c3luYw==:w:a age=7 idle=0\n",
		     1, "a", "[::1]:1", 7);
	check_parsed("id=3 addr=1:1 name=bull:c3luYw==\r\n"
		     "id=4 name=bull:c3luYw==:w:",
		     2, "", "1:1", -1);
	check_parsed("name=bull:c3luYw==:w:a=b age=-3 addr=", 1, "a=b", "", -1);
	check_parsed("xname=bull:c3luYw==", 0, "", "", 0);
	check_parsed("name=bull:c3luYw==: age=1", 0, "", "", 0);
	check_parsed("name=bull:c3luYw", 0, "", "", 0);
}

/* ---- metrics ---- */

struct seen {
	enum hs_err err;
	struct metrics metrics;
	bool is_done;
};

static void
on_metrics(void *ctx, enum hs_err err, const char *text,
	   const struct metrics *metrics)
{
	struct seen *seen = ctx;
	assert_non_null(text);
	seen->err = err;
	seen->metrics = *metrics;
	seen->is_done = true;
}

static struct seen
metrics_at(bool failed, int64_t now_ms)
{
	struct seen seen = { 0 };

	assert_int_equal(metrics_read(queue, failed, now_ms, on_metrics, &seen),
			 HS_OK);
	WAIT_FOR(base, seen.is_done);
	return seen;
}

#define MINUTE(n) ((n)*INT64_C(60000))

static void
check_minutes(const struct metrics *metrics, size_t first, const char *expected)
{
	char text[64] = "";
	size_t len = 0;
	int64_t n = 0;

	for (size_t i = 0; i < METRICS_MINUTES; i++)
		n += metrics->per_minute[i];
	for (size_t i = first; i < first + 6 && i < METRICS_MINUTES; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%" PRId64 " ", metrics->per_minute[i]);
		n -= metrics->per_minute[i];
	}
	assert_string_equal(text, expected);
	assert_int_equal(n, 0); /* nothing elsewhere */
}

/* What BullMQ leaves for 3 jobs in a minute, 2 in the next, 1 three later. */
static void
test_metrics(void **state)
{
	struct seen seen = metrics_at(false, MINUTE(1004));
	(void)state;

	assert_int_equal(seen.err, HS_OK);
	assert_int_equal(seen.metrics.n_total, 0);
	REDIS("HSET", "bull:sync:metrics:completed", "count", "6", "prevTS",
	      "60240123", "prevCount", "5");
	REDIS("RPUSH", "bull:sync:metrics:completed:data", "0", "0", "2", "3");
	seen = metrics_at(false, MINUTE(1004) + 30000);
	assert_int_equal(seen.metrics.n_total, 6);
	check_minutes(&seen.metrics, 0, "1 0 0 2 3 0 ");
	seen = metrics_at(false, MINUTE(1006));
	check_minutes(&seen.metrics, 2, "1 0 0 2 3 0 ");
	seen = metrics_at(true, MINUTE(1006));
	assert_int_equal(seen.metrics.n_total, 0);
}

static void
test_metrics_are_odd(void **state)
{
	static const int64_t points[200] = { 9, -3, 4 };
	struct metrics metrics;
	(void)state;

	REDIS("SET", "bull:sync:metrics:failed", "text");
	assert_int_equal(metrics_at(true, 1000).err, HS_PROTOCOL);
	REDIS("HSET", "bull:sync:metrics:completed", "count", "x", "prevTS", "",
	      "prevCount", "-1");
	assert_int_equal(metrics_at(false, 1000).metrics.n_total, 0);

	metrics_build(5, MINUTE(50), 2, points, 200, MINUTE(50), &metrics);
	check_minutes(&metrics, 0, "3 9 0 4 0 0 ");
	/* a clock that is ahead; a counter that went back; long ago */
	metrics_build(5, MINUTE(60), 2, points, 3, MINUTE(50), &metrics);
	check_minutes(&metrics, 0, "3 9 0 4 0 0 ");
	metrics_build(5, MINUTE(50), 7, points, 3, MINUTE(50), &metrics);
	check_minutes(&metrics, 0, "0 9 0 4 0 0 ");
	metrics_build(5, MINUTE(50), 2, points, 3, MINUTE(107), &metrics);
	check_minutes(&metrics, 54, "0 0 0 3 9 0 ");
	metrics_build(5, MINUTE(50), 2, points, 3, MINUTE(110), &metrics);
	check_minutes(&metrics, 0, "0 0 0 0 0 0 ");
	metrics_build(INT64_MAX, 1, INT64_MIN, points, 0, INT64_MAX, &metrics);
	check_minutes(&metrics, 0, "0 0 0 0 0 0 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_events_from_now, setup),
		cmocka_unit_test_setup(test_events_since, setup),
		cmocka_unit_test_setup(test_events_many, setup),
		cmocka_unit_test_setup(test_events_odd_entries, setup),
		cmocka_unit_test_setup(test_events_go_on_after_a_loss, setup),
		cmocka_unit_test_setup(test_events_no_stream, setup),
		cmocka_unit_test_setup(test_events_freed_inside, setup),
		cmocka_unit_test_setup(test_workers, setup),
		cmocka_unit_test_setup(test_workers_forbidden, setup),
		cmocka_unit_test_setup(test_workers_parse, setup),
		cmocka_unit_test_setup(test_metrics, setup),
		cmocka_unit_test_setup(test_metrics_are_odd, setup),
	};
	signal(SIGPIPE, SIG_IGN);
	if (!redis_server_is_here())
		return 0;
	return cmocka_run_group_tests_name("watch", tests, group_setup,
					   group_teardown);
}
