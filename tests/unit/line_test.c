/*
 * line: pairs are what the format says, whatever the arguments hold.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/line.h"

static struct line line;

static void HS_PRINTF(1, 2) say(const char *fmt, ...)
{
	va_list args;

	/* what was there must not matter */
	memset(&line, 0x5a, sizeof(line));
	va_start(args, fmt);
	line_format(&line, fmt, args);
	va_end(args);
	assert_int_equal(strlen(line.text), line.text_len);
	assert_true(line.text_len < sizeof(line.text));
	for (size_t i = 0; i < line.n_pairs; i++) {
		const char *value = line.pairs[i].value;
		assert_true(value >= line.values);
		assert_true(value + strlen(value) <
			    line.values + sizeof(line.values));
	}
}

/* The pairs as "key:value|key:value". */
static const char *
pairs(void)
{
	static char text[2 * BOUNDS_LOG_LINE_BYTES];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < line.n_pairs; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%.*s:%s", i ? "|" : "",
					(int)line.pairs[i].key_len,
					line.pairs[i].key, line.pairs[i].value);
	return text;
}

static void
a_sentence_and_pairs(void **state)
{
	(void)state;
	say("job added queue=%s job=%s n=%d", "sync", "crm-1", 3);
	assert_string_equal(line.text, "job added queue=sync job=crm-1 n=3");
	assert_string_equal(pairs(), "queue:sync|job:crm-1|n:3");
	say("queue=%s", "sync");
	assert_string_equal(pairs(), "queue:sync");
	say("nothing special");
	assert_string_equal(line.text, "nothing special");
	assert_int_equal(line.n_pairs, 0);
	say("%s", "");
	assert_string_equal(line.text, "");
	/* literals count, and what is put together */
	say("x reason=\"it is %s; wait\" bearer=secret:%s", "full", "erp");
	assert_string_equal(line.text,
			    "x reason=\"it is full; wait\" bearer=secret:erp");
	assert_string_equal(pairs(),
			    "reason:it is full; wait|bearer:secret:erp");
	/* words go on behind a pair */
	say("a=%d, b (c=%d) D=%d 2e=%d", 1, 2, 3, 4);
	assert_string_equal(line.text, "a=1, b (c=2) D=3 2e=4");
	assert_string_equal(pairs(), "a:1,");
}

static void
no_argument_makes_a_pair(void **state)
{
	(void)state;
	say("%s queue=%s", "job=evil queue=evil", "sync");
	assert_string_equal(pairs(), "queue:sync");
	say("x reason=\"%s\" job=%s", "\" job=evil reason=\"", "crm-1");
	assert_string_equal(line.text, "x reason=\"\\\" job=evil reason=\\\"\" "
				       "job=crm-1");
	assert_string_equal(pairs(), "reason:\" job=evil reason=\"|job:crm-1");
	say("x endpoint=%s request=%s", "crm job=evil", "a\nMESSAGE=evil");
	assert_string_equal(line.text, "x endpoint=\"crm job=evil\" "
				       "request=\"a\\nMESSAGE=evil\"");
	assert_string_equal(pairs(),
			    "endpoint:crm job=evil|request:a\\nMESSAGE=evil");
	/* a backslash cannot eat the quote behind it */
	say("x reason=\"%s\" job=%s", "a\\", "b\\");
	assert_string_equal(line.text, "x reason=\"a\\\\\" job=\"b\\\\\"");
	assert_string_equal(pairs(), "reason:a\\|job:b\\");
}

static void
an_empty_value_is_seen(void **state)
{
	(void)state;
	say("x job=%s n=%d", "", 1);
	assert_string_equal(line.text, "x job=\"\" n=1");
	assert_string_equal(pairs(), "job:|n:1");
}

static void
an_absent_pair_is_left_out(void **state)
{
	const char *volatile none = NULL; /* the compiler must not know */

	(void)state;
	say("job done job=%s delay_ms=%s ran_ms=%d reason=\"%s\"", "a", none, 5,
	    none);
	assert_string_equal(line.text, "job done job=a ran_ms=5");
	assert_string_equal(pairs(), "job:a|ran_ms:5");
	say("job=%s n=%d", none, 1);
	assert_string_equal(line.text, "n=1");
	say("x reason=\"%s, then %s\" n=%d", "a", none, 1);
	assert_string_equal(line.text, "x n=1");
	say("it is %s", none);
	assert_string_equal(line.text, "it is (null)");
}

static void
each_conversion_takes_its_own(void **state)
{
	(void)state;
	say("%d %i %u %x %c %s %% a=%d", -1, -2, 3u, 0xfeu, 'c', "s", 7);
	assert_string_equal(line.text, "-1 -2 3 fe c s % a=7");
	say("%ld %lu %lld %llu %zu %zd %jd %ju %td a=%d", -1L, 2UL, -3LL, 4ULL,
	    (size_t)5, (ssize_t)-6, (intmax_t)-7, (uintmax_t)8, (ptrdiff_t)-9,
	    7);
	assert_string_equal(line.text, "-1 2 -3 4 5 -6 -7 8 -9 a=7");
	say("%hhd %hd %hhu %hu %hhx a=%d", (signed char)-1, (short)-2,
	    (unsigned char)255, (unsigned short)65535, (unsigned char)16, 7);
	assert_string_equal(line.text, "-1 -2 255 65535 10 a=7");
	say("a=%" PRId64 " b=%" PRIu64, INT64_MIN, UINT64_MAX);
	assert_string_equal(pairs(), "a:-9223372036854775808|"
				     "b:18446744073709551615");
}

static void
text_without_its_end_is_not_read_over(void **state)
{
	const char bytes[3] = { 'a', 'b', 'c' };

	(void)state;
	say("a=%.*s b=%.2s c=%.s", 3, bytes, bytes, bytes);
	assert_string_equal(pairs(), "a:abc|b:ab|c:");
	say("a=%.*s", -1, "whole");
	assert_string_equal(pairs(), "a:whole");
}

static void
an_odd_conversion_gives_plain_text(void **state)
{
	(void)state;
	say("x a=%05d b=%s", 42, "c");
	assert_string_equal(line.text, "x a=00042 b=c");
	assert_int_equal(line.n_pairs, 0);
	say("x a=%-4d| b=%.3f\n", 42, 1.5);
	assert_string_equal(line.text, "x a=42  | b=1.500\\n");
}

static void
long_ones_are_cut(void **state)
{
	char text[3 * BOUNDS_LOG_LINE_BYTES];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	say("x job=%s queue=%s", text, "sync");
	assert_int_equal(line.text_len, BOUNDS_LOG_LINE_BYTES - 1);
	assert_string_equal(line.text + line.text_len - 4, "a...");
	assert_true(line.n_pairs >= 1);
	const char *value = line.pairs[0].value;
	assert_string_equal(value + strlen(value) - 4, "a...");

	/* escapes are longer than what they stand for */
	memset(text, 1, sizeof(text) - 1);
	say("x a=%s b=%s c=%s d=%s", text, text, text, text);
	assert_string_equal(line.text + line.text_len - 7, "\\x01...");
	say("%s", text);
	assert_string_equal(line.text + line.text_len - 7, "\\x01...");
	say("%s %020d", text, 1);
	assert_string_equal(line.text + line.text_len - 7, "\\x01...");

	/* more pairs than there is room for */
	say("a=%d b=%d c=%d d=%d e=%d f=%d g=%d h=%d i=%d j=%d k=%d l=%d m=%d "
	    "n=%d o=%d p=%d q=%d r=%d",
	    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18);
	assert_int_equal(line.n_pairs, LINE_PAIRS);
	assert_non_null(strstr(line.text, " q=17 r=18"));
}

/* Each length around the ceilings; a sanitizer or valgrind would see. */
static void
every_length_fits(void **state)
{
	static const char bytes[] = { 'a', ' ', '"', 1, (char)0xe2, 0 };
	char text[BOUNDS_LOG_LINE_BYTES + 64];

	(void)state;
	for (size_t b = 0; bytes[b] != '\0'; b++) {
		for (size_t len = BOUNDS_LOG_LINE_BYTES / 4 - 40;
		     len < sizeof(text); len++) {
			memset(text, bytes[b], len);
			text[len] = '\0';
			say("x job=%s reason=\"%s\" n=%d", text, text, 1);
			say("%s n=%d", text, 1);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sentence_and_pairs),
		cmocka_unit_test(no_argument_makes_a_pair),
		cmocka_unit_test(an_empty_value_is_seen),
		cmocka_unit_test(an_absent_pair_is_left_out),
		cmocka_unit_test(each_conversion_takes_its_own),
		cmocka_unit_test(text_without_its_end_is_not_read_over),
		cmocka_unit_test(an_odd_conversion_gives_plain_text),
		cmocka_unit_test(long_ones_are_cut),
		cmocka_unit_test(every_length_fits),
	};
	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
