/*
 * doc_test: what JSON is, what only looks like it, and values that come out as
 * they went in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "base/err.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void
check_valid(struct span json)
{
	struct doc *doc = NULL;
	assert_int_equal(doc_scan(json, NULL, NULL), HS_OK);
	assert_int_equal(doc_parse(json, &doc), HS_OK);
	doc_free(doc);
}

/* A copy without a NUL behind it, so that ASan sees who reads too far. */
static void
check_invalid(struct span json, size_t expected_offset)
{
	size_t offset = 12345;
	const char *why = NULL;
	struct doc *doc = NULL;
	unsigned char *copy = malloc(json.len > 0 ? json.len : 1);
	assert_non_null(copy);
	memcpy(copy, json.ptr, json.len);
	json.ptr = copy;
	assert_int_equal(doc_scan(json, &offset, &why), HS_INVALID);
	assert_int_equal(offset, expected_offset);
	assert_non_null(why);
	assert_int_equal(doc_parse(json, &doc), HS_INVALID);
	assert_null(doc);
	free(copy);
}

static void
valid_texts(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"0",
		"-0",
		"1.5",
		"1e5",
		"1E+5",
		"1e-5",
		"-1.5e300",
		"1e999",
		"12345678901234567890123",
		"null",
		"true",
		"false",
		"\"\"",
		"{}",
		"[]",
		" \t\r\n[ ] \n",
		"[1,2]",
		"[[],{}]",
		"{\"a\":1,\"a\":2}",
		"{\"\":{\"\":[]}}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
		"\"\\ud83d\\ude00\"",
		"\"\\ud800\"", /* a lone surrogate is a valid escape */
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"\"\x7f\"",
		"\"\xef\xbf\xbf\"",
		"\"\xf4\x8f\xbf\xbf\"",
		"\"\xe2\x80\xa8\"", /* U+2028 needs no escape */
		"\"\xef\xbb\xbf\"", /* U+FEFF inside is a character */
		"{ \"a\" : [ 1 , { \"b\" : null } ] }",
	};
	for (size_t i = 0; i < N_OF(texts); i++)
		check_valid(span_text(texts[i]));
	assert_int_equal(doc_scan(span_text("\"\\u0000\""), NULL, NULL), HS_OK);
}

static void
invalid_texts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t offset;
	} cases[] = {
		/* nothing, too little, too much */
		{ "", 0 },
		{ " ", 1 },
		{ "1 2", 2 },
		{ "{}{}", 2 },
		{ "[", 1 },
		{ "{", 1 },
		{ "[1", 2 },
		{ "[1,", 3 },
		{ "{\"a\"", 4 },
		{ "{\"a\":", 5 },
		{ "{\"a\":1", 6 },
		{ "{\"a\":1,", 7 },
		{ "[]]", 2 },
		{ "}", 0 },
		{ "]", 0 },
		{ "[}", 1 },
		{ "{]", 1 },
		{ "[1}", 2 },
		{ "{\"a\":1]", 6 },
		/* commas, colons, names */
		{ "[1,]", 3 },
		{ "[,1]", 1 },
		{ "[1,,2]", 3 },
		{ "[1 2]", 3 },
		{ "{\"a\":1,}", 7 },
		{ "{,}", 1 },
		{ "{\"a\" 1}", 5 },
		{ "{\"a\"::1}", 5 },
		{ "{a:1}", 1 },
		{ "{1:1}", 1 },
		{ "{'a':1}", 1 },
		{ "{\"a\":1 \"b\":2}", 7 },
		{ ",", 0 },
		{ ":", 0 },
		{ "{null:1}", 1 },
		/* words */
		{ "NaN", 0 },
		{ "nan", 1 },
		{ "Infinity", 0 },
		{ "-Infinity", 1 },
		{ "nul", 3 },
		{ "nulll", 4 },
		{ "True", 0 },
		{ "tru", 3 },
		{ "undefined", 0 },
		{ "truefalse", 4 },
		{ "[nullnull]", 5 },
		/* numbers */
		{ "1.", 2 },
		{ "00", 1 },
		{ "01", 1 },
		{ "-", 1 },
		{ "-01", 2 },
		{ "+1", 0 },
		{ ".5", 0 },
		{ "1e", 2 },
		{ "1e+", 3 },
		{ "0x10", 1 },
		{ "1.e5", 2 },
		{ "--1", 1 },
		{ "1_000", 1 },
		{ "1.5.5", 3 },
		{ "1e5.5", 3 },
		{ "-a", 1 },
		{ "1,5", 1 },
		{ "1n", 1 },
		/* strings */
		{ "\"", 1 },
		{ "\"a", 2 },
		{ "'a'", 0 },
		{ "\"\\", 2 },
		{ "\"\\\"", 3 },
		{ "\"\\x41\"", 2 },
		{ "\"\\u12\"", 5 },
		{ "\"\\u12g4\"", 5 },
		{ "\"\\U0041\"", 2 },
		{ "\"\\'\"", 2 },
		{ "\"\\0\"", 2 },
		{ "\"a\nb\"", 2 },
		{ "\"\t\"", 1 },
		{ "\"\x1f\"", 1 },
		{ "\"\\\n\"", 2 },
		/* UTF-8: alone, overlong, surrogates, beyond, cut */
		{ "\"\x80\"", 1 },
		{ "\"\xff\"", 1 },
		{ "\"\xc0\x80\"", 1 },
		{ "\"\xc1\xbf\"", 1 },
		{ "\"\xe0\x80\x80\"", 1 },
		{ "\"\xe0\x9f\xbf\"", 1 },
		{ "\"\xf0\x80\x80\x80\"", 1 },
		{ "\"\xf0\x8f\xbf\xbf\"", 1 },
		{ "\"\xed\xa0\x80\"", 1 },
		{ "\"\xed\xbf\xbf\"", 1 },
		{ "\"\xf4\x90\x80\x80\"", 1 },
		{ "\"\xf5\x80\x80\x80\"", 1 },
		{ "\"\xc3\"", 1 },
		{ "\"\xe2\x82\"", 1 },
		{ "\"\xf0\x9f\x98\"", 1 },
		{ "\"\xc3", 1 },
		{ "\"\xf0\x9f\x98", 1 },
		{ "\"\xc3(\"", 1 },
		{ "\"\xe2(\xac\"", 1 },
		{ "\"\xe2\x82(\"", 1 },
		{ "\"\xf0\x9f\x98(\"", 1 },
		/* space that is none, marks, comments */
		{ "\xef\xbb\xbf{}", 0 },
		{ "\v1", 0 },
		{ "\f1", 0 },
		{ "\xc2\xa0"
		  "1",
		  0 },
		{ "1\xe2\x80\xa8", 1 },
		{ "/**/1", 0 },
		{ "1//", 1 },
		{ "#1", 0 },
	};
	for (size_t i = 0; i < N_OF(cases); i++)
		check_invalid(span_text(cases[i].text), cases[i].offset);
	check_invalid(span_of("1\0", 2), 1);
	check_invalid(span_of("\0", 1), 0);
	check_invalid(span_of("\"\0\"", 3), 1);
	check_invalid(span_of("[1,\0]", 5), 3);
	check_invalid(span_of("{\"a\"\0:1}", 8), 4);
	assert_int_equal(doc_scan(span_of(NULL, 0), NULL, NULL), HS_INVALID);
}

/* opener * depth + middle + closer * depth */
static char *
nested(const char *opener, const char *middle, const char *closer, size_t depth)
{
	struct buf text;
	buf_init(&text, 10000000);
	for (size_t i = 0; i < depth; i++)
		assert_int_equal(buf_add_text(&text, opener), HS_OK);
	assert_int_equal(buf_add_text(&text, middle), HS_OK);
	for (size_t i = 0; i < depth; i++)
		assert_int_equal(buf_add_text(&text, closer), HS_OK);
	return buf_steal(&text);
}

static void
depth_has_a_ceiling(void **state)
{
	(void)state;
	static const char *const kinds[][3] = {
		{ "[", "", "]" },
		{ "{\"a\":", "1", "}" },
		{ "[{\"a\":", "[]", "}]" },
	};
	const char *why = NULL;
	size_t offset = 0;
	struct doc *doc = NULL;
	char *text = nested("[", "", "]", BOUNDS_JSON_DEPTH);
	check_valid(span_text(text));
	free(text);
	text = nested("{\"a\":", "1", "}", BOUNDS_JSON_DEPTH);
	check_valid(span_text(text));
	free(text);
	text = nested("[", "", "]", BOUNDS_JSON_DEPTH + 1);
	assert_int_equal(doc_scan(span_text(text), &offset, &why), HS_TOO_BIG);
	assert_int_equal(offset, BOUNDS_JSON_DEPTH);
	assert_string_equal(why, "nested too deep");
	assert_int_equal(doc_parse(span_text(text), &doc), HS_TOO_BIG);
	free(text);
	for (size_t i = 0; i < N_OF(kinds); i++) {
		text = nested(kinds[i][0], kinds[i][1], kinds[i][2], 100000);
		assert_int_equal(doc_scan(span_text(text), NULL, NULL),
				 HS_TOO_BIG);
		free(text);
	}
	/* side by side is not deep */
	text = nested("[[],", "1", "]", 100);
	check_valid(span_text(text));
	free(text);
}

static void
a_tree_has_a_ceiling(void **state)
{
	(void)state;
	struct doc *doc = NULL;
	struct buf text;
	buf_init(&text, 10000000);
	assert_int_equal(buf_add_byte(&text, '['), HS_OK);
	for (size_t i = 0; i < BOUNDS_JSON_VALUES - 1; i++)
		assert_int_equal(buf_add_text(&text, i > 0 ? ",1" : "1"),
				 HS_OK);
	assert_int_equal(buf_add_byte(&text, ']'), HS_OK);
	assert_int_equal(doc_parse(buf_span(&text), &doc), HS_OK);
	assert_int_equal(doc_len(doc), BOUNDS_JSON_VALUES - 1);
	doc_free(doc);
	doc = NULL;
	buf_cut(&text, text.len - 1);
	assert_int_equal(buf_add_text(&text, ",1]"), HS_OK);
	assert_int_equal(doc_scan(buf_span(&text), NULL, NULL), HS_OK);
	assert_int_equal(doc_parse(buf_span(&text), &doc), HS_TOO_BIG);
	assert_null(doc);
	buf_fini(&text);
}

static const char sample[] =
	" {\"id\":12345678901234567890, \"a\":[10, {\"b\":\"x\"}, [], null],"
	"\"\":\"empty\", \"a/b\":1, \"m~n\":2, \"\\u00e9\":3, \"\xc3\xa8\":4,"
	"\"t\":true,\"f\":false,\"n\":null,\"d\":1.50e0,\"twice\":1,"
	"\"twice\":{\"x\":2}, \"\\ud83d\\ude00\":5, \"\\n\\\"\":6, "
	"\"\\ud800\":7,"
	"\"nul\\u0000x\":8, \"s}\":\"]}{[\\\\\\\"\", \"last\":0} ";

static void
check_found(const char *pointer, const char *raw, enum doc_type type)
{
	struct span value = span_of(NULL, 0);
	enum doc_type found_type = DOC_NULL;
	assert_int_equal(doc_find(span_text(sample), span_text(pointer), &value,
				  &found_type),
			 HS_OK);
	assert_int_equal(found_type, type);
	if (raw != NULL)
		assert_true(span_is(value, raw));
}

static void
pointers_find_raw_values(void **state)
{
	(void)state;
	assert_int_equal(doc_scan(span_text(sample), NULL, NULL), HS_OK);
	check_found("/id", "12345678901234567890", DOC_NUMBER);
	check_found("/a/0", "10", DOC_NUMBER);
	check_found("/a/1", "{\"b\":\"x\"}", DOC_OBJECT);
	check_found("/a/1/b", "\"x\"", DOC_STRING);
	check_found("/a/2", "[]", DOC_ARRAY);
	check_found("/a/3", "null", DOC_NULL);
	check_found("/a", "[10, {\"b\":\"x\"}, [], null]", DOC_ARRAY);
	check_found("/", "\"empty\"", DOC_STRING);
	check_found("/a~1b", "1", DOC_NUMBER);
	check_found("/m~0n", "2", DOC_NUMBER);
	check_found("/\xc3\xa9", "3", DOC_NUMBER);
	check_found("/\xc3\xa8", "4", DOC_NUMBER);
	check_found("/t", "true", DOC_TRUE);
	check_found("/f", "false", DOC_FALSE);
	check_found("/n", "null", DOC_NULL);
	check_found("/d", "1.50e0", DOC_NUMBER);
	check_found("/twice", "{\"x\":2}", DOC_OBJECT);
	check_found("/twice/x", "2", DOC_NUMBER);
	check_found("/\xf0\x9f\x98\x80", "5", DOC_NUMBER);
	check_found("/\n\"", "6", DOC_NUMBER);
	check_found("/s}", "\"]}{[\\\\\\\"\"", DOC_STRING);
	check_found("/last", "0", DOC_NUMBER);
	check_found("", NULL, DOC_OBJECT);

	struct span value;
	enum doc_type type;
	assert_int_equal(doc_find(span_text(sample), span_of("/nul\0x", 6),
				  &value, &type),
			 HS_OK);
	assert_true(span_is(value, "8"));
	assert_int_equal(
		doc_find(span_text(" 7 "), span_text(""), &value, &type),
		HS_OK);
	assert_true(span_is(value, "7"));
}

static void
what_pointers_do_not_find(void **state)
{
	(void)state;
	static const char *const missing[] = {
		"/x",
		"/i",
		"/idd",
		"/id/0",
		"/a/4",
		"/a/-",
		"/a/00",
		"/a/01",
		"/a/+1",
		"/a/1x",
		"/a/",
		"/a/2/0",
		"/a/99999999999999999999",
		"/a/1/c",
		"/t/x",
		"/n/x",
		"//",
		"/ ",
		"/m~0",
		"/a~1b/x",
		"/\xed\x9f\xbf",
		"/nul",
		"/twice/y",
	};
	static const char *const bad[] = { "a",     "a/b",  "~",     "/~",
					   "/~2",   "/a~",  "/a~/b", " /a",
					   "/\xff", "/\xc3" };
	struct span value = span_of(NULL, 0);
	enum doc_type type;
	for (size_t i = 0; i < N_OF(missing); i++) {
		assert_true(doc_pointer_is_valid(span_text(missing[i])));
		assert_int_equal(doc_find(span_text(sample),
					  span_text(missing[i]), &value, &type),
				 HS_NOT_FOUND);
	}
	for (size_t i = 0; i < N_OF(bad); i++) {
		assert_false(doc_pointer_is_valid(span_text(bad[i])));
		assert_int_equal(doc_find(span_text(sample), span_text(bad[i]),
					  &value, &type),
				 HS_INVALID);
	}
	assert_null(value.ptr);
	assert_true(doc_pointer_is_valid(span_of(NULL, 0)));
	assert_true(doc_pointer_is_valid(span_text("/a/b~1c~0")));
}

/* doc_find() is for scanned texts; others it must merely survive. */
static void
a_text_that_was_not_scanned_is_survived(void **state)
{
	(void)state;
	static const char *const pointers[] = { "",        "/a", "/a/1/b",
						"/last/0", "/0", "/s}" };
	struct span value;
	enum doc_type type;
	for (size_t len = 0; len < sizeof(sample) - 1; len++) {
		unsigned char *copy = malloc(len + 1);
		assert_non_null(copy);
		for (size_t flip = len % 7; flip <= len; flip += 7) {
			memcpy(copy, sample, len);
			if (flip < len)
				copy[flip] =
					(unsigned char)"{}[]\",:\\0\0"[flip %
								       10];
			/* the last byte of the block is not the text's */
			unsigned char *exact = malloc(len > 0 ? len : 1);
			assert_non_null(exact);
			memcpy(exact, copy, len);
			for (size_t i = 0; i < N_OF(pointers); i++)
				(void)!doc_find(span_of(exact, len),
						span_text(pointers[i]), &value,
						&type);
			free(exact);
		}
		free(copy);
	}
}

static void
strings_are_decoded(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "\"\"", "" },
		{ "\"a\\n\"", "a\n" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u20AC\\uFFFF\"",
		  "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf" },
		{ "\"\\ud83d\\ude00x\"", "\xf0\x9f\x98\x80x" },
		{ "\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf" },
		{ "\"\xc3\xa9\"", "\xc3\xa9" },
	};
	struct buf out;
	buf_init(&out, 100);
	for (size_t i = 0; i < N_OF(cases); i++) {
		buf_reset(&out);
		assert_int_equal(
			doc_string_decode(span_text(cases[i][0]), &out), HS_OK);
		assert_string_equal(buf_text(&out), cases[i][1]);
	}
	buf_reset(&out);
	assert_int_equal(doc_string_decode(span_text("\"a\\u0000b\""), &out),
			 HS_OK);
	assert_int_equal(out.len, 3);
	assert_memory_equal(out.data, "a\0b", 4);
	buf_fini(&out);
}

static void
what_cannot_be_decoded_leaves_no_trace(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"\"",
		"a",
		"\"a",
		"a\"",
		"1",
		"\"a\"b\"",
		"\"\xff\"",
		"\"\\q\"",
		"\"\n\"",
		"\"a\" ",
		/* lone surrogates, in all their companies */
		"\"x\\ud800\"",
		"\"x\\udc00\"",
		"\"x\\ud800x\"",
		"\"x\\ud800\\n\"",
		"\"x\\ud800\\u0041\"",
		"\"x\\ud800\\ud800\"",
		"\"x\\ude00\\ud83d\"",
		"\"x\\ud83d\\ude00\\ud83d\"",
	};
	struct buf out;
	buf_init(&out, 100);
	assert_int_equal(buf_add_text(&out, "kept"), HS_OK);
	for (size_t i = 0; i < N_OF(bad); i++) {
		assert_int_equal(doc_string_decode(span_text(bad[i]), &out),
				 HS_INVALID);
		assert_string_equal(buf_text(&out), "kept");
	}
	buf_fini(&out);
	buf_init(&out, 2);
	assert_int_equal(doc_string_decode(span_text("\"abc\""), &out),
			 HS_TOO_BIG);
	assert_int_equal(doc_string_decode(span_text("\"a\\n\\n\""), &out),
			 HS_TOO_BIG);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
}

static void
texts_become_strings(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "", "\"\"" },
		{ "plain", "\"plain\"" },
		{ "\"\\/\b\f\n\r\t", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
		{ "\xc3\xa9\xe2\x80\xa8", "\"\xc3\xa9\xe2\x80\xa8\"" },
		{ "a\xff"
		  "b",
		  "\"a\xef\xbf\xbd"
		  "b\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc3", "\"\xef\xbf\xbd\"" },
	};
	struct buf out;
	buf_init(&out, 100);
	for (size_t i = 0; i < N_OF(cases); i++) {
		buf_reset(&out);
		assert_int_equal(
			doc_string_encode(span_text(cases[i][0]), &out), HS_OK);
		assert_string_equal(buf_text(&out), cases[i][1]);
		assert_int_equal(doc_scan(buf_span(&out), NULL, NULL), HS_OK);
	}
	buf_reset(&out);
	assert_int_equal(doc_string_encode(span_of("\0", 1), &out), HS_OK);
	assert_string_equal(buf_text(&out), "\"\\u0000\"");
	buf_fini(&out);
	for (size_t max = 0; max < 10; max++) {
		buf_init(&out, max);
		assert_int_equal(doc_string_encode(span_text("a\n\xff"
							     "b"),
						   &out),
				 max < 9 ? HS_TOO_BIG : HS_OK);
		assert_int_equal(out.len, max < 9 ? 0 : 9);
		buf_fini(&out);
	}
}

static void
integers_as_written(void **state)
{
	(void)state;
	static const char *const yes[] = { "0", "-0", "7", "-12",
					   "12345678901234567890123" };
	static const char *const no[] = { "",      "1.0",  "1e3", "-",
					  "01",    "+1",   "1 ",  " 1",
					  "\"1\"", "true", "1E2" };
	for (size_t i = 0; i < N_OF(yes); i++)
		assert_true(doc_number_is_integer(span_text(yes[i])));
	for (size_t i = 0; i < N_OF(no); i++)
		assert_false(doc_number_is_integer(span_text(no[i])));
}

static void
utf8_is_known(void **state)
{
	(void)state;
	assert_true(doc_is_utf8(span_of(NULL, 0)));
	assert_true(doc_is_utf8(span_of("a\0b", 3)));
	assert_true(doc_is_utf8(span_text("\xc2\x80\xdf\xbf\xe0\xa0\x80")));
	assert_true(doc_is_utf8(span_text("\xed\x9f\xbf\xee\x80\x80")));
	assert_true(doc_is_utf8(span_text("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
	assert_false(doc_is_utf8(span_text("\xc0\xaf")));
	assert_false(doc_is_utf8(span_text("a\xed\xa0\x80")));
	assert_false(doc_is_utf8(span_text("a\xc3")));
}

static struct doc *
parse(const char *text)
{
	struct doc *doc = NULL;
	assert_int_equal(doc_parse(span_text(text), &doc), HS_OK);
	return doc;
}

static void
a_tree_is_walked(void **state)
{
	(void)state;
	struct span text = span_of(NULL, 0);
	struct doc *doc = parse("{\"a\":[1,\"x\",null],\"s\":\"a\\u0000b\","
				"\"t\":true,\"f\":false,\"n\":null,\"o\":{}}");
	assert_int_equal(doc_type_of(doc), DOC_OBJECT);
	assert_int_equal(doc_len(doc), 6);
	const struct doc *array = doc_get(doc, "a");
	assert_int_equal(doc_type_of(array), DOC_ARRAY);
	assert_int_equal(doc_len(array), 3);
	assert_int_equal(doc_type_of(doc_at(array, 0)), DOC_NUMBER);
	assert_int_equal(doc_text(doc_at(array, 1), &text), HS_OK);
	assert_true(span_is(text, "x"));
	assert_null(doc_at(array, 2));
	assert_null(doc_at(array, 3));
	assert_null(doc_at(array, SIZE_MAX));
	assert_null(doc_at(doc, 0));
	assert_null(doc_get(array, "a"));
	assert_null(doc_get(doc, "missing"));
	assert_null(doc_get(NULL, "a"));
	assert_int_equal(doc_text(doc_get(doc, "s"), &text), HS_OK);
	assert_true(span_equal(text, span_of("a\0b", 3)));
	assert_true(doc_is_true(doc_get(doc, "t")));
	assert_false(doc_is_true(doc_get(doc, "f")));
	assert_false(doc_is_true(doc_get(doc, "n")));
	assert_int_equal(doc_type_of(doc_get(doc, "t")), DOC_TRUE);
	assert_int_equal(doc_type_of(doc_get(doc, "f")), DOC_FALSE);
	assert_int_equal(doc_type_of(doc_get(doc, "n")), DOC_NULL);
	assert_int_equal(doc_len(doc_get(doc, "o")), 0);
	assert_int_equal(doc_len(doc_get(doc, "s")), 0);
	assert_int_equal(doc_text(doc_get(doc, "t"), &text), HS_NOT_FOUND);
	doc_free(doc);
	doc = (struct doc *)0x1;
	assert_int_equal(doc_parse(span_text("null"), &doc), HS_OK);
	assert_null(doc);
	doc_free(NULL);
}

static void
numbers_are_not_bent(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum hs_err err;
		int64_t value;
	} cases[] = {
		{ "0", HS_OK, 0 },
		{ "-0", HS_OK, 0 },
		{ "42", HS_OK, 42 },
		{ "9223372036854775807", HS_OK, INT64_MAX },
		{ "-9223372036854775808", HS_OK, INT64_MIN },
		{ "9223372036854775808", HS_TOO_BIG, 0 },
		{ "-9223372036854775809", HS_TOO_BIG, 0 },
		{ "18446744073709551616", HS_TOO_BIG, 0 },
		{ "1e3", HS_OK, 1000 },
		{ "5.0", HS_OK, 5 },
		{ "9007199254740993.0", HS_TOO_BIG, 0 },
		{ "1e300", HS_TOO_BIG, 0 },
		{ "1e999", HS_TOO_BIG, 0 },
		{ "1.5", HS_NOT_FOUND, 0 },
		{ "\"5\"", HS_NOT_FOUND, 0 },
		{ "null", HS_NOT_FOUND, 0 },
		{ "true", HS_NOT_FOUND, 0 },
		{ "[5]", HS_NOT_FOUND, 0 },
	};
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct doc *doc = parse(cases[i].text);
		struct buf out;
		int64_t value = 7;
		assert_int_equal(doc_i64(doc, &value), cases[i].err);
		if (cases[i].err == HS_OK)
			assert_true(value == cases[i].value);
		else
			assert_int_equal(value, 7);
		buf_init(&out, 100);
		assert_int_equal(doc_print(doc, false, &out), HS_OK);
		assert_string_equal(buf_text(&out), cases[i].text);
		buf_fini(&out);
		doc_free(doc);
	}
	struct doc *doc = parse("[1.5, 12, \"x\", 1e999, -0.0]");
	double value = 0;
	assert_int_equal(doc_double(doc_at(doc, 0), &value), HS_OK);
	assert_true(value == 1.5);
	assert_int_equal(doc_double(doc_at(doc, 1), &value), HS_OK);
	assert_true(value == 12);
	assert_int_equal(doc_double(doc_at(doc, 2), &value), HS_NOT_FOUND);
	assert_int_equal(doc_double(doc_at(doc, 3), &value), HS_TOO_BIG);
	assert_int_equal(doc_double(doc_at(doc, 4), &value), HS_OK);
	assert_true(value == 0);
	doc_free(doc);
}

static void
a_number_of_any_length_keeps_its_text(void **state)
{
	(void)state;
	char digits[5001];
	struct buf out;
	memset(digits, '9', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	struct doc *doc = parse(digits);
	int64_t value;
	double number;
	assert_int_equal(doc_i64(doc, &value), HS_TOO_BIG);
	assert_int_equal(doc_double(doc, &number), HS_TOO_BIG);
	buf_init(&out, 10000);
	assert_int_equal(doc_print(doc, false, &out), HS_OK);
	assert_string_equal(buf_text(&out), digits);
	buf_fini(&out);
	doc_free(doc);
	/* many digits, but a number a double can tell */
	digits[1] = '.';
	doc = parse(digits);
	assert_int_equal(doc_double(doc, &number), HS_OK);
	assert_true(number > 9.99 && number <= 10);
	doc_free(doc);
}

static void
names_with_a_nul_have_no_tree(void **state)
{
	(void)state;
	struct doc *doc = NULL;
	struct span json = span_text("{\"a\":1,\"a\\u0000b\":2}");
	assert_int_equal(doc_scan(json, NULL, NULL), HS_OK);
	assert_int_equal(doc_parse(json, &doc), HS_INVALID);
	assert_null(doc);
	json = span_text("[{\"x\":[{\"\\u0000\":2}]}]");
	assert_int_equal(doc_parse(json, &doc), HS_INVALID);
	assert_null(doc);
}

static void
printing_is_compact_or_pretty(void **state)
{
	(void)state;
	struct doc *doc = parse(" { \"b\" : [ 1 , 2.50, { } , [ ] ], \"a\" : "
				"{ \"x\\n\" : \"/\\u00e9\\ud800\" } , \"b2\":"
				"[[-1]], \"b\" : [true,null] } ");
	struct buf out;
	buf_init(&out, 1000);
	assert_int_equal(doc_print(doc, false, &out), HS_OK);
	assert_string_equal(buf_text(&out),
			    "{\"b\":[true,null],\"a\":{\"x\\n\":"
			    "\"/\xc3\xa9\xef\xbf\xbd\"},\"b2\":[[-1]]}");
	buf_reset(&out);
	assert_int_equal(doc_print(doc, true, &out), HS_OK);
	assert_string_equal(
		buf_text(&out),
		"{\n  \"b\": [\n    true,\n    null\n  ],\n"
		"  \"a\": {\n    \"x\\n\": \"/\xc3\xa9\xef\xbf\xbd\""
		"\n  },\n  \"b2\": [\n    [\n      -1\n    ]\n  ]\n"
		"}");
	size_t len = out.len;
	buf_fini(&out);
	for (size_t max = 0; max < len; max++) {
		buf_init(&out, max);
		assert_int_equal(doc_print(doc, true, &out), HS_TOO_BIG);
		assert_int_equal(out.len, 0);
		buf_fini(&out);
	}
	doc_free(doc);
	doc = parse("[{},[],\"\"]");
	buf_init(&out, 100);
	assert_int_equal(doc_print(doc, true, &out), HS_OK);
	assert_string_equal(buf_text(&out), "[\n  {},\n  [],\n  \"\"\n]");
	buf_reset(&out);
	assert_int_equal(doc_print(NULL, true, &out), HS_OK);
	assert_string_equal(buf_text(&out), "null");
	buf_fini(&out);
	doc_free(doc);
}

static void
a_tree_is_built(void **state)
{
	(void)state;
	struct doc *doc = doc_new_object();
	struct doc *array = doc_new_array();
	struct buf out;
	doc_push_text(array, span_text("x\xff"));
	doc_push_text(array, span_of(NULL, 0));
	doc_push(array, NULL);
	doc_push(array, doc_new_object());
	doc_set(doc, "array", array);
	doc_set_text(doc, "text", span_of("a\0\"", 3));
	doc_set_i64(doc, "min", INT64_MIN);
	doc_set_bool(doc, "yes", true);
	doc_set_bool(doc, "no", false);
	doc_set_null(doc, "null");
	assert_int_equal(doc_set_json(doc, "json", span_text(" [1.0] ")),
			 HS_OK);
	assert_int_equal(doc_set_json(doc, "json", span_text("[NaN]")),
			 HS_INVALID);
	assert_int_equal(doc_set_json(doc, "nil", span_text("null")), HS_OK);
	doc_set_text(doc, "bad\xff", span_text("x"));
	doc_set_i64(doc, "min", 3);
	buf_init(&out, 1000);
	assert_int_equal(doc_print(doc, false, &out), HS_OK);
	assert_string_equal(
		buf_text(&out),
		"{\"array\":[\"x\xef\xbf\xbd\",\"\",null,{}],"
		"\"text\":\"a\\u0000\\\"\",\"min\":3,\"yes\":true,\"no\":false,"
		"\"null\":null,\"json\":[1.0],\"nil\":null,"
		"\"bad\xef\xbf\xbd\":\"x\"}");
	assert_int_equal(doc_scan(buf_span(&out), NULL, NULL), HS_OK);
	buf_fini(&out);
	doc_free(doc);
}

static void
note_member(void *ctx, const char *name, const struct doc *value)
{
	struct buf *out = ctx;
	assert_int_equal(buf_addf(out, "%s=", name), HS_OK);
	assert_int_equal(doc_print(value, false, out), HS_OK);
	assert_int_equal(buf_add_byte(out, ';'), HS_OK);
}

static void
each_member_is_visited_in_order(void **state)
{
	(void)state;
	struct doc *doc = parse("{\"z\":1,\"a\":null,\"m\":[2]}");
	struct buf out;
	buf_init(&out, 100);
	doc_each(doc, note_member, &out);
	assert_string_equal(buf_text(&out), "z=1;a=null;m=[2];");
	buf_reset(&out);
	doc_each(doc_get(doc, "m"), note_member, &out);
	doc_each(NULL, note_member, &out);
	assert_string_equal(buf_text(&out), "");
	buf_fini(&out);
	doc_free(doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_texts),
		cmocka_unit_test(invalid_texts),
		cmocka_unit_test(depth_has_a_ceiling),
		cmocka_unit_test(a_tree_has_a_ceiling),
		cmocka_unit_test(pointers_find_raw_values),
		cmocka_unit_test(what_pointers_do_not_find),
		cmocka_unit_test(a_text_that_was_not_scanned_is_survived),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(what_cannot_be_decoded_leaves_no_trace),
		cmocka_unit_test(texts_become_strings),
		cmocka_unit_test(integers_as_written),
		cmocka_unit_test(utf8_is_known),
		cmocka_unit_test(a_tree_is_walked),
		cmocka_unit_test(numbers_are_not_bent),
		cmocka_unit_test(a_number_of_any_length_keeps_its_text),
		cmocka_unit_test(names_with_a_nul_have_no_tree),
		cmocka_unit_test(printing_is_compact_or_pretty),
		cmocka_unit_test(a_tree_is_built),
		cmocka_unit_test(each_member_is_visited_in_order),
	};
	return cmocka_run_group_tests_name("doc", tests, NULL, NULL);
}
