/*
 * idset: many ids, odd ids, and the place each was first seen in.
 */
#include "queue/idset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static unsigned
add(struct idset *set, struct span id, unsigned place)
{
	unsigned before = 99;
	assert_int_equal(idset_add(set, id, place, &before), HS_OK);
	return before;
}

static void
test_first_place_stays(void **state)
{
	struct idset *set = idset_new();
	(void)state;
	assert_int_equal(idset_find(set, span_text("a")), 0);
	assert_int_equal(add(set, span_text("a"), 3), 0);
	assert_int_equal(add(set, span_text("a"), 15), 3);
	assert_int_equal(add(set, span_text("a"), 3), 3);
	assert_int_equal(idset_find(set, span_text("a")), 3);
	assert_int_equal(idset_find(set, span_text("b")), 0);
	assert_int_equal(idset_len(set), 1);
	idset_free(set);
	idset_free(NULL);
}

static void
test_odd_ids(void **state)
{
	static const struct span ids[] = {
		{ (const unsigned char *)"", 0 },
		{ (const unsigned char *)"\0", 1 },
		{ (const unsigned char *)"\0\0", 2 },
		{ (const unsigned char *)"a\0b", 3 },
		{ (const unsigned char *)"a\0c", 3 },
		{ (const unsigned char *)"\xff\xfe", 2 },
		{ (const unsigned char *)"12345678", 8 },
		{ (const unsigned char *)"12345678\0", 9 },
		{ (const unsigned char *)"repeat:a:1700000000000", 22 },
	};
	const size_t n = sizeof(ids) / sizeof(ids[0]);
	struct idset *set = idset_new();
	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(add(set, ids[i], (unsigned)i + 1), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(idset_find(set, ids[i]), i + 1);
	assert_int_equal(idset_len(set), n);
	idset_free(set);
}

static void
test_many_ids(void **state)
{
	enum { N = 200000 };
	struct idset *set = idset_new();
	char id[32];
	(void)state;
	for (unsigned i = 0; i < N; i++) {
		int len = snprintf(id, sizeof(id), "job-%u", i);
		assert_int_equal(add(set, span_of(id, (size_t)len), i % 15 + 1),
				 0);
	}
	for (unsigned i = 0; i < 2 * N; i++) {
		int len = snprintf(id, sizeof(id), "job-%u", i);
		assert_int_equal(idset_find(set, span_of(id, (size_t)len)),
				 i < N ? i % 15 + 1 : 0);
	}
	assert_int_equal(idset_len(set), N);
	idset_free(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_place_stays),
		cmocka_unit_test(test_odd_ids),
		cmocka_unit_test(test_many_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
