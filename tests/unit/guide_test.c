/*
 * guide: what Redis or its connection says, and what is said to do about it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/guide.h"

static char password_origin[] = "/etc/hooksync/secrets/redis-password";
static char host_here[] = "localhost";
static char host_there[] = "redis.example.com";
static char user[] = "mary";
static char socket_path[] = "/run/redis/redis.sock";
static const struct secret password = { .origin = password_origin };

static void
assert_guides(const struct conf_redis *redis, const char *why, const char *text)
{
	struct buf out;
	buf_init(&out, 4096);
	guide_redis(redis, why, &out);
	if (!strstr(buf_text(&out), text))
		fail_msg("%s: %s", why, buf_text(&out));
	buf_fini(&out);
}

static void
test_redis(void **state)
{
	(void)state;
	const struct conf_redis here = { .host = host_here, .port = 6379 };
	const struct conf_redis there = { .host = host_there, .port = 6380 };
	const struct conf_redis by_path = { .unix_path = socket_path };
	const struct conf_redis known = { .host = host_here,
					  .username = user,
					  .password = &password };
	const struct conf_redis nameless = { .host = host_here,
					     .password = &password };
	static const struct {
		const char *why;
		const char *text;
	} rows[] = {
		{ "Connection refused", "systemctl start redis-server" },
		{ "Connection refused", "apt install redis-server" },
		{ "NOAUTH Authentication required.",
		  "redis = { password = \"secret:redis-password\"; };" },
		{ "NOAUTH Authentication required.",
		  "install -m 640 -g hooksync /dev/stdin " },
		{ "WRONGPASS invalid", "(from nowhere)" },
		{ "NOPERM this user", "the ACL of the user default" },
		{ "NOPERM this user", "examples/redis.acl" },
		{ "DENIED Redis is running in protected mode", "requirepass" },
		{ "LOADING Redis is loading", "wait" },
		{ "nodename nor servname provided, or not known",
		  "no host has that name" },
		{ "Name or service not known", "REDIS_HOST" },
		{ "Temporary failure in name resolution", "name server" },
		{ "Protocol error, got \"H\"", "TLS" },
		{ "no connection in time", "firewall" },
		{ "no answer in time", "firewall" },
		{ "Connection timed out", "firewall" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_guides(&here, rows[i].why, rows[i].text);
	assert_guides(&there, "Connection refused",
		      "port 6380 of redis.example.com");
	assert_guides(&by_path, "No such file or directory",
		      "unixsocket /run/redis/redis.sock");
	assert_guides(&by_path, "Permission denied",
		      "usermod -aG redis hooksync");
	assert_guides(&known, "WRONGPASS invalid", "the user mary");
	assert_guides(&known, "WRONGPASS invalid", password_origin);
	assert_guides(&nameless, "WRONGPASS invalid", "requirepass");
	assert_guides(&known, "NOPERM this", "the ACL of the user mary");
}

/* What nobody knows is not guessed at. */
static void
test_unknown(void **state)
{
	(void)state;
	const struct conf_redis redis = { .host = host_here };
	struct buf out;
	buf_init(&out, 4096);
	guide_redis(&redis, "ERR something new", &out);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
}

static void
test_hosts(void **state)
{
	(void)state;
	assert_true(guide_is_local(NULL));
	assert_true(guide_is_local("localhost"));
	assert_true(guide_is_local("::1"));
	assert_true(guide_is_local("127.0.0.2"));
	assert_false(guide_is_local("10.0.0.1"));
	assert_false(guide_is_local("localhost.example.com"));
}

static void
test_first_endpoint(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 4096);
	guide_first_endpoint("/etc/hooksync/hooksync.conf", &out);
	assert_non_null(strstr(buf_text(&out),
			       "/etc/hooksync/conf.d/crm.conf:\n\n"
			       "    endpoints = {\n"));
	assert_non_null(strstr(buf_text(&out), "hooksync check\n"));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redis),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_first_endpoint),
	};
	return cmocka_run_group_tests_name("guide", tests, NULL, NULL);
}
