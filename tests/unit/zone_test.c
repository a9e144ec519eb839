/*
 * zone_test: which names are zones, and the clock's jumps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/zone.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define SUMMER_MS INT64_C(1782864000000) /* 2026-07-01 */
#define SPRING_MS INT64_C(1774746000000) /* 2026-03-29 01:00: Berlin's gap */
#define AUTUMN_MS INT64_C(1792890000000) /* 2026-10-25 01:00: and overlap */

static int64_t
offset(const char *name, int64_t at_ms)
{
	struct zone *zone;
	if (zone_open(span_text(name), &zone) != HS_OK)
		fail_msg("%s: no zone", name);
	int64_t offset_ms = zone_offset_ms(zone, at_ms);
	zone_free(zone);
	return offset_ms;
}

static void
names_of_zones(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int minutes; /* in summer */
	} rows[] = {
		{ "UTC", 0 },
		{ "utc", 0 },
		{ "gmt", 0 },
		{ "UTC+2", 120 },
		{ "utc-03:30", -210 },
		{ "UTC+14", 840 },
		{ "+02:00", 120 },
		{ "-0330", -210 },
		{ "+05", 300 },
		{ "Europe/Berlin", 120 },
		{ "europe/BERLIN", 120 },
		{ "America/Argentina/Ushuaia", -180 },
		{ "america/argentina/ushuaia", -180 },
		{ "Etc/GMT-14", 840 },
		{ "Asia/Kathmandu", 345 },
		{ "PST", -420 }, /* a place, not an offset */
		{ "IST", 330 },
	};
	for (size_t i = 0; i < N_OF(rows); i++) {
		int64_t got = offset(rows[i].name, SUMMER_MS);
		if (got != rows[i].minutes * MINUTE_MS)
			fail_msg("%s: %lld", rows[i].name, (long long)got);
	}
	/* since Debian 13 old names are a package of their own */
	if (access("/usr/share/zoneinfo/US/Pacific", R_OK) == 0) {
		assert_true(offset("US/Pacific", SUMMER_MS) ==
			    -420 * MINUTE_MS);
		assert_true(offset("EST", SUMMER_MS) == -300 * MINUTE_MS);
	}
	/* the machine's own, by all its names */
	assert_true(offset("", SUMMER_MS) == offset("local", SUMMER_MS));
	assert_true(offset("", SUMMER_MS) == offset("System", SUMMER_MS));
}

static void
what_is_no_zone(void **state)
{
	(void)state;
	static const char *const names[] = {
		"Europe",
		"Europe/",
		"/Europe/Berlin",
		"/etc/localtime",
		"/usr/share/zoneinfo/Europe/Berlin",
		"Europe//Berlin",
		"Europe/../UTC",
		"../zoneinfo/UTC",
		"./UTC",
		"posixrules",
		"localtime",
		"LOCALTIME",
		"posix/UTC",
		"Right/UTC",
		"Factory",
		"tzdata.zi",
		"leapseconds",
		"Nowhere",
		"Europe/Berlin ",
		" UTC",
		"UTC+",
		"UTC2",
		"UTC+2:5",
		"UTC+2:055",
		"UTC+123",
		"GMT+2",
		"Z",
		"+2",
		"+24:00",
		"+02:60",
		"+02:",
		"+02:00x",
		"CET-1CEST,M3.5.0,M10.5.0/3",
		"PST8PDT,M3.2.0,M11.1.0",
		"Europe/B\xc3\xa9rlin",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaa"
		"aaaaaaaaaaa",
	};
	for (size_t i = 0; i < N_OF(names); i++) {
		struct zone *zone = NULL;
		if (zone_open(span_text(names[i]), &zone) != HS_NOT_FOUND)
			fail_msg("%s: a zone", names[i]);
		assert_null(zone);
	}
	struct zone *zone = NULL;
	assert_int_equal(zone_open(span_of("UTC\0x", 5), &zone), HS_NOT_FOUND);
	assert_null(zone);
}

static void
before_and_after_a_change(void **state)
{
	(void)state;
	assert_true(offset("Europe/Berlin", SPRING_MS - 1) == HOUR_MS);
	assert_true(offset("Europe/Berlin", SPRING_MS) == 2 * HOUR_MS);
	assert_true(offset("Europe/Berlin", AUTUMN_MS - 1) == 2 * HOUR_MS);
	assert_true(offset("Europe/Berlin", AUTUMN_MS) == HOUR_MS);
	/* before there was a clock to change */
	assert_true(offset("Europe/Berlin", -1) == HOUR_MS);
	/* and as far as a job can be due */
	assert_true(offset("Europe/Berlin", INT64_C(1) << 41) >= HOUR_MS);
}

static void
from_the_wall_to_utc(void **state)
{
	(void)state;
	struct zone *zone;
	int64_t half_past = SPRING_MS + HOUR_MS + 30 * MINUTE_MS; /* 02:30 */
	assert_int_equal(zone_open(span_text("Europe/Berlin"), &zone), HS_OK);
	/* an hour that is left out: as if it had not been, from either side */
	assert_true(zone_to_utc(zone, half_past, HOUR_MS) ==
		    SPRING_MS + 30 * MINUTE_MS);
	assert_true(zone_to_utc(zone, half_past, 2 * HOUR_MS) ==
		    SPRING_MS + 30 * MINUTE_MS);
	/* an hour that comes twice: by the offset one comes with */
	half_past = AUTUMN_MS + HOUR_MS + 30 * MINUTE_MS;
	assert_true(zone_to_utc(zone, half_past, 2 * HOUR_MS) ==
		    AUTUMN_MS - 30 * MINUTE_MS);
	assert_true(zone_to_utc(zone, half_past, HOUR_MS) ==
		    AUTUMN_MS + 30 * MINUTE_MS);
	/* any other */
	assert_true(zone_to_utc(zone, SUMMER_MS, HOUR_MS) ==
		    SUMMER_MS - 2 * HOUR_MS);
	assert_true(zone_to_utc(zone, SUMMER_MS, -5 * HOUR_MS) ==
		    SUMMER_MS - 2 * HOUR_MS);
	zone_free(zone);
	zone_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_zones),
		cmocka_unit_test(what_is_no_zone),
		cmocka_unit_test(before_and_after_a_change),
		cmocka_unit_test(from_the_wall_to_utc),
	};
	return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
