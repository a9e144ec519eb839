/*
 * queue: jobs come in, are taken and looked at, on a real redis-server, and what
 * each call leaves there. tests/compat compares the same with BullMQ's own; this
 * runs without Node.
 */
#include "tests/lib/queue_stage.h"

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
	assert_int_equal(finish(failed("no")), CODE_DONE);
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
	struct rconn *blocking = connection();
	start_call();
	end_call(take_wait(blocking, queue->keys, 1000, on_waited, NULL));
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(got.due_ms, NOW + 10);
	start_call();
	end_call(take_wait(blocking, queue->keys, 5, on_waited, NULL));
	assert_int_equal(got.due_ms, -1);
	assert_int_equal(take_wait(blocking, queue->keys, 0, on_waited, NULL),
			 HS_INVALID);
	/* a delay of Infinity, and one beyond all clocks, are far away */
	static const char *const far[] = { "inf", "1e300" };
	for (size_t i = 0; i < 2; i++) {
		REDIS("DEL", "bull:sync:delayed");
		REDIS("ZADD", "bull:sync:delayed", far[i], "never");
		add(item(far[i]));
		REDIS("DEL", "bull:sync:marker");
		assert_int_equal(take(8), 1);
		assert_in_range(got.due_ms, INT64_C(1) << 50, INT64_C(1) << 53);
		finish(completed("1"));
		start_call();
		end_call(take_wait(blocking, queue->keys, 1000, on_waited,
				   NULL));
		assert_int_equal(got.err, HS_OK);
		assert_in_range(got.due_ms, INT64_C(1) << 50, INT64_C(1) << 53);
	}
	rconn_free(blocking);
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
	assert_int_equal(got.finished[0], CODE_DONE);
	assert_int_equal(got.finished[1], CODE_DONE);
	CHECK("2", "ZCARD", "bull:sync:failed");
	CHECK("the job's data is not JSON", "HGET", "bull:sync:nan",
	      "failedReason");
}

/* A key of Redis that is no hash under the id of a job. */
static void
break_job(const char *key)
{
	REDIS("DEL", key);
	REDIS("SET", key, "no hash");
}

static void
take_forgets_what_is_no_job(void **state)
{
	(void)state;
	add(item("a"));
	add(item("broken"));
	add(item("c"));
	break_job("bull:sync:broken");
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(take(2), 2);
	assert_string_equal(got.jobs[0]->id, "a");
	assert_string_equal(got.jobs[1]->id, "c");
	CHECK("[ c a ]", "LRANGE", "bull:sync:active", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:broken:lock");
	check_events("active jobId=a prev=waiting; "
		     "removed jobId=broken prev=active; "
		     "active jobId=c prev=waiting");
}

static void
promotion_loses_nobody(void **state)
{
	const char *const ids[] = { "a", "broken", "c" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct add_item late = item(ids[i]);
		late.options.delay_ms = 100;
		add(late);
	}
	break_job("bull:sync:broken");
	REDIS("DEL", "bull:sync:events");
	now += 100;
	assert_int_equal(take(3), 2);
	assert_string_equal(got.jobs[1]->id, "c");
	CHECK("0", "EXISTS", "bull:sync:delayed", "bull:sync:wait");
	check_events("waiting jobId=a prev=delayed; "
		     "removed jobId=broken prev=delayed; "
		     "waiting jobId=c prev=delayed; "
		     "active jobId=a prev=waiting; "
		     "active jobId=c prev=waiting");

	/* what is refused for one leaves the others where they are */
	struct add_item late = item("d");
	late.options.delay_ms = 100;
	add(late);
	late.options.priority = 1;
	late.id = span_text("e");
	add(late);
	late.id = span_text("f");
	add(late);
	REDIS("SET", "bull:sync:pc", "no number");
	now += 100;
	assert_int_equal(try_take(3), HS_PROTOCOL);
	CHECK("[ d ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("[ e f ]", "ZRANGE", "bull:sync:delayed", "0", "-1");
}

static void
promotion_survives_want_of_memory(void **state)
{
	const char *const ids[] = { "a", "b", "c" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct add_item late = item(ids[i]);
		late.options.delay_ms = 100;
		add(late);
	}
	now += 100;
	REDIS("CONFIG", "SET", "maxmemory", "1");
	size_t n = take(3);
	REDIS("CONFIG", "SET", "maxmemory", "0");
	assert_int_equal(n, 3);
	CHECK("[ c b a ]", "LRANGE", "bull:sync:active", "0", "-1");
}

static void
a_full_redis_can_be_emptied(void **state)
{
	struct add_item urgent = item("b");
	(void)state;
	urgent.options.priority = 1;
	add(item("a"));
	add(urgent);
	REDIS("CONFIG", "SET", "maxmemory", "1");
	start_call();
	end_call(try_add(item("c")));
	enum hs_err err = got.err;
	size_t n = take(2);
	REDIS("CONFIG", "SET", "maxmemory", "0");
	assert_int_equal(err, HS_PROTOCOL);
	assert_int_equal(n, 2);
	CHECK("[ b a ]", "LRANGE", "bull:sync:active", "0", "-1");
	CHECK("1", "EXISTS", "bull:sync:a:lock");
}

static void
take_counts_odd_counters_anew(void **state)
{
	(void)state;
	add(item("a"));
	REDIS("HSET", "bull:sync:a", "ats", "1.5");
	take_one("a");
	assert_int_equal(got.jobs[0]->started, 1);
}

static void
grow_job(const char *key)
{
	REDIS("EVAL",
	      "return redis.call('HSET', KEYS[1], 'data', "
	      "'\"' .. string.rep('x', 20 * 1024 * 1024) .. '\"')",
	      "1", key);
}

static void
large_jobs_come_in_parts(void **state)
{
	(void)state;
	add(item("a"));
	add(item("b"));
	add(item("c"));
	grow_job("bull:sync:a");
	grow_job("bull:sync:b");
	grow_job("bull:sync:c");
	check_list(JOB_WAIT, 0, 3, "a b");
	check_list(JOB_WAIT, 2, 3, "c");
	assert_int_equal(take(3), 2);
	assert_string_equal(got.jobs[1]->id, "b");
	CHECK("[ 0 0 ]", "ZRANGE", "bull:sync:marker", "0", "-1", "WITHSCORES");
	take_one("c");
}

/* ---- admin ---- */

static void
admin_looks_past_what_is_no_job(void **state)
{
	(void)state;
	add(item("broken"));
	add(item("b"));
	break_job("bull:sync:broken");
	check_list(JOB_WAIT, 0, 3, "b");
	assert_int_equal(got.n_seen, 2);
	count();
	assert_int_equal(got.counts.n[JOB_WAIT], 2);
	assert_int_equal(got.counts.oldest_waiting_ms, 0);
}

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
	/* keys of the queue that are no jobs */
	assert_int_equal(get("marker"), HS_NOT_FOUND);
	assert_int_equal(get("meta"), HS_NOT_FOUND);
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
		assert_int_equal(finish(failed("no")), CODE_DONE);
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
	assert_int_equal(retry_by_hand("a", JOB_FAILED), CODE_NOT_IN_STATE);
	assert_int_equal(retry_by_hand("nobody", JOB_FAILED), CODE_MISSING);
	take_one("a");
	assert_int_equal(finish(failed("no")), CODE_DONE);
	REDIS("DEL", "bull:sync:events");
	assert_int_equal(retry_by_hand("a", JOB_FAILED), 1);
	check_events("waiting jobId=a prev=failed");
	take_one("a");
	assert_int_equal(got.jobs[0]->made, 0);
	assert_null(got.jobs[0]->failed_reason);
	assert_int_equal(finish(completed("1")), CODE_DONE);
	assert_int_equal(retry_by_hand("a", JOB_COMPLETED), 1);
	take_one("a");
	assert_int_equal(got.jobs[0]->return_value.len, 0);
	const struct requeue_options odd = { .from = JOB_ACTIVE };
	assert_int_equal(
		requeue_retry(queue, span_text("a"), &odd, on_number, NULL),
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
	/* what was refused is not known the next time */
	REDIS("DEL", "bull:sync:wait");
	add(one);
	assert_int_equal(got.added[0], ADD_NEW);
	take_one("a");
	finish(failed("no"));
	one.retries_failed = true;
	REDIS("SET", "bull:sync:wait", "no list");
	add_many(&one, 1);
	assert_int_equal(got.err, HS_PROTOCOL);
	REDIS("DEL", "bull:sync:wait");
	add(one);
	assert_int_equal(got.added[0], ADD_RETRIED);
	/* nor is something else under the job's key taken for the job */
	REDIS("SET", "bull:sync:b", "no hash");
	struct add_item other = item("b");
	add_many(&other, 1);
	assert_int_equal(got.err, HS_PROTOCOL);
	REDIS("SET", "bull:sync:marker", "no set");
	start_call();
	struct rconn *blocking = connection();
	end_call(take_wait(blocking, queue->keys, 100, on_waited, NULL));
	assert_int_equal(got.err, HS_PROTOCOL);
	rconn_free(blocking);
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
	WAIT_FOR(base, rconn_is_up(conn));
	queue->timeout_ms = NO_DEADLINE;
	add(one);
	/* it had arrived, or not: the id keeps it one job */
	assert_in_range(got.added[0], ADD_NEW, ADD_DUPLICATE);
	CHECK("1", "LLEN", "bull:sync:wait");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(add_leaves_what_node_leaves),
		STORY(add_many_keeps_the_order),
		STORY(add_a_whole_batch),
		STORY(add_refuses_what_would_harm),
		STORY(add_delayed_and_prioritized),
		STORY(add_places_by_what_resumes),
		STORY(add_runs_failed_ones_again),
		STORY(take_locks_and_marks),
		STORY(take_in_turn),
		STORY(take_wakes_the_next_sleeper),
		STORY(take_obeys_the_queue),
		STORY(take_passes_over_old_markers),
		STORY(take_hands_out_poison),
		STORY(take_forgets_what_is_no_job),
		STORY(promotion_loses_nobody),
		STORY(promotion_survives_want_of_memory),
		STORY(a_full_redis_can_be_emptied),
		STORY(take_counts_odd_counters_anew),
		STORY(large_jobs_come_in_parts),
		STORY(admin_looks_past_what_is_no_job),
		STORY(admin_looks),
		STORY(admin_lists_newest_first),
		STORY(admin_retries),
		STORY(hostile_keys_are_errors),
		STORY(scripts_come_back_after_a_flush),
		STORY(announcing_overwrites_nothing),
		STORY(nobody_knows_when_redis_is_away),
	};
	if (!redis_server_is_here())
		return 0;
	return cmocka_run_group_tests_name("queue", tests, group_setup,
					   group_teardown);
}
