/*
 * resp: what a server may send, whole, in pieces, and hostile.
 */
#include "redis/resp.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bounds.h"

static struct reply *
parse(const char *bytes, size_t len, size_t step, enum hs_err *err)
{
	struct resp_reader *reader = resp_reader_new();
	struct reply *reply = NULL;

	*err = HS_AGAIN;
	for (size_t i = 0; i < len && *err == HS_AGAIN; i += step) {
		size_t n = len - i < step ? len - i : step;
		*err = resp_reader_feed(reader, bytes + i, n);
		if (*err == HS_OK)
			*err = resp_reader_next(reader, &reply);
	}
	resp_reader_free(reader);
	return reply;
}

static struct reply *
parse_text(const char *text)
{
	enum hs_err err;
	struct reply *reply = parse(text, strlen(text), strlen(text), &err);

	assert_int_equal(err, HS_OK);
	assert_non_null(reply);
	return reply;
}

static void
assert_reply(const char *bytes, enum reply_type type, const char *text,
	     long long integer)
{
	struct reply *reply = parse_text(bytes);

	assert_int_equal(reply->type, type);
	assert_true(span_is(reply->text, text));
	assert_int_equal(reply->text.ptr[reply->text.len], 0);
	assert_int_equal(reply->integer, integer);
	assert_int_equal(reply->n_items, 0);
	reply_free(reply);
}

static void
reads_scalars(void **state)
{
	(void)state;
	assert_reply("+OK\r\n", REPLY_STATUS, "OK", 0);
	assert_reply("-ERR no\r\n", REPLY_ERROR, "ERR no", 0);
	assert_reply(":42\r\n", REPLY_INTEGER, "", 42);
	assert_reply(":-9223372036854775808\r\n", REPLY_INTEGER, "", LLONG_MIN);
	assert_reply("$5\r\nhello\r\n", REPLY_TEXT, "hello", 0);
	assert_reply("$0\r\n\r\n", REPLY_TEXT, "", 0);
	assert_reply("$-1\r\n", REPLY_NIL, "", 0);
	assert_reply("*-1\r\n", REPLY_NIL, "", 0);
	assert_reply("*0\r\n", REPLY_ARRAY, "", 0);
}

static void
keeps_zero_bytes(void **state)
{
	enum hs_err err;
	struct reply *reply = parse("$3\r\na\0b\r\n", 9, 9, &err);

	(void)state;
	assert_int_equal(err, HS_OK);
	assert_int_equal(reply->text.len, 3);
	assert_memory_equal(reply->text.ptr, "a\0b", 3);
	reply_free(reply);
}

static void
reads_trees_in_any_pieces(void **state)
{
	static const char bytes[] =
		"*4\r\n*2\r\n:1\r\n$-1\r\n$3\r\nabc\r\n*0\r\n*1\r\n"
		"*1\r\n-ERR inner\r\n";

	(void)state;
	for (size_t step = 1; step < sizeof(bytes); step++) {
		enum hs_err err;
		struct reply *reply =
			parse(bytes, sizeof(bytes) - 1, step, &err);

		assert_int_equal(err, HS_OK);
		assert_int_equal(reply->type, REPLY_ARRAY);
		assert_int_equal(reply->n_items, 4);
		assert_int_equal(reply->items[0]->n_items, 2);
		assert_int_equal(reply->items[0]->items[0]->integer, 1);
		assert_int_equal(reply->items[0]->items[1]->type, REPLY_NIL);
		assert_true(span_is(reply->items[1]->text, "abc"));
		assert_int_equal(reply->items[2]->type, REPLY_ARRAY);
		assert_int_equal(reply->items[2]->n_items, 0);
		assert_true(reply_is_error(reply->items[3]->items[0]->items[0],
					   "ERR"));
		reply_free(reply);
	}
}

static void
is_stopped_anywhere_without_a_leak(void **state)
{
	static const char bytes[] =
		"*3\r\n*2\r\n:1\r\n$3\r\nabc\r\n$3\r\nabc\r\n+O\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(bytes) - 1; len++) {
		enum hs_err err;
		struct reply *reply = parse(bytes, len, len + 1, &err);
		assert_int_equal(err, HS_AGAIN);
		assert_null(reply);
	}
}

static void
reads_one_after_the_other(void **state)
{
	struct resp_reader *reader = resp_reader_new();
	struct reply *reply;

	(void)state;
	assert_int_equal(resp_reader_next(reader, &reply), HS_AGAIN);
	assert_int_equal(resp_reader_feed(reader, "", 0), HS_OK);
	assert_int_equal(resp_reader_feed(reader, ":1\r\n:2\r\n:", 9), HS_OK);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(resp_reader_next(reader, &reply), HS_OK);
		assert_int_equal(reply->integer, i);
		reply_free(reply);
	}
	assert_int_equal(resp_reader_next(reader, &reply), HS_AGAIN);
	assert_null(reply);
	assert_int_equal(resp_reader_feed(reader, "3\r\n", 3), HS_OK);
	assert_int_equal(resp_reader_next(reader, &reply), HS_OK);
	assert_int_equal(reply->integer, 3);
	reply_free(reply);
	assert_string_equal(resp_reader_error(reader), "");
	resp_reader_free(reader);
	resp_reader_free(NULL);
	reply_free(NULL);
}

static void
breaks_for_good(void **state)
{
	static const char *const rubbish[] = {
		"HTTP/1.1 400\r\n",
		"\r\n",
		":\r\n",
		":12a\r\n",
		":99999999999999999999\r\n",
		"$abc\r\n",
		"$-2\r\n",
		"*-2\r\n",
		"*99999999999999999999\r\n",
		"*2\r\n:1\r\nx\r\n",
		/* RESP3 */
		"%1\r\n+a\r\n+b\r\n",
		"~1\r\n+a\r\n",
		",3.14\r\n",
		"#t\r\n",
		">1\r\n+a\r\n",
		"=7\r\ntxt:abc\r\n",
		"(123\r\n",
		NULL,
	};

	(void)state;
	for (size_t i = 0; rubbish[i] != NULL; i++) {
		struct resp_reader *reader = resp_reader_new();
		struct reply *reply;
		size_t len = strlen(rubbish[i]);

		assert_int_equal(resp_reader_feed(reader, rubbish[i], len),
				 HS_OK);
		if (resp_reader_next(reader, &reply) != HS_PROTOCOL)
			fail_msg("taken: %s", rubbish[i]);
		assert_null(reply);
		assert_string_not_equal(resp_reader_error(reader), "");
		assert_int_equal(resp_reader_feed(reader, ":1\r\n", 4),
				 HS_PROTOCOL);
		assert_int_equal(resp_reader_next(reader, &reply), HS_PROTOCOL);
		resp_reader_free(reader);
	}
}

static void
nests_so_deep_and_no_deeper(void **state)
{
	char bytes[200] = "";
	enum hs_err err;

	(void)state;
	/* hiredis 0.14 counts the innermost value as a level */
	for (int depth = 1; depth < BOUNDS_REPLY_DEPTH; depth++)
		strncat(bytes, "*1\r\n", 5);
	strncat(bytes, ":1\r\n", 5);
	struct reply *reply = parse_text(bytes);
	reply_free(reply);
	bytes[0] = '\0';
	for (int depth = 0; depth <= BOUNDS_REPLY_DEPTH; depth++)
		strncat(bytes, "*1\r\n", 5);
	strncat(bytes, ":1\r\n", 5);
	assert_null(parse(bytes, strlen(bytes), strlen(bytes), &err));
	assert_int_equal(err, HS_PROTOCOL);
}

static void
announced_lengths_cost_nothing(void **state)
{
	/* each would be gigabytes if it were believed */
	static const char bytes[] = "*2147483647\r\n*2147483647\r\n"
				    "*2147483647\r\n$500000000\r\nabc";
	enum hs_err err;

	(void)state;
	assert_null(parse(bytes, sizeof(bytes) - 1, 7, &err));
	assert_int_equal(err, HS_AGAIN);
}

static void
long_arrays_grow(void **state)
{
	size_t n = 100000;
	struct resp_reader *reader = resp_reader_new();
	struct reply *reply = NULL;
	char line[32];

	(void)state;
	int len = snprintf(line, sizeof(line), "*%zu\r\n", n);
	assert_int_equal(resp_reader_feed(reader, line, (size_t)len), HS_OK);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(resp_reader_next(reader, &reply), HS_AGAIN);
		len = snprintf(line, sizeof(line), ":%zu\r\n", i);
		assert_int_equal(resp_reader_feed(reader, line, (size_t)len),
				 HS_OK);
	}
	assert_int_equal(resp_reader_next(reader, &reply), HS_OK);
	assert_int_equal(reply->n_items, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(reply->items[i]->integer, i);
	reply_free(reply);
	resp_reader_free(reader);
}

static void
knows_errors_by_their_first_word(void **state)
{
	struct reply *reply = parse_text("-NOSCRIPT No matching script\r\n");

	(void)state;
	assert_true(reply_is_error(reply, "NOSCRIPT"));
	assert_false(reply_is_error(reply, "NO"));
	assert_false(reply_is_error(reply, "NOSCRIPTS"));
	assert_false(reply_is_error(NULL, "NOSCRIPT"));
	reply_free(reply);
	reply = parse_text("-BUSY\r\n");
	assert_true(reply_is_error(reply, "BUSY"));
	reply_free(reply);
	reply = parse_text("+BUSY\r\n");
	assert_false(reply_is_error(reply, "BUSY"));
	reply_free(reply);
}

static void
reads_integers(void **state)
{
	static const struct {
		const char *bytes;
		enum hs_err err;
		int64_t value;
	} cases[] = {
		{ ":-7\r\n", HS_OK, -7 },
		{ "$3\r\n123\r\n", HS_OK, 123 },
		{ "$2\r\n-1\r\n", HS_OK, -1 },
		{ "$4\r\n12 3\r\n", HS_INVALID, 0 },
		{ "$0\r\n\r\n", HS_INVALID, 0 },
		{ "$-1\r\n", HS_INVALID, 0 },
		{ "+12\r\n", HS_INVALID, 0 },
		{ "*0\r\n", HS_INVALID, 0 },
	};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply *reply = parse_text(cases[i].bytes);
		value = 0;
		assert_int_equal(reply_i64(reply, &value), cases[i].err);
		assert_int_equal(value, cases[i].value);
		reply_free(reply);
	}
	assert_int_equal(reply_i64(NULL, &value), HS_INVALID);
	struct reply *reply = parse_text("$20\r\n99999999999999999999\r\n");
	assert_int_not_equal(reply_i64(reply, &value), HS_OK);
	reply_free(reply);
}

static void
formats_commands(void **state)
{
	struct span first[2] = { span_text("SET"), span_text("key") };
	struct span args[2] = { span_of("a\0b\r\n", 5), span_of(NULL, 0) };
	struct buf out;
	static const char wanted[] = "*4\r\n$3\r\nSET\r\n$3\r\nkey\r\n"
				     "$5\r\na\0b\r\n\r\n$0\r\n\r\n";

	(void)state;
	buf_init(&out, 1000);
	assert_int_equal(resp_command_2(&out, first, 2, args, 2), HS_OK);
	assert_int_equal(out.len, sizeof(wanted) - 1);
	assert_memory_equal(out.data, wanted, sizeof(wanted) - 1);
	/* appended */
	assert_int_equal(resp_command(&out, first, 1), HS_OK);
	assert_string_equal(buf_text(&out) + sizeof(wanted) - 1,
			    "*1\r\n$3\r\nSET\r\n");
	buf_fini(&out);
}

static void
formats_lengths_of_all_sizes(void **state)
{
	static const size_t lens[] = { 0, 9, 10, 99, 100, 12345 };
	static unsigned char bytes[12345];

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct span args[1] = { span_of(bytes, lens[i]) };
		char wanted[32];
		struct buf out;
		int len = snprintf(wanted, sizeof(wanted), "*1\r\n$%zu\r\n",
				   lens[i]);

		buf_init(&out, 20000);
		assert_int_equal(resp_command(&out, args, 1), HS_OK);
		assert_int_equal(out.len, (size_t)len + lens[i] + 2);
		assert_memory_equal(out.data, wanted, (size_t)len);
		buf_fini(&out);
	}
}

static void
changes_nothing_when_it_does_not_fit(void **state)
{
	struct span args[1] = { span_text("PING") };
	struct span wild[2] = { span_of("", SIZE_MAX - 3),
				span_of("", SIZE_MAX) };
	struct buf out;

	(void)state;
	buf_init(&out, 20);
	assert_int_equal(resp_command(&out, args, 1), HS_OK);
	assert_int_equal(resp_command(&out, args, 1), HS_TOO_BIG);
	assert_int_equal(resp_command(&out, wild, 2), HS_TOO_BIG);
	assert_string_equal(buf_text(&out), "*1\r\n$4\r\nPING\r\n");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_scalars),
		cmocka_unit_test(keeps_zero_bytes),
		cmocka_unit_test(reads_trees_in_any_pieces),
		cmocka_unit_test(is_stopped_anywhere_without_a_leak),
		cmocka_unit_test(reads_one_after_the_other),
		cmocka_unit_test(breaks_for_good),
		cmocka_unit_test(nests_so_deep_and_no_deeper),
		cmocka_unit_test(announced_lengths_cost_nothing),
		cmocka_unit_test(long_arrays_grow),
		cmocka_unit_test(knows_errors_by_their_first_word),
		cmocka_unit_test(reads_integers),
		cmocka_unit_test(formats_commands),
		cmocka_unit_test(formats_lengths_of_all_sizes),
		cmocka_unit_test(changes_nothing_when_it_does_not_fit),
	};

	return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
