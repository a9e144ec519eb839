/*
 * clock_test: two clocks that are not mixed, and their replacement.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static int64_t
wall_2024(void)
{
	return 1704067200123456;
}

static int64_t
mono_5s(void)
{
	return 5000999;
}

static void
wall_time_is_that_of_the_system(void **state)
{
	(void)state;
	int64_t before_ms = (int64_t)time(NULL) * 1000 - 1000;
	int64_t now_ms = clock_wall_ms();
	int64_t after_ms = (int64_t)time(NULL) * 1000 + 2000;
	assert_true(before_ms <= now_ms && now_ms <= after_ms);
}

static void
monotonic_time_never_goes_back(void **state)
{
	(void)state;
	int64_t last_us = clock_mono_us();
	for (int i = 0; i < 1000; i++) {
		int64_t now_us = clock_mono_us();
		assert_true(now_us >= last_us);
		last_us = now_us;
	}
	assert_true(clock_mono_ms() >= last_us / 1000);
}

static void
sources_are_replaced_and_restored(void **state)
{
	(void)state;
	clock_set_source(wall_2024, mono_5s);
	assert_int_equal(clock_wall_ms(), 1704067200123);
	assert_int_equal(clock_mono_ms(), 5000);
	assert_int_equal(clock_mono_us(), 5000999);
	clock_set_source(wall_2024, NULL);
	assert_int_equal(clock_wall_ms(), 1704067200123);
	assert_int_not_equal(clock_mono_us(), 5000999);
	clock_set_source(NULL, NULL);
	assert_int_not_equal(clock_wall_ms(), 1704067200123);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_time_is_that_of_the_system),
		cmocka_unit_test(monotonic_time_never_goes_back),
		cmocka_unit_test(sources_are_replaced_and_restored),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
