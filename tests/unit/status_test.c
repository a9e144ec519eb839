/*
 * status_test: the line for `systemctl status`, for each kind of day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fcgi/status.h"

/* 2026-11-24 12:03:20 UTC */
#define AT_MS INT64_C(1795521800000)
#define HOUR_MS INT64_C(3600000)

static struct status_facts facts;

static int
setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	facts = (struct status_facts){
		.listening = "unix:/run/hooksync/fcgi.sock (systemd's socket)",
		.has_endpoints = true,
		.n_accepted = 1234,
		.n_refused = 3,
		.is_redis_up = true,
		.redis_error = "",
	};
	return 0;
}

static void
assert_line(int64_t now_at_ms, const char *expected)
{
	struct buf out;
	buf_init(&out, STATUS_BYTES);
	status_compose(&facts, now_at_ms, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_fini(&out);
}

#define LISTENING \
	"listening on unix:/run/hooksync/fcgi.sock (systemd's socket); "

static void
all_is_well(void **state)
{
	(void)state;
	assert_line(AT_MS, LISTENING "1234 accepted, 3 refused; Redis up");
	facts.has_endpoints = false;
	facts.n_accepted = 0;
	assert_line(AT_MS, LISTENING "no endpoint is configured yet; "
				     "0 accepted, 3 refused; Redis up");
}

static void
redis_is_away(void **state)
{
	(void)state;
	facts.is_redis_up = false;
	facts.redis_error = "Connection refused";
	facts.redis_away_since_at_ms = AT_MS;
	assert_line(AT_MS + HOUR_MS,
		    LISTENING "1234 accepted, 3 refused; "
			      "Redis away since 12:03: Connection refused");
	assert_line(AT_MS + 20 * HOUR_MS, LISTENING
		    "1234 accepted, 3 refused; "
		    "Redis away since Nov 24 12:03: Connection refused");
}

static void
a_reload_failed(void **state)
{
	(void)state;
	facts.reload_error = "/etc/hooksync/hooksync.conf:12: queue.atempts: "
			     "is no option";
	facts.reload_failed_at_ms = AT_MS;
	assert_line(AT_MS, "reload failed at 12:03, the old settings stay: "
			   "/etc/hooksync/hooksync.conf:12: queue.atempts: "
			   "is no option; " LISTENING
			   "1234 accepted, 3 refused; Redis up");
}

static void
it_stops(void **state)
{
	(void)state;
	facts.is_stopping = true;
	facts.n_inside = 7;
	assert_line(AT_MS, "stopping; 7 requests are inside");
}

static void
it_is_bounded(void **state)
{
	struct buf out;
	char text[4096];
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	facts.reload_error = text;
	facts.redis_error = text;
	facts.is_redis_up = false;
	buf_init(&out, STATUS_BYTES);
	status_compose(&facts, AT_MS, &out);
	assert_true(out.len <= STATUS_BYTES);
	/* what went wrong does not push out all else */
	assert_non_null(strstr(buf_text(&out), "1234 accepted"));
	buf_fini(&out);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_is_well), CASE(redis_is_away), CASE(a_reload_failed),
		CASE(it_stops),    CASE(it_is_bounded),
	};
	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
