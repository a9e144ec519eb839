/*
 * tick: a scheduler's job waits for the one that follows it, on a real
 * redis-server that may stop answering.
 */
#include "worker/tick.h"

#include "queue/schedule.h"
#include "tests/lib/queue_stage.h"

static struct roster_slots slots;
static struct roster *roster;
static struct tick *tick;
static size_t n_ready;

static void
on_ready(void *ctx, struct attempt *attempt)
{
	(void)ctx;
	assert_int_equal(attempt->state, ATTEMPT_NEW);
	n_ready++;
}

static void
on_scheduled(void *ctx, enum hs_err err, const char *text, enum code code,
	     struct span job_id, int64_t delay_ms)
{
	(void)ctx;
	(void)text;
	(void)job_id;
	(void)delay_ms;
	assert_int_equal(err, HS_OK);
	assert_int_equal(code, CODE_DONE);
	got.is_done = true;
}

/* The job of a new scheduler, taken, on the roster. */
static struct attempt *
taken(void)
{
	const struct schedule_item item = { .id = span_text("s"),
					    .name = span_text("n"),
					    .repeat.every_ms = 3600000 };
	const char *why;
	struct attempt *attempt;

	/* the worker asks by the clock on the wall */
	now = clock_wall_ms();
	start_call();
	end_call(schedule_upsert(queue, &item, now, on_scheduled, NULL, &why));
	assert_int_equal(take(1), 1);
	slots = (struct roster_slots){ .n_all = 1, .n_used = 1 };
	attempt = attempt_new(NULL, got.jobs[0]);
	got.jobs[0] = NULL;
	roster_add(roster, attempt);
	return attempt;
}

static int
begin(void **state)
{
	setup(state);
	n_ready = 0;
	roster = xcalloc(1, sizeof(*roster));
	roster_init(roster, queue, "sync", TOKEN, &slots);
	tick = tick_new(roster, on_ready, NULL);
	return 0;
}

static int
end(void **state)
{
	roster_fini(roster);
	free(roster);
	tick_free(tick);
	return teardown(state);
}

static void
the_next_job_comes_first(void **state)
{
	(void)state;
	assert_true(tick_begin(tick, taken()));
	assert_int_equal(n_ready, 0);
	WAIT_FOR(base, n_ready == 1);
	CHECK("2", "HGET", "bull:sync:repeat:s", "ic");
	CHECK("1", "ZCARD", "bull:sync:delayed");
}

static void
another_job_waits_for_nothing(void **state)
{
	struct attempt *attempt;

	(void)state;
	add(item("a"));
	take_one("a");
	slots = (struct roster_slots){ .n_all = 1, .n_used = 1 };
	attempt = attempt_new(NULL, got.jobs[0]);
	got.jobs[0] = NULL;
	roster_add(roster, attempt);
	assert_false(tick_begin(tick, attempt));
}

/* The question arrives, its answer does not: asked again, it adds nothing. */
static void
asked_again_when_the_answer_is_lost(void **state)
{
	struct attempt *attempt = taken();

	(void)state;
	queue->timeout_ms = 100;
	redis_server_pause(server);
	assert_true(tick_begin(tick, attempt));
	WAIT_FOR(base, !rconn_is_up(conn));
	assert_int_equal(n_ready, 0);
	assert_int_equal(attempt->state, ATTEMPT_NEW);
	queue->timeout_ms = 5000;
	redis_server_resume(server);
	WAIT_FOR(base, rconn_is_up(conn));
	tick_again(tick);
	WAIT_FOR(base, n_ready == 1);
	CHECK("2", "HGET", "bull:sync:repeat:s", "ic");
	CHECK("1", "ZCARD", "bull:sync:delayed");
}

/* Asked again, it may turn out that there is nothing to wait for. */
static void
asked_again_in_another_mood(void **state)
{
	struct attempt *attempt = taken();

	(void)state;
	attempt->job->opts = span_text(
		"{\"repeat\":{\"pattern\":\"* * * * *\",\"tz\":\"Nowhere\"}}");
	tick_again(tick);
	assert_int_equal(attempt->state, ATTEMPT_ENDED);
	assert_int_equal(attempt->end.kind, FINISH_POSTPONE);
	roster_drop(roster, attempt);
	(void)REDIS("FLUSHALL");
	attempt = taken();
	attempt->job->opts = span_text("{}");
	tick_again(tick);
	assert_int_equal(n_ready, 1);
	assert_non_null(strstr(attempt->job->poison, "scheduler"));
}

static void
an_attempt_that_is_gone_is_not_started(void **state)
{
	struct attempt *attempt = taken();

	(void)state;
	assert_true(tick_begin(tick, attempt));
	roster_drop(roster, attempt);
	CHECK("PONG", "PING"); /* the answer was there before this one's */
	assert_int_equal(n_ready, 0);
}

static void
what_does_not_say_when_is_to_fail(void **state)
{
	struct attempt *attempt;

	(void)state;
	attempt = taken();
	free(attempt->job->poison);
	attempt->job->poison = NULL;
	attempt->job->opts = span_text("{\"repeat\":{\"pattern\":\"x\"}}");
	assert_false(tick_begin(tick, attempt));
	assert_non_null(strstr(attempt->job->poison, "scheduler"));
}

static void
what_is_refused_is_put_off(void **state)
{
	struct attempt *attempt = taken();

	(void)state;
	(void)REDIS("DEL", "bull:sync:repeat:s");
	(void)REDIS("SET", "bull:sync:repeat:s", "no hash");
	assert_true(tick_begin(tick, attempt));
	WAIT_FOR(base, attempt->state == ATTEMPT_ENDED);
	assert_int_equal(attempt->end.kind, FINISH_POSTPONE);
	assert_true(attempt->end.delay_ms > 0);
	assert_int_equal(n_ready, 0);
	/* a zone that is unknown here, likewise, and at once */
	roster_drop(roster, attempt);
	(void)REDIS("FLUSHALL");
	attempt = taken();
	attempt->job->opts = span_text(
		"{\"repeat\":{\"pattern\":\"* * * * *\",\"tz\":\"Nowhere\"}}");
	assert_true(tick_begin(tick, attempt));
	assert_int_equal(attempt->end.kind, FINISH_POSTPONE);
}

int
main(void)
{
#define TICK(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TICK(the_next_job_comes_first),
		TICK(another_job_waits_for_nothing),
		TICK(asked_again_when_the_answer_is_lost),
		TICK(asked_again_in_another_mood),
		TICK(an_attempt_that_is_gone_is_not_started),
		TICK(what_does_not_say_when_is_to_fail),
		TICK(what_is_refused_is_put_off),
	};

	return cmocka_run_group_tests_name("tick", tests, group_setup,
					   group_teardown);
}
