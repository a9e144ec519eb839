/*
 * endpoint: names, paths, and the rules it hands to signature.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "conf/endpoint.h"

static void
names(void **state)
{
	(void)state;
	char longest[BOUNDS_NAME_BYTES + 2];
	memset(longest, 'a', sizeof(longest));
	longest[BOUNDS_NAME_BYTES] = '\0';
	assert_true(endpoint_name_is_valid("a"));
	assert_true(endpoint_name_is_valid("crm-identity_2"));
	assert_true(endpoint_name_is_valid("1-2"));
	assert_true(endpoint_name_is_valid(longest));
	longest[BOUNDS_NAME_BYTES] = 'a';
	longest[BOUNDS_NAME_BYTES + 1] = '\0';
	assert_false(endpoint_name_is_valid(longest));
	assert_false(endpoint_name_is_valid(""));
	assert_false(endpoint_name_is_valid("12"));
	assert_false(endpoint_name_is_valid("a:b"));
	assert_false(endpoint_name_is_valid("a*"));
	assert_false(endpoint_name_is_valid("a.b"));
	assert_false(endpoint_name_is_valid("\xc3\xa9"));

	assert_true(endpoint_field_is_valid("_a1"));
	assert_false(endpoint_field_is_valid("1a"));
	assert_false(endpoint_field_is_valid("a-b"));
	assert_false(endpoint_field_is_valid(""));
	assert_false(endpoint_field_is_valid("rawPayload"));
	assert_true(endpoint_field_is_valid("rawpayload"));
}

static void
paths(void **state)
{
	(void)state;
	static const char *const good[] = { "/",          "/a",
					    "/a/",        "/a/b.c/..d",
					    "/healthz/x", "/~a@b:c" };
	static const char *const bad[] = {
		"",      "a",        "/a?b",    "/a#b",    "//",
		"/a//b", "/.",       "/..",     "/a/../b", "/a/.",
		"/%2e",  "/a%20b",   "/a b",    "/a\t",    "/\xc3\xa9",
		"/a\\b", "/healthz", "/readyz", "/{a}",
	};
	const char *why;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (endpoint_path_check(good[i], &why) != HS_OK)
			fail_msg("%s: %s", good[i], why);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (endpoint_path_check(bad[i], &why) != HS_INVALID || !why)
			fail_msg("%s", bad[i]);
	char *longest = calloc(1, 1000);
	assert_non_null(longest);
	memset(longest, 'a', 999);
	longest[0] = '/';
	assert_int_equal(endpoint_path_check(longest, &why), HS_INVALID);
	free(longest);
}

static void
rules(void **state)
{
	(void)state;
	struct secret a = { 0 };
	struct secret b = { 0 };
	const struct secret *both[] = { &a, &b };
	char header[] = "X-Token";
	buf_init(&a.value, 16);
	buf_init(&b.value, 16);
	assert_int_equal(buf_add_text(&a.value, "one"), HS_OK);
	assert_int_equal(buf_add_text(&b.value, "two"), HS_OK);
	struct endpoint endpoint = {
		.scheme = SIGNATURE_TOKEN,
		.token_header = header,
		.secrets = both,
		.n_secrets = 2,
		.tolerance_past_ms = 1,
		.tolerance_future_ms = 2,
	};
	struct span secrets[2];
	struct signature_rules rules;
	endpoint_rules(&endpoint, secrets, &rules);
	assert_int_equal(rules.scheme, SIGNATURE_TOKEN);
	assert_string_equal(rules.token_header, "X-Token");
	assert_int_equal(rules.n_secrets, 2);
	assert_true(span_is(rules.secrets[0], "one"));
	assert_true(span_is(rules.secrets[1], "two"));
	assert_int_equal(rules.tolerance_past_ms, 1);
	assert_int_equal(rules.tolerance_future_ms, 2);
	buf_fini(&a.value);
	buf_fini(&b.value);
	endpoint_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(paths),
		cmocka_unit_test(rules),
	};
	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
