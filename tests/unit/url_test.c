/*
 * url: URLs taken apart, Redis's forms, masks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "conf/url.h"

static void
splits(void **state)
{
	(void)state;
	struct url url;
	const char *why;
	assert_int_equal(url_split(span_text("http://u:p@q@[::1]:80/a/b?c=d#e"),
				   &url, &why),
			 HS_OK);
	assert_true(span_is(url.scheme, "http"));
	assert_true(span_is(url.userinfo, "u:p@q"));
	assert_true(span_is(url.host, "::1"));
	assert_true(span_is(url.port, "80"));
	assert_true(span_is(url.path, "/a/b"));
	assert_true(span_is(url.query, "c=d"));
	assert_true(span_is(url.fragment, "e"));

	assert_int_equal(url_split(span_text("x://h"), &url, &why), HS_OK);
	assert_true(span_is(url.host, "h"));
	assert_null(url.port.ptr);
	assert_null(url.query.ptr);
	assert_null(url.fragment.ptr);
	assert_null(url.userinfo.ptr);
	assert_int_equal(url.path.len, 0);
}

static void
refuses_what_is_no_url(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"h",
		"://h",
		"http:/h",
		"http//h",
		"http://h:",
		"http://h:0",
		"http://h:65536",
		"http://h:x",
		"http://[::1",
		"http://[::1]x",
		"http://a b",
		"http://a\x7f",
		"http://\xc3\xa9",
		"http://a\"b",
		"http://a\\b",
		"http://h:-1",
		"http://h:080",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct url url;
		const char *why = NULL;
		if (url_split(span_text(bad[i]), &url, &why) != HS_INVALID)
			fail_msg("%s", bad[i]);
		assert_non_null(why);
	}
	/* bytes behind the span are not looked at, a NUL within is one too */
	struct url url;
	const char *why;
	assert_int_equal(url_split(span_of("http://h:80", 10), &url, &why),
			 HS_OK);
	assert_true(span_is(url.port, "8"));
	assert_int_equal(url_split(span_of("http://h\0/", 10), &url, &why),
			 HS_INVALID);
}

static void
checks_a_base(void **state)
{
	(void)state;
	const char *why;
	static const char *const good[] = { "http://h", "HTTPS://h:1/",
					    "https://h/a.b/..c/%2e%2fx" };
	static const char *const bad[] = {
		"ftp://h",       "http://",         "http:///x",
		"http://u@h",    "http://u:p@h",    "http://h?",
		"http://h/?a=b", "http://h#",       "http://h/a/..",
		"http://h/./a",  "http://h/%2e%2E", "http://h/.%2e/x",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(url_base_check(span_text(good[i]), &why),
				 HS_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (url_base_check(span_text(bad[i]), &why) != HS_INVALID)
			fail_msg("%s", bad[i]);
}

static void
decodes(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 16);
	assert_int_equal(url_decode(span_text("a%40%2Fb%25"), &out), HS_OK);
	assert_string_equal(buf_text(&out), "a@/b%");
	static const char *const bad[] = { "%", "%4", "%g0", "%00", "a%0" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_reset(&out);
		assert_int_equal(url_decode(span_text(bad[i]), &out),
				 HS_INVALID);
	}
	buf_reset(&out);
	assert_int_equal(url_decode(span_text("12345678901234567"), &out),
			 HS_TOO_BIG);
	buf_fini(&out);
}

static void
parses_redis(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *unix_path;
		const char *host;
		int64_t port;
		const char *username;
		const char *password;
		int64_t db;
	} cases[] = {
		{ "redis://h", NULL, "h", 6379, NULL, NULL, 0 },
		{ "redis://h/", NULL, "h", 6379, NULL, NULL, 0 },
		{ "REDIS://h:1/15", NULL, "h", 1, NULL, NULL, 15 },
		{ "redis://:p@h", NULL, "h", 6379, NULL, "p", 0 },
		{ "redis://u:p@h", NULL, "h", 6379, "u", "p", 0 },
		{ "redis://u:@h", NULL, "h", 6379, "u", NULL, 0 },
		{ "redis://u%3a:p%40%2f:x@h", NULL, "h", 6379, "u:", "p@/:x",
		  0 },
		{ "redis://[2001:db8::1]:7000/2", NULL, "2001:db8::1", 7000,
		  NULL, NULL, 2 },
		{ "unix:/run/redis.sock", "/run/redis.sock", NULL, 6379, NULL,
		  NULL, 0 },
		{ "unix:/run/redis.sock?db=3", "/run/redis.sock", NULL, 6379,
		  NULL, NULL, 3 },
		{ "unix:///run/redis.sock", "/run/redis.sock", NULL, 6379, NULL,
		  NULL, 0 },
		{ "unix://u:p@/run/redis.sock?db=1", "/run/redis.sock", NULL,
		  6379, "u", "p", 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct url_redis redis;
		const char *why;
		if (url_redis_parse(span_text(cases[i].text), &redis, &why) !=
		    HS_OK)
			fail_msg("%s: %s", cases[i].text, why);
		if (cases[i].unix_path)
			assert_string_equal(redis.unix_path,
					    cases[i].unix_path);
		else
			assert_null(redis.unix_path);
		if (cases[i].host)
			assert_string_equal(redis.host, cases[i].host);
		else
			assert_null(redis.host);
		assert_int_equal(redis.port, cases[i].port);
		if (cases[i].username)
			assert_string_equal(redis.username, cases[i].username);
		else
			assert_null(redis.username);
		assert_int_equal(redis.has_password, cases[i].password != NULL);
		if (cases[i].password)
			assert_string_equal(buf_text(&redis.password),
					    cases[i].password);
		assert_int_equal(redis.db, cases[i].db);
		url_redis_fini(&redis);
	}
}

static void
refuses_redis(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"redis:",
		"redis://",
		"redis:///0",
		"redis://h/x",
		"redis://h/-1",
		"redis://h/1/2",
		"redis://h/99999999999999999999",
		"redis://h?db=1",
		"redis://h/0#x",
		"redis://u@h",
		"redis://u:%zz@h",
		"redis://u:%00@h",
		"redis://u:p/w@h",
		"rediss://h",
		"http://h",
		"localhost:6379",
		"unix:",
		"unix:/",
		"unix:relative",
		"unix://host/path",
		"unix:/s?db=",
		"unix:/s?db=x",
		"unix:/s?password=x",
		"unix:/a%0ab",
		"unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct url_redis redis;
		const char *why = NULL;
		if (url_redis_parse(span_text(bad[i]), &redis, &why) !=
		    HS_INVALID)
			fail_msg("%s", bad[i]);
		assert_non_null(why);
	}
}

static void
masks(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "redis://h:1/0", "redis://h:1/0" },
		{ "redis://u:p@h/0", "redis://u:********@h/0" },
		{ "redis://:p@h", "redis://:********@h" },
		{ "redis://u:p@w@h", "redis://u:********@h" },
		{ "unix://u:p@/s?db=1", "unix://u:********@/s?db=1" },
		{ "unix:/s", "unix:/s" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *masked = url_mask(cases[i][0]);
		assert_string_equal(masked, cases[i][1]);
		free(masked);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits),
		cmocka_unit_test(refuses_what_is_no_url),
		cmocka_unit_test(checks_a_base),
		cmocka_unit_test(decodes),
		cmocka_unit_test(parses_redis),
		cmocka_unit_test(refuses_redis),
		cmocka_unit_test(masks),
	};
	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
