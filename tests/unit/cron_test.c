/*
 * cron_test: patterns, and when they match next. The instants are what BullMQ's
 * own parser comes to; tests/compat/cron.test.mjs asks it thousands more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cron.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_MS INT64_C(86400000)

/* "2026-03-01T00:02:03", of UTC. */
static int64_t
instant(const char *text)
{
	int year;
	int month;
	int day;
	int hour;
	int minute;
	int second;
	assert_int_equal(sscanf(text, "%d-%d-%dT%d:%d:%d", &year, &month, &day,
				&hour, &minute, &second),
			 6);
	int64_t days = 0;
	static const int before[12] = { 0,   31,  59,  90,  120, 151,
					181, 212, 243, 273, 304, 334 };
	for (int y = 1970; y < year; y++)
		days += 365 + (y % 4 == 0);
	days += before[month - 1] + (month > 2 && year % 4 == 0) + day - 1;
	return days * DAY_MS +
	       ((hour * 60 + minute) * 60 + second) * INT64_C(1000);
}

static enum hs_err
next(const char *pattern, const char *zone_name, int64_t from_ms,
     int64_t until_ms, int64_t *out_ms)
{
	const char *why;
	struct cron cron;
	struct zone *zone;
	assert_int_equal(cron_parse(span_text(pattern), span_text("a seed"),
				    &cron, &why),
			 HS_OK);
	assert_int_equal(zone_open(span_text(zone_name), &zone), HS_OK);
	enum hs_err err = cron_next(&cron, zone, from_ms, until_ms, out_ms);
	zone_free(zone);
	return err;
}

static void
the_next_instant(void **state)
{
	(void)state;
	static const struct {
		const char *pattern;
		const char *zone;
		const char *from;
		int from_ms;
		const char *next;
	} rows[] = {
		{ "*/5 * * * *", "UTC", "2026-03-01T00:02:03", 500,
		  "2026-03-01T00:05:00" },
		{ "*/5 * * * *", "UTC", "2026-03-01T00:05:00", 0,
		  "2026-03-01T00:10:00" },
		{ "30 */5 * * * *", "UTC", "2026-03-01T00:05:29", 999,
		  "2026-03-01T00:05:30" },
		{ "0 0 29 2 *", "UTC", "2026-03-01T00:00:00", 0,
		  "2028-02-29T00:00:00" },
		{ "0 0 L 2 *", "UTC", "2027-12-31T00:00:00", 0,
		  "2028-02-29T00:00:00" },
		{ "0 0 13 * 5", "UTC", "2026-03-09T00:00:00", 0,
		  "2026-03-13T00:00:00" },
		{ "0 0 * * 5L", "UTC", "2026-03-01T00:00:00", 0,
		  "2026-03-27T00:00:00" },
		{ "0 0 * * fri#3", "UTC", "2026-03-01T00:00:00", 0,
		  "2026-03-20T00:00:00" },
		{ "0 0 ? jan,JUL sun", "UTC", "2026-03-01T00:00:00", 0,
		  "2026-07-05T00:00:00" },
		{ "0 12 * * 7", "UTC", "2026-03-01T12:00:00", 0,
		  "2026-03-08T12:00:00" },
		{ "@weekly", "UTC", "2026-03-02T00:00:00", 0,
		  "2026-03-08T00:00:00" },
		{ "@weekdays", "Europe/Berlin", "2026-03-06T12:00:00", 0,
		  "2026-03-08T23:00:00" },
		{ "5", "UTC", "2026-03-04T23:59:30", 0, "2026-03-06T00:00:00" },
		{ "1* * * * *", "UTC", "2026-03-01T00:03:00", 0,
		  "2026-03-01T00:10:00" },
		{ "H H * * *", "UTC", "2026-03-01T00:00:00", 0,
		  "2026-03-01T06:55:00" },
		{ "H(10-20)/3 * * * *", "UTC", "2026-03-01T00:00:00", 0,
		  "2026-03-01T00:11:00" },
		{ "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", 0,
		  "2026-03-29T01:30:00" },
		{ "30 2 * * *", "Europe/Berlin", "2026-03-29T01:30:00", 0,
		  "2026-03-30T00:30:00" },
		{ "*/30 * * * *", "Europe/Berlin", "2026-03-29T00:45:00", 0,
		  "2026-03-29T01:00:00" },
		{ "0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00", 0,
		  "2026-03-29T01:00:00" },
		{ "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", 0,
		  "2026-10-25T00:30:00" },
		{ "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00", 0,
		  "2026-10-26T01:30:00" },
		{ "*/30 * * * *", "Europe/Berlin", "2026-10-25T00:45:00", 0,
		  "2026-10-25T01:00:00" },
		{ "0 1-3 * * *", "Europe/Berlin", "2026-10-25T00:00:00", 0,
		  "2026-10-25T02:00:00" },
		{ "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00", 0,
		  "2026-10-04T15:15:00" },
		{ "0 0 * * *", "America/Havana", "2026-03-07T12:00:00", 0,
		  "2026-03-09T04:00:00" },
		/* a year that is over: since 2026 Cuba keeps summer time */
		{ "30 0 * * *", "America/Havana", "2025-11-02T04:30:00", 0,
		  "2025-11-03T05:30:00" },
		{ "0 0 * * *", "Asia/Kathmandu", "2026-03-01T00:00:00", 0,
		  "2026-03-01T18:15:00" },
		{ "0 2 * * *", "UTC-03:30", "2026-03-01T00:00:00", 0,
		  "2026-03-01T05:30:00" },
		{ "0 9 1 1 *", "America/New_York", "2026-03-01T00:00:00", 0,
		  "2027-01-01T14:00:00" },
	};
	for (size_t i = 0; i < N_OF(rows); i++) {
		int64_t got = 0;
		if (next(rows[i].pattern, rows[i].zone,
			 instant(rows[i].from) + rows[i].from_ms, 0,
			 &got) != HS_OK ||
		    got != instant(rows[i].next))
			fail_msg("row %zu: %s after %s: %lld", i,
				 rows[i].pattern, rows[i].from, (long long)got);
	}
}

static void
one_after_the_other(void **state)
{
	(void)state;
	int64_t at = instant("2026-01-01T00:00:00");
	/* every day of two years but for the one that lacks the hour */
	for (int n = 0; n < 730; n++) {
		int64_t before = at;
		assert_int_equal(
			next("30 2 * * *", "America/New_York", at, 0, &at),
			HS_OK);
		assert_true(at > before);
	}
	assert_true(at == instant("2027-12-31T07:30:00"));
}

static void
what_is_wrong(void **state)
{
	(void)state;
	static const char *const patterns[] = {
		" ",
		"* * * * * * *",
		"60 * * * *",
		"* 24 * * *",
		"* * 0 * *",
		"* * 32 * *",
		"* * * 0 *",
		"* * * 13 *",
		"* * * * 8",
		"-1 * * * *",
		"5-1 * * * *",
		"*/0 * * * *",
		"*/ * * * *",
		"/5 * * * *",
		"1/2/3 * * * *",
		"1,,2 * * * *",
		",1 * * * *",
		"1, * * * *",
		"1,1 * * * *",
		"1-5,3 * * * *",
		"0 0 * * 0,7",
		"0 0 30 2 *",
		"0 0 LL * *",
		"0 0 L5 * *",
		"0 0 1W * *",
		"0 0 * * L",
		"0 0 * * 5#6",
		"0 0 * * 5#0",
		"0 0 * * 5#",
		"0 0 * * 1-5#2",
		"0 0 * * 5#1#2",
		"0 0 * * xyz",
		"0 0 * sun *",
		"H(10-5) * * * *",
		"H(70-80) * * * *",
		"H/0 * * * *",
		"h * * * *",
		"@never",
		" @hourly",
		"abc",
		"\xff * * * *",
		"99999999999999999999999 * * * *",
	};
	for (size_t i = 0; i < N_OF(patterns); i++) {
		struct cron cron;
		const char *why = NULL;
		if (cron_parse(span_text(patterns[i]), span_text(""), &cron,
			       &why) != HS_INVALID)
			fail_msg("%s: accepted", patterns[i]);
		assert_non_null(why);
	}
	struct cron cron;
	const char *why;
	assert_int_equal(cron_parse(span_of("0 0\0* * *", 9), span_text(""),
				    &cron, &why),
			 HS_INVALID);
}

static void
what_is_too_long(void **state)
{
	(void)state;
	char pattern[2000];
	struct cron cron;
	const char *why;
	memset(pattern, ' ', sizeof(pattern));
	memcpy(pattern, "0 0 * * *", 9);
	assert_int_equal(
		cron_parse(span_of(pattern, 1024), span_text(""), &cron, &why),
		HS_OK);
	assert_int_equal(
		cron_parse(span_of(pattern, 1025), span_text(""), &cron, &why),
		HS_TOO_BIG);
	/* each letter would be sixty values */
	for (size_t i = 0; i + 4 <= 1000; i += 4)
		memcpy(pattern + i, "H/1,", 4);
	pattern[999] = ' ';
	assert_int_not_equal(
		cron_parse(span_of(pattern, 1000), span_text("x"), &cron, &why),
		HS_OK);
}

static void
what_never_comes(void **state)
{
	(void)state;
	int64_t at;
	assert_int_equal(next("0 0 31 6,11 *", "UTC", 0, 0, &at), HS_NOT_FOUND);
	assert_int_equal(next("0 0 31 2,4 *", "Europe/Berlin", 0, 0, &at),
			 HS_NOT_FOUND);
	/* or not in time */
	assert_int_equal(next("0 0 29 2 *", "UTC",
			      instant("2026-03-01T00:00:00"),
			      instant("2028-02-28T00:00:00"), &at),
			 HS_NOT_FOUND);
	assert_int_equal(next("0 0 29 2 *", "UTC",
			      instant("2026-03-01T00:00:00"),
			      instant("2028-02-29T00:00:00"), &at),
			 HS_OK);
}

static void
chance_draws_without_a_seed(void **state)
{
	(void)state;
	struct cron cron;
	const char *why;
	uint64_t seen = 0;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(cron_parse(span_text("H H(3-5) * * *"),
					    span_text(""), &cron, &why),
				 HS_OK);
		assert_true(cron.hours == 8 || cron.hours == 16 ||
			    cron.hours == 32);
		seen |= cron.minutes;
	}
	assert_true(__builtin_popcountll(seen) > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_instant),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(what_is_too_long),
		cmocka_unit_test(what_never_comes),
		cmocka_unit_test(chance_draws_without_a_seed),
	};
	return cmocka_run_group_tests_name("cron", tests, NULL, NULL);
}
