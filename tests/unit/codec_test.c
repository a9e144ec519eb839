/*
 * codec_test: RFC 4648's vectors, all bytes there and back, and texts that
 * decode to nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/codec.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef enum hs_err (*codec_fn)(struct span in, struct buf *out);

static void
check_text(codec_fn fn, const char *in, const char *expected)
{
	struct buf out;
	buf_init(&out, 4096);
	assert_int_equal(fn(span_text(in), &out), HS_OK);
	assert_string_equal(buf_text(&out), expected);
	buf_fini(&out);
}

static void
check_refused(codec_fn fn, struct span in)
{
	struct buf out;
	buf_init(&out, 4096);
	assert_int_equal(buf_add_text(&out, "kept"), HS_OK);
	assert_int_equal(fn(in, &out), HS_INVALID);
	assert_int_equal(out.len, 4);
	assert_string_equal(buf_text(&out), "kept");
	buf_fini(&out);
}

static void
check_round_trip(codec_fn encode, codec_fn decode)
{
	unsigned char bytes[256];
	struct buf text;
	struct buf back;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	buf_init(&text, 1024);
	buf_init(&back, 256);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct span in = span_of(bytes + sizeof(bytes) - len, len);
		buf_reset(&text);
		buf_reset(&back);
		assert_int_equal(encode(in, &text), HS_OK);
		assert_int_equal(decode(buf_span(&text), &back), HS_OK);
		assert_true(span_equal(buf_span(&back), in));
	}
	buf_fini(&text);
	buf_fini(&back);
}

static void
check_ceiling(codec_fn fn, const char *in, size_t needed)
{
	struct buf out;
	buf_init(&out, needed - 1);
	assert_int_equal(fn(span_text(in), &out), HS_TOO_BIG);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
	buf_init(&out, needed);
	assert_int_equal(fn(span_text(in), &out), HS_OK);
	assert_int_equal(out.len, needed);
	buf_fini(&out);
}

static void
hex_there_and_back(void **state)
{
	(void)state;
	check_text(codec_hex_encode, "foobar", "666f6f626172");
	check_text(codec_hex_decode, "666F6f626172", "foobar");
	check_text(codec_hex_encode, "", "");
	check_round_trip(codec_hex_encode, codec_hex_decode);
}

static void
what_is_no_hex(void **state)
{
	(void)state;
	const char *const texts[] = { "0",   "abc", "0g",
				      "g0",  " 00", "0x00",
				      "00 ", "-1",  "\xff\xff",
				      "@@",  "`a",  "00112233445566778899:0" };
	for (size_t i = 0; i < N_OF(texts); i++)
		check_refused(codec_hex_decode, span_text(texts[i]));
	check_refused(codec_hex_decode, span_of("0\0", 2));
}

static void
base64_vectors_of_the_rfc(void **state)
{
	(void)state;
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	for (size_t i = 0; i < N_OF(vectors); i++) {
		check_text(codec_base64_encode, vectors[i][0], vectors[i][1]);
		check_text(codec_base64_decode, vectors[i][1], vectors[i][0]);
	}
	check_round_trip(codec_base64_encode, codec_base64_decode);
}

static void
what_is_no_base64(void **state)
{
	(void)state;
	const char *const texts[] = {
		"Z",      "Zg",       "Zg=",
		"Zm8", /* padding */
		"=",      "==",       "====",
		"Z===",   "Zm9v====", "Zm8=Zm8=",
		"Z=8=",   "=m8v",     "Zg==Zm9v",
		"Zh==",   "Zm9=", /* bits left over */
		" Zm8=",  "Zm8=\n",   "Zm 9",
		"Zm9v\n", /* space */
		"Zm-_",   "Zm8*",     "\xff\xff\xff\xff",
	};
	for (size_t i = 0; i < N_OF(texts); i++)
		check_refused(codec_base64_decode, span_text(texts[i]));
	check_refused(codec_base64_decode, span_of("Zm9\0", 4));
	check_refused(codec_base64_decode, span_of("\0\0\0\0", 4));
}

static void
a_value_stays_in_its_segment(void **state)
{
	(void)state;
	check_text(codec_percent_encode, "", "");
	check_text(codec_percent_encode, "AZaz09-._~", "AZaz09-._~");
	check_text(codec_percent_encode, "a/b?c#d&e=f",
		   "a%2Fb%3Fc%23d%26e%3Df");
	check_text(codec_percent_encode, "100% \xc3\xa9\n",
		   "100%25%20%C3%A9%0A");
	check_text(codec_percent_encode, "../x", "..%2Fx");
	struct buf out;
	buf_init(&out, 10);
	assert_int_equal(codec_percent_encode(span_of("\0", 1), &out), HS_OK);
	assert_string_equal(buf_text(&out), "%00");
	buf_fini(&out);
}

static void
ceilings_hold(void **state)
{
	(void)state;
	check_ceiling(codec_hex_encode, "abc", 6);
	check_ceiling(codec_hex_decode, "616263", 3);
	check_ceiling(codec_base64_encode, "abcd", 8);
	check_ceiling(codec_base64_decode, "Zm9vYg==", 4);
	check_ceiling(codec_percent_encode, "a/", 4);
	struct buf out;
	buf_init(&out, 10);
	assert_int_equal(codec_hex_encode(span_of("", SIZE_MAX), &out),
			 HS_TOO_BIG);
	assert_int_equal(codec_base64_encode(span_of("", SIZE_MAX), &out),
			 HS_TOO_BIG);
	assert_int_equal(codec_percent_encode(span_of("", SIZE_MAX), &out),
			 HS_TOO_BIG);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_there_and_back),
		cmocka_unit_test(what_is_no_hex),
		cmocka_unit_test(base64_vectors_of_the_rfc),
		cmocka_unit_test(what_is_no_base64),
		cmocka_unit_test(a_value_stays_in_its_segment),
		cmocka_unit_test(ceilings_hold),
	};
	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
