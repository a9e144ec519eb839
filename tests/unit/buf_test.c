/*
 * buf_test: growth up to the ceiling, failure that changes nothing, spans.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void
an_empty_buf_is_a_text(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 10);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf_span(&buf).len, 0);
	char *text = buf_steal(&buf);
	assert_string_equal(text, "");
	free(text);
	buf_wipe(&buf);
	buf_reset(&buf);
	buf_consume(&buf, 0);
	buf_cut(&buf, 0);
	buf_commit(&buf, 0);
	assert_int_equal(buf_add(&buf, NULL, 0), HS_OK);
	buf_fini(&buf);
	buf_fini(&buf);
}

static void
what_is_added_stands_in_order(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(buf_add(&buf, "ab", 2), HS_OK);
	assert_int_equal(buf_add_text(&buf, "cd"), HS_OK);
	assert_int_equal(buf_add_span(&buf, span_text("ef")), HS_OK);
	assert_int_equal(buf_add_span(&buf, span_of(NULL, 0)), HS_OK);
	assert_int_equal(buf_add_byte(&buf, 'g'), HS_OK);
	assert_int_equal(buf_addf(&buf, "%d-%s", 42, "x"), HS_OK);
	assert_string_equal(buf_text(&buf), "abcdefg42-x");
	assert_int_equal(buf.len, 11);
	buf_fini(&buf);
}

static void
a_nul_is_a_byte_like_others(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(buf_add(&buf, "a\0b", 3), HS_OK);
	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.data, "a\0b", 4);
	buf_fini(&buf);
}

static void
the_ceiling_holds_and_failure_changes_nothing(void **state)
{
	(void)state;
	struct buf buf;
	unsigned char *room = NULL;
	buf_init(&buf, 5);
	assert_int_equal(buf_add_text(&buf, "abc"), HS_OK);
	assert_int_equal(buf_add_text(&buf, "def"), HS_TOO_BIG);
	assert_int_equal(buf_addf(&buf, "%s", "def"), HS_TOO_BIG);
	assert_int_equal(buf_reserve(&buf, 3, &room), HS_TOO_BIG);
	assert_int_equal(buf_reserve(&buf, SIZE_MAX, &room), HS_TOO_BIG);
	assert_null(room);
	assert_string_equal(buf_text(&buf), "abc");
	assert_int_equal(buf_add_text(&buf, "de"), HS_OK);
	assert_int_equal(buf_add_byte(&buf, 'f'), HS_TOO_BIG);
	assert_string_equal(buf_text(&buf), "abcde");
	buf_fini(&buf);
	buf_init(&buf, 0);
	assert_int_equal(buf_add_byte(&buf, 'f'), HS_TOO_BIG);
	assert_int_equal(buf_add_text(&buf, ""), HS_OK);
	buf_fini(&buf);
}

/* The sanitizers end the process on such a request. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HAS_PLAIN_MALLOC 1
#else
#define HAS_PLAIN_MALLOC 0
#endif

#if HAS_PLAIN_MALLOC
static void
no_memory_changes_nothing(void **state)
{
	(void)state;
	struct buf buf;
	unsigned char *room = NULL;
	buf_init(&buf, SIZE_MAX - 1);
	assert_int_equal(buf_add_text(&buf, "abc"), HS_OK);
	assert_int_equal(buf_reserve(&buf, SIZE_MAX / 8, &room), HS_NO_MEMORY);
	assert_string_equal(buf_text(&buf), "abc");
	buf_fini(&buf);
}
#endif

static void
it_grows_to_exactly_its_maximum(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 1000003);
	for (size_t i = 0; i < 1000003; i++)
		assert_int_equal(buf_add_byte(&buf, (unsigned char)i), HS_OK);
	assert_int_equal(buf_add_byte(&buf, 0), HS_TOO_BIG);
	assert_true(buf.cap <= 1000004);
	for (size_t i = 0; i < 1000003; i++)
		assert_int_equal(buf.data[i], (unsigned char)i);
	buf_fini(&buf);
}

static void
reserved_room_is_counted_by_commit(void **state)
{
	(void)state;
	struct buf buf;
	unsigned char *room = NULL;
	buf_init(&buf, 100);
	assert_int_equal(buf_add_text(&buf, "ab"), HS_OK);
	assert_int_equal(buf_reserve(&buf, 98, &room), HS_OK);
	memset(room, 'x', 98);
	assert_int_equal(buf.len, 2);
	buf_commit(&buf, 3);
	assert_string_equal(buf_text(&buf), "abxxx");
	buf_fini(&buf);
}

static void
both_ends_can_be_dropped(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(buf_add_text(&buf, "abcdef"), HS_OK);
	buf_consume(&buf, 2);
	assert_string_equal(buf_text(&buf), "cdef");
	buf_cut(&buf, 3);
	assert_string_equal(buf_text(&buf), "cde");
	buf_consume(&buf, 3);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf.len, 0);
	buf_fini(&buf);
}

static void
a_note_is_cut_between_characters(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	buf_notef(&buf, "%s=%d ", "fits", 1);
	buf_notef(&buf, "%s", "whole");
	assert_string_equal(buf_text(&buf), "fits=1 whole");
	buf_fini(&buf);
	buf_init(&buf, 5);
	buf_notef(&buf, "%s", "abc\xc3\xa9xyz");
	assert_string_equal(buf_text(&buf), "abc\xc3\xa9");
	buf_notef(&buf, "more");
	assert_string_equal(buf_text(&buf), "abc\xc3\xa9");
	buf_fini(&buf);
	buf_init(&buf, 4);
	buf_notef(&buf, "%s", "abc\xc3\xa9xyz");
	assert_string_equal(buf_text(&buf), "abc");
	buf_notef(&buf, "%s", "");
	assert_string_equal(buf_text(&buf), "abc");
	buf_fini(&buf);
	buf_init(&buf, 5);
	buf_notef(&buf, "%s", "a\xf0\x9f\x98\x80z");
	assert_string_equal(buf_text(&buf), "a\xf0\x9f\x98\x80");
	buf_fini(&buf);
	buf_init(&buf, 4);
	buf_notef(&buf, "%s", "a\xf0\x9f\x98\x80z");
	assert_string_equal(buf_text(&buf), "a");
	buf_fini(&buf);
	/* rubbish is cut anywhere, not searched for a beginning */
	buf_init(&buf, 6);
	buf_notef(&buf, "%s", "\x80\x80\x80\x80\x80\x80\x80\x80");
	assert_int_equal(buf.len, 6);
	buf_fini(&buf);
}

static void
a_wiped_buf_keeps_nothing(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(buf_add_text(&buf, "a secret"), HS_OK);
	buf_wipe(&buf);
	assert_int_equal(buf.len, 0);
	for (size_t i = 0; i < buf.cap; i++)
		assert_int_equal(buf.data[i], 0);
	assert_int_equal(buf_add_text(&buf, "x"), HS_OK);
	assert_string_equal(buf_text(&buf), "x");
	buf_fini(&buf);
}

static void
a_stolen_text_is_ours(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(buf_add_text(&buf, "mine"), HS_OK);
	char *text = buf_steal(&buf);
	assert_string_equal(text, "mine");
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf_add_text(&buf, "again"), HS_OK);
	assert_string_equal(buf_text(&buf), "again");
	assert_string_equal(text, "mine");
	free(text);
	buf_fini(&buf);
}

static void
spans_compare_whole(void **state)
{
	(void)state;
	assert_true(span_is(span_text("abc"), "abc"));
	assert_false(span_is(span_text("abc"), "abcd"));
	assert_false(span_is(span_text("abcd"), "abc"));
	assert_false(span_is(span_of("abc\0", 4), "abc"));
	assert_true(span_is(span_of(NULL, 0), ""));
	assert_true(span_equal(span_of(NULL, 0), span_text("")));
	assert_true(span_is_nocase(span_text("WebHook-ID"), "webhook-id"));
	assert_false(span_is_nocase(span_text("webhook-i"), "webhook-id"));
	assert_false(span_is_nocase(span_of("a\0b", 3), "a"));
	assert_false(span_is_nocase(span_text("@["), "`{"));
	assert_false(span_is_nocase(span_text("\xc3\x89"), "\xc3\xa9"));
}

static void
a_span_is_copied_with_its_nuls(void **state)
{
	(void)state;
	char *copy = span_dup(span_of("a\0b", 3));
	assert_memory_equal(copy, "a\0b", 4);
	free(copy);
	copy = span_dup(span_of(NULL, 0));
	assert_string_equal(copy, "");
	free(copy);
	assert_null(span_dup(span_of("x", SIZE_MAX)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buf_is_a_text),
		cmocka_unit_test(what_is_added_stands_in_order),
		cmocka_unit_test(a_nul_is_a_byte_like_others),
		cmocka_unit_test(the_ceiling_holds_and_failure_changes_nothing),
#if HAS_PLAIN_MALLOC
		cmocka_unit_test(no_memory_changes_nothing),
#endif
		cmocka_unit_test(it_grows_to_exactly_its_maximum),
		cmocka_unit_test(reserved_room_is_counted_by_commit),
		cmocka_unit_test(both_ends_can_be_dropped),
		cmocka_unit_test(a_note_is_cut_between_characters),
		cmocka_unit_test(a_wiped_buf_keeps_nothing),
		cmocka_unit_test(a_stolen_text_is_ours),
		cmocka_unit_test(spans_compare_whole),
		cmocka_unit_test(a_span_is_copied_with_its_nuls),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
