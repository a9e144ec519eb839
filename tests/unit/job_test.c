/*
 * job: hashes of every kind, hostile ones too, and the arithmetic of retries.
 */
#include "queue/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/doc.h"

#define MAX_FIELDS 32

/* A reply of HGETALL made of texts: name, value, name, value, ..., NULL. */
struct hash {
	struct reply reply;
	struct reply items[2 * MAX_FIELDS];
	struct reply *pointers[2 * MAX_FIELDS];
};

static void
hash_add(struct hash *hash, struct span text)
{
	size_t i = hash->reply.n_items++;
	hash->items[i] = (struct reply){ .type = REPLY_TEXT, .text = text };
	hash->pointers[i] = &hash->items[i];
	hash->reply.items = hash->pointers;
}

static struct reply *
hash_of(struct hash *hash, ...)
{
	va_list args;
	const char *text;
	*hash = (struct hash){ .reply = { .type = REPLY_ARRAY } };
	va_start(args, hash);
	while ((text = va_arg(args, const char *)))
		hash_add(hash, span_text(text));
	va_end(args);
	return &hash->reply;
}

/* A job with these opts and nothing odd but them. Freed by the caller. */
static struct job *
with_opts(const char *opts)
{
	struct hash hash;
	struct job *job = NULL;
	hash_of(&hash, "name", "n", "data", "{}", "opts", opts, NULL);
	assert_int_equal(job_from_hash(span_text("id"), &hash.reply, &job),
			 HS_OK);
	return job;
}

static void
a_whole_job(void **state)
{
	struct hash hash;
	struct job *job;
	(void)state;
	hash_of(&hash, "name", "crm", "data", "{\"a\":1}", "opts",
		"{\"attempts\":3,\"backoff\":{\"type\":\"exponential\","
		"\"delay\":2000,\"jitter\":0.5},\"lifo\":true,"
		"\"stackTraceLimit\":4,\"removeOnComplete\":true,"
		"\"removeOnFail\":{\"age\":60,\"count\":5,\"limit\":9}}",
		"timestamp", "1700000000000", "delay", "1.5", "priority", "7",
		"atm", "1", "ats", "2", "stc", "3", "processedOn",
		"1700000000001", "finishedOn", "1700000000002", "pb", "w",
		"defa", "late", "rjk", "sched", "failedReason", "no",
		"returnvalue", "null", "progress", "5", "stacktrace", "[\"x\"]",
		"unheard-of", "x", NULL);
	assert_int_equal(job_from_hash(span_text("evt-1"), &hash.reply, &job),
			 HS_OK);
	assert_string_equal(job->id, "evt-1");
	assert_true(span_is(job->id_bytes, "evt-1"));
	assert_string_equal(job->name, "crm");
	assert_true(span_is(job->data, "{\"a\":1}"));
	assert_int_equal(job->timestamp_ms, 1700000000000);
	assert_int_equal(job->delay_ms, 1);
	assert_int_equal(job->priority, 7);
	assert_int_equal(job->attempts, 3);
	assert_int_equal(job->made, 1);
	assert_int_equal(job->started, 2);
	assert_int_equal(job->n_stalled, 3);
	assert_int_equal(job->processed_on_ms, 1700000000001);
	assert_int_equal(job->finished_on_ms, 1700000000002);
	assert_int_equal(job->backoff, JOB_BACKOFF_EXPONENTIAL);
	assert_int_equal(job->backoff_delay_ms, 2000);
	assert_true(job->backoff_jitter == 0.5);
	assert_true(job->keep_completed.is_set);
	assert_int_equal(job->keep_completed.count, 0);
	assert_int_equal(job->keep_failed.count, 5);
	assert_int_equal(job->keep_failed.age_s, 60);
	assert_int_equal(job->keep_failed.limit, 9);
	assert_int_equal(job->stacktrace_limit, 4);
	assert_true(job->is_lifo);
	assert_string_equal(job->worker, "w");
	assert_string_equal(job->deferred, "late");
	assert_string_equal(job->scheduler, "sched");
	assert_string_equal(job->failed_reason, "no");
	assert_true(span_is(job->return_value, "null"));
	assert_true(span_is(job->progress, "5"));
	assert_true(span_is(job->stacktrace, "[\"x\"]"));
	assert_null(job->poison);
	job_free(job);
	job_free(NULL);
}

static void
a_bare_job(void **state)
{
	struct hash hash;
	struct job *job;
	(void)state;
	/* empty data and no opts are an empty object to Node */
	hash_of(&hash, "name", "", "data", "", NULL);
	assert_int_equal(job_from_hash(span_text("1"), &hash.reply, &job),
			 HS_OK);
	assert_null(job->poison);
	assert_string_equal(job->name, "");
	assert_true(span_is(job->data, "{}"));
	assert_true(span_is(job->opts, "{}"));
	assert_int_equal(job->attempts, 0);
	assert_int_equal(job->made, 0);
	assert_int_equal(job->keep_completed.count, -1);
	assert_false(job->keep_completed.is_set);
	assert_int_equal(job->stacktrace_limit, -1);
	assert_null(job->worker);
	assert_null(job->deferred);
	assert_null(job->failed_reason);
	assert_int_equal(job->return_value.len, 0);
	job_free(job);

	/* what we call by its text would be another one */
	hash_of(&hash, "name", "n", NULL);
	assert_int_equal(job_from_hash(span_of("a\0b", 3), &hash.reply, &job),
			 HS_OK);
	assert_string_equal(job->poison, "the job's id holds a NUL byte");
	job_free(job);

	/* from before version 5 */
	hash_of(&hash, "name", "n", "attemptsMade", "4", NULL);
	assert_int_equal(job_from_hash(span_text("1"), &hash.reply, &job),
			 HS_OK);
	assert_int_equal(job->made, 4);
	job_free(job);
}

static void
no_hash_at_all(void **state)
{
	struct hash hash;
	struct job *job = NULL;
	(void)state;
	hash_of(&hash, NULL);
	assert_int_equal(job_from_hash(span_text("1"), &hash.reply, &job),
			 HS_NOT_FOUND);
	hash_of(&hash, "name", NULL);
	assert_int_equal(job_from_hash(span_text("1"), &hash.reply, &job),
			 HS_PROTOCOL);
	hash_of(&hash, "name", "n", NULL);
	hash.items[1].type = REPLY_INTEGER;
	assert_int_equal(job_from_hash(span_text("1"), &hash.reply, &job),
			 HS_PROTOCOL);
	hash.reply.type = REPLY_NIL;
	assert_int_equal(job_from_hash(span_text("1"), &hash.reply, &job),
			 HS_PROTOCOL);
	assert_int_equal(job_from_hash(span_text("1"), NULL, &job),
			 HS_PROTOCOL);
	assert_null(job);
}

static void
check_poison(struct hash *hash, const char *part)
{
	struct job *job;
	assert_int_equal(job_from_hash(span_text("1"), &hash->reply, &job),
			 HS_OK);
	assert_non_null(job->poison);
	assert_non_null(strstr(job->poison, part));
	job_free(job);
}

static void
poison(void **state)
{
	static const char *const not_json[] = { "NaN",      "{",        "{}x",
						"01",       "'a'",      "[1,]",
						"\"\xff\"", "undefined" };
	struct hash hash;
	(void)state;
	hash_of(&hash, "ats", "1", NULL); /* a ghost that was taken */
	check_poison(&hash, "no name");
	for (size_t i = 0; i < sizeof(not_json) / sizeof(not_json[0]); i++) {
		hash_of(&hash, "name", "n", "data", not_json[i], NULL);
		check_poison(&hash, "data is not JSON");
		hash_of(&hash, "name", "n", "opts", not_json[i], NULL);
		check_poison(&hash, "opts are not JSON");
	}
	static const char *const no_object[] = { "null", "3", "[]", "\"x\"" };
	for (size_t i = 0; i < sizeof(no_object) / sizeof(no_object[0]); i++) {
		hash_of(&hash, "name", "n", "opts", no_object[i], NULL);
		check_poison(&hash, "no JSON object");
	}
	char deep[2 * (BOUNDS_JSON_DEPTH + 1) + 1] = { 0 };
	memset(deep, '[', BOUNDS_JSON_DEPTH + 1);
	memset(deep + BOUNDS_JSON_DEPTH + 1, ']', BOUNDS_JSON_DEPTH + 1);
	hash_of(&hash, "name", "n", "data", deep, NULL);
	check_poison(&hash, "too deep");
	hash_of(&hash, "name", NULL);
	hash_add(&hash, span_of("n\0x", 3));
	check_poison(&hash, "NUL");
}

static void
an_id_with_a_nul(void **state)
{
	struct hash hash;
	struct job *job;
	(void)state;
	hash_of(&hash, "name", "n", NULL);
	assert_int_equal(job_from_hash(span_of("a\0b", 3), &hash.reply, &job),
			 HS_OK);
	assert_int_equal(job->id_bytes.len, 3);
	assert_memory_equal(job->id_bytes.ptr, "a\0b", 3);
	job_free(job);
}

static void
odd_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} cases[] = {
		{ "5", 5 },
		{ "-5", -5 },
		{ "1e3", 1000 },
		{ "2.9", 2 },
		{ "", 0 },
		{ "NaN", 0 },
		{ "12x", 0 },
		{ " 7", 0 },
		{ "1e300", INT64_C(1) << 53 },
		{ "-1e300", -(INT64_C(1) << 53) },
		{ "9223372036854775807", INT64_MAX },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hash hash;
		struct job *job;
		hash_of(&hash, "name", "n", "atm", cases[i].text, NULL);
		assert_int_equal(
			job_from_hash(span_text("1"), &hash.reply, &job),
			HS_OK);
		assert_int_equal(job->made, cases[i].value);
		(void)job_backoff_delay(job);
		job_free(job);
	}
}

static void
hostile_opts(void **state)
{
	static const char *const odd[] = {
		"{\"attempts\":\"3\"}",
		"{\"attempts\":-3}",
		"{\"attempts\":null,\"backoff\":null}",
		"{\"attempts\":[],\"removeOnComplete\":null}",
		"{\"backoff\":[]}",
		"{\"backoff\":{}}",
		"{\"removeOnComplete\":\"yes\"}",
		"{\"removeOnComplete\":[1]}",
		"{\"lifo\":\"true\",\"stackTraceLimit\":\"1\"}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct job *job = with_opts(odd[i]);
		assert_null(job->poison);
		assert_int_equal(job->attempts, 0);
		assert_false(job->keep_completed.is_set);
		assert_false(job->is_lifo);
		assert_int_equal(job->stacktrace_limit, -1);
		assert_int_equal(job_backoff_delay(job), -1);
		job_free(job);
	}
	struct job *job = with_opts("{\"attempts\":1e300,\"backoff\":"
				    "{\"type\":\"fixed\",\"delay\":-5,"
				    "\"jitter\":-1},\"stackTraceLimit\":1e99}");
	assert_int_equal(job->attempts, INT64_C(1) << 53);
	assert_int_equal(job->backoff_delay_ms, 0);
	assert_true(job->backoff_jitter == 0);
	assert_int_equal(job_backoff_delay(job), 0);
	job_free(job);
}

static void
check_keep(const char *rule, bool is_set, int64_t count, int64_t age_s,
	   int64_t limit)
{
	char opts[256];
	snprintf(opts, sizeof(opts), "{\"removeOnComplete\":%s}", rule);
	struct job *job = with_opts(opts);
	assert_int_equal(job->keep_completed.is_set, is_set);
	assert_int_equal(job->keep_completed.count, count);
	assert_int_equal(job->keep_completed.age_s, age_s);
	assert_int_equal(job->keep_completed.limit, limit);
	assert_false(job->keep_failed.is_set);
	job_free(job);
}

static void
keep_rules(void **state)
{
	(void)state;
	check_keep("true", true, 0, 0, 0);
	check_keep("false", true, -1, 0, 0);
	check_keep("0", true, 0, 0, 0);
	check_keep("3", true, 3, 0, 0);
	check_keep("-1", true, -1, 0, 0);
	check_keep("-9", true, -1, 0, 0);
	check_keep("{}", true, -1, 0, 0);
	check_keep("{\"age\":10}", true, -1, 10, 0);
	check_keep("{\"age\":0.5}", true, -1, 1, 0);
	check_keep("{\"age\":-1}", true, -1, 0, 0);
	check_keep("{\"count\":0}", true, 0, 0, 0);
	check_keep("{\"age\":10,\"count\":2,\"limit\":4}", true, 2, 10, 4);
	check_keep("null", false, -1, 0, 0);
}

static void
backoff_kinds(void **state)
{
	static const struct {
		const char *opts;
		enum job_backoff backoff;
		int64_t delay_ms;
	} cases[] = {
		{ "{}", JOB_BACKOFF_NONE, 0 },
		{ "{\"backoff\":500}", JOB_BACKOFF_FIXED, 500 },
		{ "{\"backoff\":{\"type\":\"fixed\",\"delay\":7}}",
		  JOB_BACKOFF_FIXED, 7 },
		{ "{\"backoff\":{\"type\":\"exponential\"}}",
		  JOB_BACKOFF_EXPONENTIAL, 0 },
		{ "{\"backoff\":{\"type\":\"mine\",\"delay\":7}}",
		  JOB_BACKOFF_UNKNOWN, 7 },
		{ "{\"backoff\":{\"delay\":7}}", JOB_BACKOFF_UNKNOWN, 7 },
		{ "{\"backoff\":\"fixed\"}", JOB_BACKOFF_UNKNOWN, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct job *job = with_opts(cases[i].opts);
		assert_int_equal(job->backoff, cases[i].backoff);
		assert_int_equal(job->backoff_delay_ms, cases[i].delay_ms);
		job_free(job);
	}
}

static int64_t
delay_of(enum job_backoff backoff, int64_t delay_ms, double jitter,
	 int64_t made, int64_t attempts)
{
	struct job job = { .backoff = backoff,
			   .backoff_delay_ms = delay_ms,
			   .backoff_jitter = jitter,
			   .made = made,
			   .attempts = attempts };
	return job_backoff_delay(&job);
}

static void
backoff_formulas(void **state)
{
	const enum job_backoff fixed = JOB_BACKOFF_FIXED;
	const enum job_backoff exponential = JOB_BACKOFF_EXPONENTIAL;
	(void)state;
	/* attempts 0 and 1 are one run, 3 are three */
	assert_int_equal(delay_of(fixed, 5, 0, 0, 0), -1);
	assert_int_equal(delay_of(fixed, 5, 0, 0, 1), -1);
	assert_int_equal(delay_of(fixed, 5, 0, 0, 2), 5);
	assert_int_equal(delay_of(fixed, 5, 0, 1, 3), 5);
	assert_int_equal(delay_of(fixed, 5, 0, 2, 3), -1);
	assert_int_equal(delay_of(fixed, 5, 0, INT64_MAX, INT64_MAX), -1);
	assert_int_equal(delay_of(fixed, 5, 0, -1, 3), -1);
	assert_int_equal(delay_of(JOB_BACKOFF_NONE, 0, 0, 0, 3), 0);
	assert_int_equal(delay_of(JOB_BACKOFF_UNKNOWN, 9, 0, 0, 3), -1);
	assert_int_equal(delay_of(exponential, 2000, 0, 0, 9), 2000);
	assert_int_equal(delay_of(exponential, 2000, 0, 1, 9), 4000);
	assert_int_equal(delay_of(exponential, 2000, 0, 2, 9), 8000);
	assert_int_equal(delay_of(exponential, 0, 0, 62, 99), 0);
	/* no shift wraps, and no score leaves what Node can count */
	int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;
	for (int64_t made = 20; made < 5000; made += 7) {
		int64_t ms = delay_of(exponential, 2000, 0, made, INT64_MAX);
		assert_in_range(ms, 2000, year_ms);
	}
	assert_int_equal(delay_of(exponential, 1, 0, INT64_MAX - 2, INT64_MAX),
			 year_ms);
	assert_int_equal(delay_of(fixed, INT64_MAX, 0, 0, 2), year_ms);
}

static void
backoff_jitter(void **state)
{
	int64_t low = INT64_MAX;
	int64_t high = 0;
	(void)state;
	for (int i = 0; i < 2000; i++) {
		int64_t ms = delay_of(JOB_BACKOFF_FIXED, 1000, 0.25, 0, 2);
		assert_in_range(ms, 750, 1000);
		low = ms < low ? ms : low;
		high = ms > high ? ms : high;
		ms = delay_of(JOB_BACKOFF_EXPONENTIAL, 1000, 1, 2, 9);
		assert_in_range(ms, 0, 4000);
	}
	/* 2000 draws that all miss a tenth of the range: 1 in 10^91 */
	assert_true(low < 775);
	assert_true(high > 975);
}

static void
check_print(const struct job_options *options, const char *expected)
{
	struct buf out;
	struct doc *left;
	struct doc *right;
	struct buf a;
	buf_init(&out, 4096);
	buf_init(&a, 4096);
	assert_int_equal(job_options_print(options, &out), HS_OK);
	/* parsed equal; we also keep the order in which we print */
	assert_int_equal(doc_parse(buf_span(&out), &left), HS_OK);
	assert_int_equal(doc_parse(span_text(expected), &right), HS_OK);
	assert_int_equal(doc_print(right, false, &a), HS_OK);
	assert_string_equal(buf_text(&out), buf_text(&a));
	doc_free(left);
	doc_free(right);
	buf_fini(&a);
	buf_fini(&out);
}

static void
options(void **state)
{
	(void)state;
	check_print(&(struct job_options){ 0 }, "{\"attempts\":0}");
	check_print(&(struct job_options){ .attempts = 3,
					   .backoff = JOB_BACKOFF_EXPONENTIAL,
					   .backoff_delay_ms = 2000,
					   .id = span_text("evt-1") },
		    "{\"attempts\":3,\"backoff\":{\"type\":\"exponential\","
		    "\"delay\":2000},\"jobId\":\"evt-1\"}");
	check_print(&(struct job_options){ .backoff = JOB_BACKOFF_FIXED,
					   .delay_ms = 5,
					   .priority = 2,
					   .is_lifo = true,
					   .timestamp_ms = 1700000000000 },
		    "{\"attempts\":0,\"backoff\":{\"type\":\"fixed\","
		    "\"delay\":0},\"delay\":5,\"priority\":2,\"lifo\":true,"
		    "\"timestamp\":1700000000000}");
	struct buf tight;
	buf_init(&tight, 4);
	assert_int_equal(job_options_print(&(struct job_options){ 0 }, &tight),
			 HS_TOO_BIG);
	buf_fini(&tight);
}

static void
states(void **state)
{
	enum job_state parsed;
	(void)state;
	for (int i = 0; i < JOB_N_STATES; i++) {
		assert_int_equal(
			job_state_parse(job_state_text((enum job_state)i),
					&parsed),
			HS_OK);
		assert_int_equal(parsed, i);
	}
	assert_int_equal(job_state_parse("waiting", &parsed), HS_OK);
	assert_int_equal(parsed, JOB_WAIT);
	assert_int_equal(job_state_parse("", &parsed), HS_INVALID);
	assert_int_equal(job_state_parse("unknown", &parsed), HS_INVALID);
	assert_int_equal(job_state_parse("Failed", &parsed), HS_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_job),
		cmocka_unit_test(a_bare_job),
		cmocka_unit_test(no_hash_at_all),
		cmocka_unit_test(poison),
		cmocka_unit_test(an_id_with_a_nul),
		cmocka_unit_test(odd_numbers),
		cmocka_unit_test(hostile_opts),
		cmocka_unit_test(keep_rules),
		cmocka_unit_test(backoff_kinds),
		cmocka_unit_test(backoff_formulas),
		cmocka_unit_test(backoff_jitter),
		cmocka_unit_test(options),
		cmocka_unit_test(states),
	};
	return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
