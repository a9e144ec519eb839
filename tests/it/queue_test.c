/*
 * queue: each operation on a real redis-server, and what it leaves there.
 * tests/compat compares the same with BullMQ's own; this runs without Node.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/doc.h"
#include "redis/topo.h"
#include "queue/add.h"
#include "queue/admin.h"
#include "queue/finish.h"
#include "queue/queue.h"
#include "queue/take.h"
#include "tests/lib/redis_server.h"

#define PATIENCE_MS 20000
#define NOW INT64_C(1900000000000)
#define TOKEN "ours"
#define MAX_JOBS 8
#define TEXT_MAX (1024 * 1024)

static struct redis_server *server;
static struct event_base *base;
static struct event *tick;
static struct topo *topo;
static struct rconn *conn;
static struct rconn *blocking;
static struct queue *queue;
static int64_t now;

/* What the last call answered. */
static struct {
	bool is_done;
	enum hs_err err;
	char text[256];
	size_t n;
	enum add_result added[MAX_JOBS];
	enum finish_result finished[MAX_JOBS];
	char ids[MAX_JOBS][64];
	struct job *jobs[MAX_JOBS];
	int64_t limited_ms;
	int64_t due_ms;
	bool is_busy;
	struct admin_counts counts;
	size_t n_seen;
	enum job_state state;
} got;

/* ---- the loop ---- */

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
}

static void
on_state(void *ctx, struct rconn *which, bool is_up)
{
	(void)ctx;
	(void)which;
	(void)is_up;
}

#define WAIT_FOR(cond)                                           \
	do {                                                     \
		int64_t end_ms_ = clock_mono_ms() + PATIENCE_MS; \
		while (!(cond)) {                                \
			assert_true(clock_mono_ms() < end_ms_);  \
			event_base_loop(base, EVLOOP_ONCE);      \
		}                                                \
	} while (0)

static void
forget_jobs(void)
{
	for (size_t i = 0; i < MAX_JOBS; i++) {
		job_free(got.jobs[i]);
		got.jobs[i] = NULL;
	}
}

static void
answered(enum hs_err err, const char *text)
{
	assert_false(got.is_done);
	got.is_done = true;
	got.err = err;
	snprintf(got.text, sizeof(got.text), "%s", text ? text : "");
}

static void
start_call(void)
{
	got.is_done = false;
	got.n = 0;
}

static void
end_call(enum hs_err sent)
{
	assert_int_equal(sent, HS_OK);
	WAIT_FOR(got.is_done);
}

static void
keep_ids(const struct span *ids, size_t n)
{
	assert_in_range(n, 0, MAX_JOBS);
	got.n = n;
	for (size_t i = 0; i < n; i++)
		snprintf(got.ids[i], sizeof(got.ids[i]), "%.*s",
			 (int)ids[i].len, (const char *)ids[i].ptr);
}

/* ---- Redis, as text: "a b c" ---- */

static char redis_text[TEXT_MAX];

static void
print_reply(struct buf *out, const struct reply *reply)
{
	if (out->len > 0)
		assert_int_equal(buf_add_text(out, " "), HS_OK);
	if (reply->type == REPLY_ARRAY) {
		buf_notef(out, "[");
		for (size_t i = 0; i < reply->n_items; i++)
			print_reply(out, reply->items[i]);
		assert_int_equal(buf_add_text(out, " ]"), HS_OK);
	} else if (reply->type == REPLY_INTEGER) {
		assert_int_equal(buf_addf(out, "%lld", reply->integer), HS_OK);
	} else if (reply->type == REPLY_NIL) {
		assert_int_equal(buf_add_text(out, "nil"), HS_OK);
	} else {
		assert_int_equal(buf_add_span(out, reply->text), HS_OK);
	}
}

static void
on_reply(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct buf out;
	(void)ctx;
	assert_int_equal(err, HS_OK);
	buf_init(&out, TEXT_MAX - 1);
	print_reply(&out, reply);
	snprintf(redis_text, sizeof(redis_text), "%s", buf_text(&out));
	buf_fini(&out);
	answered(HS_OK, NULL);
}

#define REDIS(...)                                                          \
	(start_call(),                                                      \
	 end_call(rconn_send_texts(conn, 5000, on_reply, NULL, __VA_ARGS__, \
				   NULL)),                                  \
	 redis_text)
#define CHECK(expected, ...) assert_string_equal(REDIS(__VA_ARGS__), expected)

/* The events since the last call of this, without their stream ids:
 * "added jobId=1 name=n; waiting jobId=1". */
static void
on_events(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct buf out;
	(void)ctx;
	assert_int_equal(err, HS_OK);
	assert_int_equal(reply->type, REPLY_ARRAY);
	buf_init(&out, TEXT_MAX - 1);
	for (size_t i = 0; i < reply->n_items; i++) {
		const struct reply *fields = reply->items[i]->items[1];
		buf_notef(&out, i > 0 ? "; " : "");
		for (size_t k = 0; k < fields->n_items; k += 2) {
			const char *name =
				(const char *)fields->items[k]->text.ptr;
			const char *value =
				(const char *)fields->items[k + 1]->text.ptr;
			if (k == 0)
				assert_string_equal(name, "event");
			buf_notef(&out, k == 0 ? "" : " %s=", name);
			buf_notef(&out, "%s", value);
		}
	}
	snprintf(redis_text, sizeof(redis_text), "%s", buf_text(&out));
	buf_fini(&out);
	answered(HS_OK, NULL);
}

static void
check_events_of(const char *key, const char *expected)
{
	start_call();
	end_call(rconn_send_texts(conn, 5000, on_events, NULL, "XRANGE", key,
				  "-", "+", NULL));
	assert_string_equal(redis_text, expected);
	REDIS("DEL", key);
}

static void
check_events(const char *expected)
{
	check_events_of("bull:sync:events", expected);
}

/* ---- the calls of the floor, made to wait ---- */

static void
on_added(void *ctx, enum hs_err err, const char *text,
	 const enum add_result *results, const struct span *ids, size_t n)
{
	(void)ctx;
	keep_ids(ids, n);
	for (size_t i = 0; i < n; i++)
		got.added[i] = results[i];
	answered(err, text);
}

static void
add_many(const struct add_item *items, size_t n)
{
	start_call();
	end_call(add_jobs(queue, items, n, now, on_added, NULL));
}

static struct add_item
item(const char *id)
{
	return (struct add_item){
		.id = span_text(id),
		.name = span_text("n"),
		.data = span_text("{}"),
	};
}

static void
add(struct add_item one)
{
	add_many(&one, 1);
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(got.n, 1);
}

static enum hs_err
try_add(struct add_item one)
{
	return add_jobs(queue, &one, 1, now, on_added, NULL);
}

static void
on_taken(void *ctx, enum hs_err err, const char *text,
	 struct take_result *result)
{
	(void)ctx;
	assert_in_range(result->n, 0, MAX_JOBS);
	forget_jobs();
	got.n = result->n;
	for (size_t i = 0; i < result->n; i++)
		got.jobs[i] = result->jobs[i];
	got.limited_ms = result->limited_ms;
	got.due_ms = result->next_due_ms;
	got.is_busy = result->is_busy;
	answered(err, text);
}

static size_t
take(size_t n)
{
	const struct take_options options = {
		.token = TOKEN,
		.worker_name = "w1",
		.lock_duration_ms = 30000,
		.n = n,
		.now_ms = now,
	};
	start_call();
	end_call(take_jobs(queue, &options, on_taken, NULL));
	assert_int_equal(got.err, HS_OK);
	return got.n;
}

static void
take_one(const char *id)
{
	assert_int_equal(take(1), 1);
	assert_string_equal(got.jobs[0]->id, id);
}

static void
on_finished(void *ctx, enum hs_err err, const char *text,
	    const enum finish_result *results, size_t n)
{
	(void)ctx;
	assert_in_range(n, 0, MAX_JOBS);
	got.n = n;
	for (size_t i = 0; i < n; i++)
		got.finished[i] = results[i];
	answered(err, text);
}

static void
finish_many(const char *token, const struct finish_item *items, size_t n)
{
	start_call();
	end_call(finish_jobs(queue, token, items, n, now, on_finished, NULL));
}

/* Ends the first job of the last take. */
static enum finish_result
finish(struct finish_item one)
{
	one.job = one.job ? one.job : got.jobs[0];
	finish_many(TOKEN, &one, 1);
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(got.n, 1);
	return got.finished[0];
}

static const struct job_keep keep_all = { .count = -1 };

static struct finish_item
completed(const char *value)
{
	return (struct finish_item){ .kind = FINISH_COMPLETED,
				     .value = span_text(value),
				     .keep = keep_all };
}

static struct finish_item
failed(const char *reason)
{
	return (struct finish_item){ .kind = FINISH_FAILED,
				     .value = span_text(reason),
				     .stack = span_text(reason),
				     .keep = keep_all };
}

static struct finish_item
retry(int64_t delay_ms)
{
	return (struct finish_item){ .kind = FINISH_RETRY,
				     .value = span_text("no"),
				     .stack = span_text("no"),
				     .delay_ms = delay_ms };
}

static void
on_stalled(void *ctx, enum hs_err err, const char *text, const struct span *ids,
	   size_t n)
{
	(void)ctx;
	keep_ids(ids, n);
	answered(err, text);
}

static size_t
stalled(void)
{
	REDIS("DEL", "bull:sync:stalled-check");
	start_call();
	end_call(take_stalled(queue, 30000, 1, now, on_stalled, NULL));
	assert_int_equal(got.err, HS_OK);
	return got.n;
}

static size_t
extend(const char *token, const char *const *ids, size_t n)
{
	start_call();
	end_call(finish_extend(queue, token, ids, n, 60000, on_stalled, NULL));
	assert_int_equal(got.err, HS_OK);
	return got.n;
}

static void
on_counted(void *ctx, enum hs_err err, const char *text,
	   const struct admin_counts *counts)
{
	(void)ctx;
	got.counts = *counts;
	answered(err, text);
}

static void
count(void)
{
	start_call();
	end_call(admin_count(queue, on_counted, NULL));
	assert_int_equal(got.err, HS_OK);
}

static void
on_listed(void *ctx, enum hs_err err, const char *text, struct job **jobs,
	  size_t n, size_t n_seen)
{
	(void)ctx;
	assert_in_range(n, 0, MAX_JOBS);
	forget_jobs();
	got.n = n;
	got.n_seen = n_seen;
	for (size_t i = 0; i < n; i++)
		got.jobs[i] = jobs[i];
	answered(err, text);
}

static void
check_list(enum job_state state, size_t offset, size_t n, const char *expected)
{
	char ids[512] = "";
	start_call();
	end_call(admin_list(queue, state, offset, n, on_listed, NULL));
	assert_int_equal(got.err, HS_OK);
	for (size_t i = 0; i < got.n; i++) {
		size_t len = strlen(ids);
		snprintf(ids + len, sizeof(ids) - len, "%s%s", i > 0 ? " " : "",
			 got.jobs[i]->id);
	}
	assert_string_equal(ids, expected);
}

static void
on_got(void *ctx, enum hs_err err, const char *text, struct job *job,
       enum job_state state)
{
	(void)ctx;
	forget_jobs();
	got.jobs[0] = job;
	got.state = state;
	answered(err, text);
}

static enum hs_err
get(const char *id)
{
	start_call();
	end_call(admin_get(queue, span_text(id), on_got, NULL));
	return got.err;
}

static enum hs_err
get_refused(const char *id)
{
	return admin_get(queue, span_text(id), on_got, NULL);
}

static void
on_retried(void *ctx, enum hs_err err, const char *text)
{
	(void)ctx;
	answered(err, text);
}

static enum hs_err
retry_by_hand(const char *id, enum job_state from)
{
	start_call();
	end_call(
		admin_retry(queue, span_text(id), from, now, on_retried, NULL));
	return got.err;
}

static void
on_waited(void *ctx, enum hs_err err, int64_t due_ms)
{
	(void)ctx;
	got.due_ms = due_ms;
	answered(err, NULL);
}

/* ---- set up, tear down ---- */

static struct rconn *
connection(void)
{
	const struct rconn_settings settings = {
		.label = "redis",
		.connect_timeout_ms = 5000,
		.is_quiet = true,
		.scripts = queue_scripts,
	};
	struct rconn *up = rconn_new(base, topo, &settings, on_state, NULL);
	rconn_start(up);
	WAIT_FOR(rconn_is_up(up));
	return up;
}

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
	conn = connection();
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
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
	now = NOW;
	REDIS("FLUSHALL");
	queue = queue_new(conn, "bull", "sync", 5000, 10000);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	forget_jobs();
	queue_free(queue);
	return 0;
}

/* ---- add ---- */

static void
add_leaves_what_node_leaves(void **state)
{
	(void)state;
	add((struct add_item){
		.name = span_text("crm.contact.updated"),
		.data = span_text("{\"id\":7,\"email\":\"a@b.c\"}"),
		.options = { .timestamp_ms = 1700000000000 },
	});
	assert_int_equal(got.added[0], ADD_NEW);
	assert_string_equal(got.ids[0], "1");
	CHECK("[ name crm.contact.updated data {\"id\":7,\"email\":\"a@b.c\"} "
	      "opts {\"attempts\":0,\"timestamp\":1700000000000} "
	      "timestamp 1700000000000 delay 0 priority 0 ]",
	      "HGETALL", "bull:sync:1");
	CHECK("1", "GET", "bull:sync:id");
	CHECK("[ 1 ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("[ 0 0 ]", "ZRANGE", "bull:sync:marker", "0", "-1", "WITHSCORES");
	CHECK("10000", "HGET", "bull:sync:meta", "opts.maxLenEvents");
	check_events("added jobId=1 name=crm.contact.updated; waiting jobId=1");
}

static void
add_many_keeps_the_order(void **state)
{
	struct add_item items[] = { item("a"), item(""), item("b"), item("a") };
	(void)state;
	add_many(items, 4);
	assert_int_equal(got.n, 4);
	assert_string_equal(got.ids[0], "a");
	assert_string_equal(got.ids[1], "2");
	assert_string_equal(got.ids[2], "b");
	assert_string_equal(got.ids[3], "a");
	assert_int_equal(got.added[2], ADD_NEW);
	assert_int_equal(got.added[3], ADD_DUPLICATE);
	CHECK("[ b 2 a ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("4", "GET", "bull:sync:id");
	check_events("added jobId=a name=n; waiting jobId=a; "
		     "added jobId=2 name=n; waiting jobId=2; "
		     "added jobId=b name=n; waiting jobId=b; "
		     "duplicated jobId=a");
}

static void
add_a_whole_batch(void **state)
{
	struct add_item items[BOUNDS_ADD_BATCH + 1];
	(void)state;
	for (size_t i = 0; i <= BOUNDS_ADD_BATCH; i++)
		items[i] = item("");
	assert_int_equal(add_jobs(queue, items, BOUNDS_ADD_BATCH + 1, now,
				  on_added, NULL),
			 HS_TOO_BIG);
	assert_int_equal(add_jobs(queue, items, 0, now, on_added, NULL),
			 HS_INVALID);
	for (size_t i = 0; i < 2; i++)
		items[i] = item("same");
	for (size_t i = 0; i < BOUNDS_ADD_BATCH; i += MAX_JOBS)
		add_many(items + i, MAX_JOBS);
	CHECK("256", "GET", "bull:sync:id");
	CHECK("255", "LLEN", "bull:sync:wait");
}

static void
add_refuses_what_would_harm(void **state)
{
	(void)state;
	struct add_item bad = item("marker");
	assert_int_equal(try_add(bad), HS_INVALID);
	assert_int_equal(try_add(item("12")), HS_INVALID);
	assert_int_equal(try_add(item("a:b")), HS_INVALID);
	bad = item("a");
	bad.data = span_text("");
	assert_int_equal(try_add(bad), HS_INVALID);
	bad = item("a");
	bad.name = span_text("\xff");
	assert_int_equal(try_add(bad), HS_INVALID);
	bad = item("a");
	bad.options.priority = 2097152;
	assert_int_equal(try_add(bad), HS_INVALID);
	bad = item("a");
	bad.options.delay_ms = (INT64_C(1) << 41) - now;
	assert_int_equal(try_add(bad), HS_INVALID);
	bad.options.delay_ms = -1;
	assert_int_equal(try_add(bad), HS_INVALID);
	/* one bad item, and none of them is sent */
	struct add_item two[] = { item("a"), item("wait") };
	assert_int_equal(add_jobs(queue, two, 2, now, on_added, NULL),
			 HS_INVALID);
	CHECK("0", "EXISTS", "bull:sync:id");
}

static void
add_delayed_and_prioritized(void **state)
{
	struct add_item one = item("");
	(void)state;
	one.options.delay_ms = 5000;
	add(one);
	add(one);
	CHECK("[ 1 7782400020480000 2 7782400020480001 ]", "ZRANGE",
	      "bull:sync:delayed", "0", "-1", "WITHSCORES");
	CHECK("[ 1 1900000005000 ]", "ZRANGE", "bull:sync:marker", "0", "-1",
	      "WITHSCORES");
	CHECK("0", "EXISTS", "bull:sync:wait");
	check_events("added jobId=1 name=n; delayed jobId=1 "
		     "delay=1900000005000; added jobId=2 name=n; "
		     "delayed jobId=2 delay=1900000005000");
	one = item("");
	one.options.priority = 2;
	add(one);
	one.options.priority = 1;
	add(one);
	add(one);
	CHECK("[ 4 4294967298 5 4294967299 3 8589934593 ]", "ZRANGE",
	      "bull:sync:prioritized", "0", "-1", "WITHSCORES");
	CHECK("3", "GET", "bull:sync:pc");
	one = item("next");
	one.options.is_lifo = true;
	add(item("first"));
	add(one);
	CHECK("[ first next ]", "LRANGE", "bull:sync:wait", "0", "-1");
}

static void
add_places_by_what_resumes(void **state)
{
	(void)state;
	REDIS("HSET", "bull:sync:meta", "paused", "1");
	add(item("a"));
	CHECK("[ a ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:marker");
	/* version 5 is here: its resume would drop what is in wait */
	REDIS("HSET", "bull:sync:meta", "version", "bullmq:5.81.3");
	add(item("b"));
	CHECK("[ b ]", "LRANGE", "bull:sync:paused", "0", "-1");
	REDIS("HSET", "bull:sync:meta", "version", "bullmq:6.7.0");
	add(item("c"));
	CHECK("[ c b ]", "LRANGE", "bull:sync:paused", "0", "-1");
	REDIS("HDEL", "bull:sync:meta", "paused");
	add(item("d"));
	CHECK("[ d a ]", "LRANGE", "bull:sync:wait", "0", "-1");
	count();
	assert_int_equal(got.counts.n[JOB_PAUSED], 2);
	assert_int_equal(got.counts.n[JOB_WAIT], 2);
	assert_false(got.counts.is_paused);
}

static void
add_runs_failed_ones_again(void **state)
{
	struct add_item one = item("evt-1");
	(void)state;
	one.retries_failed = true;
	add(one);
	add(one);
	assert_int_equal(got.added[0], ADD_DUPLICATE);
	take_one("evt-1");
	assert_int_equal(finish(failed("no")), FINISH_DONE);
	REDIS("DEL", "bull:sync:events", "bull:sync:marker");
	one.retries_failed = false;
	add(one);
	assert_int_equal(got.added[0], ADD_DUPLICATE);
	one.retries_failed = true;
	one.data = span_text("{\"other\":1}");
	add(one);
	assert_int_equal(got.added[0], ADD_RETRIED);
	check_events("duplicated jobId=evt-1; waiting jobId=evt-1 prev=failed");
	CHECK("[ {} nil nil nil nil nil [\"no\"] ]", "HMGET", "bull:sync:evt-1",
	      "data", "atm", "ats", "failedReason", "finishedOn", "processedOn",
	      "stacktrace");
	CHECK("[ 0 0 ]", "ZRANGE", "bull:sync:marker", "0", "-1", "WITHSCORES");
	take_one("evt-1");
	assert_int_equal(got.jobs[0]->made, 0);
	assert_int_equal(got.jobs[0]->started, 1);
}

/* ---- take ---- */

static void
take_locks_and_marks(void **state)
{
	(void)state;
	add(item("a"));
	check_events("added jobId=a name=n; waiting jobId=a");
	now += 7;
	take_one("a");
	assert_string_equal(got.jobs[0]->worker, "w1");
	assert_int_equal(got.jobs[0]->started, 1);
	assert_int_equal(got.jobs[0]->processed_on_ms, now);
	assert_null(got.jobs[0]->poison);
	CHECK("[ a ]", "LRANGE", "bull:sync:active", "0", "-1");
	CHECK(TOKEN, "GET", "bull:sync:a:lock");
	assert_in_range(atoll(REDIS("PTTL", "bull:sync:a:lock")), 20000, 30000);
	check_events("active jobId=a prev=waiting");
	assert_int_equal(take(3), 0);
	assert_false(got.is_busy);
	assert_int_equal(got.due_ms, 0);
	assert_int_equal(got.limited_ms, 0);
}

static void
take_in_turn(void **state)
{
	struct add_item one = item("urgent");
	(void)state;
	one.options.priority = 1;
	add(one);
	one = item("late");
	one.options.delay_ms = 10;
	add(one);
	one = item("later");
	one.options.delay_ms = 11;
	add(one);
	add(item("a"));
	add(item("b"));
	assert_int_equal(take(4), 3);
	assert_string_equal(got.jobs[0]->id, "a");
	assert_string_equal(got.jobs[1]->id, "b");
	assert_string_equal(got.jobs[2]->id, "urgent");
	assert_int_equal(got.due_ms, NOW + 10);
	CHECK("0", "EXISTS", "bull:sync:pc");
	now += 9;
	assert_int_equal(take(4), 0);
	REDIS("DEL", "bull:sync:events");
	now += 1;
	take_one("late");
	assert_int_equal(got.jobs[0]->delay_ms, 0);
	assert_int_equal(got.due_ms, NOW + 11);
	check_events("waiting jobId=late prev=delayed; "
		     "active jobId=late prev=waiting");
}

static void
take_wakes_the_next_sleeper(void **state)
{
	struct add_item one = item("late");
	(void)state;
	add(item("a"));
	add(item("b"));
	REDIS("DEL", "bull:sync:marker");
	assert_int_equal(take(1), 1);
	CHECK("[ 0 0 ]", "ZRANGE", "bull:sync:marker", "0", "-1", "WITHSCORES");
	REDIS("DEL", "bull:sync:marker");
	assert_int_equal(take(1), 1);
	CHECK("0", "EXISTS", "bull:sync:marker");
	add(item("c"));
	one.options.delay_ms = 10;
	add(one);
	add(one = (struct add_item){ .name = span_text("n"),
				     .data = span_text("1"),
				     .options = { .delay_ms = 10 } });
	REDIS("ZREM", "bull:sync:delayed", "late");
	REDIS("DEL", "bull:sync:marker");
	assert_int_equal(take(8), 1);
	/* the second of a millisecond: a fraction, read back cut */
	CHECK("[ 1 1900000000010.0002 ]", "ZRANGE", "bull:sync:marker", "0",
	      "-1", "WITHSCORES");
	assert_int_equal(got.due_ms, NOW + 10);
	blocking = connection();
	start_call();
	end_call(take_wait(blocking, queue->keys, 1000, on_waited, NULL));
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(got.due_ms, NOW + 10);
	start_call();
	end_call(take_wait(blocking, queue->keys, 5, on_waited, NULL));
	assert_int_equal(got.due_ms, -1);
	assert_int_equal(take_wait(blocking, queue->keys, 0, on_waited, NULL),
			 HS_INVALID);
	rconn_free(blocking);
	blocking = NULL;
}

static void
take_obeys_the_queue(void **state)
{
	struct add_item one = item("late");
	(void)state;
	for (size_t i = 0; i < 6; i++)
		add(item(""));
	one.options.delay_ms = 5;
	add(one);
	REDIS("HSET", "bull:sync:meta", "concurrency", "2");
	assert_int_equal(take(8), 2);
	assert_true(got.is_busy);
	assert_int_equal(take(1), 0);
	assert_true(got.is_busy);
	REDIS("HDEL", "bull:sync:meta", "concurrency");
	REDIS("HSET", "bull:sync:meta", "max", "3", "duration", "60000");
	assert_int_equal(take(2), 2);
	assert_int_equal(got.limited_ms, 0);
	assert_int_equal(take(2), 1);
	assert_in_range(got.limited_ms, 50000, 60000);
	CHECK("3", "GET", "bull:sync:limiter");
	REDIS("HDEL", "bull:sync:meta", "max");
	REDIS("HSET", "bull:sync:meta", "paused", "1");
	now += 5;
	assert_int_equal(take(8), 0);
	assert_true(got.is_busy);
	/* promoted all the same */
	CHECK("[ late 6 ]", "LRANGE", "bull:sync:wait", "0", "-1");
	/* a delayed failure counts for no limit */
	REDIS("DEL", "bull:sync:meta", "bull:sync:limiter");
	REDIS("HSET", "bull:sync:meta", "max", "1", "duration", "60000");
	REDIS("HSET", "bull:sync:6", "defa", "too late");
	assert_int_equal(take(8), 2);
	assert_string_equal(got.jobs[0]->deferred, "too late");
	CHECK("1", "GET", "bull:sync:limiter");
}

static void
take_passes_over_old_markers(void **state)
{
	(void)state;
	add(item("a"));
	REDIS("RPUSH", "bull:sync:wait", "0:1700000000000", "0:0");
	take_one("a");
	CHECK("[ a ]", "LRANGE", "bull:sync:active", "0", "-1");
	REDIS("RPUSH", "bull:sync:wait", "0:0");
	assert_int_equal(take(1), 0);
	CHECK("[ a ]", "LRANGE", "bull:sync:active", "0", "-1");
}

static void
take_hands_out_poison(void **state)
{
	(void)state;
	REDIS("LPUSH", "bull:sync:wait", "ghost", "nan");
	REDIS("HSET", "bull:sync:nan", "name", "n", "data", "NaN", "opts", "{}",
	      "timestamp", "1");
	assert_int_equal(take(2), 2);
	assert_string_equal(got.jobs[0]->id, "ghost");
	assert_non_null(got.jobs[0]->poison);
	assert_non_null(got.jobs[1]->poison);
	struct finish_item items[2] = { failed(got.jobs[0]->poison),
					failed(got.jobs[1]->poison) };
	items[0].job = got.jobs[0];
	items[1].job = got.jobs[1];
	finish_many(TOKEN, items, 2);
	assert_int_equal(got.finished[0], FINISH_DONE);
	assert_int_equal(got.finished[1], FINISH_DONE);
	CHECK("2", "ZCARD", "bull:sync:failed");
	CHECK("the job's data is not JSON", "HGET", "bull:sync:nan",
	      "failedReason");
}

/* ---- finish ---- */

static void
finish_completes(void **state)
{
	(void)state;
	add(item("a"));
	take_one("a");
	REDIS("DEL", "bull:sync:events");
	REDIS("SADD", "bull:sync:stalled", "a");
	now += 20;
	assert_int_equal(finish(completed("{\"ok\":true}")), FINISH_DONE);
	CHECK("[ a 1900000000020 ]", "ZRANGE", "bull:sync:completed", "0", "-1",
	      "WITHSCORES");
	CHECK("[ 1 {\"ok\":true} 1900000000020 ]", "HMGET", "bull:sync:a",
	      "atm", "returnvalue", "finishedOn");
	CHECK("0", "EXISTS", "bull:sync:a:lock", "bull:sync:active",
	      "bull:sync:stalled");
	check_events("completed jobId=a returnvalue={\"ok\":true} prev=active; "
		     "drained");
	add(item("b"));
	take_one("b");
	struct finish_item bad = completed("NaN");
	bad.job = got.jobs[0];
	assert_int_equal(
		finish_jobs(queue, TOKEN, &bad, 1, now, on_finished, NULL),
		HS_INVALID);
	bad.value = span_text("");
	assert_int_equal(
		finish_jobs(queue, TOKEN, &bad, 1, now, on_finished, NULL),
		HS_INVALID);
}

static void
finish_fails(void **state)
{
	struct add_item one = item("a");
	(void)state;
	one.options.attempts = 3;
	one.options.backoff = JOB_BACKOFF_EXPONENTIAL;
	one.options.backoff_delay_ms = 2000;
	add(one);
	for (int made = 0; made < 2; made++) {
		take_one("a");
		assert_int_equal(got.jobs[0]->made, made);
		int64_t delay_ms = job_backoff_delay(got.jobs[0]);
		assert_int_equal(delay_ms, 2000 << made);
		REDIS("DEL", "bull:sync:events");
		assert_int_equal(finish(retry(delay_ms)), FINISH_DONE);
		now += delay_ms;
		char expected[64];
		snprintf(expected, sizeof(expected),
			 "delayed jobId=a delay=%" PRId64, now);
		check_events(expected);
		assert_int_equal(take(1), 1);
		/* give it back to take it in the loop's next turn */
		assert_int_equal(finish((struct finish_item){
					 .kind = FINISH_GIVE_BACK }),
				 FINISH_DONE);
	}
	take_one("a");
	assert_int_equal(job_backoff_delay(got.jobs[0]), -1);
	REDIS("DEL", "bull:sync:events");
	REDIS("HSET", "bull:sync:a", "defa", "x");
	assert_int_equal(finish(failed("503 from target")), FINISH_DONE);
	check_events("failed jobId=a failedReason=503 from target "
		     "prev=active; retries-exhausted jobId=a attemptsMade=3; "
		     "drained");
	CHECK("[ 3 503 from target [\"no\",\"no\",\"503 from target\"] nil ]",
	      "HMGET", "bull:sync:a", "atm", "failedReason", "stacktrace",
	      "defa");
}

static void
finish_before_the_last_attempt(void **state)
{
	struct add_item one = item("a");
	(void)state;
	one.options.attempts = 3;
	add(one);
	take_one("a");
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(finish(failed("hopeless")), FINISH_DONE);
	check_events("failed jobId=a failedReason=hopeless prev=active; "
		     "drained");
}

static void
finish_retries_at_once(void **state)
{
	struct add_item one = item("a");
	(void)state;
	one.options.attempts = 2;
	one.options.is_lifo = true;
	add(item("b"));
	add(one);
	take_one("a");
	REDIS("DEL", "bull:sync:events", "bull:sync:marker");
	assert_int_equal(finish(retry(0)), FINISH_DONE);
	CHECK("[ b a ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("[ 1 no ]", "HMGET", "bull:sync:a", "atm", "failedReason");
	CHECK("[ 0 0 ]", "ZRANGE", "bull:sync:marker", "0", "-1", "WITHSCORES");
	check_events("waiting jobId=a prev=active");
}

static void
finish_postpones(void **state)
{
	(void)state;
	add(item("a"));
	take_one("a");
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(finish((struct finish_item){ .kind = FINISH_POSTPONE,
						      .delay_ms = 300 }),
			 FINISH_DONE);
	CHECK("[ nil 1 300 nil ]", "HMGET", "bull:sync:a", "atm", "ats",
	      "delay", "failedReason");
	check_events("delayed jobId=a delay=1900000000300");
	struct finish_item bad = { .kind = FINISH_POSTPONE, .delay_ms = -1 };
	bad.job = got.jobs[0];
	assert_int_equal(
		finish_jobs(queue, TOKEN, &bad, 1, now, on_finished, NULL),
		HS_INVALID);
}

static void
finish_gives_back_in_order(void **state)
{
	struct add_item urgent = item("urgent");
	struct finish_item items[3];
	(void)state;
	urgent.options.priority = 3;
	add(item("a"));
	add(item("b"));
	add(item("c"));
	add(urgent);
	assert_int_equal(take(2), 2);
	for (size_t i = 0; i < 2; i++)
		items[i] = (struct finish_item){ .job = got.jobs[i],
						 .kind = FINISH_GIVE_BACK };
	finish_many(TOKEN, items, 2);
	assert_int_equal(got.finished[0], FINISH_DONE);
	CHECK("[ c b a ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:a:lock", "bull:sync:active");
	assert_int_equal(take(4), 4);
	assert_string_equal(got.jobs[0]->id, "a");
	assert_int_equal(got.jobs[0]->started, 2);
	assert_int_equal(got.jobs[0]->made, 0);
	REDIS("DEL", "bull:sync:marker");
	assert_int_equal(
		finish((struct finish_item){ .job = got.jobs[3],
					     .kind = FINISH_GIVE_BACK }),
		FINISH_DONE);
	CHECK("[ urgent 12884901888 ]", "ZRANGE", "bull:sync:prioritized", "0",
	      "-1", "WITHSCORES");
}

static void
finish_needs_our_lock(void **state)
{
	static const enum finish_kind kinds[] = {
		FINISH_COMPLETED, FINISH_FAILED,    FINISH_RETRY,
		FINISH_POSTPONE,  FINISH_GIVE_BACK,
	};
	(void)state;
	add(item("a"));
	take_one("a");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct finish_item one = { .kind = kinds[i],
					   .value = span_text("1"),
					   .delay_ms = 5 };
		one.job = got.jobs[0];
		finish_many("theirs", &one, 1);
		assert_int_equal(got.finished[0], FINISH_LOCK_FOREIGN);
		REDIS("DEL", "bull:sync:a:lock");
		assert_int_equal(finish(one), FINISH_LOCK_MISSING);
		CHECK("[ a ]", "LRANGE", "bull:sync:active", "0", "-1");
		CHECK("[ nil nil ]", "HMGET", "bull:sync:a", "failedReason",
		      "atm");
		REDIS("SET", "bull:sync:a:lock", TOKEN);
	}
	REDIS("DEL", "bull:sync:active");
	assert_int_equal(finish(completed("1")), FINISH_NOT_ACTIVE);
	REDIS("DEL", "bull:sync:a");
	assert_int_equal(finish(completed("1")), FINISH_MISSING);
	CHECK("0", "EXISTS", "bull:sync:completed", "bull:sync:a");
	assert_string_equal(finish_result_text(FINISH_LOCK_FOREIGN),
			    "another worker has the lock");
}

static void
finish_each_on_its_own(void **state)
{
	struct finish_item items[4];
	(void)state;
	add(item("a"));
	add(item("b"));
	add(item("c"));
	add(item("d"));
	assert_int_equal(take(4), 4);
	REDIS("DEL", "bull:sync:b:lock");
	/* d has a parent whose keys are broken */
	REDIS("HSET", "bull:sync:d", "parentKey", "bull:up:p", "parent",
	      "{\"id\":\"p\",\"queueKey\":\"bull:up\"}");
	REDIS("SET", "bull:up:p:dependencies", "no set");
	for (size_t i = 0; i < 4; i++) {
		items[i] = completed("1");
		items[i].job = got.jobs[i];
	}
	items[2] = failed("no");
	items[2].job = got.jobs[2];
	REDIS("DEL", "bull:sync:events");
	finish_many(TOKEN, items, 4);
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(got.finished[0], FINISH_DONE);
	assert_int_equal(got.finished[1], FINISH_LOCK_MISSING);
	assert_int_equal(got.finished[2], FINISH_DONE);
	assert_int_equal(got.finished[3], FINISH_REFUSED);
	assert_non_null(strstr(got.text, "WRONGTYPE"));
	check_events("completed jobId=a returnvalue=1 prev=active; "
		     "failed jobId=c failedReason=no prev=active; "
		     "retries-exhausted jobId=c attemptsMade=1");
}

static void
finish_says_what_redis_refuses(void **state)
{
	(void)state;
	add(item("a"));
	take_one("a");
	REDIS("DEL", "bull:sync:active");
	REDIS("SET", "bull:sync:active", "no list");
	struct finish_item one = completed("1");
	one.job = got.jobs[0];
	finish_many(TOKEN, &one, 1);
	assert_int_equal(got.err, HS_PROTOCOL);
	assert_non_null(strstr(got.text, "WRONGTYPE"));
	assert_int_equal(got.n, 0);
}

static void
finish_keeps_by_rule(void **state)
{
	struct finish_item end = completed("1");
	(void)state;
	for (int i = 0; i < 5; i++) {
		char id[16];
		snprintf(id, sizeof(id), "a%d", i);
		add(item(id));
		take_one(id);
		assert_int_equal(finish(end), FINISH_DONE);
		now += 1000;
	}
	add(item("b"));
	take_one("b");
	end.keep = (struct job_keep){ .count = 3 };
	REDIS("RPUSH", "bull:sync:a0:logs", "x");
	assert_int_equal(finish(end), FINISH_DONE);
	CHECK("[ a3 a4 b ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:a0", "bull:sync:a2",
	      "bull:sync:a0:logs");
	/* a3 ended two seconds ago */
	add(item("c"));
	take_one("c");
	end.keep = (struct job_keep){ .count = -1, .age_s = 2 };
	assert_int_equal(finish(end), FINISH_DONE);
	CHECK("[ a4 b c ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	/* the newest of the old go first */
	now += 60000;
	add(item("d"));
	take_one("d");
	end.keep = (struct job_keep){ .count = -1, .age_s = 2, .limit = 1 };
	assert_int_equal(finish(end), FINISH_DONE);
	CHECK("[ a4 b d ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	add(item("e"));
	take_one("e");
	REDIS("DEL", "bull:sync:events");
	end.keep = (struct job_keep){ .count = 0 };
	assert_int_equal(finish(end), FINISH_DONE);
	CHECK("[ a4 b d ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:e");
	check_events("completed jobId=e returnvalue=1 prev=active; drained");
}

static void
check_stacktrace(const char *stored, int64_t limit, const char *expected)
{
	REDIS("FLUSHALL");
	add(item("a"));
	if (stored)
		REDIS("HSET", "bull:sync:a", "stacktrace", stored);
	char opts[64];
	snprintf(opts, sizeof(opts), "{\"stackTraceLimit\":%" PRId64 "}",
		 limit);
	REDIS("HSET", "bull:sync:a", "opts", limit < 0 ? "{}" : opts);
	take_one("a");
	assert_int_equal(finish(failed("new")), FINISH_DONE);
	CHECK(expected, "HGET", "bull:sync:a", "stacktrace");
}

static void
finish_extends_the_stacktrace(void **state)
{
	(void)state;
	check_stacktrace(NULL, -1, "[\"new\"]");
	check_stacktrace("[]", -1, "[\"new\"]");
	check_stacktrace("[\"one\",\"two\"]", -1, "[\"one\",\"two\",\"new\"]");
	check_stacktrace("[\"one\",\"two\"]", 2, "[\"two\",\"new\"]");
	check_stacktrace("[\"one\",\"two\"]", 1, "[\"new\"]");
	check_stacktrace("[\"one\",\"two\"]", 0, "[]");
	check_stacktrace("{}", -1, "[\"new\"]");
	check_stacktrace("not JSON", -1, "[\"new\"]");
	check_stacktrace("null", 5, "[\"new\"]");
}

static void
finish_frees_deduplication(void **state)
{
	(void)state;
	add(item("a"));
	REDIS("HSET", "bull:sync:a", "deid", "d");
	REDIS("SET", "bull:sync:de:d", "a");
	REDIS("HSET", "bull:sync:dn:d", "name", "n2", "data", "[2]", "opts",
	      "{\"de\":{\"id\":\"d\",\"keepLastIfActive\":true},"
	      "\"priority\":2}",
	      "jid", "evt-9");
	take_one("a");
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(finish(completed("1")), FINISH_DONE);
	CHECK("evt-9", "GET", "bull:sync:de:d");
	CHECK("0", "EXISTS", "bull:sync:dn:d");
	CHECK("2", "GET", "bull:sync:id");
	check_events("added jobId=evt-9 name=n2; waiting jobId=evt-9; "
		     "completed jobId=a returnvalue=1 prev=active");
	take_one("evt-9");
	assert_true(span_is(got.jobs[0]->data, "[2]"));
	assert_int_equal(got.jobs[0]->priority, 2);
	assert_int_equal(finish(completed("1")), FINISH_DONE);
	CHECK("0", "EXISTS", "bull:sync:de:d");
}

/* ---- parents, in another queue ---- */

static void
add_child(const char *id, const char *flags)
{
	char parent[128];
	char key[64];
	add(item(id));
	snprintf(key, sizeof(key), "bull:sync:%s", id);
	snprintf(parent, sizeof(parent),
		 "{\"id\":\"p\",\"queueKey\":\"bull:up\"%s}", flags);
	REDIS("HSET", key, "parentKey", "bull:up:p", "parent", parent);
	REDIS("SADD", "bull:up:p:dependencies", key);
	REDIS("HSET", "bull:up:p", "name", "p", "data", "{}", "opts", "{}",
	      "timestamp", "1", "delay", "0", "priority", "0");
	REDIS("ZADD", "bull:up:waiting-children", "1", "p");
}

static void
a_parent_waits_for_all(void **state)
{
	(void)state;
	add_child("a", "");
	add_child("b", "");
	take_one("a");
	assert_int_equal(finish(completed("[1]")), FINISH_DONE);
	CHECK("[ p ]", "ZRANGE", "bull:up:waiting-children", "0", "-1");
	take_one("b");
	assert_int_equal(finish(completed("[2]")), FINISH_DONE);
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
	CHECK("[ [1] [2] ]", "HMGET", "bull:up:p:processed", "bull:sync:a",
	      "bull:sync:b");
	CHECK("[ 0 0 ]", "ZRANGE", "bull:up:marker", "0", "-1", "WITHSCORES");
	check_events_of("bull:up:events", "waiting jobId=p "
					  "prev=waiting-children");
}

static void
fail_child(const char *flags, struct job_keep keep)
{
	struct finish_item end = failed("no");
	end.keep = keep;
	REDIS("FLUSHALL");
	add_child("a", flags);
	take_one("a");
	assert_int_equal(finish(end), FINISH_DONE);
}

static void
a_parent_and_a_failed_child(void **state)
{
	const struct job_keep none = { .count = 0 };
	(void)state;
	fail_child("", keep_all);
	CHECK("[ p ]", "ZRANGE", "bull:up:waiting-children", "0", "-1");
	CHECK("1", "SCARD", "bull:up:p:dependencies");
	fail_child(",\"fpof\":false", keep_all);
	CHECK("[ p ]", "ZRANGE", "bull:up:waiting-children", "0", "-1");
	fail_child("", none);
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");

	/* a failed child that goes later, by its rule, is not waited for */
	fail_child("", keep_all);
	add(item("b"));
	take_one("b");
	now += 1;
	struct finish_item end = failed("no");
	end.keep = (struct job_keep){ .count = 1 };
	assert_int_equal(finish(end), FINISH_DONE);
	CHECK("[ b ]", "ZRANGE", "bull:sync:failed", "0", "-1");
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
	now = NOW;

	fail_child(",\"fpof\":true", keep_all);
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
	CHECK("child bull:sync:a failed", "HGET", "bull:up:p", "defa");
	CHECK("[ bull:sync:a 1900000000000 ]", "ZRANGE",
	      "bull:up:p:unsuccessful", "0", "-1", "WITHSCORES");

	fail_child(",\"cpof\":true", keep_all);
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
	CHECK("no", "HGET", "bull:up:p:failed", "bull:sync:a");
	fail_child(",\"idof\":true", keep_all);
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
	CHECK("no", "HGET", "bull:up:p:failed", "bull:sync:a");
	fail_child(",\"rdof\":true", keep_all);
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
	CHECK("0", "EXISTS", "bull:up:p:failed", "bull:up:p:dependencies");

	/* no JSON: the key says where the parent is */
	REDIS("FLUSHALL");
	add_child("a", "");
	REDIS("HSET", "bull:sync:a", "parent", "{");
	take_one("a");
	assert_int_equal(finish(completed("1")), FINISH_DONE);
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
}

static void
a_parent_cannot_end_before_its_children(void **state)
{
	(void)state;
	add(item("p"));
	REDIS("SADD", "bull:sync:p:dependencies", "bull:sync:x");
	take_one("p");
	assert_int_equal(finish(completed("1")), FINISH_HAS_CHILDREN);
	REDIS("DEL", "bull:sync:p:dependencies");
	REDIS("ZADD", "bull:sync:p:unsuccessful", "1", "bull:sync:x");
	assert_int_equal(finish(completed("1")), FINISH_FAILED_CHILDREN);
	CHECK(TOKEN, "GET", "bull:sync:p:lock");
	assert_int_equal(finish(failed("no")), FINISH_DONE);
}

/* ---- locks and stalls ---- */

static void
locks_are_renewed(void **state)
{
	const char *const ids[] = { "a", "b", "gone" };
	(void)state;
	add(item("a"));
	add(item("b"));
	assert_int_equal(take(2), 2);
	REDIS("SADD", "bull:sync:stalled", "a", "b");
	REDIS("SET", "bull:sync:b:lock", "theirs");
	assert_int_equal(extend(TOKEN, ids, 3), 2);
	assert_string_equal(got.ids[0], "b");
	assert_string_equal(got.ids[1], "gone");
	assert_in_range(atoll(REDIS("PTTL", "bull:sync:a:lock")), 50000, 60000);
	CHECK("theirs", "GET", "bull:sync:b:lock");
	CHECK("0", "EXISTS", "bull:sync:gone:lock");
	CHECK("[ b ]", "SMEMBERS", "bull:sync:stalled");
	assert_int_equal(extend(TOKEN, ids, 1), 0);
	assert_int_equal(
		finish_extend(queue, TOKEN, ids, 0, 1, on_stalled, NULL),
		HS_INVALID);
}

static void
a_stalled_job_comes_back_once(void **state)
{
	(void)state;
	add(item("a"));
	add(item("b"));
	assert_int_equal(take(2), 2);
	REDIS("DEL", "bull:sync:a:lock");
	assert_int_equal(stalled(), 0); /* seen active for the first time */
	CHECK("[ a b ]", "SORT", "bull:sync:stalled", "ALPHA");
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(stalled(), 1);
	assert_string_equal(got.ids[0], "a");
	check_events("waiting jobId=a prev=active; stalled jobId=a");
	CHECK("[ a ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("[ b ]", "LRANGE", "bull:sync:active", "0", "-1");
	/* only one check in each interval */
	start_call();
	end_call(take_stalled(queue, 30000, 1, now, on_stalled, NULL));
	assert_int_equal(got.n, 0);
	CHECK("1900000000000", "GET", "bull:sync:stalled-check");

	take_one("a");
	assert_int_equal(got.jobs[0]->n_stalled, 1);
	assert_null(got.jobs[0]->deferred);
	assert_int_equal(stalled(), 0);
	REDIS("DEL", "bull:sync:a:lock");
	assert_int_equal(stalled(), 1);
	take_one("a");
	assert_string_equal(got.jobs[0]->deferred,
			    "job stalled more than allowable limit");
	assert_int_equal(got.jobs[0]->started, 3);
	assert_int_equal(finish(failed(got.jobs[0]->deferred)), FINISH_DONE);
	CHECK("[ 2 3 1 nil ]", "HMGET", "bull:sync:a", "stc", "ats", "atm",
	      "defa");
}

static void
stalls_of_odd_jobs(void **state)
{
	(void)state;
	add(item("gone"));
	add(item("tick"));
	assert_int_equal(take(2), 2);
	/* a scheduler's job must run again, or there is no next one */
	REDIS("HSET", "bull:sync:tick", "rjk", "every", "stc", "9");
	REDIS("ZADD", "bull:sync:repeat", "1", "every");
	assert_int_equal(stalled(), 0);
	REDIS("DEL", "bull:sync:gone", "bull:sync:gone:lock",
	      "bull:sync:tick:lock");
	assert_int_equal(stalled(), 1);
	CHECK("[ tick ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:gone", "bull:sync:active");
	take_one("tick");
	assert_null(got.jobs[0]->deferred);
	assert_string_equal(got.jobs[0]->scheduler, "every");
	assert_int_equal(got.jobs[0]->n_stalled, 10);
}

/* ---- admin ---- */

static void
admin_looks(void **state)
{
	struct add_item one = item("late");
	(void)state;
	count();
	for (int i = 0; i < JOB_N_STATES; i++)
		assert_int_equal(got.counts.n[i], 0);
	assert_int_equal(got.counts.oldest_waiting_ms, 0);
	one.options.delay_ms = 5;
	add(one);
	one = item("urgent");
	one.options.priority = 2;
	add(one);
	count();
	assert_int_equal(got.counts.oldest_waiting_ms, now);
	for (int i = 0; i < 5; i++) {
		char id[16];
		snprintf(id, sizeof(id), "a%d", i);
		now += 10;
		add(item(id));
	}
	assert_int_equal(take(2), 2);
	struct finish_item ends[2] = { completed("1"), failed("no") };
	ends[0].job = got.jobs[0];
	ends[1].job = got.jobs[1];
	finish_many(TOKEN, ends, 2);
	take_one("a2"); /* the late one was promoted behind the others */
	REDIS("HSET", "bull:sync:meta", "paused", "1");
	count();
	assert_true(got.counts.is_paused);
	assert_int_equal(got.counts.n[JOB_WAIT], 3);
	assert_int_equal(got.counts.n[JOB_ACTIVE], 1);
	assert_int_equal(got.counts.n[JOB_COMPLETED], 1);
	assert_int_equal(got.counts.n[JOB_FAILED], 1);
	assert_int_equal(got.counts.n[JOB_PRIORITIZED], 1);
	assert_int_equal(got.counts.n[JOB_DELAYED], 0);
	assert_int_equal(got.counts.oldest_waiting_ms, NOW + 40);
	check_list(JOB_WAIT, 0, 8, "a3 a4 late");
	check_list(JOB_WAIT, 1, 8, "a4 late");
	check_list(JOB_WAIT, 3, 8, "");
	assert_int_equal(got.n_seen, 0);
	check_list(JOB_WAIT, 0, 1, "a3");
	check_list(JOB_ACTIVE, 0, 8, "a2");
	check_list(JOB_COMPLETED, 0, 8, "a0");
	check_list(JOB_FAILED, 0, 8, "a1");
	check_list(JOB_PRIORITIZED, 0, 8, "urgent");
	REDIS("LPUSH", "bull:sync:wait", "ghost");
	check_list(JOB_WAIT, 0, 8, "a3 a4 late");
	assert_int_equal(got.n_seen, 4);
	assert_int_equal(admin_list(queue, JOB_UNKNOWN, 0, 1, on_listed, NULL),
			 HS_INVALID);

	assert_int_equal(get("a1"), HS_OK);
	assert_int_equal(got.state, JOB_FAILED);
	assert_string_equal(got.jobs[0]->failed_reason, "no");
	assert_int_equal(get("a3"), HS_OK);
	assert_int_equal(got.state, JOB_WAIT);
	assert_int_equal(get("urgent"), HS_OK);
	assert_int_equal(got.state, JOB_PRIORITIZED);
	assert_int_equal(get("a2"), HS_OK);
	assert_int_equal(got.state, JOB_ACTIVE);
	REDIS("LREM", "bull:sync:active", "0", "a2");
	assert_int_equal(get("a2"), HS_OK);
	assert_int_equal(got.state, JOB_UNKNOWN);
	assert_int_equal(get("nobody"), HS_NOT_FOUND);
	assert_null(got.jobs[0]);
}

static void
admin_lists_newest_first(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		char id[16];
		snprintf(id, sizeof(id), "a%d", i);
		add(item(id));
		take_one(id);
		assert_int_equal(finish(failed("no")), FINISH_DONE);
		now += 1;
	}
	check_list(JOB_FAILED, 0, 8, "a2 a1 a0");
	check_list(JOB_FAILED, 1, 1, "a1");
}

static void
admin_retries(void **state)
{
	(void)state;
	add(item("a"));
	assert_int_equal(retry_by_hand("a", JOB_FAILED), HS_INVALID);
	assert_int_equal(retry_by_hand("nobody", JOB_FAILED), HS_NOT_FOUND);
	take_one("a");
	assert_int_equal(finish(failed("no")), FINISH_DONE);
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(retry_by_hand("a", JOB_FAILED), HS_OK);
	check_events("waiting jobId=a prev=failed");
	take_one("a");
	assert_int_equal(got.jobs[0]->made, 0);
	assert_null(got.jobs[0]->failed_reason);
	assert_int_equal(finish(completed("1")), FINISH_DONE);
	assert_int_equal(retry_by_hand("a", JOB_COMPLETED), HS_OK);
	take_one("a");
	assert_int_equal(got.jobs[0]->return_value.len, 0);
	assert_int_equal(admin_retry(queue, span_text("a"), JOB_ACTIVE, now,
				     on_retried, NULL),
			 HS_INVALID);
}

static void
hostile_keys_are_errors(void **state)
{
	struct add_item one = item("a");
	(void)state;
	REDIS("SET", "bull:sync:wait", "no list");
	add_many(&one, 1);
	assert_int_equal(got.err, HS_PROTOCOL);
	assert_non_null(strstr(got.text, "WRONGTYPE"));
	REDIS("SET", "bull:sync:marker", "no set");
	start_call();
	blocking = connection();
	end_call(take_wait(blocking, queue->keys, 100, on_waited, NULL));
	assert_int_equal(got.err, HS_PROTOCOL);
	rconn_free(blocking);
	blocking = NULL;
}

static void
scripts_come_back_after_a_flush(void **state)
{
	(void)state;
	add(item("a"));
	REDIS("SCRIPT", "FLUSH");
	add(item("b"));
	REDIS("SCRIPT", "FLUSH");
	assert_int_equal(take(2), 2);
}

static void
announcing_overwrites_nothing(void **state)
{
	(void)state;
	REDIS("HSET", "bull:sync:meta", "opts.maxLenEvents", "5");
	queue_announce(queue);
	CHECK("[ 5 bullmq:6.7.0 ]", "HMGET", "bull:sync:meta",
	      "opts.maxLenEvents", "version");
}

static void
nobody_knows_when_redis_is_away(void **state)
{
	struct add_item one = item("a");
	(void)state;
	queue->timeout_ms = 200;
	redis_server_pause(server);
	add_many(&one, 1);
	assert_int_equal(got.err, HS_TIMEOUT);
	assert_int_equal(got.n, 0);
	assert_string_not_equal(got.text, "");
	/* the connection was closed: refused at once, and fn never called */
	start_call();
	assert_int_equal(try_add(one), HS_UNAVAILABLE);
	assert_int_equal(admin_count(queue, on_counted, NULL), HS_UNAVAILABLE);
	assert_int_equal(get_refused("a"), HS_UNAVAILABLE);
	assert_false(got.is_done);
	redis_server_resume(server);
	WAIT_FOR(rconn_is_up(conn));
	queue->timeout_ms = 5000;
	add(one);
	/* it had arrived, or not: the id keeps it one job */
	assert_in_range(got.added[0], ADD_NEW, ADD_DUPLICATE);
	CHECK("1", "LLEN", "bull:sync:wait");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(add_leaves_what_node_leaves),
		T(add_many_keeps_the_order),
		T(add_a_whole_batch),
		T(add_refuses_what_would_harm),
		T(add_delayed_and_prioritized),
		T(add_places_by_what_resumes),
		T(add_runs_failed_ones_again),
		T(take_locks_and_marks),
		T(take_in_turn),
		T(take_wakes_the_next_sleeper),
		T(take_obeys_the_queue),
		T(take_passes_over_old_markers),
		T(take_hands_out_poison),
		T(finish_completes),
		T(finish_fails),
		T(finish_before_the_last_attempt),
		T(finish_retries_at_once),
		T(finish_postpones),
		T(finish_gives_back_in_order),
		T(finish_needs_our_lock),
		T(finish_each_on_its_own),
		T(finish_says_what_redis_refuses),
		T(finish_keeps_by_rule),
		T(finish_extends_the_stacktrace),
		T(finish_frees_deduplication),
		T(a_parent_waits_for_all),
		T(a_parent_and_a_failed_child),
		T(a_parent_cannot_end_before_its_children),
		T(locks_are_renewed),
		T(a_stalled_job_comes_back_once),
		T(stalls_of_odd_jobs),
		T(admin_looks),
		T(admin_lists_newest_first),
		T(admin_retries),
		T(hostile_keys_are_errors),
		T(scripts_come_back_after_a_flush),
		T(announcing_overwrites_nothing),
		T(nobody_knows_when_redis_is_away),
	};
	if (!redis_server_is_here())
		return 0;
	return cmocka_run_group_tests_name("queue", tests, group_setup,
					   group_teardown);
}
