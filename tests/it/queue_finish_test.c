/*
 * queue: how jobs end or leave, what that does to their parents, and who holds
 * the lock, on a real redis-server. tests/compat compares the same with BullMQ's
 * own; this runs without Node.
 */
#include "tests/lib/queue_stage.h"

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
	assert_int_equal(finish(completed("{\"ok\":true}")), CODE_DONE);
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
	assert_int_equal(finish(completed("NaN")), CODE_INVALID);
	assert_int_equal(finish(completed("")), CODE_INVALID);
	CHECK("1", "EXISTS", "bull:sync:b:lock");
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
		assert_int_equal(finish(retry(delay_ms)), CODE_DONE);
		now += delay_ms;
		char expected[64];
		snprintf(expected, sizeof(expected),
			 "delayed jobId=a delay=%" PRId64, now);
		check_events(expected);
		assert_int_equal(take(1), 1);
		/* give it back to take it in the loop's next turn */
		assert_int_equal(finish((struct finish_item){
					 .kind = FINISH_GIVE_BACK }),
				 CODE_DONE);
	}
	take_one("a");
	assert_int_equal(job_backoff_delay(got.jobs[0]), -1);
	REDIS("DEL", "bull:sync:events");
	REDIS("HSET", "bull:sync:a", "defa", "x");
	assert_int_equal(finish(failed("503 from target")), CODE_DONE);
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
	assert_int_equal(finish(failed("hopeless")), CODE_DONE);
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
	assert_int_equal(finish(retry(0)), CODE_DONE);
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
			 CODE_DONE);
	CHECK("[ nil 1 300 nil ]", "HMGET", "bull:sync:a", "atm", "ats",
	      "delay", "failedReason");
	check_events("delayed jobId=a delay=1900000000300");
	assert_int_equal(finish((struct finish_item){ .kind = FINISH_POSTPONE,
						      .delay_ms = -1 }),
			 CODE_INVALID);
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
	assert_int_equal(got.finished[0], CODE_DONE);
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
		CODE_DONE);
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
		assert_int_equal(got.finished[0], CODE_LOCK_FOREIGN);
		REDIS("DEL", "bull:sync:a:lock");
		assert_int_equal(finish(one), CODE_LOCK_MISSING);
		CHECK("[ a ]", "LRANGE", "bull:sync:active", "0", "-1");
		CHECK("[ nil nil ]", "HMGET", "bull:sync:a", "failedReason",
		      "atm");
		REDIS("SET", "bull:sync:a:lock", TOKEN);
	}
	REDIS("DEL", "bull:sync:active");
	assert_int_equal(finish(completed("1")), CODE_NOT_IN_STATE);
	REDIS("DEL", "bull:sync:a");
	assert_int_equal(finish(completed("1")), CODE_MISSING);
	CHECK("0", "EXISTS", "bull:sync:completed", "bull:sync:a");
	assert_string_equal(code_text(CODE_LOCK_FOREIGN),
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
	assert_int_equal(got.finished[0], CODE_DONE);
	assert_int_equal(got.finished[1], CODE_LOCK_MISSING);
	assert_int_equal(got.finished[2], CODE_DONE);
	assert_int_equal(got.finished[3], CODE_REFUSED);
	assert_non_null(strstr(got.text, "WRONGTYPE"));
	check_events("completed jobId=a returnvalue=1 prev=active; "
		     "failed jobId=c failedReason=no prev=active; "
		     "retries-exhausted jobId=c attemptsMade=1; "
		     "completed jobId=d returnvalue=1 prev=active");
	CHECK("[ a d ]", "ZRANGE", "bull:sync:completed", "0", "-1");
}

static void
finish_counts_odd_counters_anew(void **state)
{
	(void)state;
	add(item("a"));
	REDIS("HSET", "bull:sync:a", "atm", "99999999999999999999");
	take_one("a");
	assert_int_equal(finish(retry(100)), CODE_DONE);
	now += 100;
	take_one("a");
	assert_int_equal(got.jobs[0]->made, 1);
	REDIS("HSET", "bull:sync:a", "atm", "none");
	assert_int_equal(finish(failed("no")), CODE_DONE);
	CHECK("[ a ]", "ZRANGE", "bull:sync:failed", "0", "-1");
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

/* It has left active and cannot get to where it goes: a stalled check finds it. */
static void
what_cannot_go_on_is_active_again(void **state)
{
	struct finish_item ends[] = { completed("1"), failed("no"), retry(0),
				      retry(5) };
	(void)state;
	REDIS("SET", "bull:sync:completed", "no set");
	REDIS("SET", "bull:sync:failed", "no set");
	add(item("a"));
	for (size_t i = 0; i < 4; i++) {
		REDIS("DEL", "bull:sync:wait", "bull:sync:delayed");
		REDIS("LPUSH", "bull:sync:wait", "a");
		take_one("a");
		REDIS("SET", "bull:sync:wait", "no list");
		if (ends[i].delay_ms > 0)
			REDIS("SET", "bull:sync:delayed", "no set");
		ends[i].job = got.jobs[0];
		finish_many(TOKEN, &ends[i], 1);
		assert_int_equal(got.err, HS_PROTOCOL);
		assert_non_null(strstr(got.text, "WRONGTYPE"));
		CHECK("[ a ]", "LRANGE", "bull:sync:active", "0", "-1");
		CHECK("0", "EXISTS", "bull:sync:a:lock");
		REDIS("DEL", "bull:sync:active");
	}
}

static void
a_prioritized_job_that_cannot_be_taken_stays(void **state)
{
	struct add_item one = item("a");
	(void)state;
	one.options.priority = 1;
	add(one);
	REDIS("SET", "bull:sync:active", "no list");
	assert_int_equal(try_take(1), HS_PROTOCOL);
	CHECK("[ a 4294967297 ]", "ZRANGE", "bull:sync:prioritized", "0", "-1",
	      "WITHSCORES");
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
		assert_int_equal(finish(end), CODE_DONE);
		now += 1000;
	}
	add(item("b"));
	take_one("b");
	end.keep = (struct job_keep){ .count = 3 };
	REDIS("RPUSH", "bull:sync:a0:logs", "x");
	assert_int_equal(finish(end), CODE_DONE);
	CHECK("[ a3 a4 b ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:a0", "bull:sync:a2",
	      "bull:sync:a0:logs");
	/* a3 ended two seconds ago */
	add(item("c"));
	take_one("c");
	end.keep = (struct job_keep){ .count = -1, .age_s = 2 };
	assert_int_equal(finish(end), CODE_DONE);
	CHECK("[ a4 b c ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	/* the newest of the old go first */
	now += 60000;
	add(item("d"));
	take_one("d");
	end.keep = (struct job_keep){ .count = -1, .age_s = 2, .limit = 1 };
	assert_int_equal(finish(end), CODE_DONE);
	CHECK("[ a4 b d ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	add(item("e"));
	take_one("e");
	REDIS("DEL", "bull:sync:events");
	end.keep = (struct job_keep){ .count = 0 };
	assert_int_equal(finish(end), CODE_DONE);
	CHECK("[ a4 b d ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:e");
	check_events("completed jobId=e returnvalue=1 prev=active; drained");
}

/* Redis answers nobody else while a script runs. */
static void
finish_removes_so_many_at_a_time(void **state)
{
	struct finish_item end = completed("1");
	(void)state;
	REDIS("EVAL",
	      "for i = 1, 12000 do redis.call('ZADD', KEYS[1], i, 'o' .. i) "
	      "end",
	      "1", "bull:sync:completed");
	REDIS("SET", "bull:sync:o12000", "no hash");
	add(item("a"));
	take_one("a");
	end.keep = (struct job_keep){ .count = -1,
				      .age_s = 1,
				      .limit = INT64_C(1) << 53 };
	assert_int_equal(finish(end), CODE_DONE);
	CHECK("2001", "ZCARD", "bull:sync:completed");
	CHECK("nil", "ZSCORE", "bull:sync:completed", "o12000");
	add(item("b"));
	take_one("b");
	assert_int_equal(finish(end), CODE_DONE);
	CHECK("[ a b ]", "ZRANGE", "bull:sync:completed", "0", "-1");
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
	assert_int_equal(finish(failed("new")), CODE_DONE);
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
on_batch_told(void *ctx, enum hs_err err, const char *text,
	      const struct finish_result *results, size_t n,
	      struct take_result *taken)
{
	(void)text;
	(void)taken;
	assert_int_equal(err, HS_OK);
	assert_int_equal(n, BOUNDS_TAKE_BATCH);
	assert_int_equal(results[0].code, CODE_DONE);
	*(bool *)ctx = true;
	got.is_done = true;
}

/* Each old stacktrace alone could be sent again, all together could not. */
static void
finish_sends_a_batch_of_long_stacktraces(void **state)
{
	const struct finish_options options = { .token = TOKEN, .now_ms = now };
	struct finish_item items[BOUNDS_TAKE_BATCH];
	bool is_told = false;

	(void)state;
	add(item("a"));
	REDIS("EVAL",
	      "local text = string.rep(string.rep('x', 4096), 255) .. "
	      "string.rep('x', 4000) "
	      "redis.call('HSET', KEYS[1], 'stacktrace', '[\"' .. text .. "
	      "'\"]')",
	      "1", "bull:sync:a");
	take_one("a");
	for (size_t i = 0; i < BOUNDS_TAKE_BATCH; i++) {
		items[i] = failed("no");
		items[i].job = got.jobs[0];
		items[i].stack = span_text("new");
	}
	start_call();
	end_call(finish_jobs(queue, &options, items, BOUNDS_TAKE_BATCH,
			     on_batch_told, &is_told));
	assert_true(is_told);
	CHECK("[\"new\"]", "HGET", "bull:sync:a", "stacktrace");
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
	assert_int_equal(finish(completed("1")), CODE_DONE);
	CHECK("evt-9", "GET", "bull:sync:de:d");
	CHECK("0", "EXISTS", "bull:sync:dn:d");
	CHECK("2", "GET", "bull:sync:id");
	check_events("added jobId=evt-9 name=n2; waiting jobId=evt-9; "
		     "completed jobId=a returnvalue=1 prev=active");
	take_one("evt-9");
	assert_true(span_is(got.jobs[0]->data, "[2]"));
	assert_int_equal(got.jobs[0]->priority, 2);
	assert_int_equal(finish(completed("1")), CODE_DONE);
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
	assert_int_equal(finish(completed("[1]")), CODE_DONE);
	CHECK("[ p ]", "ZRANGE", "bull:up:waiting-children", "0", "-1");
	take_one("b");
	assert_int_equal(finish(completed("[2]")), CODE_DONE);
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
	assert_int_equal(finish(end), CODE_DONE);
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
	assert_int_equal(finish(end), CODE_DONE);
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
	assert_int_equal(finish(completed("1")), CODE_DONE);
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
}

static void
a_parent_cannot_end_before_its_children(void **state)
{
	(void)state;
	add(item("p"));
	REDIS("SADD", "bull:sync:p:dependencies", "bull:sync:x");
	take_one("p");
	assert_int_equal(finish(completed("1")), CODE_HAS_CHILDREN);
	REDIS("DEL", "bull:sync:p:dependencies");
	REDIS("ZADD", "bull:sync:p:unsuccessful", "1", "bull:sync:x");
	assert_int_equal(finish(completed("1")), CODE_FAILED_CHILDREN);
	CHECK(TOKEN, "GET", "bull:sync:p:lock");
	assert_int_equal(finish(failed("no")), CODE_DONE);
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
	/* and when Redis is out of memory */
	REDIS("CONFIG", "SET", "maxmemory", "1");
	size_t n_lost = extend(TOKEN, ids, 1);
	REDIS("CONFIG", "SET", "maxmemory", "0");
	assert_int_equal(n_lost, 0);
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
	assert_int_equal(finish(failed(got.jobs[0]->deferred)), CODE_DONE);
	CHECK("[ 2 3 1 nil ]", "HMGET", "bull:sync:a", "stc", "ats", "atm",
	      "defa");
}

static void
stalls_of_odd_jobs(void **state)
{
	(void)state;
	add(item("gone"));
	add(item("broken"));
	add(item("tick"));
	assert_int_equal(take(3), 3);
	REDIS("DEL", "bull:sync:broken", "bull:sync:broken:lock");
	REDIS("SET", "bull:sync:broken", "no hash");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(finish_completes),
		STORY(finish_fails),
		STORY(finish_before_the_last_attempt),
		STORY(finish_retries_at_once),
		STORY(finish_postpones),
		STORY(finish_gives_back_in_order),
		STORY(finish_needs_our_lock),
		STORY(finish_each_on_its_own),
		STORY(finish_counts_odd_counters_anew),
		STORY(finish_says_what_redis_refuses),
		STORY(what_cannot_go_on_is_active_again),
		STORY(a_prioritized_job_that_cannot_be_taken_stays),
		STORY(finish_keeps_by_rule),
		STORY(finish_removes_so_many_at_a_time),
		STORY(finish_extends_the_stacktrace),
		STORY(finish_sends_a_batch_of_long_stacktraces),
		STORY(finish_frees_deduplication),
		STORY(a_parent_waits_for_all),
		STORY(a_parent_and_a_failed_child),
		STORY(a_parent_cannot_end_before_its_children),
		STORY(locks_are_renewed),
		STORY(a_stalled_job_comes_back_once),
		STORY(stalls_of_odd_jobs),
	};
	if (!redis_server_is_here())
		return 0;
	return cmocka_run_group_tests_name("queue_finish", tests, group_setup,
					   group_teardown);
}
