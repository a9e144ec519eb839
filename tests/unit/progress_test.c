/*
 * progress: the bar as text; whether it is drawn is told by the stories, which
 * have a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/progress.h"
#include "ctl/show.h"

static void
assert_bar(int64_t n_done, int64_t total, int64_t elapsed_ms, int columns,
	   const char *expected)
{
	char line[PROGRESS_LINE_SIZE];

	progress_print("retrying", n_done, total, elapsed_ms, columns, line);
	assert_string_equal(line, expected);
}

static void
test_bar(void **state)
{
	(void)state;
	assert_bar(0, 20000, 600, 79,
		   "retrying  [                              ]   0%  0 of "
		   "20,000");
	assert_bar(10000, 20000, 3000, 79,
		   "retrying  [###############               ]  50%  10,000 "
		   "of 20,000  3s left");
	assert_bar(20000, 20000, 6000, 79,
		   "retrying  [##############################] 100%  20,000 "
		   "of 20,000");
}

static void
test_no_total(void **state)
{
	(void)state;
	assert_bar(1234567, 0, 9000, 79, "retrying  1,234,567");
	assert_bar(-1, -1, 9000, 79, "retrying  0");
}

/* More jobs than there were when it began: they come while we work. */
static void
test_more_than_all(void **state)
{
	(void)state;
	assert_bar(30, 20, 9000, 50,
		   "retrying  [#######################] 100%  20 of 20");
}

static void
test_narrow(void **state)
{
	char line[PROGRESS_LINE_SIZE];
	(void)state;

	for (int columns = -5; columns < 300; columns++) {
		progress_print("retrying", INT64_C(123456789),
			       INT64_C(987654321), 60000, columns, line);
		size_t wanted = columns < 20 ? 20 : (size_t)columns;
		assert_true(show_width(line) <= wanted);
	}
	/* no room for a bar: the numbers are what counts */
	assert_bar(5, 10, 100, 30, "retrying  50%  5 of 10");
}

/* Nothing of it where standard error is no terminal, as in a test. */
static void
test_silent(void **state)
{
	struct progress *progress = progress_new("x", 10);
	(void)state;

	progress_set(progress, 5);
	progress_set_total(progress, 20);
	progress_hide(progress);
	progress_free(progress);
	progress_free(NULL);
}

static void
test_count(void **state)
{
	char out[SHOW_COUNT_SIZE];
	(void)state;

	assert_string_equal(show_count(0, out), "0");
	assert_string_equal(show_count(-7, out), "0");
	assert_string_equal(show_count(999, out), "999");
	assert_string_equal(show_count(1000, out), "1,000");
	assert_string_equal(show_count(123456, out), "123,456");
	assert_string_equal(show_count(INT64_MAX, out),
			    "9,223,372,036,854,775,807");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bar),
		cmocka_unit_test(test_no_total),
		cmocka_unit_test(test_more_than_all),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_count),
	};
	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
