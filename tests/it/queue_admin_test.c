/*
 * queue, by hand: switches, removals, retries in bulk, changes and walks on a
 * real redis-server, above all where keys are broken or many, which BullMQ is no
 * judge of. tests/compat/admin.test.mjs compares the rest with it.
 */
#include "queue/amend.h"
#include "queue/control.h"
#include "queue/sweep.h"
#include "tests/lib/queue_stage.h"

#define KEY(suffix) "bull:sync:" suffix

/* What the calls of these rooms answered, beside `got`. */
static struct {
	struct control_settings settings;
	char rows[256]; /* also ids, jobs: "a b c" */
	size_t n_rows;
	size_t n_seen;
	int64_t n_total;
	char place[ADMIN_PLACE_BYTES];
	size_t place_len;
	enum admin_end end;
	int64_t counts[ADMIN_PRIORITIES];
} said;

static void
done(enum hs_err err, const char *text)
{
	assert_false(got.is_done);
	got.is_done = true;
	got.err = err;
	snprintf(got.text, sizeof(got.text), "%s", text);
}

static void
say(const struct span *rows, size_t n)
{
	size_t len = 0;
	said.rows[0] = '\0';
	said.n_rows = n;
	for (size_t i = 0; i < n && len < sizeof(said.rows); i++)
		len += (size_t)snprintf(said.rows + len,
					sizeof(said.rows) - len, "%s%.*s",
					i > 0 ? " " : "", (int)rows[i].len,
					(const char *)rows[i].ptr);
}

/* The number a call answers, which the loop has yet to bring. */
static int64_t
number(enum hs_err sent)
{
	start_call();
	end_call(sent);
	assert_int_equal(got.err, HS_OK);
	return got.number;
}

static void
refused(const char *expected, enum hs_err sent)
{
	start_call();
	end_call(sent);
	assert_int_equal(got.err, HS_PROTOCOL);
	assert_non_null(strstr(got.text, expected));
}

#define ID(id) span_text(id), on_number, NULL

static int64_t
remove_job(const char *id, bool with_children)
{
	return number(sweep_remove(queue, span_text(id), with_children,
				   on_number, NULL));
}

static int64_t
drain(bool with_delayed)
{
	return number(sweep_drain(queue, with_delayed, on_number, NULL));
}

static void
on_cleaned(void *ctx, enum hs_err err, const char *text, const struct span *ids,
	   size_t n, int64_t n_seen)
{
	(void)ctx;
	say(ids, n);
	said.n_seen = (size_t)n_seen;
	done(err, text);
}

static const char *
clean(enum job_state state, int64_t before_ms, size_t skip, size_t limit)
{
	start_call();
	end_call(sweep_clean(queue, state, before_ms, skip, limit, on_cleaned,
			     NULL));
	assert_int_equal(got.err, HS_OK);
	return said.rows;
}

/* Many ids, in one command: "prefix0" the first in turn. */
static void
push_many(const char *key, const char *prefix, const char *n)
{
	REDIS("EVAL",
	      "for i = 0, ARGV[2] - 1 do redis.call('LPUSH', KEYS[1], ARGV[1] "
	      ".. i) end",
	      "1", key, prefix, n);
}

static void
hash(const char *id)
{
	char key[64];
	snprintf(key, sizeof(key), KEY("%s"), id);
	REDIS("HSET", key, "name", "n", "data", "{}", "opts", "{}", "timestamp",
	      "5", "delay", "0", "priority", "0");
}

/* ---- control ---- */

static void
on_settings(void *ctx, enum hs_err err, const char *text,
	    const struct control_settings *settings)
{
	(void)ctx;
	said.settings = *settings;
	done(err, text);
}

static void
read_settings(void)
{
	start_call();
	end_call(control_read(queue, on_settings, NULL));
	assert_int_equal(got.err, HS_OK);
}

static void
switches(void **state)
{
	(void)state;
	read_settings();
	assert_false(said.settings.is_paused);
	assert_int_equal(said.settings.concurrency, CONTROL_NONE);
	assert_string_equal(said.settings.version, "");
	assert_int_equal(number(control_pause(queue, on_number, NULL)), 0);
	assert_int_equal(number(control_concurrency(queue, 0, on_number, NULL)),
			 1);
	assert_int_equal(number(control_limit(queue, 7, 100, on_number, NULL)),
			 2);
	REDIS("HSET", KEY("meta"), "version", "bullmq-pro:7.1.0",
	      "opts.maxLenEvents", "77");
	read_settings();
	assert_true(said.settings.is_paused);
	assert_true(said.settings.is_maxed);
	assert_true(said.settings.is_pro);
	assert_int_equal(said.settings.max, 7);
	assert_int_equal(said.settings.duration_ms, 100);
	assert_int_equal(said.settings.max_events, 77);
	add(item("a"));
	assert_int_equal(take(1), 0);
	assert_int_equal(number(control_resume(queue, on_number, NULL)), 0);
	assert_int_equal(take(1), 0);
	assert_true(got.is_busy);
	assert_int_equal(number(control_concurrency(queue, CONTROL_NONE,
						    on_number, NULL)),
			 1);
	assert_int_equal(
		number(control_rate_limit(queue, 60000, on_number, NULL)), 0);
	assert_int_equal(take(1), 0);
	assert_in_range(got.limited_ms, 50000, 60000);
	assert_in_range(number(control_limit_ttl(queue, 0, on_number, NULL)),
			50000, 60000);
	assert_int_equal(
		number(control_remove_rate_limit(queue, on_number, NULL)), 1);
	take_one("a");

	assert_int_equal(control_concurrency(queue, -2, on_number, NULL),
			 HS_INVALID);
	assert_int_equal(control_limit(queue, -1, 5, on_number, NULL),
			 HS_INVALID);
	assert_int_equal(control_limit(queue, 5, 0, on_number, NULL),
			 HS_INVALID);
	assert_int_equal(control_rate_limit(queue, 0, on_number, NULL),
			 HS_INVALID);
	assert_int_equal(control_limit_ttl(queue, -1, on_number, NULL),
			 HS_INVALID);
}

static void
a_long_list_is_merged_in_steps(void **state)
{
	(void)state;
	REDIS("HSET", KEY("meta"), "paused", "1");
	push_many(KEY("paused"), "old", "12345");
	push_many(KEY("wait"), "new", "2");
	assert_int_equal(number(control_resume(queue, on_number, NULL)), 0);
	CHECK("0", "EXISTS", KEY("paused"));
	CHECK("12347", "LLEN", KEY("wait"));
	CHECK("[ new1 new0 old12344 ]", "LRANGE", KEY("wait"), "0", "2");
	CHECK("[ old1 old0 ]", "LRANGE", KEY("wait"), "-2", "-1");
	check_events("resumed");
}

/* Upstream would drop one of the lists. */
static void
a_pause_drops_no_list(void **state)
{
	(void)state;
	queue->level = QUEUE_LEVEL_5;
	push_many(KEY("paused"), "old", "6000");
	push_many(KEY("wait"), "new", "6000");
	assert_int_equal(number(control_pause(queue, on_number, NULL)), 0);
	CHECK("0", "EXISTS", KEY("wait"));
	CHECK("12000", "LLEN", KEY("paused"));
	CHECK("[ new5999 ]", "LRANGE", KEY("paused"), "0", "0");
	CHECK("[ new0 old5999 ]", "LRANGE", KEY("paused"), "5999", "6000");
	check_events("paused");
}

static void
switches_and_wrong_types(void **state)
{
	(void)state;
	REDIS("SET", KEY("paused"), "x");
	refused("WRONGTYPE", control_resume(queue, on_number, NULL));
	REDIS("SET", KEY("meta"), "x");
	refused("WRONGTYPE", control_pause(queue, on_number, NULL));
	refused("WRONGTYPE", control_concurrency(queue, 5, on_number, NULL));
	start_call();
	end_call(control_read(queue, on_settings, NULL));
	assert_int_equal(got.err, HS_PROTOCOL);
}

static void
on_switched(void *ctx, enum hs_err err, const char *text, int64_t n)
{
	bool *is_switched = ctx;
	(void)text;
	(void)n;
	assert_int_equal(err, HS_OK);
	*is_switched = true;
}

/* What a long pause or resume has begun, another may have ended meanwhile. */
static void
nothing_is_moved_after_the_other_switch(void **state)
{
	(void)state;
	bool is_switched = false;
	queue->level = QUEUE_LEVEL_5;
	push_many(KEY("paused"), "old", "6000");
	push_many(KEY("wait"), "new", "6000");
	assert_int_equal(control_pause(queue, on_switched, &is_switched),
			 HS_OK);
	REDIS("HDEL", KEY("meta"), "paused");
	WAIT_FOR(base, is_switched);
	CHECK("1000", "LLEN", KEY("wait"));

	is_switched = false;
	assert_int_equal(control_resume(queue, on_switched, &is_switched),
			 HS_OK);
	REDIS("HSET", KEY("meta"), "paused", "1");
	WAIT_FOR(base, is_switched);
	CHECK("6000", "LLEN", KEY("wait"));
	CHECK("6000", "LLEN", KEY("paused"));
}

static void
a_full_redis_can_be_paused(void **state)
{
	(void)state;
	add(item("a"));
	REDIS("CONFIG", "SET", "maxmemory", "1");
	start_call();
	end_call(control_pause(queue, on_number, NULL));
	enum hs_err err = got.err;
	start_call();
	end_call(control_resume(queue, on_number, NULL));
	enum hs_err then = got.err;
	start_call();
	end_call(control_pause(queue, on_number, NULL));
	REDIS("CONFIG", "SET", "maxmemory", "0");
	assert_int_equal(err, HS_OK);
	assert_int_equal(then, HS_OK);
	CHECK("1", "HGET", KEY("meta"), "paused");
	/* whatever it holds */
	REDIS("HSET", KEY("meta"), "paused", "");
	start_call();
	end_call(control_read(queue, on_settings, NULL));
	assert_true(said.settings.is_paused);
}

/* ---- sweep ---- */

static void
remove_one(void **state)
{
	(void)state;
	add(item("a"));
	add(item("b"));
	take_one("a");
	REDIS("DEL", KEY("events"));
	assert_int_equal(remove_job("a", true), 0);
	assert_int_equal(remove_job("b", true), 1);
	check_events("removed jobId=b prev=wait");
	assert_int_equal(remove_job("nobody", true), 2);
	/* names of the queue's own keys are no jobs' */
	assert_int_equal(remove_job("meta", true), 2);
	assert_int_equal(remove_job("active", true), 2);
	assert_int_equal(remove_job("", true), 2);
	CHECK("[ a ]", "LRANGE", KEY("active"), "0", "-1");
	assert_string_not_equal(REDIS("HGET", KEY("meta"), "opts.maxLenEvents"),
				"nil");
	/* nor are they a child's, nor in a list */
	hash("p");
	REDIS("SADD", KEY("p:dependencies"), KEY("meta"));
	REDIS("LPUSH", KEY("wait"), "meta");
	assert_int_equal(remove_job("p", true), 1);
	REDIS("LPUSH", KEY("wait"), "meta");
	assert_int_equal(drain(true), 1);
	assert_string_not_equal(REDIS("HGET", KEY("meta"), "opts.maxLenEvents"),
				"nil");
	hash("repeat:s:9");
	REDIS("HSET", KEY("repeat:s:9"), "rjk", "s");
	REDIS("ZADD", KEY("repeat"), "9", "s");
	assert_int_equal(remove_job("repeat:s:9", true), CODE_SCHEDULED);
}

/* A chain of parents, deeper than the stack of a script would bear. */
static void
a_family_without_end(void **state)
{
	(void)state;
	REDIS("EVAL",
	      "for i = 1, 1500 do redis.call('HSET', KEYS[1] .. i, 'name', "
	      "'n') redis.call('SADD', KEYS[1] .. i .. ':dependencies', "
	      "KEYS[1] .. (i + 1)) end",
	      "1", "bull:sync:f");
	refused("too large",
		sweep_remove(queue, span_text("f1"), true, on_number, NULL));
	refused("too large",
		sweep_remove_children(queue, span_text("f1"), on_number, NULL));
	CHECK("1", "EXISTS", KEY("f1"));
	assert_int_equal(remove_job("f600", true), 1);
	CHECK("0", "EXISTS", KEY("f600"), KEY("f601"), KEY("f1500"));
	CHECK("1", "EXISTS", KEY("f599"));
	/* and one that goes in a circle */
	REDIS("SADD", KEY("f50:dependencies"), KEY("f1"));
	REDIS("DEL", KEY("f51"), KEY("f51:dependencies"));
	assert_int_equal(remove_job("f1", true), 1);
	CHECK("0", "EXISTS", KEY("f1"), KEY("f2"), KEY("f50"));
}

static void
a_family_of_many(void **state)
{
	(void)state;
	hash("p");
	REDIS("EVAL",
	      "for i = 1, ARGV[1] do redis.call('SADD', KEYS[1], 'bull:sync:c' "
	      ".. i) end",
	      "1", KEY("p:dependencies"), "10001");
	refused("too large",
		sweep_remove(queue, span_text("p"), true, on_number, NULL));
	CHECK("10001", "SCARD", KEY("p:dependencies"));
	assert_int_equal(remove_job("p", false), 1);
}

/* Upstream takes the wrong entry out of the list here, and loses the job. */
static void
drain_spares_a_scheduler_in_the_middle(void **state)
{
	(void)state;
	add(item("w1"));
	hash("repeat:s:9");
	REDIS("HSET", KEY("repeat:s:9"), "rjk", "s");
	REDIS("ZADD", KEY("repeat"), "9", "s");
	REDIS("LPUSH", KEY("wait"), "repeat:s:9");
	add(item("w2"));
	assert_int_equal(drain(true), 2);
	CHECK("[ repeat:s:9 ]", "LRANGE", KEY("wait"), "0", "-1");
	CHECK("1", "EXISTS", KEY("repeat:s:9"));
	assert_int_equal(drain(true), 0);
}

static void
drain_in_steps(void **state)
{
	(void)state;
	push_many(KEY("wait"), "w", "1500");
	push_many(KEY("paused"), "p", "2");
	REDIS("ZADD", KEY("prioritized"), "1", "x");
	REDIS("ZADD", KEY("delayed"), "1", "y");
	assert_int_equal(drain(false), SWEEP_MAX);
	CHECK("500", "LLEN", KEY("wait"));
	assert_int_equal(drain(false), 503);
	assert_int_equal(drain(false), 0);
	CHECK("[ y ]", "ZRANGE", KEY("delayed"), "0", "-1");
	assert_int_equal(drain(true), 1);
}

/* Keys that ids of jobs have made something else of, everywhere. */
static void
break_keys(void)
{
	REDIS("SET", KEY("broken"), "no hash");
	hash("child");
	REDIS("HSET", KEY("child"), "parentKey", KEY("odd"), "deid", "d");
	REDIS("SET", KEY("odd:dependencies"), "no set");
	hash("odd");
	REDIS("LPUSH", KEY("de:d"), "no text");
	hash("stray");
	REDIS("HSET", KEY("stray"), "parentKey", "nonsense", "parent", "{",
	      "rjk", "");
	hash("cousin");
	REDIS("HSET", KEY("cousin"), "parentKey", "bull:far:p", "parent", "7");
	REDIS("SADD", "bull:far:p:dependencies", KEY("cousin"));
	REDIS("HSET", "bull:far:p", "name", "n");
	REDIS("ZADD", "bull:far:waiting-children", "1", "p");
	REDIS("SET", "bull:far:wait", "no list");
}

static void
sweeps_pass_what_is_broken(void **state)
{
	(void)state;
	break_keys();
	REDIS("LPUSH", KEY("wait"), "ghost", "broken", "child", "stray",
	      "cousin", "last");
	hash("last");
	assert_int_equal(drain(true), 6);
	CHECK("0", "EXISTS", KEY("wait"), KEY("child"), KEY("stray"),
	      KEY("cousin"), KEY("last"));
	CHECK("1", "EXISTS", KEY("broken"));

	REDIS("FLUSHALL");
	break_keys();
	for (enum job_state each = 0; each < JOB_N_STATES; each++) {
		char key[64];
		snprintf(key, sizeof(key), KEY("%s"), job_state_text(each));
		bool is_list = each == JOB_WAIT || each == JOB_ACTIVE ||
			       each == JOB_PAUSED;
		if (is_list)
			REDIS("RPUSH", key, "ghost", "broken", "child");
		else
			REDIS("ZADD", key, "1", "ghost", "2", "broken", "3",
			      "child");
		hash("child");
		clean(each, 100, 0, 10);
		assert_int_equal(said.n_rows, 3);
		CHECK("0", "EXISTS", key);
		REDIS("SET", key, "of no use");
		assert_string_equal(clean(each, 100, 0, 10), "");
		REDIS("DEL", key);
	}

	REDIS("RPUSH", KEY("wait"), "ghost", "broken", "cousin");
	hash("cousin");
	assert_int_equal(remove_job("ghost", true), 2);
	assert_int_equal(remove_job("broken", true), 1);
	assert_int_equal(remove_job("cousin", true), 1);
	CHECK("0", "EXISTS", KEY("wait"), KEY("cousin"));
	assert_int_equal(remove_job("child", true), 2);
	assert_int_equal(remove_job("odd", true), 1);
	CHECK("0", "EXISTS", KEY("child"), KEY("odd"));

	REDIS("FLUSHALL");
	break_keys();
	REDIS("HSET", KEY("meta"), "paused", "1");
	REDIS("RPUSH", KEY("wait"), "ghost", "broken", "child", "cousin");
	REDIS("SET", KEY("failed"), "of no use");
	REDIS("SET", KEY("active"), "of no use");
	assert_int_equal(
		number(sweep_obliterate(queue, false, 2, on_number, NULL)), 1);
	assert_int_equal(
		number(sweep_obliterate(queue, false, 2, on_number, NULL)), 1);
	assert_int_equal(
		number(sweep_obliterate(queue, false, 2, on_number, NULL)), 0);
	CHECK("0", "EXISTS", KEY("wait"), KEY("failed"), KEY("active"),
	      KEY("meta"), KEY("child"), KEY("cousin"));
}

static void
obliterate_asks_first(void **state)
{
	(void)state;
	add(item("a"));
	take_one("a");
	assert_int_equal(
		number(sweep_obliterate(queue, true, 1000, on_number, NULL)),
		SWEEP_NOT_PAUSED);
	assert_int_equal(number(control_pause(queue, on_number, NULL)), 0);
	assert_int_equal(
		number(sweep_obliterate(queue, false, 1000, on_number, NULL)),
		SWEEP_ACTIVE);
	assert_int_equal(
		number(sweep_obliterate(queue, true, 1000, on_number, NULL)),
		0);
	CHECK("[ ]", "KEYS", "*");
	assert_int_equal(sweep_obliterate(queue, true, 0, on_number, NULL),
			 HS_INVALID);
}

static void
clean_goes_past_what_stays(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		char id[8];
		snprintf(id, sizeof(id), "j%d", i);
		struct add_item one = item(id);
		one.options.timestamp_ms = i < 3 ? now + 1000 : now;
		add(one);
	}
	assert_string_equal(clean(JOB_WAIT, now, 0, 2), "");
	assert_int_equal(said.n_seen, 2);
	assert_string_equal(clean(JOB_WAIT, now, 2, 2), "j3");
	assert_int_equal(said.n_seen, 2);
	assert_string_equal(clean(JOB_WAIT, now, 3, 2), "j5 j4");
	assert_string_equal(clean(JOB_WAIT, now, 3, 2), "");
	assert_int_equal(said.n_seen, 0);
	CHECK("[ j2 j1 j0 ]", "LRANGE", KEY("wait"), "0", "-1");
	assert_int_equal(
		sweep_clean(queue, JOB_UNKNOWN, 0, 0, 1, on_cleaned, NULL),
		HS_INVALID);
	assert_int_equal(
		sweep_clean(queue, JOB_WAIT, 0, 0, 0, on_cleaned, NULL),
		HS_INVALID);
	assert_int_equal(sweep_clean(queue, JOB_WAIT, 0, 0, SWEEP_CLEAN_MAX + 1,
				     on_cleaned, NULL),
			 HS_INVALID);
}

static void
children_and_parents(void **state)
{
	(void)state;
	hash("p");
	hash("c");
	REDIS("HSET", KEY("c"), "parentKey", KEY("p"));
	REDIS("SADD", KEY("p:dependencies"), KEY("c"), "nonsense");
	REDIS("ZADD", KEY("waiting-children"), "1", "p");
	REDIS("LPUSH", KEY("wait"), "c");
	assert_int_equal(number(sweep_remove_children(queue, ID("p"))), 0);
	CHECK("0", "EXISTS", KEY("c"));
	CHECK("[ nonsense ]", "SMEMBERS", KEY("p:dependencies"));
	assert_int_equal(number(sweep_leave_parent(queue, ID("c"))),
			 CODE_MISSING);
	assert_int_equal(number(sweep_leave_parent(queue, ID("p"))),
			 CODE_NO_PARENT);
}

/* ---- requeue ---- */

static void
retry_all_in_steps(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		char id[8];
		snprintf(id, sizeof(id), "j%d", i);
		add(item(id));
		take_one(id);
		assert_int_equal(finish(failed("no")), CODE_DONE);
		now++;
	}
	REDIS("DEL", KEY("j1"));
	REDIS("SET", KEY("broken"), "no hash");
	REDIS("ZADD", KEY("failed"), "1", "broken");
	REDIS("DEL", KEY("events"));
	assert_int_equal(number(requeue_retry_all(queue, JOB_FAILED, now - 2, 2,
						  on_number, NULL)),
			 1);
	assert_int_equal(number(requeue_retry_all(queue, JOB_FAILED, now - 2, 2,
						  on_number, NULL)),
			 0);
	check_events("removed jobId=broken prev=failed; "
		     "waiting jobId=j0 prev=failed; "
		     "removed jobId=j1 prev=failed");
	CHECK("[ j2 ]", "ZRANGE", KEY("failed"), "0", "-1");
	take_one("j0");
	assert_int_equal(got.jobs[0]->made, 1);
	assert_int_equal(
		requeue_retry_all(queue, JOB_ACTIVE, now, 2, on_number, NULL),
		HS_INVALID);
	assert_int_equal(requeue_promote_all(queue, 0, on_number, NULL),
			 HS_INVALID);
	assert_int_equal(
		requeue_promote_all(queue, REQUEUE_MAX + 1, on_number, NULL),
		HS_INVALID);
}

static void
promote_by_hand(void **state)
{
	struct add_item one = item("d");
	(void)state;
	one.options.delay_ms = 5000;
	add(one);
	REDIS("ZADD", KEY("delayed"), "1", "ghost");
	REDIS("DEL", KEY("events"));
	assert_int_equal(number(requeue_promote(queue, ID("ghost"))),
			 CODE_MISSING);
	assert_int_equal(number(requeue_promote(queue, ID("ghost"))),
			 CODE_NOT_IN_STATE);
	assert_int_equal(number(requeue_promote(queue, ID("d"))), 0);
	check_events("removed jobId=ghost prev=delayed; "
		     "waiting jobId=d prev=delayed");
	CHECK("0", "EXISTS", KEY("ghost"), KEY("delayed"));
	take_one("d");
	REDIS("ZADD", KEY("delayed"), "123", "x");
	hash("x");
	REDIS("SET", KEY("wait"), "no list");
	refused("WRONGTYPE", requeue_promote(queue, ID("x")));
	refused("WRONGTYPE", requeue_promote_all(queue, 9, on_number, NULL));
	CHECK("[ x 123 ]", "ZRANGE", KEY("delayed"), "0", "-1", "WITHSCORES");
}

/* ---- amend ---- */

static void
on_rows(void *ctx, enum hs_err err, const char *text, const struct span *rows,
	size_t n, int64_t n_total)
{
	(void)ctx;
	say(rows, n);
	said.n_total = n_total;
	done(err, text);
}

static const char *
log_of(const char *id, int64_t first, int64_t last)
{
	start_call();
	end_call(amend_read_log(queue, span_text(id), first, last, on_rows,
				NULL));
	assert_int_equal(got.err, HS_OK);
	return said.rows;
}

static void
logs(void **state)
{
	(void)state;
	add(item("a"));
	assert_int_equal(
		number(amend_log(queue, span_text("a"), span_text("one"), 0,
				 on_number, NULL)),
		1);
	for (int i = 0; i < 4; i++)
		number(amend_log(queue, span_text("a"), span_text("more"), 0,
				 on_number, NULL));
	assert_int_equal(
		number(amend_log(queue, span_text("a"), span_text("last"), 4,
				 on_number, NULL)),
		4);
	assert_string_equal(log_of("a", 0, -1), "more more more last");
	assert_string_equal(log_of("a", -2, -1), "more last");
	assert_string_equal(log_of("a", 3, 99), "last");
	assert_string_equal(log_of("a", 9, 99), "");
	assert_int_equal(said.n_total, 4);
	assert_string_equal(log_of("nobody", 0, -1), "");
	assert_int_equal(said.n_total, 0);
	assert_int_equal(number(amend_clear_log(queue, span_text("a"), 1,
						on_number, NULL)),
			 0);
	assert_string_equal(log_of("a", 0, -1), "last");
	assert_int_equal(number(amend_clear_log(queue, span_text("a"), 0,
						on_number, NULL)),
			 0);
	CHECK("0", "EXISTS", KEY("a:logs"));
	assert_int_equal(number(amend_log(queue, span_text("nobody"),
					  span_text("x"), 0, on_number, NULL)),
			 CODE_MISSING);
	/* rows beyond a reply are left for the next one */
	REDIS("EVAL",
	      "local row = string.rep('x', 1048576) for i = 1, 40 do "
	      "redis.call('RPUSH', KEYS[1], row) end",
	      "1", KEY("a:logs"));
	log_of("a", 0, -1);
	assert_int_equal(said.n_total, 40);
	assert_in_range(said.n_rows, 30, 33);
	assert_int_equal(amend_log(queue, span_text("a"), span_text("x"), -1,
				   on_number, NULL),
			 HS_INVALID);
	assert_int_equal(
		amend_clear_log(queue, span_text("a"), -1, on_number, NULL),
		HS_INVALID);
}

static void
amends(void **state)
{
	(void)state;
	add(item("a"));
	add(item("b"));
	assert_int_equal(number(amend_data(queue, span_text("a"),
					   span_text("[7]"), on_number, NULL)),
			 0);
	assert_int_equal(number(amend_priority(queue, span_text("a"), 3, false,
					       on_number, NULL)),
			 0);
	assert_int_equal(
		number(amend_progress(queue, span_text("b"), span_text("50"),
				      on_number, NULL)),
		0);
	take_one("b");
	assert_string_equal((const char *)got.jobs[0]->progress.ptr, "50");
	take_one("a");
	assert_string_equal((const char *)got.jobs[0]->data.ptr, "[7]");
	assert_int_equal(got.jobs[0]->priority, 3);
	assert_int_equal(number(amend_delay(queue, span_text("a"), 10, now,
					    on_number, NULL)),
			 CODE_NOT_IN_STATE);
	assert_int_equal(amend_priority(queue, span_text("a"), -1, false,
					on_number, NULL),
			 HS_INVALID);
	assert_int_equal(amend_priority(queue, span_text("a"), 2097152, false,
					on_number, NULL),
			 HS_INVALID);
	assert_int_equal(
		amend_delay(queue, span_text("a"), -1, now, on_number, NULL),
		HS_INVALID);
	assert_int_equal(amend_delay(queue, span_text("a"), INT64_MAX, now,
				     on_number, NULL),
			 HS_INVALID);
	REDIS("SET", KEY("de:x"), "a");
	assert_int_equal(
		number(amend_free_dedup(queue, span_text("x"), span_text("b"),
					on_number, NULL)),
		0);
	assert_int_equal(
		number(amend_free_dedup(queue, span_text("x"), span_text("a"),
					on_number, NULL)),
		1);
	assert_int_equal(amend_free_dedup(queue, span_text(""), span_text(""),
					  on_number, NULL),
			 HS_INVALID);
}

static void
the_queues_own_keys_are_no_jobs(void **state)
{
	static const char *const names[] = { "meta",           "wait",
					     "de:x",           "dn:x",
					     "metrics:failed", "repeat:s" };
	(void)state;
	REDIS("HSET", KEY("meta"), "version", "bullmq:6.7.0");
	REDIS("HSET", KEY("dn:x"), "name", "n");
	REDIS("HSET", KEY("metrics:failed"), "count", "7");
	REDIS("HSET", KEY("repeat:s"), "name", "n");
	REDIS("ZADD", KEY("repeat"), "9", "s");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct span id = span_text(names[i]);
		struct span json = span_text("1");
		assert_int_equal(
			number(amend_data(queue, id, json, on_number, NULL)),
			CODE_MISSING);
		assert_int_equal(number(amend_progress(queue, id, json,
						       on_number, NULL)),
				 CODE_MISSING);
		assert_int_equal(
			number(amend_log(queue, id, json, 0, on_number, NULL)),
			CODE_MISSING);
		assert_int_equal(number(amend_priority(queue, id, 1, false,
						       on_number, NULL)),
				 CODE_MISSING);
		assert_int_equal(
			number(amend_delay(queue, id, 1, now, on_number, NULL)),
			CODE_MISSING);
		assert_int_equal(remove_job(names[i], false), 2);
		assert_int_equal(get(names[i]), HS_NOT_FOUND);
	}
	CHECK("[ version bullmq:6.7.0 ]", "HGETALL", KEY("meta"));
	CHECK("[ name n ]", "HGETALL", KEY("dn:x"));
	CHECK("[ count 7 ]", "HGETALL", KEY("metrics:failed"));
	CHECK("[ name n ]", "HGETALL", KEY("repeat:s"));
	CHECK("0", "EXISTS", KEY("events"));
	/* a job of the scheduler is one */
	REDIS("HSET", KEY("repeat:s:8"), "name", "n");
	assert_int_equal(number(amend_data(queue, span_text("repeat:s:8"),
					   span_text("1"), on_number, NULL)),
			 0);
}

/* A job that waits elsewhere must be somewhere, whatever Redis refuses. */
static void
what_cannot_be_moved_stays(void **state)
{
	struct add_item one = item("a");
	(void)state;
	add(one);
	one = item("b");
	one.options.priority = 5;
	add(one);
	REDIS("RENAME", KEY("prioritized"), KEY("aside"));
	REDIS("SET", KEY("prioritized"), "no set");
	refused("WRONGTYPE", amend_priority(queue, span_text("a"), 1, false,
					    on_number, NULL));
	CHECK("[ a ]", "LRANGE", KEY("wait"), "0", "-1");
	REDIS("RENAME", KEY("aside"), KEY("prioritized"));
	REDIS("SET", KEY("wait"), "no list");
	refused("WRONGTYPE", amend_priority(queue, span_text("b"), 0, false,
					    on_number, NULL));
	CHECK("[ b 21474836481 ]", "ZRANGE", KEY("prioritized"), "0", "-1",
	      "WITHSCORES");

	/* and a parent whose last child goes */
	hash("p");
	hash("c");
	REDIS("HSET", KEY("c"), "parentKey", KEY("p"));
	REDIS("SADD", KEY("p:dependencies"), KEY("c"));
	REDIS("ZADD", KEY("waiting-children"), "7", "p");
	assert_int_equal(remove_job("c", false), 1);
	CHECK("0", "EXISTS", KEY("c"));
	CHECK("[ p 7 ]", "ZRANGE", KEY("waiting-children"), "0", "-1",
	      "WITHSCORES");
}

/* ---- admin: looking ---- */

static void
on_page(void *ctx, enum hs_err err, const char *text, struct job **jobs,
	size_t n, struct span next)
{
	(void)ctx;
	size_t len = 0;
	said.rows[0] = '\0';
	said.n_rows = n;
	for (size_t i = 0; i < n; i++) {
		if (len < sizeof(said.rows))
			len += (size_t)snprintf(said.rows + len,
						sizeof(said.rows) - len, "%s%s",
						i > 0 ? " " : "", jobs[i]->id);
		job_free(jobs[i]);
	}
	assert_in_range(next.len, 0, sizeof(said.place));
	memcpy(said.place, next.ptr, next.len);
	said.place_len = next.len;
	done(err, text);
}

/* The next page of n; the first one when is_first. */
static const char *
page(enum job_state state, bool is_first, size_t n)
{
	if (is_first)
		said.place_len = 0;
	char place[ADMIN_PLACE_BYTES];
	size_t len = said.place_len;
	memcpy(place, said.place, len);
	start_call();
	end_call(admin_page(queue, state, span_of(place, len), n, on_page,
			    NULL));
	assert_int_equal(got.err, HS_OK);
	return said.rows;
}

static void
a_walk_among_scores(void **state)
{
	static const char *const ids[] = { "a", "b",        "c", "d",
					   "e", "\xc3\xa9", "f" };
	(void)state;
	for (size_t i = 0; i < 7; i++) {
		hash(ids[i]);
		/* b c d e in the same millisecond */
		REDIS("ZADD", KEY("completed"),
		      i == 0  ? "1.5"
		      : i < 6 ? "2"
			      : "3",
		      ids[i]);
		REDIS("ZADD", KEY("delayed"),
		      i == 0  ? "1.5"
		      : i < 6 ? "2"
			      : "3",
		      ids[i]);
	}
	assert_string_equal(page(JOB_COMPLETED, true, 3), "f \xc3\xa9 e");
	/* what came last leaves, newer ones come */
	REDIS("ZREM", KEY("completed"), "e");
	hash("new");
	REDIS("ZADD", KEY("completed"), "9", "new");
	assert_string_equal(page(JOB_COMPLETED, false, 2), "d c");
	REDIS("ZREM", KEY("completed"), "f", "d");
	assert_string_equal(page(JOB_COMPLETED, false, 9), "b a");
	assert_string_equal(page(JOB_COMPLETED, false, 9), "");
	assert_int_equal(said.place_len, 0);

	assert_string_equal(page(JOB_DELAYED, true, 3), "a b c");
	REDIS("ZREM", KEY("delayed"), "a", "b", "c", "d");
	assert_string_equal(page(JOB_DELAYED, false, 2), "e \xc3\xa9");
	/* an id without a hash is passed, the walk goes on */
	REDIS("DEL", KEY("f"));
	hash("g");
	REDIS("ZADD", KEY("delayed"), "4", "g");
	assert_string_equal(page(JOB_DELAYED, false, 1), "");
	assert_true(said.place_len > 0);
	assert_string_equal(page(JOB_DELAYED, false, 1), "g");
	assert_string_equal(page(JOB_DELAYED, false, 1), "");
	assert_int_equal(said.place_len, 0);
}

static void
a_walk_through_a_list(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		char id[8];
		snprintf(id, sizeof(id), "j%d", i);
		add(item(id));
	}
	assert_string_equal(page(JOB_WAIT, true, 3), "j0 j1 j2");
	/* two are taken, one comes behind all, one in front */
	take_one("j0");
	take_one("j1");
	add(item("new"));
	struct add_item lifo = item("first");
	lifo.options.is_lifo = true;
	add(lifo);
	assert_string_equal(page(JOB_WAIT, false, 2), "j3 j4");
	/* the last one seen leaves, and the one before it stays */
	REDIS("LREM", KEY("wait"), "1", "j4");
	assert_string_equal(page(JOB_WAIT, false, 2), "j5 j6");
	/* all that were seen are taken */
	REDIS("LTRIM", KEY("wait"), "0", "1");
	assert_string_equal(page(JOB_WAIT, false, 9), "j7 new");
	assert_string_equal(page(JOB_WAIT, false, 9), "");
	assert_int_equal(said.place_len, 0);
}

static void
a_walk_through_very_many(void **state)
{
	(void)state;
	push_many(KEY("wait"), "j", "5000");
	REDIS("EVAL",
	      "for i = 0, 4999 do redis.call('HSET', 'bull:sync:j' .. i, "
	      "'name', 'n', 'data', '{}', 'opts', '{}') redis.call('ZADD', "
	      "KEYS[1], 7, 'j' .. i) end",
	      "1", KEY("failed"));
	for (enum job_state each = JOB_WAIT; each <= JOB_FAILED;
	     each += JOB_FAILED - JOB_WAIT) {
		size_t n = 0;
		for (bool is_first = true; is_first || said.place_len > 0;
		     is_first = false) {
			page(each, is_first, 999);
			n += said.n_rows;
		}
		assert_int_equal(n, 5000);
	}
	assert_int_equal(admin_page(queue, JOB_WAIT, span_of("", 0), 1001,
				    on_page, NULL),
			 HS_TOO_BIG);
	assert_int_equal(
		admin_page(queue, JOB_WAIT, span_of("", 0), 0, on_page, NULL),
		HS_INVALID);
	assert_int_equal(admin_page(queue, JOB_UNKNOWN, span_of("", 0), 1,
				    on_page, NULL),
			 HS_INVALID);
	start_call();
	end_call(admin_page(queue, JOB_WAIT, span_text("\xff nonsense"), 1,
			    on_page, NULL));
	assert_int_equal(got.err, HS_PROTOCOL);
}

static void
pages_of_large_jobs(void **state)
{
	(void)state;
	REDIS("EVAL",
	      "local data = string.rep('x', 8388608) for i = 0, 9 do "
	      "redis.call('LPUSH', KEYS[1], 'j' .. i) redis.call('HSET', "
	      "'bull:sync:j' .. i, 'name', 'n', 'data', data) end",
	      "1", KEY("wait"));
	assert_string_equal(page(JOB_WAIT, true, 100), "j0 j1 j2 j3");
	assert_string_equal(page(JOB_WAIT, false, 100), "j4 j5 j6 j7");
	assert_string_equal(page(JOB_WAIT, false, 100), "j8 j9");
	/* one job of 80 MB */
	REDIS("EVAL",
	      "for i = 0, 9 do redis.call('HSET', KEYS[1], 'f' .. i, "
	      "redis.call('HGET', 'bull:sync:j0', 'data')) end "
	      "redis.call('HSET', KEYS[1], 'data', redis.call('HGET', "
	      "KEYS[1], 'f0'))",
	      "1", KEY("j9"));
	assert_int_equal(get("j9"), HS_OK);
	assert_string_equal((const char *)got.jobs[0]->data.ptr,
			    "\"8388612 bytes, too many to be shown\"");
	assert_string_equal(got.jobs[0]->name, "n");
	check_list(JOB_WAIT, 9, 1, "j9");
}

static void
on_state(void *ctx, enum hs_err err, const char *text, enum job_state state)
{
	(void)ctx;
	got.state = state;
	done(err, text);
}

static enum job_state
state_of(const char *id)
{
	start_call();
	end_call(admin_state(queue, span_text(id), on_state, NULL));
	assert_int_equal(got.err, HS_OK);
	return got.state;
}

static void
on_end(void *ctx, enum hs_err err, const char *text, enum admin_end end,
       struct span value)
{
	(void)ctx;
	say(&value, 1);
	said.end = end;
	done(err, text);
}

static const char *
end_of(const char *id)
{
	start_call();
	end_call(admin_end(queue, span_text(id), on_end, NULL));
	return said.rows;
}

static void
on_priorities(void *ctx, enum hs_err err, const char *text,
	      const int64_t *counts, size_t n)
{
	(void)ctx;
	said.n_rows = n;
	memcpy(said.counts, counts, n * sizeof(*counts));
	done(err, text);
}

static void
on_owner(void *ctx, enum hs_err err, const char *text, struct span id)
{
	(void)ctx;
	say(&id, 1);
	done(err, text);
}

static const char *
owner_of(const char *dedup_id)
{
	start_call();
	end_call(admin_dedup_owner(queue, span_text(dedup_id), on_owner, NULL));
	return said.rows;
}

static void
looks(void **state)
{
	const int64_t priorities[] = { 0, 3, 9 };
	(void)state;
	struct add_item urgent = item("p");
	urgent.options.priority = 3;
	add(item("a"));
	add(item("b"));
	add(item("w"));
	add(urgent);
	take_one("a");
	assert_int_equal(finish(completed("[1]")), CODE_DONE);
	take_one("b");
	assert_int_equal(finish(failed("no")), CODE_DONE);
	assert_int_equal(state_of("a"), JOB_COMPLETED);
	assert_int_equal(state_of("p"), JOB_PRIORITIZED);
	assert_int_equal(state_of("nobody"), JOB_UNKNOWN);
	assert_int_equal(state_of("meta"), JOB_UNKNOWN);
	assert_string_equal(end_of("a"), "[1]");
	assert_int_equal(said.end, ADMIN_COMPLETED);
	assert_string_equal(end_of("b"), "no");
	assert_int_equal(said.end, ADMIN_FAILED);
	assert_string_equal(end_of("w"), "");
	assert_int_equal(said.end, ADMIN_GOES_ON);
	end_of("nobody");
	assert_int_equal(got.err, HS_NOT_FOUND);
	end_of("wait");
	assert_int_equal(got.err, HS_NOT_FOUND);

	start_call();
	end_call(admin_priorities(queue, priorities, 3, on_priorities, NULL));
	assert_int_equal(got.err, HS_OK);
	assert_int_equal(said.n_rows, 3);
	assert_int_equal(said.counts[0], 1);
	assert_int_equal(said.counts[1], 1);
	assert_int_equal(said.counts[2], 0);
	assert_int_equal(
		admin_priorities(queue, priorities, 0, on_priorities, NULL),
		HS_INVALID);
	assert_int_equal(admin_priorities(queue, priorities,
					  ADMIN_PRIORITIES + 1, on_priorities,
					  NULL),
			 HS_INVALID);

	REDIS("SET", KEY("de:x"), "a");
	assert_string_equal(owner_of("x"), "a");
	assert_string_equal(owner_of("y"), "");
	REDIS("LPUSH", KEY("de:y"), "a");
	assert_string_equal(owner_of("y"), "");
	assert_int_equal(got.err, HS_PROTOCOL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(switches),
		STORY(a_long_list_is_merged_in_steps),
		STORY(a_pause_drops_no_list),
		STORY(switches_and_wrong_types),
		STORY(nothing_is_moved_after_the_other_switch),
		STORY(a_full_redis_can_be_paused),
		STORY(remove_one),
		STORY(a_family_without_end),
		STORY(a_family_of_many),
		STORY(drain_spares_a_scheduler_in_the_middle),
		STORY(drain_in_steps),
		STORY(sweeps_pass_what_is_broken),
		STORY(obliterate_asks_first),
		STORY(clean_goes_past_what_stays),
		STORY(children_and_parents),
		STORY(retry_all_in_steps),
		STORY(promote_by_hand),
		STORY(logs),
		STORY(amends),
		STORY(the_queues_own_keys_are_no_jobs),
		STORY(what_cannot_be_moved_stays),
		STORY(a_walk_among_scores),
		STORY(a_walk_through_a_list),
		STORY(a_walk_through_very_many),
		STORY(pages_of_large_jobs),
		STORY(looks),
	};
	if (!redis_server_is_here())
		return 0;
	return cmocka_run_group_tests_name("queue_admin", tests, group_setup,
					   group_teardown);
}
