/*
 * table: that the table itself is right, and what is meant by mistyped names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <limits.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "conf/nearest.h"
#include "conf/setting.h"
#include "conf/table.h"

static void
is_sane(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_table_len; i++) {
		const struct option *option = &option_table[i];
		assert_ptr_equal(option_find(option->name), option);
		assert_non_null(option->example);
		assert_int_equal(option->type == OPTION_ENUM,
				 option->choices != NULL);
		bool is_number = option->type == OPTION_INTEGER ||
				 option->type == OPTION_DURATION ||
				 option->type == OPTION_SIZE;
		if (is_number)
			assert_true(option->min < option->max);
		/* defaults and examples are values the option takes */
		const char *texts[] = { option->fallback, option->example };
		for (size_t k = 0; k < 2; k++) {
			int64_t number;
			if (!texts[k])
				continue;
			if (setting_parse_number(option, texts[k], &number) !=
			    HS_OK)
				fail_msg("%s: %s", option->name, texts[k]);
			if (is_number &&
			    (number < option->min || number > option->max))
				fail_msg("%s: %s", option->name, texts[k]);
		}
	}
}

static void
names_fit(void **state)
{
	(void)state;
	assert_true(option_name_fits("a.*.b", "a.x.b"));
	assert_false(option_name_fits("a.*.b", "a..b"));
	assert_false(option_name_fits("a.*.b", "a.x.y.b"));
	assert_false(option_name_fits("a.*.b", "a.x"));
	assert_false(option_name_fits("a.*", "a.x.b"));
	assert_false(option_name_fits("a.bc", "a.b"));
	assert_false(option_name_fits("a.b", "a.bc"));
	assert_string_equal(option_find("services.x-1.url")->name,
			    "services.*.url");
	assert_null(option_find("services.x.urls"));
	assert_null(option_find(""));
	assert_null(option_find("services.x.url."));
	assert_true(option_is_group("services"));
	assert_true(option_is_group("services.crm"));
	assert_true(option_is_group("endpoints.a.verify"));
	assert_false(option_is_group("services.crm.url"));
	assert_false(option_is_group("endpoints.a.verfy"));
	assert_false(option_is_group(""));
}

static void
env_names(void **state)
{
	(void)state;
	char *name = option_env_name(option_find("worker.concurrency"));
	assert_string_equal(name, "HOOKSYNC_WORKER_CONCURRENCY");
	free(name);
	name = option_env_name(option_find("queue.keep_failed.age"));
	assert_string_equal(name, "HOOKSYNC_QUEUE_KEEP_FAILED_AGE");
	free(name);
	name = option_env_name(option_find("redis.url"));
	assert_string_equal(name, "REDIS_URL");
	free(name);
	assert_null(option_env_name(option_find("services.a.url")));
}

static void
suggests(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "wroker", "worker" },
		{ "endpoint", "endpoints" },
		{ "services.crm.baerer", "services.crm.bearer" },
		{ "services.crm.time_out", "services.crm.timeout" },
		{ "endpoints.a.verify.secret", "endpoints.a.verify.secrets" },
		{ "concurrency", "worker.concurrency" },
		{ "queue.delay", "queue.backoff.delay" },
		{ "xyzzy", NULL },
		{ "", NULL },
		{ "endpoints.a.xyzzyxyzzy", NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *meant = option_suggest(cases[i][0]);
		if (!cases[i][1])
			assert_null(meant);
		else if (!meant || strcmp(meant, cases[i][1]) != 0)
			fail_msg("%s: %s", cases[i][0], meant ? meant : "-");
		free(meant);
	}
}

static void
distances(void **state)
{
	(void)state;
	char longer[80];
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(nearest_distance("", ""), 0);
	assert_int_equal(nearest_distance("abc", "abc"), 0);
	assert_int_equal(nearest_distance("abc", "acb"), 1);
	assert_int_equal(nearest_distance("abc", "abcd"), 1);
	assert_int_equal(nearest_distance("abc", "bc"), 1);
	assert_int_equal(nearest_distance("abc", "xbc"), 1);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_int_equal(nearest_distance("a", longer), UINT_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_sane),   cmocka_unit_test(names_fit),
		cmocka_unit_test(env_names), cmocka_unit_test(suggests),
		cmocka_unit_test(distances),
	};
	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
