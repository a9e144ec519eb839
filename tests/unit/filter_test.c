/*
 * filter: which jobs are meant, read from a command line and asked of jobs that
 * a stranger wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ctl/filter.h"

static struct filter
read_line(const struct cmd_line *line)
{
	struct filter filter;
	char why[256];

	assert_int_equal(filter_read(line, NULL, 0, &filter, why, sizeof why),
			 HS_OK);
	return filter;
}

static void
assert_wrong(const struct cmd_line *line, const char *expected)
{
	struct filter filter;
	char why[256];

	assert_int_equal(filter_read(line, NULL, 0, &filter, why, sizeof why),
			 HS_INVALID);
	assert_string_equal(why, expected);
}

static struct job
job_with(const char *data)
{
	return (struct job){
		.id = (char *)"j",
		.name = (char *)"crm-identity-webhook",
		.data = span_text(data),
		.timestamp_ms = 1000,
	};
}

static bool
has_entity(const char *entity, const char *data)
{
	const struct cmd_line line = { .entity = entity };
	const struct filter filter = read_line(&line);
	const struct job job = job_with(data);
	return filter_matches(&filter, &job, JOB_WAIT);
}

static void
test_states(void **state)
{
	static char first[] = "failed,delayed";
	static char second[] = "waiting";
	char *const words[] = { first, second };
	const struct cmd_line none = { 0 };
	const struct cmd_line line = { .state = "failed,paused" };
	struct filter filter;
	char text[128];
	char why[256];
	(void)state;

	assert_int_equal(filter_read(&line, words, 2, &filter, why, sizeof why),
			 HS_OK);
	assert_int_equal(filter.n_states, 4); /* none twice */
	assert_int_equal(filter.states[0], JOB_FAILED);
	assert_int_equal(filter.states[1], JOB_DELAYED);
	assert_int_equal(filter.states[2], JOB_WAIT);
	assert_int_equal(filter.states[3], JOB_PAUSED);
	filter_states_text(&filter, text, sizeof text);
	assert_string_equal(text, "failed, delayed, wait or paused");

	filter = read_line(&none);
	assert_int_equal(filter.n_states, JOB_N_STATES);
	filter_states_text(&filter, text, sizeof text);
	assert_string_equal(text, "");
	assert_true(filter.limit == SIZE_MAX);

	assert_int_equal(
		filter_read_in(&none, JOB_FAILED, &filter, why, sizeof why),
		HS_OK);
	assert_int_equal(filter.n_states, 1);
	filter_states_text(&filter, text, sizeof text);
	assert_string_equal(text, "failed");
}

static void
test_wrong(void **state)
{
	static const char *const bad_states[] = {
		"",        "x",      "failed,",    ",failed", "failed,,wait",
		"unknown", "FAILED", "failed wait"
	};
	static const char *const bad_ages[] = { "",     "5",    "m",
						"-5m",  "5 m",  "5x",
						"1.5h", "5m3s", "h5" };
	char long_state[600];
	(void)state;

	for (size_t i = 0; i < sizeof bad_states / sizeof bad_states[0]; i++) {
		const struct cmd_line line = { .state = bad_states[i] };
		struct filter filter;
		char why[256];
		assert_int_equal(
			filter_read(&line, NULL, 0, &filter, why, sizeof why),
			HS_INVALID);
		assert_non_null(strstr(why, "is no state of a job: wait, "));
	}
	memset(long_state, 'x', sizeof long_state);
	long_state[sizeof long_state - 1] = '\0';
	const struct cmd_line long_line = { .state = long_state };
	struct filter filter;
	char why[256];
	assert_int_equal(
		filter_read(&long_line, NULL, 0, &filter, why, sizeof why),
		HS_INVALID);
	for (size_t i = 0; i < sizeof bad_ages / sizeof bad_ages[0]; i++) {
		const struct cmd_line older = { .older = bad_ages[i] };
		const struct cmd_line newer = { .newer = bad_ages[i] };
		assert_wrong(&older,
			     "--older takes an age: a number and a unit, as "
			     "in 30s, 5m, 2h, 3d");
		assert_wrong(&newer,
			     "--newer takes an age: a number and a unit, as "
			     "in 30s, 5m, 2h, 3d");
	}
	const struct cmd_line both = { .older = "2h", .newer = "2h" };
	assert_wrong(&both, "no job is both older than 2h and newer than 2h");
	static const char *const bad_entities[] = { "", "=", "=7", "x=" };
	for (size_t i = 0; i < 4; i++) {
		const struct cmd_line line = { .entity = bad_entities[i] };
		assert_wrong(&line, "--entity takes an id, or FIELD=ID: 42, "
				    "identity=42");
	}
}

static void
test_entity(void **state)
{
	static const char data[] =
		"{\"identityId\":\"42\",\"n\":12345678901234567890123,"
		"\"a/b~c\":\"x\",\"esc\":\"\\u0034\\u0033\",\"t\":true,"
		"\"o\":{\"id\":\"7\"},\"l\":[\"8\"],\"e\":\"\",\"eq\":\"a=b\","
		"\"rawPayload\":{\"id\":\"9\"},\"rawPayloadId\":\"10\"}";
	(void)state;

	assert_true(has_entity("42", data));
	assert_true(has_entity("identity=42", data));
	assert_true(has_entity("identityId=42", data));
	assert_false(has_entity("invoice=42", data));
	assert_false(has_entity("Id=42", data));
	assert_false(has_entity("4", data)); /* the whole of it */
	assert_false(has_entity("identity=4", data));
	/* as it is written, whatever json-c makes of it */
	assert_true(has_entity("12345678901234567890123", data));
	assert_true(has_entity("n=12345678901234567890123", data));
	assert_false(has_entity("12345678901234567890124", data));
	assert_true(has_entity("a/b~c=x", data));
	assert_true(has_entity("x", data));
	assert_true(has_entity("43", data)); /* escapes are read */
	assert_true(has_entity("esc=43", data));
	assert_true(has_entity("eq=a=b", data));
	/* no ids: what is deeper, what is no text and no number, the body */
	assert_false(has_entity("7", data));
	assert_false(has_entity("8", data));
	assert_false(has_entity("9", data));
	assert_false(has_entity("true", data));
	assert_false(has_entity("t=true", data));
	assert_true(has_entity("rawPayload=10", data));
}

static void
test_entity_of_odd_data(void **state)
{
	static const char *const odd[] = {
		"",     "42",        "\"42\"",
		"[42]", "{\"a\":42", "{\"a\":42}}",
		"null", "{",         "{\"a\":NaN42}"
	};
	char big[3000] = "{\"a\":\"";
	(void)state;

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		assert_false(has_entity("42", odd[i]));
		assert_false(has_entity("a=42", odd[i]));
	}
	/* longer than an id may be */
	memset(big + 6, '4', sizeof big - 10);
	memcpy(big + sizeof big - 4, "\"}", 3);
	assert_false(has_entity("44", big));
	/* of a name given twice the last counts */
	assert_true(has_entity("a=2", "{\"a\":1,\"a\":2}"));
	assert_false(has_entity("a=1", "{\"a\":1,\"a\":2}"));
}

static void
test_name(void **state)
{
	static const struct {
		const char *pattern;
		bool matches;
	} cases[] = {
		{ "crm-identity-webhook", true },
		{ "crm-*", true },
		{ "*identity*", true },
		{ "crm-?dentity-*", true },
		{ "crm-[a-i]*", true },
		{ "CRM-*", false },
		{ "crm-", false },
		{ "", false },
		{ "crm-[", false },
	};
	const struct job job = job_with("{}");
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct cmd_line line = { .name = cases[i].pattern };
		const struct filter filter = read_line(&line);
		assert_true(filter_asks_job(&filter));
		assert_int_equal(filter_matches(&filter, &job, JOB_WAIT),
				 cases[i].matches);
	}
}

static void
test_error(void **state)
{
	const struct cmd_line line = { .error = "timeout" };
	const struct filter filter = read_line(&line);
	struct job job = job_with("{}");
	(void)state;

	assert_false(filter_matches(&filter, &job, JOB_FAILED));
	job.failed_reason = (char *)"push: Timeout after 5s";
	assert_true(filter_matches(&filter, &job, JOB_FAILED));
	assert_true(filter_matches(&filter, &job, JOB_DELAYED));
	/* it failed once, but that is over */
	assert_false(filter_matches(&filter, &job, JOB_COMPLETED));
	job.failed_reason = NULL;
	job.poison = (char *)"no TIMEOUT in it";
	assert_true(filter_matches(&filter, &job, JOB_WAIT));
}

static void
test_age(void **state)
{
	const struct cmd_line line = { .older = "2m", .newer = "5m" };
	struct filter filter = read_line(&line);
	struct job job = job_with("{}");
	(void)state;

	assert_false(filter_asks_job(
		&(struct filter){ .older_ms = 5, .newer_ms = -1 }));
	filter.now_ms = 1000000;
	job.timestamp_ms = 1; /* made long ago, ended when it says */
	static const struct {
		int64_t age_ms;
		bool matches;
	} cases[] = {
		{ 0, false },      { 119999, false }, { 120000, true },
		{ 299999, true },  { 300000, false }, { -5000, false },
		{ 900000, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		job.finished_on_ms = filter.now_ms - cases[i].age_ms;
		assert_int_equal(filter_matches(&filter, &job, JOB_FAILED),
				 cases[i].matches);
		job.processed_on_ms = job.finished_on_ms;
		assert_int_equal(filter_matches(&filter, &job, JOB_ACTIVE),
				 cases[i].matches);
		assert_false(filter_matches(&filter, &job, JOB_WAIT));
	}
}

/* Who retries must not meet what it retried, failed again. */
static void
test_closed(void **state)
{
	const struct cmd_line line = { 0 };
	struct filter filter = read_line(&line);
	struct job job = job_with("{}");
	(void)state;

	job.finished_on_ms = filter.now_ms + 1;
	assert_true(filter_matches(&filter, &job, JOB_FAILED));
	filter.is_closed = true;
	assert_false(filter_matches(&filter, &job, JOB_FAILED));
	job.finished_on_ms = filter.now_ms;
	assert_true(filter_matches(&filter, &job, JOB_FAILED));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_entity),
		cmocka_unit_test(test_entity_of_odd_data),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_closed),
	};
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
