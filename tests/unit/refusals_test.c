/*
 * refusals: nothing is lost of what was refused: it has a line or is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "fcgi/refusals.h"

static int64_t now_us;
static unsigned n_lines;
static uint64_t n_counted; /* by lines about more of them */
static char last_line[BOUNDS_LOG_LINE_BYTES];
static enum log_level last_level;

static int64_t
fake_mono(void)
{
	return now_us;
}

static void
on_line(enum log_level level, const char *line)
{
	const char *n = strstr(line, " n=");
	last_level = level;
	(void)snprintf(last_line, sizeof(last_line), "%s", line);
	if (strncmp(line, "more ", 5) != 0)
		n_lines++;
	else if (n != NULL)
		n_counted += strtoull(n + 3, NULL, 10);
}

static int
set_up(void **state)
{
	now_us = 1000 * 1000;
	n_lines = 0;
	n_counted = 0;
	clock_set_source(NULL, fake_mono);
	log_set_sink(on_line);
	*state = refusals_new();
	return 0;
}

static int
tear_down(void **state)
{
	refusals_free(*state);
	log_set_sink(NULL);
	clock_set_source(NULL, NULL);
	return 0;
}

static void
a_few_have_a_line_each(void **state)
{
	for (int i = 0; i < REFUSALS_LINES; i++)
		refusals_log(*state, "crm", 401, "r-1", NULL, "no signature");
	assert_int_equal(n_lines, REFUSALS_LINES);
	assert_string_equal(last_line,
			    "delivery refused endpoint=crm status=401 "
			    "request=r-1 reason=\"no signature\"");
	assert_int_equal(last_level, LOG_LEVEL_WARN);
	now_us += REFUSALS_WINDOW_MS * 1000;
	refusals_tick(*state);
	assert_int_equal(n_counted, 0);
}

static void
a_storm_is_counted(void **state)
{
	for (int i = 0; i < REFUSALS_LINES + 412; i++)
		refusals_log(*state, "crm", 401, "r-1", NULL, "no signature");
	assert_int_equal(n_lines, REFUSALS_LINES);
	assert_int_equal(n_counted, 0);
	now_us += REFUSALS_WINDOW_MS * 1000 - 1000;
	refusals_tick(*state);
	assert_int_equal(n_counted, 0);
	now_us += 1000;
	refusals_tick(*state);
	assert_string_equal(last_line,
			    "more deliveries refused endpoint=crm status=401 "
			    "n=412 reason=\"no signature\"");
	assert_int_equal(last_level, LOG_LEVEL_WARN);
	/* said once */
	now_us += REFUSALS_WINDOW_MS * 1000;
	refusals_tick(*state);
	assert_int_equal(n_counted, 412);
	/* and the next is heard again */
	refusals_log(*state, "crm", 401, "r-2", NULL, "no signature");
	assert_int_equal(n_lines, REFUSALS_LINES + 1);
}

static void
a_path_cannot_forge_a_line(void **state)
{
	refusals_log(*state, "none", 404, "r-1", "/webhooks/kontakt", "none");
	assert_string_equal(last_line,
			    "delivery refused endpoint=none status=404 "
			    "request=r-1 path=/webhooks/kontakt "
			    "reason=\"none\"");
	refusals_log(*state, "none", 404, "r-2", "/a\" job=x\n\033[2J", "none");
	assert_null(strstr(last_line, "path=/a"));
	assert_null(strchr(last_line, '\n'));
	assert_null(strchr(last_line, '\033'));
}

static void
others_are_heard_meanwhile(void **state)
{
	for (int i = 0; i < 1000; i++)
		refusals_log(*state, "crm", 401, "r-1", NULL, "no signature");
	n_lines = 0;
	refusals_log(*state, "erp", 401, "r-2", NULL, "no signature");
	refusals_log(*state, "crm", 503, "r-3", NULL, "no signature");
	refusals_log(*state, "crm", 401, "r-4", NULL, "timestamp too old");
	assert_int_equal(n_lines, 3);
}

static void
the_rest_is_told_at_the_end(void **state)
{
	for (int i = 0; i < REFUSALS_LINES + 3; i++)
		refusals_log(*state, "crm", 404, "r", NULL, "no such path");
	refusals_free(*state);
	*state = NULL;
	assert_int_equal(n_counted, 3);
	assert_int_equal(last_level, LOG_LEVEL_INFO);
}

/* More reasons than windows: few lines still, and no one uncounted. */
static void
many_reasons_are_bounded(void **state)
{
	const unsigned n = 5000;
	char why[64];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(why, sizeof(why), "member %u is missing", i);
		refusals_log(*state, "crm", 400, "r", NULL, why);
	}
	assert_true(n_lines < 100);
	refusals_free(*state);
	*state = NULL;
	assert_int_equal(n_lines + n_counted, n);
	assert_non_null(strstr(last_line, "several reasons"));
}

/* A crowd of the sender's own faults does not whisper of a delivery that was
 * not stored. */
static void
many_reasons_hide_no_warning(void **state)
{
	char why[64];

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(why, sizeof(why), "member %u is missing", i);
		refusals_log(*state, "crm", 400, "r", NULL, why);
	}
	refusals_log(*state, "crm", 503, "r", NULL, "Redis is away");
	refusals_log(*state, "crm", 400, "r", NULL, "one more");
	refusals_free(*state);
	*state = NULL;
	assert_int_equal(last_level, LOG_LEVEL_WARN);
	assert_non_null(strstr(last_line, "status=503 "));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_few_have_a_line_each),
		CASE(a_storm_is_counted),
		CASE(a_path_cannot_forge_a_line),
		CASE(others_are_heard_meanwhile),
		CASE(the_rest_is_told_at_the_end),
		CASE(many_reasons_are_bounded),
		CASE(many_reasons_hide_no_warning),
	};
	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
