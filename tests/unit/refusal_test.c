/*
 * refusal_test: what is said of a Redis that says no.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/refusal.h"

static char heard[2048];
static int n_heard;

static void
on_line(enum log_level level, const char *line)
{
	(void)level;
	n_heard++;
	snprintf(heard, sizeof(heard), "%s", line);
}

static void
remedies(void **state)
{
	static const char *const refusals[][2] = {
		{ "NOPERM this user has no permissions", "redis.acl" },
		{ "ERR Error running script: @user_script:7: NOPERM no",
		  "redis.acl" },
		{ "OOM command not allowed when used memory > 'maxmemory'.",
		  "maxmemory" },
		{ "ERR Error running script: -OOM command not allowed",
		  "maxmemory" },
		{ "MISCONF Redis is configured to save RDB snapshots", "disk" },
		{ "READONLY You can't write against a read only replica.",
		  "replica" },
		{ "NOREPLICAS Not enough good replicas to write.",
		  "min-replicas" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const char *remedy = refusal_remedy(refusals[i][0]);

		assert_non_null(remedy);
		assert_non_null(strstr(remedy, refusals[i][1]));
	}
	assert_null(refusal_remedy("ERR unknown command"));
	assert_null(refusal_remedy("BROOM"));
	assert_null(refusal_remedy(""));
	assert_null(refusal_remedy(NULL));
}

static void
lines(void **state)
{
	struct log_storm storm = { 0 };

	(void)state;
	log_set_sink(on_line);
	refusal_log(LOG_LEVEL_ERROR, &storm, "cannot take jobs", "crm", 0,
		    HS_PROTOCOL, "ERR no");
	/* nothing was held back, and nothing is known to do */
	assert_string_equal(heard,
			    "cannot take jobs queue=crm reason=\"ERR no\"");
	for (int i = 0; i < 3; i++)
		refusal_log(LOG_LEVEL_ERROR, &storm, "cannot take jobs", "crm",
			    0, HS_PROTOCOL, "ERR no");
	assert_int_equal(n_heard, 1);
	storm.next_due_ms = 0;
	refusal_log(LOG_LEVEL_ERROR, &storm, "cannot finish jobs", "crm", 2,
		    HS_DENIED, "NOPERM \"x");
	assert_non_null(strstr(heard, "cannot finish jobs queue=crm n=2 "
				      "reason=\"NOPERM \\\"x\" remedy=\""));
	assert_non_null(strstr(heard, " suppressed=3"));
	storm.next_due_ms = 0;
	refusal_log(LOG_LEVEL_WARN, &storm, "cannot take jobs", "crm", 0,
		    HS_TIMEOUT, NULL);
	assert_non_null(strstr(heard, hs_err_text(HS_TIMEOUT)));
	log_set_sink(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remedies),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
