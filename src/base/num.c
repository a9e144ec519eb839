/*
 * num: numbers as text, read without mercy.
 *
 * The C library's readers skip blanks, take a sign where none belongs, stop
 * quietly at rubbish and wrap or saturate at the end of their range. Here the
 * whole text is the number or it is refused, and out is written only on
 * success. Units are part of the text, so that no setting is a bare count of
 * milliseconds.
 */
#include "config.h"

#include "base/num.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Redis prints at most 17 digits, a sign, a point and an exponent; JSON from
 * outside may be as long as it likes, and then costs an allocation. */
#define DOUBLE_BYTES 64

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: the shortest text is that of the largest unit that fits. */
static const struct unit durations[] = {
	{ "d", 24 * 3600 * 1000 },
	{ "h", 3600 * 1000 },
	{ "m", 60 * 1000 },
	{ "s", 1000 },
	{ "ms", 1 },
};
static const struct unit sizes[] = {
	{ "GiB", 1024 * 1024 * 1024 },
	{ "MiB", 1024 * 1024 },
	{ "KiB", 1024 },
	{ "B", 1 },
};
#define N_UNITS(units) (sizeof(units) / sizeof(units[0]))

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static size_t
count_digits(struct span text, size_t from)
{
	size_t at = from;

	while (at < text.len && is_digit(text.ptr[at]))
		at++;
	return at - from;
}

/* strtod() reads the point of the locale; a library may have set one. */
static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void
make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* A number and one of the units. */
static enum hs_err
read_with_unit(struct span text, const struct unit *units, size_t n_units,
	       int64_t *out)
{
	size_t n_digits = count_digits(text, 0);
	struct span number = span_of(text.ptr, n_digits);
	struct span name = span_of(text.ptr + n_digits, text.len - n_digits);

	for (size_t i = 0; i < n_units; i++) {
		uint64_t count;
		if (!span_is(name, units[i].name))
			continue;
		enum hs_err err =
			num_u64(number, (uint64_t)(INT64_MAX / units[i].factor),
				&count);
		if (err != HS_OK)
			return err;
		*out = (int64_t)count * units[i].factor;
		return HS_OK;
	}
	return HS_INVALID;
}

static void
print_with_unit(int64_t value, const struct unit *units, size_t n_units,
		char *out, size_t out_size)
{
	for (size_t i = 0; i < n_units; i++) {
		if (value % units[i].factor != 0)
			continue;
		(void)snprintf(out, out_size, "%" PRId64 "%s",
			       value / units[i].factor, units[i].name);
		return;
	}
}

enum hs_err
num_u64(struct span text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	bool is_over = false;

	if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
		return HS_INVALID;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.ptr[i]))
			return HS_INVALID;
		unsigned digit = text.ptr[i] - (unsigned)'0';
		if (value > (UINT64_MAX - digit) / 10)
			is_over = true; /* but it may yet be rubbish */
		else
			value = value * 10 + digit;
	}
	if (is_over || value > max)
		return HS_TOO_BIG;
	*out = value;
	return HS_OK;
}

enum hs_err
num_i64(struct span text, int64_t min, int64_t max, int64_t *out)
{
	bool is_negative = text.len > 0 && text.ptr[0] == '-';
	uint64_t magnitude;
	int64_t value;

	if (!is_negative) {
		enum hs_err err = num_u64(text, INT64_MAX, &magnitude);
		if (err != HS_OK)
			return err;
		value = (int64_t)magnitude;
	} else {
		struct span digits = span_of(text.ptr + 1, text.len - 1);
		enum hs_err err =
			num_u64(digits, (uint64_t)INT64_MAX + 1, &magnitude);
		if (err != HS_OK)
			return err;
		if (magnitude == 0)
			return HS_INVALID; /* "-0" */
		value = -(int64_t)(magnitude - 1) - 1;
	}
	if (value < min || value > max)
		return HS_TOO_BIG;
	*out = value;
	return HS_OK;
}

enum hs_err
num_double(struct span text, double *out)
{
	char copy[DOUBLE_BYTES];
	size_t at = 0;

	if (at < text.len && text.ptr[at] == '-')
		at++;
	size_t n = count_digits(text, at);
	if (n == 0)
		return HS_INVALID;
	at += n;
	if (at < text.len && text.ptr[at] == '.') {
		n = count_digits(text, ++at);
		if (n == 0)
			return HS_INVALID;
		at += n;
	}
	if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
		at++;
		if (at < text.len &&
		    (text.ptr[at] == '+' || text.ptr[at] == '-'))
			at++;
		n = count_digits(text, at);
		if (n == 0)
			return HS_INVALID;
		at += n;
	}
	if (at != text.len)
		return HS_INVALID;

	(void)pthread_once(&c_locale_once, make_c_locale);
	if (c_locale == (locale_t)0)
		return HS_NO_MEMORY;
	char *terminated = copy;
	if (text.len >= sizeof(copy)) {
		terminated = span_dup(text);
		if (terminated == NULL)
			return HS_NO_MEMORY;
	} else {
		memcpy(copy, text.ptr, text.len);
		copy[text.len] = '\0';
	}
	double value = strtod_l(terminated, NULL, c_locale);
	if (terminated != copy)
		free(terminated);
	if (!isfinite(value))
		return HS_TOO_BIG;
	*out = value;
	return HS_OK;
}

enum hs_err
num_duration_ms(struct span text, int64_t *out_ms)
{
	if (span_is(text, "0")) {
		*out_ms = 0;
		return HS_OK;
	}
	return read_with_unit(text, durations, N_UNITS(durations), out_ms);
}

enum hs_err
num_size_bytes(struct span text, int64_t *out_bytes)
{
	return read_with_unit(text, sizes, N_UNITS(sizes), out_bytes);
}

void
num_duration_text(int64_t ms, char *out, size_t out_size)
{
	if (ms == 0)
		(void)snprintf(out, out_size, "0");
	else
		print_with_unit(ms, durations, N_UNITS(durations), out,
				out_size);
}

void
num_size_text(int64_t bytes, char *out, size_t out_size)
{
	if (bytes == 0)
		(void)snprintf(out, out_size, "0B");
	else
		print_with_unit(bytes, sizes, N_UNITS(sizes), out, out_size);
}
