/*
 * err_test: the names of errors, and allocations that end the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"

static void
each_error_has_its_own_text(void **state)
{
	(void)state;
	for (int a = HS_OK; a <= HS_NO_MEMORY; a++) {
		assert_string_not_equal(hs_err_text((enum hs_err)a), "");
		for (int b = HS_OK; b < a; b++)
			assert_string_not_equal(hs_err_text((enum hs_err)a),
						hs_err_text((enum hs_err)b));
	}
	assert_string_equal(hs_err_text(HS_NOT_FOUND), "not found");
}

static void
a_number_that_is_no_error_has_a_text(void **state)
{
	(void)state;
	assert_string_equal(hs_err_text((enum hs_err)99), "unknown error");
}

static void
memory_is_zeroed(void **state)
{
	(void)state;
	unsigned char *ptr = xcalloc(3, 5);
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(ptr[i], 0);
	free(ptr);
	ptr = xcalloc(0, 0);
	assert_non_null(ptr);
	free(ptr);
}

static void
texts_are_copied(void **state)
{
	(void)state;
	char *text = xstrdup("a text");
	assert_string_equal(text, "a text");
	free(text);
	text = xstrdup("");
	assert_string_equal(text, "");
	free(text);
	text = xstrndup("a text", 3);
	assert_string_equal(text, "a t");
	free(text);
	text = xstrndup("short", 100); /* never reads behind the NUL */
	assert_string_equal(text, "short");
	free(text);
	text = xasprintf("%s-%d", "job", 91);
	assert_string_equal(text, "job-91");
	free(text);
}

static void
an_array_grows(void **state)
{
	(void)state;
	int *numbers = xreallocarray(NULL, 2, sizeof(*numbers));
	numbers[0] = 1;
	numbers[1] = 2;
	numbers = xreallocarray(numbers, 1000, sizeof(*numbers));
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 2);
	numbers[999] = 3;
	free(numbers);
	numbers = xreallocarray(NULL, 0, sizeof(*numbers));
	assert_non_null(numbers);
	free(numbers);
}

/* The sanitizers end the process themselves on such a request. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HAS_PLAIN_MALLOC 1
#else
#define HAS_PLAIN_MALLOC 0
#endif

#if HAS_PLAIN_MALLOC
static void
swallow(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static void
no_memory_ends_the_process(void **state)
{
	(void)state;
	volatile size_t huge = SIZE_MAX / 2;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		log_set_sink(swallow);
		free(xreallocarray(NULL, huge, 4));
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EX_OSERR);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_has_its_own_text),
		cmocka_unit_test(a_number_that_is_no_error_has_a_text),
		cmocka_unit_test(memory_is_zeroed),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(an_array_grows),
#if HAS_PLAIN_MALLOC
		cmocka_unit_test(no_memory_ends_the_process),
#endif
	};
	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
