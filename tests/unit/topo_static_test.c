/*
 * topo_static: an address in, the same address out, and its text.
 */
#include "redis/topo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
copies_its_address(void **state)
{
	char host[] = "redis.example.com";
	struct topo_address address = { .host = host, .port = 6380 };
	struct topo *topo = topo_static_new(&address);

	(void)state;
	memset(host, '#', sizeof(host) - 1);
	const struct topo_address *found = topo_resolve(topo);
	assert_null(found->unix_path);
	assert_string_equal(found->host, "redis.example.com");
	assert_int_equal(found->port, 6380);
	assert_string_equal(topo_text(topo), "redis.example.com:6380");
	topo_free(topo);
	topo_free(NULL);
}

static void
prefers_the_unix_socket(void **state)
{
	struct topo_address address = {
		.unix_path = "/run/redis.sock",
		.host = "ignored",
		.port = 6379,
	};
	struct topo *topo = topo_static_new(&address);

	(void)state;
	assert_string_equal(topo_resolve(topo)->unix_path, "/run/redis.sock");
	assert_string_equal(topo_text(topo), "unix:/run/redis.sock");
	topo_free(topo);
}

static void
brackets_ipv6(void **state)
{
	struct topo_address address = { .host = "::1", .port = 6379 };
	struct topo *topo = topo_static_new(&address);

	(void)state;
	assert_string_equal(topo_resolve(topo)->host, "::1");
	assert_string_equal(topo_text(topo), "[::1]:6379");
	topo_free(topo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_its_address),
		cmocka_unit_test(prefers_the_unix_socket),
		cmocka_unit_test(brackets_ipv6),
	};

	return cmocka_run_group_tests_name("topo_static", tests, NULL, NULL);
}
