/*
 * queue: what a worker does with many jobs at once, on a real redis-server: it
 * takes under limits, ends and takes in one call, waits for children, meets jobs
 * too large to handle, and looks for very many that stalled. tests/compat
 * compares with BullMQ; this runs without Node.
 */
#include "base/num.h"

#include "tests/lib/queue_stage.h"

static struct take_options
taking(size_t n)
{
	return (struct take_options){ .token = TOKEN,
				      .worker_name = "w1",
				      .lock_duration_ms = 30000,
				      .n = n,
				      .now_ms = now };
}

static void
on_taken(void *ctx, enum hs_err err, const char *text,
	 struct take_result *result)
{
	struct take_result *kept = ctx;

	assert_int_equal(err, HS_OK);
	assert_non_null(text);
	*kept = *result;
	kept->jobs = NULL;
	for (size_t i = 0; i < result->n; i++)
		job_free(result->jobs[i]);
	got.is_done = true;
}

static struct take_result
take_under(struct take_limit limit, size_t n)
{
	struct take_options options = taking(n);
	struct take_result result;

	options.limit = limit;
	start_call();
	end_call(take_jobs(queue, &options, on_taken, &result));
	return result;
}

static struct finish_options
ending(const struct take_options *next)
{
	return (struct finish_options){ .token = TOKEN,
					.now_ms = now,
					.next = next };
}

/* ---- limits ---- */

static void
the_workers_own_limiter(void **state)
{
	const struct take_limit two = { .max = 2, .duration_ms = 60000 };
	struct take_result result;

	(void)state;
	for (int i = 0; i < 5; i++)
		add(item((const char *[]){ "a", "b", "c", "d", "e" }[i]));
	result = take_under(two, 5);
	assert_int_equal(result.n, 2);
	assert_in_range(result.limited_ms, 1, 60000);
	assert_in_range(atoll(REDIS("PTTL", "bull:sync:limiter")), 1, 60000);
	/* who has none is not held up by it */
	result = take_under((struct take_limit){ 0 }, 1);
	assert_int_equal(result.n, 1);
	assert_int_equal(result.limited_ms, 0);
	/* the queue's own goes before it */
	REDIS("HSET", "bull:sync:meta", "max", "3", "duration", "100");
	result = take_under(two, 5);
	assert_int_equal(result.n, 1);
	assert_true(result.limited_ms > 0);
	CHECK("3", "GET", "bull:sync:limiter");
	struct take_options bad = taking(1);
	bad.limit.max = -1;
	assert_int_equal(take_jobs(queue, &bad, on_taken, &result), HS_INVALID);
}

/* ---- one call for the end and the next ---- */

static void
an_end_and_the_next_in_one_call(void **state)
{
	struct finish_item items[2];
	const char *const ids[] = { "a", "b", "c", "d" };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		add(item(ids[i]));
	assert_int_equal(take(2), 2);
	struct job *a = got.jobs[0];
	struct job *b = got.jobs[1];
	got.jobs[0] = got.jobs[1] = NULL; /* not to be forgotten yet */
	items[0] = completed("1");
	items[0].job = a;
	items[1] = failed("no");
	items[1].job = b;
	const struct take_options next = taking(8);
	struct finish_options options = ending(&next);
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(try_finish(&options, items, 2), HS_OK);
	assert_int_equal(got.finished[0], CODE_DONE);
	assert_int_equal(got.finished[1], CODE_DONE);
	assert_int_equal(got.n, 2);
	assert_string_equal(got.jobs[0]->id, "c");
	assert_string_equal(got.jobs[1]->id, "d");
	assert_int_equal(got.jobs[1]->started, 1);
	check_events(
		"completed jobId=a returnvalue=1 prev=active; "
		"failed jobId=b failedReason=no prev=active; "
		"retries-exhausted jobId=b attemptsMade=1; "
		"active jobId=c prev=waiting; active jobId=d prev=waiting");
	job_free(a);
	job_free(b);
	const struct take_options bad = { .token = TOKEN };
	options.next = &bad;
	assert_int_equal(
		finish_jobs(queue, &options, items, 1, on_finished, NULL),
		HS_INVALID);
}

static void
a_take_that_is_refused_hides_no_end(void **state)
{
	struct finish_item one = completed("1");

	(void)state;
	add(item("a"));
	take_one("a");
	one.job = got.jobs[0];
	got.jobs[0] = NULL;
	REDIS("SET", "bull:sync:delayed", "no sorted set");
	const struct take_options next = taking(1);
	const struct finish_options options = ending(&next);
	assert_int_equal(try_finish(&options, &one, 1), HS_OK);
	assert_int_equal(got.finished[0], CODE_DONE);
	assert_int_equal(got.n, 0);
	CHECK("[ a ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	job_free((struct job *)one.job);
}

static void
an_error_takes_nothing_where_that_is_asked(void **state)
{
	struct finish_item one = completed("1");

	(void)state;
	add(item("a"));
	add(item("b"));
	take_one("a");
	one.job = got.jobs[0];
	got.jobs[0] = NULL;
	REDIS("SET", "bull:sync:a:lock", "another's");
	const struct take_options next = taking(1);
	struct finish_options options = ending(&next);
	options.is_next_if_done = true;
	assert_int_equal(try_finish(&options, &one, 1), HS_OK);
	assert_int_equal(got.finished[0], CODE_LOCK_FOREIGN);
	assert_int_equal(got.n, 0);
	one.delay_ms = -1;
	assert_int_equal(try_finish(&options, &one, 1), HS_OK);
	assert_int_equal(got.finished[0], CODE_INVALID);
	assert_int_equal(got.n, 0);
	CHECK("[ b ]", "LRANGE", "bull:sync:wait", "0", "-1");
	one.delay_ms = 0;
	REDIS("SET", "bull:sync:a:lock", TOKEN);
	assert_int_equal(try_finish(&options, &one, 1), HS_OK);
	assert_int_equal(got.finished[0], CODE_DONE);
	assert_int_equal(got.n, 1);
	CHECK("[ b ]", "LRANGE", "bull:sync:active", "0", "-1");
	job_free((struct job *)one.job);
}

static void
one_bad_value_fails_alone(void **state)
{
	struct finish_item items[3];

	(void)state;
	add(item("a"));
	add(item("b"));
	add(item("c"));
	assert_int_equal(take(3), 3);
	for (size_t i = 0; i < 3; i++)
		items[i] = completed(i == 1 ? "{\"n\":NaN}" : "1");
	for (size_t i = 0; i < 3; i++)
		items[i].job = got.jobs[i];
	items[2].delay_ms = -1;
	finish_many(TOKEN, items, 3);
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(got.finished[0], CODE_DONE);
	assert_int_equal(got.finished[1], CODE_INVALID);
	assert_int_equal(got.finished[2], CODE_INVALID);
	assert_string_equal(code_text(CODE_INVALID),
			    "the value is no JSON or out of range");
	CHECK("[ a ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	CHECK("[ c b ]", "LRANGE", "bull:sync:active", "0", "-1");
	CHECK("2", "EXISTS", "bull:sync:b:lock", "bull:sync:c:lock");
}

/* ---- what else an end may carry ---- */

static void
a_failure_carries_its_trace(void **state)
{
	struct finish_item one = retry(0);

	(void)state;
	add(item("a"));
	take_one("a");
	one.trace = span_text("00-trace-01");
	assert_int_equal(finish(one), CODE_DONE);
	CHECK("[ no 00-trace-01 ]", "HMGET", "bull:sync:a", "failedReason",
	      "tm");
	take_one("a");
	assert_int_equal(finish(failed("no")), CODE_DONE);
	CHECK("00-trace-01", "HGET", "bull:sync:a", "tm");
}

static void
ends_are_counted_by_the_minute(void **state)
{
	struct finish_options options;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct finish_item one = completed("1");
		add(item((const char *[]){ "a", "b", "c", "d" }[i]));
		assert_int_equal(take(1), 1);
		one.job = got.jobs[0];
		options = ending(NULL);
		options.metrics_points = 3;
		assert_int_equal(try_finish(&options, &one, 1), HS_OK);
		now += i == 2 ? 3600000 : 60000;
	}
	CHECK("[ 0 0 1 ]", "LRANGE", "bull:sync:metrics:completed:data", "0",
	      "-1");
	CHECK("[ 4 3 ]", "HMGET", "bull:sync:metrics:completed", "count",
	      "prevCount");
	struct finish_item one = completed("1");
	one.job = &(const struct job){ .id_bytes = span_text("a") };
	options.metrics_points = -1;
	assert_int_equal(
		finish_jobs(queue, &options, &one, 1, on_finished, NULL),
		HS_INVALID);
}

static void
a_parent_waits_for_its_children(void **state)
{
	struct finish_item one = { .kind = FINISH_WAIT_CHILDREN };

	(void)state;
	add(item("p"));
	take_one("p");
	assert_int_equal(finish(one), CODE_NOTHING_PENDING);
	assert_string_equal(code_text(CODE_NOTHING_PENDING),
			    "no child is pending");
	REDIS("SADD", "bull:sync:p:dependencies", "bull:x:c");
	one.value = span_text("bull:x:other");
	assert_int_equal(finish(one), CODE_NOTHING_PENDING);
	one.value = span_text("bull:x:c");
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(finish(one), CODE_DONE);
	CHECK("[ p 1900000000000 ]", "ZRANGE", "bull:sync:waiting-children",
	      "0", "-1", "WITHSCORES");
	CHECK("0", "EXISTS", "bull:sync:p:lock", "bull:sync:active");
	check_events("waiting-children jobId=p prev=active");
	assert_int_equal(finish(one), CODE_LOCK_MISSING);
}

static void
token_0_passes_every_lock(void **state)
{
	struct take_options options = taking(1);
	struct take_result result;
	struct finish_item one = completed("1");

	(void)state;
	options.token = "0";
	add(item("a"));
	start_call();
	end_call(take_jobs(queue, &options, on_taken, &result));
	assert_int_equal(result.n, 1);
	CHECK("0", "EXISTS", "bull:sync:a:lock");
	REDIS("SET", "bull:sync:a:lock", "theirs");
	one.job = &(const struct job){ .id_bytes = span_text("a") };
	finish_many("0", &one, 1);
	assert_int_equal(got.finished[0], CODE_DONE);
	CHECK("[ a ]", "ZRANGE", "bull:sync:completed", "0", "-1");
}

static void
what_is_given_back_says_how_long_the_queue_is_limited(void **state)
{
	struct finish_item one = { .kind = FINISH_GIVE_BACK };

	(void)state;
	add(item("a"));
	take_one("a");
	assert_int_equal(finish(one), CODE_DONE);
	assert_int_equal(got.finish_limited_ms, 0);
	take_one("a");
	REDIS("SET", "bull:sync:limiter", "9007199254740991", "PX", "60000");
	assert_int_equal(finish(one), CODE_DONE);
	assert_in_range(got.finish_limited_ms, 1, 60000);
}

/* ---- too large, too many ---- */

static void
a_job_too_large_is_taken_without_what_is_large(void **state)
{
	(void)state;
	add(item("a"));
	add(item("b"));
	REDIS("EVAL",
	      "redis.call('HSET', KEYS[1], 'data', string.rep("
	      "string.rep('x', 2^16), 65 * 2^4))",
	      "1", "bull:sync:a");
	assert_int_equal(take(2), 2);
	assert_string_equal(got.jobs[0]->id, "a");
	assert_string_equal(got.jobs[0]->name, "n");
	assert_non_null(strstr(got.jobs[0]->poison, "too large: 68157"));
	assert_null(got.jobs[1]->poison);
	assert_int_equal(finish(failed(got.jobs[0]->poison)), CODE_DONE);
}

#define N_STALLED 20000
static bool is_seen[N_STALLED];
static size_t n_seen;

static void
on_many_stalled(void *ctx, enum hs_err err, const char *text,
		const struct span *ids, size_t n)
{
	(void)ctx;
	(void)text;
	assert_int_equal(err, HS_OK);
	for (size_t i = 0; i < n; i++) {
		int64_t number;

		assert_int_equal(ids[i].ptr[0], 'j');
		assert_int_equal(
			num_i64(span_of(ids[i].ptr + 1, ids[i].len - 1), 0,
				N_STALLED - 1, &number),
			HS_OK);
		assert_false(is_seen[number]);
		is_seen[number] = true;
		n_seen++;
	}
	got.is_done = true;
}

static void
look_for_many(void)
{
	REDIS("DEL", "bull:sync:stalled-check");
	start_call();
	end_call(take_stalled(queue, 300000, 1, now, on_many_stalled, NULL));
	now += 300000;
}

/* No single call may keep Redis for long: it does a bounded part. */
static void
very_many_that_stalled_come_back_part_by_part(void **state)
{
	(void)state;
	REDIS("EVAL",
	      "for i = 0, tonumber(ARGV[1]) - 1 do local id = 'j' .. i "
	      "redis.call('HSET', 'bull:sync:' .. id, 'name', 'n') "
	      "redis.call('LPUSH', 'bull:sync:active', id) "
	      "if i % 2 == 1 then "
	      "redis.call('SET', 'bull:sync:' .. id .. ':lock', 't') end end",
	      "0", "20000");
	look_for_many();
	assert_int_equal(n_seen, 0);
	CHECK("20000", "SCARD", "bull:sync:stalled");
	REDIS("CONFIG", "RESETSTAT");
	REDIS("SLOWLOG", "RESET");
	look_for_many();
	assert_int_equal(n_seen, N_STALLED / 2);
	for (size_t i = 0; i < N_STALLED; i++)
		assert_int_equal(is_seen[i], i % 2 == 0);
	CHECK("10000", "LLEN", "bull:sync:wait");
	CHECK("10000", "LLEN", "bull:sync:active");
	CHECK("10000", "SCARD", "bull:sync:stalled");
	CHECK("nil", "LPOS", "bull:sync:active", "");
	CHECK("[ j1 ]", "LRANGE", "bull:sync:active", "-1", "-1");
	/* ten times 2000, and the marks */
	assert_non_null(strstr(REDIS("INFO", "commandstats"),
			       "cmdstat_evalsha:calls=11,"));
}

static void
on_set(void *ctx, enum hs_err err, const struct reply *reply)
{
	(void)ctx;
	(void)reply;
	assert_int_equal(err, HS_OK);
}

/* Its guard ran out meanwhile, and another's check goes on. */
static void
a_check_goes_on_only_with_its_own(void **state)
{
	(void)state;
	REDIS("EVAL",
	      "for i = 1, 5000 do "
	      "redis.call('LPUSH', 'bull:sync:active', 'x' .. i) "
	      "redis.call('SADD', 'bull:sync:stalled', 'x' .. i) end",
	      "0");
	start_call();
	assert_int_equal(take_stalled(queue, 30000, 1, now, on_stalled, NULL),
			 HS_OK);
	assert_int_equal(rconn_send_texts(conn, NO_DEADLINE, on_set, NULL,
					  "SET", "bull:sync:stalled-check", "1",
					  NULL),
			 HS_OK);
	WAIT_FOR(base, got.is_done);
	WAIT_FOR(base, rconn_n_pending(conn) == 0);
	CHECK("3000", "SCARD", "bull:sync:stalled");
	CHECK("3000", "LLEN", "bull:sync:active");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(the_workers_own_limiter),
		STORY(an_end_and_the_next_in_one_call),
		STORY(a_take_that_is_refused_hides_no_end),
		STORY(an_error_takes_nothing_where_that_is_asked),
		STORY(one_bad_value_fails_alone),
		STORY(a_failure_carries_its_trace),
		STORY(ends_are_counted_by_the_minute),
		STORY(a_parent_waits_for_its_children),
		STORY(token_0_passes_every_lock),
		STORY(what_is_given_back_says_how_long_the_queue_is_limited),
		STORY(a_job_too_large_is_taken_without_what_is_large),
		STORY(very_many_that_stalled_come_back_part_by_part),
		STORY(a_check_goes_on_only_with_its_own),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
