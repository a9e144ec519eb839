/*
 * show: what a stranger wrote into a queue reaches no terminal raw, and JSON
 * keeps its digits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/doc.h"
#include "ctl/show.h"

enum kind { TEXT, JSON, JSON_RAW, JSON_TEXT };

static char *
shown(enum kind kind, const void *bytes, size_t len)
{
	char *text = NULL;
	size_t text_len = 0;
	FILE *out = open_memstream(&text, &text_len);
	struct span span = span_of(bytes, len);

	assert_non_null(out);
	if (kind == TEXT)
		show_text(out, span);
	else if (kind == JSON)
		show_json(out, span, 0);
	else if (kind == JSON_RAW)
		show_json_raw(out, span);
	else
		show_json_text(out, span);
	fclose(out);
	return text;
}

static void
assert_shown(enum kind kind, const char *in, const char *expected)
{
	char *text = shown(kind, in, strlen(in));
	assert_string_equal(text, expected);
	free(text);
}

static void
test_text(void **state)
{
	(void)state;
	assert_shown(TEXT, "", "");
	assert_shown(TEXT, "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80",
		     "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_shown(TEXT, "a\nb\tc\rd", "a\\nb\\tc\\rd");
	assert_shown(TEXT, "\x1b[2J\x1b]0;x\x07", "\\x1b[2J\\x1b]0;x\\x07");
	assert_shown(TEXT, "\x7f", "\\x7f");
	/* C1: the control sequence introducer in one character */
	assert_shown(TEXT,
		     "\xc2\x9b"
		     "31m",
		     "\\x9b31m");
	/* text that would be read backwards */
	assert_shown(TEXT,
		     "a\xe2\x80\xae"
		     "b\xe2\x81\xa6",
		     "a\\u202eb\\u2066");
	assert_shown(TEXT, "\xe2\x80\xa8", "\\u2028");
}

static void
test_text_no_utf8(void **state)
{
	(void)state;
	assert_shown(TEXT, "\xff", "\\xff");
	assert_shown(TEXT, "a\xc3", "a\\xc3");
	assert_shown(TEXT, "\xe2\x82", "\\xe2\\x82");
	assert_shown(TEXT, "\xc0\xaf", "\\xc0\\xaf");          /* overlong */
	assert_shown(TEXT, "\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	assert_shown(TEXT, "\x80x", "\\x80x");

	char *text = shown(TEXT, "a\0b", 3);
	assert_string_equal(text, "a\\x00b");
	free(text);
}

static void
test_text_cut(void **state)
{
	(void)state;
	char *text = show_text_dup(span_text("abcdef"), 6);
	assert_string_equal(text, "abcdef");
	free(text);
	text = show_text_dup(span_text("abcdef"), 3);
	assert_string_equal(text, "abc\xe2\x80\xa6");
	free(text);
	/* never in the middle of a character */
	text = show_text_dup(span_text("a\xe2\x82\xac"), 3);
	assert_string_equal(text, "a\xe2\x80\xa6");
	free(text);
}

static void
test_json(void **state)
{
	(void)state;
	assert_shown(JSON, "{}", "{}");
	assert_shown(JSON, " [ ] ", "[]");
	assert_shown(JSON, "{\"a\":1,\"b\":[true,null,{\"c\":\"x\"}]}",
		     "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null,\n"
		     "    {\n      \"c\": \"x\"\n    }\n  ]\n}");
	/* json-c would make 9223372036854775807 of it */
	assert_shown(JSON, "12345678901234567890123",
		     "12345678901234567890123");
	assert_shown(JSON_RAW, "{ \"a\" : 1.0e2 , \"b\" : [ 1 , 2 ] }",
		     "{\"a\":1.0e2,\"b\":[1,2]}");
	/* brackets and commas of strings are letters */
	assert_shown(JSON, "[\"{,:}\",\"\\\"]\"]",
		     "[\n  \"{,:}\",\n  \"\\\"]\"\n]");
	assert_shown(JSON, "\"\\\\\"", "\"\\\\\"");
}

static void
test_json_harmless(void **state)
{
	(void)state;
	assert_shown(JSON, "\"\x7f\xc2\x9b\xe2\x80\xae\"",
		     "\"\\u007f\\u009b\\u202e\"");
	/* no JSON: shown as a string, or null where JSON must come out */
	assert_shown(JSON, "{oops\x1b", "\"{oops\\u001b\"");
	assert_shown(JSON_RAW, "{oops", "null");
	assert_shown(JSON_RAW, "", "null");
	assert_shown(JSON_RAW, "NaN", "null");
}

/* Whatever bytes a reason has, --json stays JSON. */
static void
test_json_text(void **state)
{
	unsigned char bytes[256];
	(void)state;

	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	char *text = shown(JSON_TEXT, bytes, sizeof bytes);
	assert_int_equal(doc_scan(span_text(text), NULL, NULL), HS_OK);
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
	free(text);
	assert_shown(JSON_TEXT, "", "\"\"");
}

static void
test_age(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ -5, "0s" },        { 0, "0s" },
		{ 999, "0s" },       { 119999, "119s" },
		{ 120000, "2m" },    { 7199999, "119m" },
		{ 7200000, "2h" },   { 172799999, "47h" },
		{ 172800000, "2d" }, { INT64_MAX, "106751991167d" },
		{ INT64_MIN, "0s" },
	};
	char out[SHOW_AGE_SIZE];
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(show_age(cases[i].ms, out), cases[i].text);
}

static void
test_time(void **state)
{
	char out[SHOW_TIME_SIZE];
	(void)state;

	assert_string_equal(show_time(1700000000007, out),
			    "2023-11-14T22:13:20.007Z");
	assert_string_equal(show_time(0, out), "-");
	assert_string_equal(show_time(-1, out), "-");
	assert_string_equal(show_time(INT64_MAX, out), "-");
	assert_string_equal(show_time(8640000000000000, out),
			    "275760-09-13T00:00:00.000Z");
}

static void
test_cut(void **state)
{
	static const struct {
		size_t width;
		const char *expected;
	} cases[] = {
		{ 0, "Zo\xc3\xab is" },
		{ 6, "Zo\xc3\xab is" },
		{ 5, "Zo\xc3\xab \xe2\x80\xa6" },
		{ 3, "Zo\xe2\x80\xa6" },
		{ 1, "\xe2\x80\xa6" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);
		assert_non_null(out);
		show_cut(out, "Zo\xc3\xab is", cases[i].width);
		fclose(out);
		assert_string_equal(text, cases[i].expected);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_no_utf8),
		cmocka_unit_test(test_text_cut),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_harmless),
		cmocka_unit_test(test_json_text),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
