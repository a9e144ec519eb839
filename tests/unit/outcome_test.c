/*
 * outcome: the table, and reasons a person can act on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "worker/outcome.h"

static void
expect(enum outcome_step step, int status, enum outcome_kind kind,
       enum outcome_effect effect)
{
	const struct outcome got = outcome_of(step, HTTP_ANSWERED, status);

	assert_int_equal(got.kind, kind);
	assert_int_equal(got.effect, effect);
}

static void
statuses_have_their_outcome(void **state)
{
	static const struct {
		int status;
		enum outcome_kind kind;
		enum outcome_effect effect;
	} same_for_all[] = {
		{ 200, OUTCOME_DONE, OUTCOME_FINE },
		{ 201, OUTCOME_DONE, OUTCOME_FINE },
		{ 204, OUTCOME_DONE, OUTCOME_FINE },
		{ 299, OUTCOME_DONE, OUTCOME_FINE },
		{ 301, OUTCOME_FAIL, OUTCOME_FINE },
		{ 304, OUTCOME_FAIL, OUTCOME_FINE },
		{ 400, OUTCOME_FAIL, OUTCOME_FINE },
		{ 401, OUTCOME_FAIL, OUTCOME_DENIED },
		{ 403, OUTCOME_FAIL, OUTCOME_DENIED },
		{ 408, OUTCOME_RETRY, OUTCOME_TROUBLE },
		{ 409, OUTCOME_FAIL, OUTCOME_FINE },
		{ 422, OUTCOME_FAIL, OUTCOME_FINE },
		{ 425, OUTCOME_RETRY, OUTCOME_TROUBLE },
		{ 429, OUTCOME_RETRY, OUTCOME_PAUSE },
		{ 499, OUTCOME_FAIL, OUTCOME_FINE },
		{ 500, OUTCOME_RETRY, OUTCOME_BROKEN },
		{ 501, OUTCOME_RETRY, OUTCOME_BROKEN },
		{ 502, OUTCOME_RETRY, OUTCOME_TROUBLE },
		{ 503, OUTCOME_RETRY, OUTCOME_PAUSE },
		{ 504, OUTCOME_RETRY, OUTCOME_TROUBLE },
		{ 505, OUTCOME_RETRY, OUTCOME_BROKEN },
		{ 522, OUTCOME_RETRY, OUTCOME_TROUBLE },
		{ 599, OUTCOME_RETRY, OUTCOME_BROKEN },
		{ 0, OUTCOME_FAIL, OUTCOME_FINE },
		{ 101, OUTCOME_FAIL, OUTCOME_FINE },
		{ 600, OUTCOME_FAIL, OUTCOME_FINE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same_for_all) / sizeof(same_for_all[0]);
	     i++)
		for (int step = OUTCOME_FETCH; step <= OUTCOME_GONE_CALL;
		     step++)
			expect((enum outcome_step)step, same_for_all[i].status,
			       same_for_all[i].kind, same_for_all[i].effect);
}

static void
not_found_depends_on_the_step(void **state)
{
	(void)state;
	for (int status = 404; status <= 410; status += 6) {
		expect(OUTCOME_FETCH, status, OUTCOME_GONE, OUTCOME_FINE);
		expect(OUTCOME_PUSH, status, OUTCOME_FAIL, OUTCOME_FINE);
		expect(OUTCOME_GONE_CALL, status, OUTCOME_DONE, OUTCOME_FINE);
	}
}

static void
what_is_no_answer_is_retried_or_not(void **state)
{
	static const struct {
		enum http_result result;
		enum outcome_kind kind;
		enum outcome_effect effect;
	} results[] = {
		{ HTTP_TIMEOUT, OUTCOME_RETRY, OUTCOME_TROUBLE },
		{ HTTP_UNREACHABLE, OUTCOME_RETRY, OUTCOME_TROUBLE },
		{ HTTP_CUT, OUTCOME_RETRY, OUTCOME_TROUBLE },
		{ HTTP_TOO_BIG, OUTCOME_FAIL, OUTCOME_FINE },
		{ HTTP_TLS, OUTCOME_FAIL, OUTCOME_DENIED },
		{ HTTP_INVALID, OUTCOME_FAIL, OUTCOME_FINE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		const struct outcome got =
			outcome_of(OUTCOME_PUSH, results[i].result, 0);

		assert_int_equal(got.kind, results[i].kind);
		assert_int_equal(got.effect, results[i].effect);
	}
}

static void
a_long_answer_to_a_push_is_still_a_yes(void **state)
{
	(void)state;
	assert_int_equal(outcome_of(OUTCOME_PUSH, HTTP_TOO_BIG, 200).kind,
			 OUTCOME_DONE);
	assert_int_equal(outcome_of(OUTCOME_GONE_CALL, HTTP_TOO_BIG, 204).kind,
			 OUTCOME_DONE);
	assert_int_equal(outcome_of(OUTCOME_PUSH, HTTP_TOO_BIG, 400).kind,
			 OUTCOME_FAIL);
	assert_int_equal(outcome_of(OUTCOME_FETCH, HTTP_TOO_BIG, 200).kind,
			 OUTCOME_FAIL);
}

static void
reason_is(enum outcome_step step, struct http_answer answer, const char *url,
	  const char *wanted)
{
	struct buf reason;

	buf_init(&reason, BOUNDS_REASON_BYTES);
	outcome_reason(step, "erp", "PUT", span_text(url), 30000, &answer,
		       &reason);
	assert_string_equal(buf_text(&reason), wanted);
	buf_fini(&reason);
}

static void
reasons_name_what_where_and_why(void **state)
{
	(void)state;
	reason_is(OUTCOME_PUSH,
		  (struct http_answer){
			  .result = HTTP_ANSWERED, .status = 503, .text = "" },
		  "https://host/customers/42",
		  "push to erp: 503 Service Unavailable from PUT "
		  "https://host/customers/42");
	reason_is(OUTCOME_FETCH,
		  (struct http_answer){
			  .result = HTTP_ANSWERED, .status = 418, .text = "" },
		  "https://host/a",
		  "fetch from erp: 418 from PUT "
		  "https://host/a");
	reason_is(OUTCOME_GONE_CALL,
		  (struct http_answer){ .result = HTTP_TIMEOUT,
					.text = "Operation timed out" },
		  "https://host/a",
		  "gone call to erp: no whole answer within 30s from PUT "
		  "https://host/a");
	reason_is(OUTCOME_PUSH,
		  (struct http_answer){ .result = HTTP_UNREACHABLE,
					.text = "Connection refused" },
		  "http://host/a",
		  "push to erp: cannot reach PUT http://host/a (Connection "
		  "refused)");
}

static void
reasons_show_no_query(void **state)
{
	(void)state;
	reason_is(OUTCOME_PUSH,
		  (struct http_answer){
			  .result = HTTP_ANSWERED, .status = 400, .text = "" },
		  "https://host/a?key=hush#x",
		  "push to erp: 400 Bad Request from PUT https://host/a");
}

static void
reasons_are_bounded(void **state)
{
	const struct http_answer answer = { .result = HTTP_ANSWERED,
					    .status = 500,
					    .text = "" };
	char url[4 * BOUNDS_REASON_BYTES];
	struct buf reason;

	(void)state;
	memset(url, 'u', sizeof(url));
	buf_init(&reason, BOUNDS_REASON_BYTES);
	outcome_reason(OUTCOME_PUSH, "erp", "PUT", span_of(url, sizeof(url)),
		       1000, &answer, &reason);
	assert_true(reason.len <= BOUNDS_REASON_BYTES);
	assert_true(reason.len > BOUNDS_REASON_BYTES / 2);
	buf_fini(&reason);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_have_their_outcome),
		cmocka_unit_test(not_found_depends_on_the_step),
		cmocka_unit_test(what_is_no_answer_is_retried_or_not),
		cmocka_unit_test(a_long_answer_to_a_push_is_still_a_yes),
		cmocka_unit_test(reasons_name_what_where_and_why),
		cmocka_unit_test(reasons_show_no_query),
		cmocka_unit_test(reasons_are_bounded),
	};
	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
