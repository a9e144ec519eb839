/*
 * premises_test: what the status lines of workers tell the doctor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/premises.h"

static char told[1024];
static int n_told;

static void
on_note(void *ctx, const char *where, const struct diagnosis *diagnosis)
{
	(void)ctx;
	n_told++;
	assert_int_equal(diagnosis->severity, DIAGNOSIS_ERROR);
	snprintf(told, sizeof(told), "%s %s %s", where, diagnosis->kind,
		 diagnosis->text);
}

static int
tell(const char *lines)
{
	struct premises *premises = premises_new();

	n_told = 0;
	premises_add_worker_status(premises, span_text(lines));
	premises_tell(premises, on_note, NULL);
	premises_free(premises);
	return n_told;
}

static void
status_lines(void **state)
{
	(void)state;
	assert_int_equal(tell(""), 0);
	assert_int_equal(tell("\n\n"), 0);
	assert_int_equal(tell("0 active, 1 done, 0 failed; Redis up\n"), 0);
	assert_int_equal(tell("0 active, 1 done, 0 failed; Redis refuses our "
			      "commands: NOPERM no\n"),
			 1);
	assert_string_equal(told, "worker refused it takes no job: Redis "
				  "refuses its commands: NOPERM no");
	assert_int_equal(tell("0 active; Redis up\n\n"
			      "0 active; Redis refuses our commands: OOM a\n\n"
			      "0 active; Redis refuses our commands: OOM b"),
			 2);
	assert_non_null(strstr(told, "OOM b"));
	/* cut by systemd, or by us */
	assert_int_equal(tell("0 active; Redis refuses our comm"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_lines),
	};

	return cmocka_run_group_tests_name("premises", tests, NULL, NULL);
}
