/*
 * queue: job schedulers on a real redis-server: made, changed, continued, looked
 * at and removed; refused where they make no sense. tests/compat compares every
 * step with BullMQ; this runs without Node.
 */
#include "queue/schedule.h"

#include "tests/lib/queue_stage.h"

#define MINUTE INT64_C(60000)

static struct {
	enum code code;
	char job_id[64];
	int64_t delay_ms;
	size_t n;
	char listed[256]; /* "id next iterations name; " of each */
	bool is_legacy;
} answer;

static void
on_scheduled(void *ctx, enum hs_err err, const char *text, enum code code,
	     struct span job_id, int64_t delay_ms)
{
	(void)ctx;
	assert_int_equal(err, HS_OK);
	assert_non_null(text);
	answer.code = code;
	snprintf(answer.job_id, sizeof(answer.job_id), "%.*s", (int)job_id.len,
		 (const char *)job_id.ptr);
	answer.delay_ms = delay_ms;
	got.is_done = true;
}

static void
on_schedulers(void *ctx, enum hs_err err, const char *text,
	      const struct schedule_entry *entries, size_t n, size_t n_seen)
{
	size_t len = 0;

	(void)ctx;
	(void)text;
	got.err = err;
	got.n_seen = n_seen;
	answer.n = n;
	answer.listed[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		len += (size_t)snprintf(
			answer.listed + len, sizeof(answer.listed) - len,
			"%.*s %+" PRId64 " %" PRId64 " %.*s; ",
			(int)entries[i].id.len, (const char *)entries[i].id.ptr,
			entries[i].next_ms - NOW, entries[i].iterations,
			(int)entries[i].name.len,
			(const char *)entries[i].name.ptr);
		answer.is_legacy = entries[i].is_legacy;
	}
	got.is_done = true;
}

static struct schedule_item
every(const char *id, int64_t ms)
{
	return (struct schedule_item){ .id = span_text(id),
				       .name = span_text("n"),
				       .repeat = { .every_ms = ms } };
}

static struct schedule_item
pattern(const char *id, const char *text, const char *zone)
{
	return (struct schedule_item){ .id = span_text(id),
				       .name = span_text("n"),
				       .repeat = { .pattern = span_text(text),
						   .zone = span_text(zone) } };
}

static void
upsert(struct schedule_item item)
{
	const char *why;

	start_call();
	end_call(schedule_upsert(queue, &item, now, on_scheduled, NULL, &why));
}

static enum hs_err
refused(struct schedule_item item)
{
	const char *why = NULL;
	enum hs_err err =
		schedule_upsert(queue, &item, now, on_scheduled, NULL, &why);

	assert_int_not_equal(err, HS_OK);
	assert_non_null(why);
	return err;
}

static void
advance(void)
{
	const char *why;

	start_call();
	end_call(schedule_advance(queue, got.jobs[0], now, on_scheduled, NULL,
				  &why));
}

static int64_t
drop(const char *id)
{
	start_call();
	end_call(schedule_remove(queue, span_text(id), on_number, NULL));
	return got.number;
}

static void
one_job_after_the_other(void **state)
{
	(void)state;
	upsert(every("a", MINUTE));
	assert_string_equal(answer.job_id, "repeat:a:1900000000000");
	assert_int_equal(answer.delay_ms, 0);
	for (int i = 0; i < 3; i++) {
		take_one(answer.job_id);
		advance();
		assert_int_equal(answer.code, CODE_DONE);
		assert_int_equal(answer.delay_ms, MINUTE);
		/* a second time: it is not the current one any more */
		advance();
		assert_string_equal(answer.job_id, "");
		snprintf(answer.job_id, sizeof(answer.job_id),
			 "repeat:a:%" PRId64, now + MINUTE);
		assert_int_equal(finish(completed("1")), CODE_DONE);
		now += MINUTE;
	}
	CHECK("4", "HGET", "bull:sync:repeat:a", "ic");
	CHECK("4", "GET", "bull:sync:id");
	/* late: the grid is kept, what is past is left out */
	now += 5 * MINUTE + 1;
	take_one(answer.job_id);
	advance();
	assert_string_equal(answer.job_id, "repeat:a:1900000540000");
}

static void
by_a_pattern_in_its_zone(void **state)
{
	(void)state;
	upsert(pattern("b", "30 4 * * *", "Asia/Kathmandu"));
	/* 22:45 of UTC */
	assert_string_equal(answer.job_id, "repeat:b:1900017900000");
	now += answer.delay_ms;
	take_one(answer.job_id);
	advance();
	assert_string_equal(answer.job_id, "repeat:b:1900104300000");
}

static void
as_often_and_as_long_as_it_says(void **state)
{
	struct schedule_item two = every("a", MINUTE);
	struct schedule_item ended = every("b", MINUTE);
	const char *why;

	(void)state;
	two.repeat.limit = 2;
	upsert(two);
	take_one(answer.job_id);
	advance();
	now += MINUTE;
	take_one(answer.job_id);
	assert_int_equal(schedule_advance(queue, got.jobs[0], now, on_scheduled,
					  NULL, &why),
			 HS_NOT_FOUND);
	ended.repeat.end_at_ms = now - 1;
	assert_int_equal(refused(ended), HS_NOT_FOUND);
	assert_int_equal(refused(pattern("c", "0 0 31 2,4 *", "")),
			 HS_NOT_FOUND);
	two.repeat.count = 2;
	assert_int_equal(refused(two), HS_NOT_FOUND);
}

static void
what_makes_no_scheduler(void **state)
{
	struct schedule_item both = pattern("a", "* * * * *", "");
	struct schedule_item bad = every("a", MINUTE);

	(void)state;
	both.repeat.every_ms = 1;
	assert_int_equal(refused(both), HS_INVALID);
	assert_int_equal(refused(every("a", 0)), HS_INVALID);
	assert_int_equal(refused(every("a", -1)), HS_INVALID);
	assert_int_equal(refused(every("a", INT64_MAX)), HS_INVALID);
	assert_int_equal(refused(every("", MINUTE)), HS_INVALID);
	assert_int_equal(refused(every("\xff", MINUTE)), HS_INVALID);
	assert_int_equal(refused(pattern("a", "61 * * * *", "")), HS_INVALID);
	assert_int_equal(refused(pattern("a", "* * * * *", "Nowhere")),
			 HS_DENIED);
	bad.data = span_text("{");
	assert_int_equal(refused(bad), HS_INVALID);
	bad.data = span_text("{}");
	bad.opts = span_text("[]");
	assert_int_equal(refused(bad), HS_INVALID);
	bad.opts = span_text("{\"priority\":-1}");
	assert_int_equal(refused(bad), HS_INVALID);
	CHECK("[ ]", "KEYS", "bull:sync:repeat*");
}

static void
a_job_that_does_not_say_when(void **state)
{
	static const char *const opts[] = {
		"{}",
		"{\"repeat\":7}",
		"{\"repeat\":{}}",
		"{\"repeat\":{\"every\":\"x\"}}",
		"{\"repeat\":{\"every\":-5}}",
		"{\"repeat\":{\"every\":1e99}}",
		"{\"repeat\":{\"every\":5,\"pattern\":\"* * * * *\"}}",
		"{\"repeat\":{\"every\":5,\"endDate\":\"tomorrow\"}}",
		"{\"repeat\":{\"pattern\":\"x\"}}",
		"{\"repeat\":{\"every\":5},\"priority\":99999999}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(opts) / sizeof(opts[0]); i++) {
		const char *why = NULL;

		upsert(every("a", MINUTE));
		CHECK("0", "HSET", "bull:sync:repeat:a:1900000000000", "opts",
		      opts[i]);
		take_one("repeat:a:1900000000000");
		assert_int_equal(schedule_advance(queue, got.jobs[0], now,
						  on_scheduled, NULL, &why),
				 HS_INVALID);
		assert_non_null(why);
		(void)REDIS("FLUSHDB");
	}
}

static void
a_record_that_is_gone(void **state)
{
	(void)state;
	upsert(every("a", MINUTE));
	CHECK("1", "DEL", "bull:sync:repeat:a");
	take_one("repeat:a:1900000000000");
	advance();
	assert_int_equal(answer.code, CODE_MISSING);
	CHECK("0", "EXISTS", "bull:sync:repeat:a");
	CHECK("0", "ZCARD", "bull:sync:delayed");
}

static void
what_is_called_like_version_5s(void **state)
{
	const char *const id = "name:id:17:Europe/Berlin:* * * * *";

	(void)state;
	/* a scheduler may be called so */
	upsert(every(id, MINUTE));
	take_one(answer.job_id);
	advance();
	assert_int_equal(answer.code, CODE_DONE);
	assert_string_not_equal(answer.job_id, "");
	/* but a record without a count is none */
	(void)REDIS("HDEL",
		    "bull:sync:repeat:name:id:17:Europe/Berlin:* * * * *",
		    "ic");
	advance();
	assert_int_equal(answer.code, CODE_MISSING);
	start_call();
	end_call(schedule_get(queue, span_text(id), on_schedulers, NULL));
	assert_true(answer.is_legacy);
}

static void
where_the_times_are_taken(void **state)
{
	char key[64];

	(void)state;
	for (int i = 0; i <= 32; i++) {
		snprintf(key, sizeof(key), "bull:sync:repeat:a:%" PRId64,
			 now + i * MINUTE);
		(void)REDIS("HSET", key, "x", "1");
	}
	upsert(every("a", MINUTE));
	assert_int_equal(answer.code, CODE_SLOTS_BUSY);
	(void)REDIS("DEL", key);
	upsert(every("a", MINUTE));
	assert_int_equal(answer.code, CODE_DONE);
	assert_int_equal(answer.delay_ms, 32 * MINUTE);
	(void)REDIS("HSET", "bull:sync:repeat:b:1900000100000", "x", "1");
	upsert(pattern("b", "20 48 17 * * *", "UTC"));
	assert_int_equal(answer.code, CODE_SLOT_TAKEN);
}

static void
looking_and_removing(void **state)
{
	(void)state;
	start_call();
	end_call(schedule_count(queue, on_number, NULL));
	assert_int_equal(got.number, 0);
	upsert(every("a", 3 * MINUTE));
	struct schedule_item later = every("b", MINUTE);
	later.repeat.start_at_ms = now + 5;
	upsert(later);
	start_call();
	end_call(schedule_list(queue, 0, 10, false, on_schedulers, NULL));
	assert_string_equal(answer.listed, "a +0 1 n; b +5 1 n; ");
	start_call();
	end_call(schedule_list(queue, 0, 1, true, on_schedulers, NULL));
	assert_string_equal(answer.listed, "b +5 1 n; ");
	start_call();
	end_call(schedule_list(queue, 2, 10, false, on_schedulers, NULL));
	assert_int_equal(got.n_seen, 0);
	assert_int_equal(schedule_list(queue, 0, BOUNDS_SCHEDULE_PAGE + 1,
				       false, on_schedulers, NULL),
			 HS_TOO_BIG);
	start_call();
	end_call(schedule_get(queue, span_text("b"), on_schedulers, NULL));
	assert_string_equal(answer.listed, "b +5 1 n; ");
	start_call();
	end_call(schedule_count(queue, on_number, NULL));
	assert_int_equal(got.number, 2);

	assert_int_equal(drop("b"), 0);
	CHECK("0", "EXISTS", "bull:sync:repeat:b:1900000000005");
	assert_int_equal(drop("b"), 1);
	got.err = HS_OK;
	start_call();
	end_call(schedule_get(queue, span_text("b"), on_schedulers, NULL));
	assert_int_equal(got.err, HS_NOT_FOUND);
	/* a record that is no hash is nobody's answer, but Redis's */
	(void)REDIS("DEL", "bull:sync:repeat:a");
	(void)REDIS("SET", "bull:sync:repeat:a", "x");
	start_call();
	end_call(schedule_list(queue, 0, 10, false, on_schedulers, NULL));
	assert_int_equal(got.err, HS_PROTOCOL);
}

static void
for_those_who_know_the_time(void **state)
{
	struct schedule_item item = pattern("a", "never looked at", "");

	(void)state;
	start_call();
	end_call(schedule_put(queue, &item,
			      span_text("{\"repeat\":{\"pattern\":\"x\"}}"),
			      now + 5, now, on_scheduled, NULL));
	assert_int_equal(answer.delay_ms, 5);
	now += 5;
	take_one(answer.job_id);
	start_call();
	end_call(schedule_follow(queue, span_text("a"),
				 span_text("repeat:a:1900000000005"),
				 span_text("{}"), span_text("{\"x\":1}"), 0,
				 now + 7, now, on_scheduled, NULL));
	assert_string_equal(answer.job_id, "repeat:a:1900000000012");
	assert_int_equal(schedule_put(queue, &item, span_text("7"), 1, now,
				      on_scheduled, NULL),
			 HS_INVALID);
}

static enum hs_err refusal;

static void
on_refused(void *ctx, enum hs_err err, const char *text, enum code code,
	   struct span job_id, int64_t delay_ms)
{
	(void)ctx;
	(void)text;
	(void)code;
	(void)job_id;
	(void)delay_ms;
	refusal = err;
	got.is_done = true;
}

/* A key of a wrong type: when it is mended, the scheduler is as it was. */
static void
refused_it_changes_nothing(void **state)
{
	static const char *const keys[] = { "bull:sync:delayed",
					    "bull:sync:marker",
					    "bull:sync:events", "bull:sync:id",
					    "bull:sync:wait" };
	const char *why;

	(void)state;
	upsert(every("a", MINUTE));
	take_one(answer.job_id);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		(void)REDIS("RENAME", keys[i], "kept");
		(void)REDIS("SADD", keys[i], "no such thing");
		start_call();
		end_call(schedule_advance(queue, got.jobs[0], now, on_refused,
					  NULL, &why));
		assert_int_equal(refusal, HS_PROTOCOL);
		(void)REDIS("DEL", keys[i]);
		(void)REDIS("RENAME", "kept", keys[i]);
		CHECK("1", "HGET", "bull:sync:repeat:a", "ic");
		CHECK("1", "GET", "bull:sync:id");
		CHECK("0", "ZCARD", "bull:sync:delayed");
		CHECK("0", "EXISTS", "bull:sync:repeat:a:1900000060000");
	}
	advance();
	assert_string_equal(answer.job_id, "repeat:a:1900000060000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(one_job_after_the_other),
		STORY(by_a_pattern_in_its_zone),
		STORY(as_often_and_as_long_as_it_says),
		STORY(what_makes_no_scheduler),
		STORY(a_job_that_does_not_say_when),
		STORY(a_record_that_is_gone),
		STORY(what_is_called_like_version_5s),
		STORY(where_the_times_are_taken),
		STORY(refused_it_changes_nothing),
		STORY(looking_and_removing),
		STORY(for_those_who_know_the_time),
	};

	return cmocka_run_group_tests_name("queue_schedule", tests, group_setup,
					   group_teardown);
}
