/*
 * enqueuer: batches, deadlines and losses, against a queue and a connection
 * that are played here: the test is the Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "fcgi/enqueuer.h"

/* ---- the floor below, played ---- */

#define MAX_CALLS 64

struct call { /* one add_jobs() */
	char queue[32];
	size_t n;
	char ids[BOUNDS_ADD_BATCH][24];
	struct job_options options;
	char name[32];
	bool retries_failed;
	add_fn fn;
	void *ctx;
};

static struct call calls[MAX_CALLS];
static size_t n_calls;
static enum hs_err add_verdict;
static rconn_state_fn state_fn;
static void *state_ctx;
static enum rconn_state link_state;
static bool is_slow; /* rconn_start only begins to connect */
static unsigned n_announced;

const struct script *const queue_add_scripts[] = { NULL };

struct topo *
topo_static_new(const struct topo_address *address)
{
	(void)address;
	return NULL;
}

void
topo_free(struct topo *topo)
{
	(void)topo;
}

struct rconn *
rconn_new(struct event_base *base, struct topo *topo,
	  const struct rconn_settings *settings, rconn_state_fn fn, void *ctx)
{
	(void)base;
	(void)topo;
	(void)settings;
	state_fn = fn;
	state_ctx = ctx;
	return NULL;
}

static void
reply_to(struct call *call, enum hs_err err, enum add_result result)
{
	enum add_result results[BOUNDS_ADD_BATCH];
	struct span ids[BOUNDS_ADD_BATCH];
	add_fn fn = call->fn;
	assert_non_null(fn);
	for (size_t i = 0; i < call->n; i++) {
		results[i] = result;
		ids[i] = span_text(call->ids[i]);
	}
	call->fn = NULL;
	fn(call->ctx, err, err == HS_PROTOCOL ? "OOM" : NULL,
	   err == HS_OK ? results : NULL, err == HS_OK ? ids : NULL,
	   err == HS_OK ? call->n : 0);
}

static void
lose_all(void)
{
	for (size_t i = 0; i < n_calls; i++) {
		if (calls[i].fn != NULL)
			reply_to(&calls[i], HS_UNAVAILABLE, ADD_NEW);
	}
}

void
rconn_free(struct rconn *conn)
{
	(void)conn;
	lose_all();
}

void
rconn_start(struct rconn *conn)
{
	if (is_slow) {
		link_state = RCONN_LOGIN;
		return;
	}
	link_state = RCONN_UP;
	state_fn(state_ctx, conn, true);
}

bool
rconn_is_up(const struct rconn *conn)
{
	(void)conn;
	return link_state == RCONN_UP;
}

enum rconn_state
rconn_state(const struct rconn *conn)
{
	(void)conn;
	return link_state;
}

const char *
rconn_error(const struct rconn *conn)
{
	(void)conn;
	return link_state == RCONN_UP ? "" : "played";
}

int64_t
rconn_due_ms(const struct rconn *conn)
{
	(void)conn;
	return 4711;
}

struct queue *
queue_new(struct rconn *conn, const char *prefix, const char *name,
	  int64_t timeout_ms, int64_t max_events)
{
	struct queue *queue = xcalloc(1, sizeof(*queue));
	queue->keys = keys_new(prefix, name);
	queue->conn = conn;
	queue->timeout_ms = timeout_ms;
	queue->max_events = max_events;
	return queue;
}

void
queue_free(struct queue *queue)
{
	keys_free(queue->keys);
	free(queue);
}

void
queue_announce(struct queue *queue)
{
	assert_true(queue->timeout_ms > 0); /* or it would wait for ever */
	n_announced++;
}

enum hs_err
add_jobs(struct queue *queue, const struct add_item *items, size_t n,
	 int64_t now_ms, add_fn fn, void *ctx)
{
	assert_true(n > 0 && n <= BOUNDS_ADD_BATCH);
	assert_true(now_ms > 1600000000000);
	if (add_verdict != HS_OK)
		return add_verdict;
	assert_true(n_calls < MAX_CALLS);
	struct call *call = &calls[n_calls++];
	snprintf(call->queue, sizeof(call->queue), "%s",
		 keys_queue(queue->keys));
	call->n = n;
	for (size_t i = 0; i < n; i++)
		snprintf(call->ids[i], sizeof(call->ids[i]), "%.*s",
			 (int)items[i].id.len, (const char *)items[i].id.ptr);
	snprintf(call->name, sizeof(call->name), "%.*s", (int)items[0].name.len,
		 (const char *)items[0].name.ptr);
	call->options = items[0].options;
	call->retries_failed = items[0].retries_failed;
	call->fn = fn;
	call->ctx = ctx;
	return HS_OK;
}

/* ---- the stage ---- */

static struct event_base *base;
static struct enqueuer *enqueuer;
static struct conf *conf;

struct ask {
	unsigned n_answers;
	enum hs_err err;
	enum add_result result;
};

static void
on_answer(void *ctx, enum hs_err err, enum add_result result)
{
	struct ask *ask = ctx;
	ask->n_answers++;
	ask->err = err;
	ask->result = result;
}

static enum hs_err
park_bytes(struct ask *ask, const char *queue, const char *id, size_t len)
{
	struct buf data;
	unsigned char *room;
	*ask = (struct ask){ .n_answers = 0 };
	buf_init(&data, len + 1);
	assert_int_equal(buf_reserve(&data, len, &room), HS_OK);
	memset(room, '7', len);
	buf_commit(&data, len);
	const struct enqueuer_job job = { queue, "name", span_text(id), &data };
	enum hs_err err = enqueuer_park(enqueuer, &job, on_answer, ask);
	assert_int_equal(data.len, 0);
	buf_fini(&data);
	return err;
}

static void
park(struct ask *ask, const char *id)
{
	assert_int_equal(park_bytes(ask, "a", id, 1), HS_OK);
	assert_int_equal(ask->n_answers, 0);
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
assert_answer(const struct ask *ask, enum hs_err err, enum add_result result)
{
	assert_int_equal(ask->n_answers, 1);
	assert_int_equal(ask->err, err);
	if (err == HS_OK)
		assert_int_equal(ask->result, result);
}

static int
setup(void **state)
{
	static char queue_a[] = "a";
	static char queue_b[] = "b";
	static char prefix[] = "bull";
	static struct endpoint one = { .queue = queue_a };
	static struct endpoint two = { .queue = queue_b };
	static struct endpoint three = { .queue = queue_a };
	static struct endpoint *endpoints[] = { &one, &two, &three, NULL };
	(void)state;
	base = event_base_new();
	/* conf's own reference counting is not wanted here: see below */
	conf = xcalloc(1, sizeof(*conf));
	conf->endpoints = endpoints;
	conf->queue = (struct conf_queue){
		.prefix = prefix,
		.attempts = 3,
		.backoff_type = CONF_BACKOFF_EXPONENTIAL,
		.backoff_delay_ms = 2000,
	};
	conf->redis.enqueue_timeout_ms = 50;
	n_calls = 0;
	n_announced = 0;
	add_verdict = HS_OK;
	link_state = RCONN_DOWN;
	is_slow = false;
	enqueuer = enqueuer_new(base, conf);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	enqueuer_free(enqueuer);
	event_base_free(base);
	free(conf);
	return 0;
}

/* Played, too: the real ones know more of a conf than this test makes. */
struct conf *
conf_ref(struct conf *borrowed)
{
	return borrowed;
}

void
conf_unref(struct conf *borrowed)
{
	(void)borrowed;
}

/* ---- tests ---- */

static void
test_down(void **state)
{
	struct ask ask;
	(void)state;
	assert_false(enqueuer_is_up(enqueuer));
	assert_int_equal(park_bytes(&ask, "a", "x", 1), HS_UNAVAILABLE);
	turn();
	assert_int_equal(ask.n_answers, 0);
	enqueuer_start(enqueuer);
	assert_true(enqueuer_is_up(enqueuer));
	assert_int_equal(n_announced, 2); /* each queue once */
}

/* What waited in the socket while we started waits for the first connection. */
static void
test_starting(void **state)
{
	struct ask early;
	struct ask late;
	(void)state;
	conf->redis.enqueue_timeout_ms = 60000;
	is_slow = true;
	enqueuer_start(enqueuer);
	park(&early, "e");
	turn();
	assert_int_equal(n_calls, 0);
	link_state = RCONN_UP;
	state_fn(state_ctx, NULL, true);
	turn();
	assert_int_equal(n_calls, 1);
	reply_to(&calls[0], HS_OK, ADD_NEW);
	assert_answer(&early, HS_OK, ADD_NEW);
	/* from now on a Redis that is away is known to be */
	link_state = RCONN_LOGIN;
	state_fn(state_ctx, NULL, false);
	assert_int_equal(park_bytes(&late, "a", "l", 1), HS_UNAVAILABLE);
}

static void
test_start_without_redis(void **state)
{
	struct ask early;
	struct ask late;
	(void)state;
	is_slow = true;
	enqueuer_start(enqueuer);
	park(&early, "e");
	link_state = RCONN_DOWN; /* refused */
	add_verdict = HS_UNAVAILABLE;
	assert_int_equal(park_bytes(&late, "a", "l", 1), HS_UNAVAILABLE);
	link_state = RCONN_LOGIN; /* the second try */
	assert_int_equal(park_bytes(&late, "a", "l", 1), HS_UNAVAILABLE);
	while (early.n_answers == 0)
		event_base_loop(base, EVLOOP_ONCE);
	assert_answer(&early, HS_UNAVAILABLE, ADD_NEW);
}

static void
test_one_turn_is_one_batch(void **state)
{
	struct ask asks[5];
	struct ask other;
	(void)state;
	enqueuer_start(enqueuer);
	for (int i = 0; i < 5; i++) {
		const char *const ids[] = { "0", "1", "2", "3", "4" };
		park(&asks[i], ids[i]);
	}
	assert_int_equal(park_bytes(&other, "b", "o", 1), HS_OK);
	assert_int_equal(n_calls, 0);
	turn();
	assert_int_equal(n_calls, 2);
	assert_string_equal(calls[0].queue, "a");
	assert_string_equal(calls[1].queue, "b");
	assert_int_equal(calls[0].n, 5);
	assert_string_equal(calls[0].ids[0], "0");
	assert_string_equal(calls[0].ids[4], "4");
	assert_string_equal(calls[0].name, "name");
	assert_true(calls[0].retries_failed);
	assert_int_equal(calls[0].options.attempts, 3);
	assert_int_equal(calls[0].options.backoff, JOB_BACKOFF_EXPONENTIAL);
	assert_int_equal(calls[0].options.backoff_delay_ms, 2000);
	assert_int_equal(enqueuer_n_parked(enqueuer), 6);
	reply_to(&calls[0], HS_OK, ADD_RETRIED);
	for (int i = 0; i < 5; i++)
		assert_answer(&asks[i], HS_OK, ADD_RETRIED);
	assert_int_equal(other.n_answers, 0);
	reply_to(&calls[1], HS_OK, ADD_DUPLICATE);
	assert_answer(&other, HS_OK, ADD_DUPLICATE);
	assert_int_equal(enqueuer_n_parked(enqueuer), 0);
}

static void
test_gathers_while_in_flight(void **state)
{
	enum { N = BOUNDS_ADD_BATCH + 10 };
	static struct ask asks[N];
	struct ask first[BOUNDS_ADD_IN_FLIGHT];
	(void)state;
	conf->redis.enqueue_timeout_ms = 60000;
	enqueuer_start(enqueuer);
	for (int i = 0; i < BOUNDS_ADD_IN_FLIGHT; i++) {
		park(&first[i], "f");
		turn();
	}
	assert_int_equal(n_calls, BOUNDS_ADD_IN_FLIGHT);
	for (int i = 0; i < N; i++) {
		park(&asks[i], "g");
		turn();
	}
	assert_int_equal(n_calls, BOUNDS_ADD_IN_FLIGHT);
	reply_to(&calls[0], HS_OK, ADD_NEW);
	assert_answer(&first[0], HS_OK, ADD_NEW);
	turn();
	assert_int_equal(n_calls, BOUNDS_ADD_IN_FLIGHT + 1);
	assert_int_equal(calls[n_calls - 1].n, BOUNDS_ADD_BATCH);
	reply_to(&calls[1], HS_OK, ADD_NEW);
	turn();
	assert_int_equal(n_calls, BOUNDS_ADD_IN_FLIGHT + 2);
	assert_int_equal(calls[n_calls - 1].n, 10);
	reply_to(&calls[2], HS_OK, ADD_NEW);
	reply_to(&calls[3], HS_OK, ADD_NEW);
	for (int i = 0; i < N; i++)
		assert_answer(&asks[i], HS_OK, ADD_NEW);
}

static void
test_ceilings(void **state)
{
	enum { THIRD = BOUNDS_ADD_BATCH_BYTES / 3 + 1 };
	struct ask asks[4];
	static struct ask many[BOUNDS_PARKED + 1];
	(void)state;
	conf->redis.enqueue_timeout_ms = 60000;
	enqueuer_start(enqueuer);
	/* of a batch's bytes; what is larger goes alone */
	assert_int_equal(park_bytes(&asks[0], "a", "0", THIRD), HS_OK);
	assert_int_equal(park_bytes(&asks[1], "a", "1", THIRD), HS_OK);
	assert_int_equal(park_bytes(&asks[2], "a", "2", THIRD), HS_OK);
	assert_int_equal(
		park_bytes(&asks[3], "b", "3", 2 * BOUNDS_ADD_BATCH_BYTES),
		HS_OK);
	turn();
	assert_int_equal(n_calls, 3);
	assert_int_equal(calls[0].n, 2);
	assert_int_equal(calls[1].n, 1);
	assert_int_equal(calls[2].n, 1);
	lose_all();
	/* of all that is parked */
	assert_int_equal(
		park_bytes(&asks[0], "a", "0", BOUNDS_PARKED_BYTES - 10),
		HS_OK);
	assert_int_equal(park_bytes(&asks[1], "a", "1", 11), HS_AGAIN);
	assert_int_equal(park_bytes(&asks[1], "a", "1", 10), HS_OK);
	turn();
	lose_all();
	assert_int_equal(enqueuer_n_parked(enqueuer), 0);
	for (int i = 0; i < BOUNDS_PARKED; i++)
		park(&many[i], "x");
	assert_int_equal(park_bytes(&many[BOUNDS_PARKED], "a", "x", 1),
			 HS_AGAIN);
	turn();
	lose_all();
	state_fn(state_ctx, NULL, false);
	for (int i = 0; i < BOUNDS_PARKED; i++)
		assert_answer(&many[i], HS_UNAVAILABLE, ADD_NEW);
	assert_int_equal(many[BOUNDS_PARKED].n_answers, 0);
}

/* Each is answered when its time is up, wherever it is; a reply that comes
 * later finds nobody. */
static void
test_deadline(void **state)
{
	struct ask flying[BOUNDS_ADD_IN_FLIGHT];
	struct ask waiting;
	(void)state;
	enqueuer_start(enqueuer);
	int64_t start_ms = clock_mono_ms();
	for (int i = 0; i < BOUNDS_ADD_IN_FLIGHT; i++) {
		park(&flying[i], "f");
		turn();
	}
	park(&waiting, "w");
	while (waiting.n_answers == 0) {
		assert_true(clock_mono_ms() < start_ms + 10000);
		event_base_loop(base, EVLOOP_ONCE);
	}
	assert_true(clock_mono_ms() - start_ms >= 50);
	assert_answer(&waiting, HS_TIMEOUT, ADD_NEW);
	for (int i = 0; i < BOUNDS_ADD_IN_FLIGHT; i++)
		assert_answer(&flying[i], HS_TIMEOUT, ADD_NEW);
	assert_int_equal(enqueuer_n_parked(enqueuer), 0);
	reply_to(&calls[0], HS_OK, ADD_NEW);
	reply_to(&calls[1], HS_TIMEOUT, ADD_NEW);
	turn();
	assert_int_equal(n_calls, BOUNDS_ADD_IN_FLIGHT);
	assert_answer(&waiting, HS_TIMEOUT, ADD_NEW);
	/* and it goes on */
	struct ask next;
	park(&next, "n");
	turn();
	reply_to(&calls[n_calls - 1], HS_OK, ADD_NEW);
	assert_answer(&next, HS_OK, ADD_NEW);
}

static void
test_lost(void **state)
{
	struct ask flying[BOUNDS_ADD_IN_FLIGHT];
	struct ask waiting;
	(void)state;
	enqueuer_start(enqueuer);
	for (int i = 0; i < BOUNDS_ADD_IN_FLIGHT; i++) {
		park(&flying[i], "f");
		turn();
	}
	park(&waiting, "w");
	link_state = RCONN_DOWN;
	state_fn(state_ctx, NULL, false);
	assert_answer(&waiting, HS_UNAVAILABLE, ADD_NEW);
	lose_all();
	for (int i = 0; i < BOUNDS_ADD_IN_FLIGHT; i++)
		assert_answer(&flying[i], HS_UNAVAILABLE, ADD_NEW);
	turn();
	assert_int_equal(n_calls, BOUNDS_ADD_IN_FLIGHT);
}

static void
test_refused(void **state)
{
	struct ask ask;
	(void)state;
	enqueuer_start(enqueuer);
	park(&ask, "x");
	turn();
	reply_to(&calls[0], HS_PROTOCOL, ADD_NEW);
	assert_answer(&ask, HS_PROTOCOL, ADD_NEW);
	add_verdict = HS_AGAIN; /* the pipeline is full */
	park(&ask, "x");
	turn();
	assert_answer(&ask, HS_UNAVAILABLE, ADD_NEW);
	add_verdict = HS_OK;
	park(&ask, "x");
	turn();
	reply_to(&calls[1], HS_OK, ADD_NEW);
	assert_answer(&ask, HS_OK, ADD_NEW);

	/* the same said of one job */
	struct ask two;
	park(&two, "two");
	turn();
	reply_to(&calls[n_calls - 1], HS_OK, ADD_REFUSED);
	assert_answer(&two, HS_PROTOCOL, ADD_NEW);
}

/* ---- reload ---- */

static char queue_a[] = "a";
static char queue_b[] = "b";
static char queue_c[] = "c";
static struct endpoint at_a = { .queue = queue_a };
static struct endpoint at_b = { .queue = queue_b };
static struct endpoint at_c = { .queue = queue_c };

static void
reload(struct conf *fresh, struct endpoint **endpoints)
{
	*fresh = *conf;
	fresh->endpoints = endpoints;
	enqueuer_reload(enqueuer, fresh);
}

static void
test_reload(void **state)
{
	struct endpoint *b_and_c[] = { &at_b, &at_c, NULL };
	struct endpoint *only_b[] = { &at_b, NULL };
	struct endpoint *a_and_b[] = { &at_a, &at_b, NULL };
	struct conf fresh[4];
	struct ask flying;
	struct ask waiting;
	struct ask new;
	(void)state;
	conf->redis.enqueue_timeout_ms = 60000;
	enqueuer_start(enqueuer);
	n_announced = 0;
	park(&flying, "flying");
	turn();
	park(&waiting, "waiting");
	reload(&fresh[0], b_and_c);
	assert_int_equal(n_announced, 1); /* c; b was there */
	/* a is no endpoint's any more, but what is in it ends well */
	assert_int_equal(park_bytes(&new, "c", "new", 1), HS_OK);
	turn();
	assert_int_equal(n_calls, 3);
	for (size_t i = 0; i < 3; i++)
		reply_to(&calls[i], HS_OK, ADD_NEW);
	assert_string_equal(calls[2].queue, "c");
	assert_answer(&flying, HS_OK, ADD_NEW);
	assert_answer(&waiting, HS_OK, ADD_NEW);
	assert_answer(&new, HS_OK, ADD_NEW);
	/* idle and unwanted, a and c are gone, as a further a shows */
	reload(&fresh[1], only_b);
	assert_int_equal(n_announced, 1);
	reload(&fresh[2], a_and_b);
	assert_int_equal(n_announced, 2);
	reload(&fresh[3], a_and_b);
	assert_int_equal(n_announced, 2);
	assert_int_equal(enqueuer_n_parked(enqueuer), 0);
	park(&flying, "again");
	turn();
	assert_string_equal(calls[3].queue, "a");
}

/* Jobs of the old settings wait for as long as those said. */
static void
test_reload_shortens_deadlines(void **state)
{
	struct endpoint *endpoints[] = { &at_a, NULL };
	struct conf fresh;
	struct ask before;
	struct ask after;
	struct ask beside;
	int64_t start_ms = clock_mono_ms();
	(void)state;
	assert_true(enqueuer_due_ms(enqueuer) == INT64_MAX);
	assert_int_equal(enqueuer_redis_due_ms(enqueuer), 4711);
	assert_string_equal(enqueuer_error(enqueuer), "played");
	conf->redis.enqueue_timeout_ms = 60000;
	enqueuer_start(enqueuer);
	park(&before, "before");
	assert_in_range(enqueuer_due_ms(enqueuer), start_ms + 60000,
			clock_mono_ms() + 60000);
	conf->redis.enqueue_timeout_ms = 50;
	reload(&fresh, endpoints);
	park(&after, "after");
	park(&beside, "beside");
	assert_true(enqueuer_due_ms(enqueuer) <= clock_mono_ms() + 50);
	while (beside.n_answers == 0 && clock_mono_ms() - start_ms < 10000)
		event_base_loop(base, EVLOOP_ONCE);
	assert_answer(&after, HS_TIMEOUT, ADD_NEW);
	assert_answer(&beside, HS_TIMEOUT, ADD_NEW);
	assert_int_equal(before.n_answers, 0);
}

static void
test_away_since(void **state)
{
	int64_t start_ms = clock_wall_ms();
	(void)state;
	assert_true(enqueuer_away_since_at_ms(enqueuer) <= start_ms);
	enqueuer_start(enqueuer);
	link_state = RCONN_DOWN;
	state_fn(state_ctx, NULL, false);
	assert_in_range(enqueuer_away_since_at_ms(enqueuer), start_ms,
			clock_wall_ms());
}

static struct ask left[2];

static void
test_freed_with_jobs(void **state)
{
	(void)state;
	enqueuer_start(enqueuer);
	park(&left[0], "flying");
	turn();
	park(&left[1], "waiting");
	/* teardown frees it */
}

static int
teardown_answers(void **state)
{
	teardown(state);
	return left[0].n_answers != 1 || left[1].n_answers != 1 ||
	       left[0].err != HS_UNAVAILABLE || left[1].err != HS_UNAVAILABLE;
}

static void
swallow(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_down),
		TEST(test_starting),
		TEST(test_start_without_redis),
		TEST(test_one_turn_is_one_batch),
		TEST(test_gathers_while_in_flight),
		TEST(test_ceilings),
		TEST(test_deadline),
		TEST(test_lost),
		TEST(test_refused),
		TEST(test_reload),
		TEST(test_reload_shortens_deadlines),
		TEST(test_away_since),
		cmocka_unit_test_setup_teardown(test_freed_with_jobs, setup,
						teardown_answers),
	};
	log_set_sink(swallow);
	return cmocka_run_group_tests_name("enqueuer", tests, NULL, NULL);
}
