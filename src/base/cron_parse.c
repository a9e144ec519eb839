/*
 * cron_parse: a pattern's text into the sets of cron.h.
 *
 * It works on text, as the parser it is measured by does: names become digits,
 * `*` becomes the field's whole range and `H` the values drawn for it, wherever
 * they stand; only then are lists, steps and ranges taken apart. So "1*" in the
 * minutes is 10-59 here as there, and "fri-L" as wrong.
 *
 * Known limit: a field with an `H` with range or step may hold anything there,
 * and a number beside it be 0x1f or 1e1; here it is made of digits.
 */
#include "base/cron.h"

#include <stdio.h>
#include <strings.h>

#include "base/digest.h"

#define PATTERN_BYTES 1024 /* of the other parser; all values need half */
#define N_FIELDS 6
/* A field's text after names and wildcards: each byte may become "0-59". */
#define FIELD_BYTES (4 * PATTERN_BYTES)

/* ---- the fields ---- */

enum field { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY };

static const struct {
	int min;
	int max;
	const char *letters; /* besides digits and , - / * ? H */
} fields[N_FIELDS] = {
	[SECOND] = { 0, 59, "" }, [MINUTE] = { 0, 59, "" },
	[HOUR] = { 0, 23, "" },   [DAY] = { 1, 31, "L" },
	[MONTH] = { 1, 12, "" },  [WEEKDAY] = { 0, 7, "L" },
};

static const char *const defaults[N_FIELDS] = { "0", "*", "*", "*", "*", "*" };

static const struct {
	const char *name;
	const char *pattern;
} predefined[] = {
	{ "@yearly", "0 0 0 1 1 *" },     { "@annually", "0 0 0 1 1 *" },
	{ "@monthly", "0 0 0 1 * *" },    { "@weekly", "0 0 0 * * 0" },
	{ "@daily", "0 0 0 * * *" },      { "@hourly", "0 0 * * * *" },
	{ "@minutely", "0 * * * * *" },   { "@secondly", "* * * * * *" },
	{ "@weekdays", "0 0 0 * * 1-5" }, { "@weekends", "0 0 0 * * 0,6" },
};

static const struct {
	const char name[4];
	int value;
} names[] = {
	{ "jan", 1 },  { "feb", 2 },  { "mar", 3 }, { "apr", 4 }, { "may", 5 },
	{ "jun", 6 },  { "jul", 7 },  { "aug", 8 }, { "sep", 9 }, { "oct", 10 },
	{ "nov", 11 }, { "dec", 12 }, { "sun", 0 }, { "mon", 1 }, { "tue", 2 },
	{ "wed", 3 },  { "thu", 4 },  { "fri", 5 }, { "sat", 6 },
};

static const int month_days[12] = { 31, 29, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* What one field came to. */
struct values {
	uint64_t bits;  /* bit n: the value n */
	uint64_t twice; /* of days: listed more than once */
	int n;          /* how many, texts included */
	bool has_text;  /* a value with an `L` is among them */
	uint32_t lasts; /* weekdays: bit n for any value of n, text or not */
};

struct parser {
	struct cron *cron;
	uint32_t dice; /* state of the draw */
	const char *why;
	struct buf text; /* the field being parsed, rewritten */
	struct buf spare;
	bool texts_seen[1 + 10 + 100]; /* "L", "0L".."9L", "00L".."99L" */
};

static enum hs_err
wrong(struct parser *p, const char *why)
{
	p->why = why;
	return HS_INVALID;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The digits from *at on, and past them; -1 when there are none. What is too
 * large for any field is cut to something that is, too. */
static int
take_number(struct span text, size_t *at)
{
	int value = -1;
	while (*at < text.len && is_digit(text.ptr[*at])) {
		value = (value < 0 ? 0 : value) * 10 + (text.ptr[*at] - '0');
		if (value > 1000000)
			value = 1000000;
		++*at;
	}
	return value;
}

/* The number a text begins with, whatever follows; -1: with none. */
static int
leading_number(struct span text)
{
	size_t at = text.len > 0 && text.ptr[0] == '+';
	return take_number(text, &at);
}

static bool
split(struct span *rest, char separator, struct span *part)
{
	if (!rest->ptr)
		return false;
	const unsigned char *end = memchr(rest->ptr, separator, rest->len);
	if (!end) {
		*part = *rest;
		*rest = span_of(NULL, 0);
		return true;
	}
	*part = span_of(rest->ptr, (size_t)(end - rest->ptr));
	*rest = span_of(end + 1, rest->len - part->len - 1);
	return true;
}

/* ---- the draw, for `H` ---- */

/* FNV-1a over the characters of the seed as UTF-16, which for text beyond ASCII
 * is not its bytes. */
static uint32_t
seed_hash(struct span seed)
{
	uint32_t hash = 2166136261;
	for (size_t i = 0; i < seed.len;) {
		uint32_t c = seed.ptr[i++];
		int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
		if (more > 0)
			c &= 0x3fu >> more;
		for (; more > 0 && i < seed.len; more--)
			c = c << 6 | (seed.ptr[i++] & 0x3f);
		if (c >= 0x10000) {
			hash = (hash ^ (0xd800 + ((c - 0x10000) >> 10))) *
			       16777619;
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		hash = (hash ^ c) * 16777619;
	}
	return hash;
}

/* The mulberry32 generator: in [0, 1). */
static double
draw(struct parser *p)
{
	p->dice += 0x6d2b79f5;
	uint32_t t = p->dice;
	t = (t ^ t >> 15) * (t | 1);
	t ^= t + (t ^ t >> 7) * (t | 61);
	return (t ^ t >> 14) / 4294967296.0;
}

static int
drawn(double chance, int min, int max)
{
	return (int)(chance * (max - min + 1)) + min;
}

static enum hs_err
put_drawn_steps(struct parser *p, double chance, int min, int max, int step)
{
	const char *comma = "";
	bool has_any = false;
	for (int i = min / step * step + (int)(chance * step); i <= max;
	     i += step) {
		if (i < min)
			continue;
		if (buf_addf(&p->spare, "%s%d", comma, i) != HS_OK)
			return HS_TOO_BIG;
		comma = ",";
		has_any = true;
	}
	if (has_any)
		return HS_OK;
	return buf_addf(&p->spare, "%d", drawn(chance, min, max));
}

/* "(3-7)" at *at, and past it; false and nowhere else when there is none. */
static bool
take_bounds(struct span text, size_t *at, int *min, int *max)
{
	size_t i = *at;
	if (i == text.len || text.ptr[i] != '(')
		return false;
	i++;
	*min = take_number(text, &i);
	if (*min < 0 || i == text.len || text.ptr[i] != '-')
		return false;
	i++;
	*max = take_number(text, &i);
	if (*max < 0 || i == text.len || text.ptr[i] != ')')
		return false;
	*at = i + 1;
	return true;
}

/* One `H`, with its bounds and step if it has them; *at is behind the letter. */
static enum hs_err
put_hashed(struct parser *p, enum field field, double chance, struct span text,
	   size_t *at)
{
	int min = fields[field].min;
	int max = fields[field].max;
	int low;
	int high;
	if (take_bounds(text, at, &low, &high)) {
		if (low > high)
			return wrong(p, "a range that ends before it begins");
		min = low > min ? low : min;
		max = high < max ? high : max;
		if (min > max)
			return wrong(p, "a range without a usable value");
	}
	size_t i = *at;
	if (i < text.len && text.ptr[i] == '/') {
		i++;
		int step = take_number(text, &i);
		if (step == 0)
			return wrong(p, "a step of 0");
		if (step > 0) {
			*at = i;
			return put_drawn_steps(p, chance, min, max, step);
		}
	}
	return buf_addf(&p->spare, "%d", drawn(chance, min, max));
}

/* ---- rewriting a field ---- */

static void
swap_texts(struct parser *p)
{
	struct buf rewritten = p->spare;
	p->spare = p->text;
	p->text = rewritten;
	buf_reset(&p->spare);
}

/* Three letters in a row are a name, of a month or a day alike. */
static enum hs_err
replace_names(struct parser *p)
{
	struct span text = buf_span(&p->text);
	for (size_t i = 0; i < text.len;) {
		if (i + 3 > text.len || !is_letter(text.ptr[i]) ||
		    !is_letter(text.ptr[i + 1]) ||
		    !is_letter(text.ptr[i + 2])) {
			if (buf_add_byte(&p->spare, text.ptr[i++]) != HS_OK)
				return HS_TOO_BIG;
			continue;
		}
		size_t at = 0;
		while (at < N(names) &&
		       strncasecmp(names[at].name, (const char *)text.ptr + i,
				   3) != 0)
			at++;
		if (at == N(names))
			return wrong(p, "an unknown name of a month or day");
		if (buf_addf(&p->spare, "%d", names[at].value) != HS_OK)
			return HS_TOO_BIG;
		i += 3;
	}
	swap_texts(p);
	return HS_OK;
}

/* Is there an `H` with a range or step? Behind one, anything goes. */
static bool
has_hashed_form(struct span text)
{
	for (size_t i = 0; i + 1 < text.len; i++) {
		int low;
		int high;
		size_t at = i + 1;
		if (text.ptr[i] == 'H' &&
		    (take_bounds(text, &at, &low, &high) ||
		     (i + 2 < text.len && text.ptr[i + 1] == '/' &&
		      is_digit(text.ptr[i + 2]))))
			return true;
	}
	return false;
}

static enum hs_err
check_letters(struct parser *p, enum field field)
{
	struct span text = buf_span(&p->text);
	if (text.len == 0)
		return wrong(p, "an empty field");
	if (has_hashed_form(text))
		return HS_OK;
	for (size_t i = 0; i < text.len; i++) {
		int c = text.ptr[i];
		if (c == '\0' || (!is_digit(c) && !strchr("?,*H/-", c) &&
				  !strchr(fields[field].letters, c)))
			return wrong(p, "a character that means nothing there");
	}
	return HS_OK;
}

static enum hs_err
replace_wildcards(struct parser *p, enum field field)
{
	struct span text = buf_span(&p->text);
	for (size_t i = 0; i < text.len; i++) {
		bool is_wild = text.ptr[i] == '*' || text.ptr[i] == '?';
		enum hs_err err =
			is_wild ? buf_addf(&p->spare, "%d-%d",
					   fields[field].min, fields[field].max)
				: buf_add_byte(&p->spare, text.ptr[i]);
		if (err != HS_OK)
			return HS_TOO_BIG;
	}
	swap_texts(p);
	return HS_OK;
}

static enum hs_err
replace_hashed(struct parser *p, enum field field)
{
	struct span text = buf_span(&p->text);
	double chance = draw(p); /* one for each field, asked for or not */
	for (size_t i = 0; i < text.len;) {
		enum hs_err err =
			text.ptr[i] == 'H'
				? (i++, put_hashed(p, field, chance, text, &i))
				: buf_add_byte(&p->spare, text.ptr[i++]);
		if (err == HS_NO_MEMORY)
			err = HS_TOO_BIG;
		if (err != HS_OK)
			return err;
	}
	swap_texts(p);
	return HS_OK;
}

/* ---- values ---- */

static enum hs_err
add_value(struct parser *p, enum field field, struct values *values, int value)
{
	uint64_t bit = UINT64_C(1) << value;
	if (values->bits & bit && field != DAY)
		return wrong(p, "a value that is listed twice");
	values->twice |= values->bits & bit;
	values->bits |= bit;
	values->lasts |= UINT32_C(1) << value % 7;
	values->n++;
	return HS_OK;
}

/* "L", "5L": of weekdays, the last one of a month. */
static enum hs_err
add_text(struct parser *p, enum field field, struct values *values,
	 struct span text)
{
	size_t n_digits = 0;
	(void)take_number(text, &n_digits);
	if (n_digits > 2 || n_digits + 1 != text.len ||
	    text.ptr[n_digits] != 'L' || (field == WEEKDAY && n_digits == 0))
		return wrong(p, "an L that follows no day");
	int at = n_digits == 0   ? 0
		 : n_digits == 1 ? 1 + leading_number(text)
				 : 11 + leading_number(text);
	if (p->texts_seen[at])
		return wrong(p, "a value that is listed twice");
	p->texts_seen[at] = true;
	values->has_text = true;
	values->n++;
	if (n_digits > 0)
		values->lasts |= UINT32_C(1) << (text.ptr[0] - '0') % 7;
	return HS_OK;
}

static enum hs_err
add_range(struct parser *p, enum field field, struct values *values,
	  struct span first, struct span last, int step)
{
	int min = leading_number(first);
	int max = leading_number(last);
	if (min < fields[field].min || max > fields[field].max || max < 0)
		return wrong(p, "a value out of the field's range");
	if (min > max)
		return wrong(p, "a range that ends before it begins");
	if (step <= 0)
		return wrong(p, "a step that is no number above 0");
	enum hs_err err = HS_OK;
	/* Sunday is both ends of the week */
	bool has_sunday =
		field == WEEKDAY && max % 7 == 0 && (max - min) % step == 0;
	if (has_sunday)
		err = add_value(p, field, values, 0);
	for (int i = min; err == HS_OK && i <= max; i += step) {
		if (!(has_sunday && i == 0))
			err = add_value(p, field, values, i);
	}
	return err;
}

/* A number, a text with an L, or a range; with a step or none. */
static enum hs_err
add_atom(struct parser *p, enum field field, struct values *values,
	 struct span atom)
{
	struct span rest = atom;
	struct span range;
	struct span part;
	int step = 1;
	bool has_step = false;
	if (atom.len == 0)
		return wrong(p, "a list with nothing between two commas");
	(void)split(&rest, '/', &range);
	if (rest.ptr) {
		(void)split(&rest, '/', &part);
		if (rest.ptr)
			return wrong(p, "more than one step");
		step = leading_number(part);
		has_step = true;
	}
	struct span first;
	struct span last;
	rest = range;
	(void)split(&rest, '-', &first);
	if (rest.ptr) {
		(void)split(&rest, '-', &last);
		return add_range(p, field, values, first, last, step);
	}
	if (has_step) {
		char max[8];
		snprintf(max, sizeof(max), "%d", fields[field].max);
		return add_range(p, field, values, first, span_text(max), step);
	}
	if (fields[field].letters[0] && memchr(first.ptr, 'L', first.len))
		return add_text(p, field, values, first);
	int value = leading_number(first);
	if (value < fields[field].min || value > fields[field].max)
		return wrong(p, "a value out of the field's range");
	if (field == WEEKDAY)
		return add_value(p, field, values, value % 7);
	if (!is_digit(first.ptr[first.len - 1]) ||
	    strspn((const char *)first.ptr, "+0123456789") < first.len)
		return wrong(p, "a value that is no number");
	return add_value(p, field, values, value);
}

static enum hs_err
parse_field(struct parser *p, enum field field, struct span raw,
	    struct values *values)
{
	*values = (struct values){ 0 };
	memset(p->texts_seen, 0, sizeof(p->texts_seen));
	buf_reset(&p->text);
	buf_reset(&p->spare);
	enum hs_err err = buf_add_span(&p->text, raw);
	if (err == HS_OK && (field == MONTH || field == WEEKDAY))
		err = replace_names(p);
	if (err == HS_OK)
		err = check_letters(p, field);
	if (err == HS_OK)
		err = replace_wildcards(p, field);
	if (err == HS_OK)
		err = replace_hashed(p, field);
	struct span rest = buf_span(&p->text);
	struct span atom;
	while (err == HS_OK && split(&rest, ',', &atom))
		err = add_atom(p, field, values, atom);
	return err;
}

/* "5#3" is the third Friday: cuts the number off. */
static enum hs_err
parse_nth(struct parser *p, struct span *weekday)
{
	struct span rest = *weekday;
	struct span day;
	struct span nth;
	(void)split(&rest, '#', &day);
	if (!rest.ptr)
		return HS_OK;
	nth = rest;
	for (size_t i = 0; i < weekday->len; i++) {
		if (strchr(",-/", weekday->ptr[i]) && weekday->ptr[i])
			return wrong(p, "a # beside a list, range or step");
	}
	size_t at = 0;
	p->cron->nth = take_number(nth, &at);
	if (at < nth.len || p->cron->nth < 1 || p->cron->nth > 5)
		return wrong(p, "a # without a number from 1 to 5");
	*weekday = day;
	return HS_OK;
}

static bool
is_wild(struct span raw)
{
	return raw.len == 1 && (raw.ptr[0] == '*' || raw.ptr[0] == '?');
}

/* Days that the only month does not have are dropped, and only then may none be
 * listed twice. Unless none is left: then the pattern is wrong, if it has no
 * other way to match. */
static enum hs_err
fit_days(struct parser *p, struct values *days, const struct values *months)
{
	int n_days = 31;
	for (int i = 1; months->n == 1 && i <= 12; i++) {
		if (months->bits & UINT64_C(1) << i)
			n_days = month_days[i - 1];
	}
	uint64_t possible = (UINT64_C(2) << n_days) - 1;
	bool has_any = (days->bits & possible) != 0 || days->has_text;
	if (has_any) {
		days->bits &= possible;
		days->twice &= possible;
	}
	if (days->twice != 0)
		return wrong(p, "a value that is listed twice");
	if (!has_any && !p->cron->has_last_day && p->cron->is_any_weekday)
		return wrong(p, "a day that its month does not have");
	return HS_OK;
}

/* ---- taking the pattern apart ---- */

/* How many bytes at text[0] are white space to JavaScript; 0: none. */
static size_t
space_len(struct span text)
{
	static const char *const wide[] = {
		"\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
		"\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85",
		"\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89",
		"\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
		"\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf",
	};
	if (text.len == 0)
		return 0;
	if (text.ptr[0] == ' ' || (text.ptr[0] >= '\t' && text.ptr[0] <= '\r'))
		return 1;
	for (size_t i = 0; i < N(wide); i++) {
		size_t len = strlen(wide[i]);
		if (text.len >= len && memcmp(text.ptr, wide[i], len) == 0)
			return len;
	}
	return 0;
}

/* The fields between white space. Fewer than six are the last ones. */
static enum hs_err
split_fields(struct parser *p, struct span pattern, struct span raw[N_FIELDS])
{
	struct span found[N_FIELDS];
	size_t n = 0;
	size_t start = 0;
	size_t i = 0;
	while (i <= pattern.len) {
		struct span rest = span_of(pattern.ptr + i, pattern.len - i);
		size_t len = space_len(rest);
		if (len == 0 && i < pattern.len) {
			i++;
			continue;
		}
		if (i > start) {
			if (n == N_FIELDS)
				return wrong(p, "more than six fields");
			found[n++] = span_of(pattern.ptr + start, i - start);
		}
		i += len > 0 ? len : 1;
		start = i;
	}
	if (n == 0)
		return wrong(p, "no field");
	for (size_t at = 0; at < N_FIELDS; at++) {
		raw[at] = at < N_FIELDS - n ? span_text(defaults[at])
					    : found[at - (N_FIELDS - n)];
	}
	return HS_OK;
}

static enum hs_err
parse_all(struct parser *p, struct span pattern)
{
	struct cron *cron = p->cron;
	struct span raw[N_FIELDS];
	struct values values[N_FIELDS];
	enum hs_err err = split_fields(p, pattern, raw);
	if (err != HS_OK)
		return err;
	struct span weekday = raw[WEEKDAY];
	cron->is_any_day = is_wild(raw[DAY]);
	cron->is_any_weekday = is_wild(weekday);
	cron->has_last_day = memchr(raw[DAY].ptr, 'L', raw[DAY].len) != NULL;
	cron->has_last_weekday = memchr(weekday.ptr, 'L', weekday.len) != NULL;
	err = parse_nth(p, &weekday);
	raw[WEEKDAY] = weekday;
	static const enum field order[N_FIELDS] = { SECOND, MINUTE, HOUR,
						    MONTH,  DAY,    WEEKDAY };
	for (size_t i = 0; err == HS_OK && i < N_FIELDS; i++)
		err = parse_field(p, order[i], raw[order[i]],
				  &values[order[i]]);
	if (err == HS_OK)
		err = fit_days(p, &values[DAY], &values[MONTH]);
	if (err != HS_OK)
		return err;
	cron->seconds = values[SECOND].bits;
	cron->minutes = values[MINUTE].bits;
	cron->hours = (uint32_t)values[HOUR].bits;
	cron->n_hours = values[HOUR].n;
	cron->days = (uint32_t)values[DAY].bits;
	cron->months = (uint32_t)values[MONTH].bits;
	cron->weekdays = (uint32_t)values[WEEKDAY].bits;
	cron->last_weekdays = values[WEEKDAY].lasts;
	return HS_OK;
}

enum hs_err
cron_parse(struct span pattern, struct span seed, struct cron *out,
	   const char **why)
{
	for (size_t i = 0; i < N(predefined); i++) {
		if (span_is(pattern, predefined[i].name))
			pattern = span_text(predefined[i].pattern);
	}
	if (pattern.len > PATTERN_BYTES) {
		*why = "longer than 1024 characters";
		return HS_TOO_BIG;
	}
	if (pattern.len == 0)
		pattern = span_text("0 * * * * *");
	*out = (struct cron){ 0 };
	struct parser p = { .cron = out };
	if (seed.len > 0)
		p.dice = seed_hash(seed);
	else
		digest_random(&p.dice, sizeof(p.dice));
	buf_init(&p.text, FIELD_BYTES);
	buf_init(&p.spare, FIELD_BYTES);
	enum hs_err err = parse_all(&p, pattern);
	buf_fini(&p.text);
	buf_fini(&p.spare);
	if (err != HS_OK)
		*why = p.why ? p.why : "too many values in a field";
	return err;
}
