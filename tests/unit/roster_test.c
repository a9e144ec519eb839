/*
 * roster: finding one attempt among many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/roster.h"

static struct attempt *
attempt(const char *id)
{
	struct reply name = { .type = REPLY_TEXT, .text = span_text("name") };
	struct reply value = { .type = REPLY_TEXT, .text = span_text("x") };
	struct reply *items[] = { &name, &value };
	struct reply hash = { .type = REPLY_ARRAY,
			      .items = items,
			      .n_items = 2 };
	struct job *job = NULL;

	assert_int_equal(job_from_hash(span_text(id), &hash, &job), HS_OK);
	return attempt_new(NULL, job);
}

static void
finds_what_was_added(void **state)
{
	enum { N = 3000 };
	struct roster_slots slots = { .n_all = N, .n_used = N };
	struct roster *roster = xcalloc(1, sizeof(*roster));
	char id[32];

	(void)state;
	roster_init(roster, NULL, "sync", "token", &slots);
	for (int i = 0; i < N; i++) {
		snprintf(id, sizeof(id), "job-%d", i);
		roster_add(roster, attempt(id));
	}
	assert_int_equal(roster->n, N);
	for (int i = 0; i < N; i++) {
		struct attempt *found;

		snprintf(id, sizeof(id), "job-%d", i);
		found = roster_find(roster, span_text(id));
		assert_non_null(found);
		assert_string_equal(found->job->id, id);
		if (i % 3 == 0)
			roster_move(&roster->ended, found);
		if (i % 3 == 1)
			roster_drop(roster, found);
	}
	assert_null(roster_find(roster, span_text("job-1")));
	assert_null(roster_find(roster, span_text("job-")));
	assert_null(roster_find(roster, span_text("")));
	assert_int_equal(roster->n, N - N / 3);
	assert_int_equal(slots.n_used, N - N / 3);
	roster_fini(roster);
	assert_int_equal(roster->n, 0);
	assert_int_equal(slots.n_used, 0);
	free(roster);
}

static void
a_lost_one_is_not_found(void **state)
{
	struct roster_slots slots = { .n_all = 2, .n_used = 2 };
	struct roster *roster = xcalloc(1, sizeof(*roster));
	struct attempt *first = attempt("a");
	struct attempt *second = attempt("a");

	(void)state;
	roster_init(roster, NULL, "sync", "token", &slots);
	roster_add(roster, first);
	first->is_lost = true;
	assert_null(roster_find(roster, span_text("a")));
	roster_add(roster, second);
	assert_ptr_equal(roster_find(roster, span_text("a")), second);
	roster_fini(roster);
	free(roster);
}

static void
slots_know_since_when_one_is_free(void **state)
{
	struct roster_slots slots = { .n_all = 2, .n_used = 3 };

	(void)state;
	roster_slots_free(&slots, 1);
	assert_int_equal(slots.n_used, 2);
	slots.freed_ms = 0;
	roster_slots_free(&slots, 1); /* the first that is free */
	assert_true(slots.freed_ms > 0);
	slots.freed_ms = 0;
	roster_slots_free(&slots, 1);
	assert_int_equal(slots.freed_ms, 0);
	slots.n_used = 2;
	roster_slots_set(&slots, 5);
	assert_true(slots.freed_ms > 0);
	assert_int_equal(slots.n_all, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(a_lost_one_is_not_found),
		cmocka_unit_test(slots_know_since_when_one_is_free),
	};
	return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
