/*
 * keys: names of keys, and what may be an id.
 */
#include "queue/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bounds.h"

static void
names_are_joined(void **state)
{
	(void)state;
	struct keys *keys = keys_new("bull", "sync");
	assert_string_equal(keys_queue(keys), "sync");
	assert_string_equal(keys_base(keys), "bull:sync");
	assert_string_equal(keys_of(keys, "wait"), "bull:sync:wait");
	assert_string_equal(keys_of(keys, "waiting-children"),
			    "bull:sync:waiting-children");
	assert_string_equal(keys_of(keys, "stalled-check"),
			    "bull:sync:stalled-check");
	assert_null(keys_of(keys, "nothing"));
	assert_null(keys_of(keys, ""));
	keys_free(keys);
	keys_free(NULL);
}

static void
scripts_get_each_key_once(void **state)
{
	(void)state;
	struct keys *keys = keys_new("{tag}", "sync");
	for (size_t i = 0; i < KEYS_N; i++) {
		const char *name = keys_at(keys, i);
		assert_memory_equal(name, "{tag}:sync:", 11);
		assert_ptr_equal(keys_of(keys, name + 11), name);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(keys_at(keys, k), name);
	}
	assert_null(keys_at(keys, KEYS_N));
	assert_string_equal(keys_at(keys, 0), "{tag}:sync:wait");
	keys_free(keys);
}

static void
good_ids(void **state)
{
	static const char *const good[] = {
		"evt-1", "a",    "-1",
		"1a",    "0x10", "identity-91.a_b~",
		"waits", "Wait", "stalled-check-1",
		"1.0",   "idx",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(keys_job_id_is_valid(span_text(good[i])));
	char longest[BOUNDS_JOB_ID_BYTES];
	memset(longest, 'a', sizeof(longest));
	assert_true(keys_job_id_is_valid(span_of(longest, sizeof(longest))));
}

static void
bad_ids(void **state)
{
	static const char *const bad[] = {
		/* the queue's own keys */
		"id",
		"wait",
		"active",
		"prioritized",
		"pc",
		"delayed",
		"waiting-children",
		"completed",
		"failed",
		"paused",
		"marker",
		"meta",
		"events",
		"stalled",
		"stalled-check",
		"limiter",
		"repeat",
		"de",
		"priority",
		/* what BullMQ refuses or takes for its own */
		"0",
		"1",
		"007",
		"18446744073709551616",
		"0:1",
		"repeat:x:1",
		"de:x",
		"dn:x",
		"metrics:completed",
		"evt:lock",
		"a:b:c",
		":",
		/* what no person could type back */
		"",
		" ",
		"a b",
		"a\tb",
		"a\n",
		"\x7f",
		"\xc3\xa9",
		"\xff",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(keys_job_id_is_valid(span_text(bad[i])));
	assert_false(keys_job_id_is_valid(span_of("a\0b", 3)));
	assert_false(keys_job_id_is_valid(span_of(NULL, 0)));
	char longer[BOUNDS_JOB_ID_BYTES + 1];
	memset(longer, 'a', sizeof(longer));
	assert_false(keys_job_id_is_valid(span_of(longer, sizeof(longer))));
}

static void
queue_names(void **state)
{
	(void)state;
	assert_true(keys_queue_name_is_valid(span_text("sync")));
	assert_true(keys_queue_name_is_valid(span_text("{crm}-1")));
	assert_false(keys_queue_name_is_valid(span_text("")));
	assert_false(keys_queue_name_is_valid(span_text("a:b")));
	assert_false(keys_queue_name_is_valid(span_text("a b")));
	assert_false(keys_queue_name_is_valid(span_of("a\0", 2)));
	char longer[BOUNDS_NAME_BYTES + 1];
	memset(longer, 'q', sizeof(longer));
	assert_true(
		keys_queue_name_is_valid(span_of(longer, BOUNDS_NAME_BYTES)));
	assert_false(keys_queue_name_is_valid(span_of(longer, sizeof(longer))));
}

static void
check_client_name(const char *prefix, const char *queue, const char *worker,
		  const char *expected)
{
	struct keys *keys = keys_new(prefix, queue);
	struct buf out;
	buf_init(&out, 256);
	assert_int_equal(keys_worker_client_name(keys, worker, &out), HS_OK);
	assert_string_equal(buf_text(&out), expected);
	buf_fini(&out);
	keys_free(keys);
}

static void
client_names(void **state)
{
	(void)state;
	/* as measured with getWorkers() */
	check_client_name("bull", "q1", NULL, "bull:cTE=");
	check_client_name("bull", "q1", "", "bull:cTE=");
	check_client_name("{pre}", "my queue", "hooksync-1",
			  "{pre}:bXkgcXVldWU=:w:hooksync-1");
	check_client_name("a:b", "q1", "w", "a:b:cTE=:w:w");

	struct keys *keys = keys_new("bull", "q1");
	struct buf tight;
	buf_init(&tight, 6);
	assert_int_equal(keys_worker_client_name(keys, "w", &tight),
			 HS_TOO_BIG);
	buf_fini(&tight);
	keys_free(keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_joined),
		cmocka_unit_test(scripts_get_each_key_once),
		cmocka_unit_test(good_ids),
		cmocka_unit_test(bad_ids),
		cmocka_unit_test(queue_names),
		cmocka_unit_test(client_names),
	};
	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
