/*
 * num_test: what is a number, and all that looks like one.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void
natural_numbers(void **state)
{
	(void)state;
	uint64_t n = 7;
	assert_int_equal(num_u64(span_text("0"), 10, &n), HS_OK);
	assert_int_equal(n, 0);
	assert_int_equal(num_u64(span_text("10"), 10, &n), HS_OK);
	assert_int_equal(n, 10);
	assert_int_equal(
		num_u64(span_text("18446744073709551615"), UINT64_MAX, &n),
		HS_OK);
	assert_true(n == UINT64_MAX);
	n = 7;
	assert_int_equal(num_u64(span_text("11"), 10, &n), HS_TOO_BIG);
	assert_int_equal(
		num_u64(span_text("18446744073709551616"), UINT64_MAX, &n),
		HS_TOO_BIG);
	assert_int_equal(num_u64(span_text("99999999999999999999999999999999"),
				 UINT64_MAX, &n),
			 HS_TOO_BIG);
	assert_int_equal(n, 7);
}

static void
what_is_no_natural_number(void **state)
{
	(void)state;
	const char *const texts[] = {
		"",
		"-",
		"+1",
		"-1",
		" 1",
		"1 ",
		"1\n",
		"00",
		"007",
		"0x10",
		"1e3",
		"1.0",
		"a",
		"12a",
		"1_000",
		"\xd9\xa1",
		"99999999999999999999999999999999x",
	};
	uint64_t n = 7;
	for (size_t i = 0; i < N_OF(texts); i++)
		assert_int_equal(num_u64(span_text(texts[i]), UINT64_MAX, &n),
				 HS_INVALID);
	assert_int_equal(num_u64(span_of("1\0", 2), 10, &n), HS_INVALID);
	assert_int_equal(num_u64(span_of(NULL, 0), 10, &n), HS_INVALID);
	assert_int_equal(n, 7);
}

static void
whole_numbers(void **state)
{
	(void)state;
	int64_t n = 7;
	assert_int_equal(num_i64(span_text("-5"), -5, 5, &n), HS_OK);
	assert_int_equal(n, -5);
	assert_int_equal(num_i64(span_text("5"), -5, 5, &n), HS_OK);
	assert_int_equal(n, 5);
	assert_int_equal(num_i64(span_text("-9223372036854775808"), INT64_MIN,
				 INT64_MAX, &n),
			 HS_OK);
	assert_true(n == INT64_MIN);
	assert_int_equal(num_i64(span_text("9223372036854775807"), INT64_MIN,
				 INT64_MAX, &n),
			 HS_OK);
	assert_true(n == INT64_MAX);
	n = 7;
	assert_int_equal(num_i64(span_text("-6"), -5, 5, &n), HS_TOO_BIG);
	assert_int_equal(num_i64(span_text("6"), -5, 5, &n), HS_TOO_BIG);
	assert_int_equal(num_i64(span_text("-9223372036854775809"), INT64_MIN,
				 INT64_MAX, &n),
			 HS_TOO_BIG);
	assert_int_equal(num_i64(span_text("9223372036854775808"), INT64_MIN,
				 INT64_MAX, &n),
			 HS_TOO_BIG);
	assert_int_equal(num_i64(span_text("-0"), -5, 5, &n), HS_INVALID);
	assert_int_equal(num_i64(span_text("--1"), -5, 5, &n), HS_INVALID);
	assert_int_equal(num_i64(span_text("-"), -5, 5, &n), HS_INVALID);
	assert_int_equal(num_i64(span_text("+1"), -5, 5, &n), HS_INVALID);
	assert_int_equal(num_i64(span_text(""), -5, 5, &n), HS_INVALID);
	assert_int_equal(n, 7);
}

static void
decimals_as_redis_prints_them(void **state)
{
	(void)state;
	double d = 7;
	assert_int_equal(num_double(span_text("1795458411149.0002"), &d),
			 HS_OK);
	assert_true(d > 1795458411149.0 && d < 1795458411149.001);
	assert_int_equal(num_double(span_text("1e+20"), &d), HS_OK);
	assert_true(d == 1e20);
	assert_int_equal(num_double(span_text("-1"), &d), HS_OK);
	assert_true(d == -1);
	assert_int_equal(num_double(span_text("0"), &d), HS_OK);
	assert_true(d == 0);
	assert_int_equal(num_double(span_text("4.9406564584124654e-324"), &d),
			 HS_OK);
	assert_int_equal(num_double(span_text("1E-3"), &d), HS_OK);
	assert_true(d == 0.001);
}

static void
what_is_no_decimal(void **state)
{
	(void)state;
	const char *const texts[] = {
		"",      "-",     ".5",       "5.",    "1e", "1e+", "+1",
		"nan",   "inf",   "-inf",     "0x1p3", " 1", "1 ",  "1,5",
		"1.2.3", "1e5.5", "infinity", "1e1e1", "1f",
	};
	double d = 7;
	for (size_t i = 0; i < N_OF(texts); i++)
		assert_int_equal(num_double(span_text(texts[i]), &d),
				 HS_INVALID);
	assert_int_equal(num_double(span_text("1e400"), &d), HS_TOO_BIG);
	assert_int_equal(num_double(span_of("1\0", 2), &d), HS_INVALID);
	char digits[200];
	memset(digits, '1', sizeof(digits));
	assert_true(d == 7);
	assert_int_equal(num_double(span_of(digits, sizeof(digits)), &d),
			 HS_OK);
	assert_true(d > 1.1e199 && d < 1.2e199);
}

static void
durations_carry_a_unit(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "250ms", 250 },
		{ "2s", 2000 },
		{ "5m", 300000 },
		{ "24h", 86400000 },
		{ "14d", 1209600000 },
		{ "9223372036854775807ms", INT64_MAX },
		{ "106751991167d", 106751991167LL * 86400000 },
	};
	int64_t ms = 7;
	for (size_t i = 0; i < N_OF(cases); i++) {
		assert_int_equal(num_duration_ms(span_text(cases[i].text), &ms),
				 HS_OK);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void
what_is_no_duration(void **state)
{
	(void)state;
	const char *const texts[] = {
		"",     "5",   "s",   "ms",    "-5s",  "+5s",
		"5 s",  " 5s", "5s ", "1.5s",  "05s",  "5S",
		"5sec", "5us", "5w",  "1h30m", "0x5s",
	};
	int64_t ms = 7;
	for (size_t i = 0; i < N_OF(texts); i++)
		assert_int_equal(num_duration_ms(span_text(texts[i]), &ms),
				 HS_INVALID);
	assert_int_equal(num_duration_ms(span_text("106751991168d"), &ms),
			 HS_TOO_BIG);
	assert_int_equal(
		num_duration_ms(span_text("99999999999999999999s"), &ms),
		HS_TOO_BIG);
	assert_int_equal(num_duration_ms(span_of(NULL, 0), &ms), HS_INVALID);
	assert_int_equal(ms, 7);
}

static void
sizes_carry_a_unit(void **state)
{
	(void)state;
	int64_t bytes = 7;
	assert_int_equal(num_size_bytes(span_text("512B"), &bytes), HS_OK);
	assert_int_equal(bytes, 512);
	assert_int_equal(num_size_bytes(span_text("64KiB"), &bytes), HS_OK);
	assert_int_equal(bytes, 65536);
	assert_int_equal(num_size_bytes(span_text("1MiB"), &bytes), HS_OK);
	assert_int_equal(bytes, 1048576);
	assert_int_equal(num_size_bytes(span_text("2GiB"), &bytes), HS_OK);
	assert_int_equal(bytes, 2147483648);
	const char *const texts[] = { "",     "0",   "64",   "64K", "64KB",
				      "64kB", "64k", "1TiB", "-1B", "1.5MiB" };
	for (size_t i = 0; i < N_OF(texts); i++)
		assert_int_equal(num_size_bytes(span_text(texts[i]), &bytes),
				 HS_INVALID);
	assert_int_equal(num_size_bytes(span_text("8589934592GiB"), &bytes),
			 HS_TOO_BIG);
	assert_int_equal(bytes, 2147483648);
}

static void
texts_read_back_equal(void **state)
{
	(void)state;
	static const struct {
		int64_t value;
		const char *text;
	} durations[] = {
		{ 0, "0" },	   { 1, "1ms" },       { 1500, "1500ms" },
		{ 2000, "2s" },	   { 90000, "90s" },   { 300000, "5m" },
		{ 5400000, "90m" }, { 86400000, "1d" }, { 90000000, "25h" },
		{ INT64_MAX, "9223372036854775807ms" },
	},
	  sizes[] = {
		  { 0, "0B" },		 { 1, "1B" },
		  { 1000, "1000B" },	 { 65536, "64KiB" },
		  { 1048576, "1MiB" },	 { 1572864, "1536KiB" },
		  { 2147483648, "2GiB" }, { INT64_MAX, "9223372036854775807B" },
	  };
	char text[32];
	int64_t back;
	for (size_t i = 0; i < N_OF(durations); i++) {
		num_duration_text(durations[i].value, text, sizeof(text));
		assert_string_equal(text, durations[i].text);
		assert_int_equal(num_duration_ms(span_text(text), &back),
				 HS_OK);
		assert_int_equal(back, durations[i].value);
	}
	for (size_t i = 0; i < N_OF(sizes); i++) {
		num_size_text(sizes[i].value, text, sizeof(text));
		assert_string_equal(text, sizes[i].text);
		assert_int_equal(num_size_bytes(span_text(text), &back), HS_OK);
		assert_int_equal(back, sizes[i].value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(natural_numbers),
		cmocka_unit_test(what_is_no_natural_number),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(decimals_as_redis_prints_them),
		cmocka_unit_test(what_is_no_decimal),
		cmocka_unit_test(durations_carry_a_unit),
		cmocka_unit_test(what_is_no_duration),
		cmocka_unit_test(sizes_carry_a_unit),
		cmocka_unit_test(texts_read_back_equal),
	};
	return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
