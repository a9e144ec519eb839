/*
 * line: one walk over the format. Outside of pairs, literal text and what
 * conversions give are appended to the text as they come. A pair begins where a
 * word of the format is lower-case letters and underscores up to a '='; its
 * value is gathered whole, raw, and only then appended: quoted or plain, or
 * left out.
 *
 * The arguments are taken by type, one by one, as one cannot give a part of a
 * va_list to vsnprintf() and go on behind it.
 */
#include "base/line.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct value { /* raw: what conversions and literals of a pair give */
	char bytes[BOUNDS_LOG_LINE_BYTES];
	size_t len;
	bool is_cut;
	bool is_absent;
};

struct out {
	char *bytes;
	size_t len;
	size_t max; /* room for "..." and NUL is beyond it */
	bool is_cut;
};

enum { FOR_TEXT = 0, FOR_QUOTES };

/* ---- escapes ---- */

/* NUL is never a continuation byte: nothing is read behind it. */
static size_t
shown_len(const unsigned char *text)
{
	unsigned char c = text[0];

	if (c >= 0x20 && c < 0x7f)
		return 1;
	if (c == 0xc2) /* U+0080 to U+009F are controls, too */
		return text[1] >= 0xa0 && text[1] <= 0xbf ? 2 : 0;
	if (c >= 0xc3 && c <= 0xdf)
		return (text[1] & 0xc0) == 0x80 ? 2 : 0;
	if (c >= 0xe0 && c <= 0xef) {
		if ((text[1] & 0xc0) != 0x80 || (text[2] & 0xc0) != 0x80)
			return 0;
		if (c == 0xe0 && text[1] < 0xa0)
			return 0;
		if (c == 0xed && text[1] > 0x9f)
			return 0;
		/* U+2028 and U+2029 are line ends to some readers */
		if (c == 0xe2 && text[1] == 0x80 &&
		    (text[2] == 0xa8 || text[2] == 0xa9))
			return 0;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if ((text[1] & 0xc0) != 0x80 || (text[2] & 0xc0) != 0x80 ||
		    (text[3] & 0xc0) != 0x80)
			return 0;
		if ((c == 0xf0 && text[1] < 0x90) ||
		    (c == 0xf4 && text[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

static size_t
escape_byte(unsigned char byte, char out[5])
{
	const char *hex = "0123456789abcdef";

	out[0] = '\\';
	switch (byte) {
	case '\n':
		out[1] = 'n';
		return 2;
	case '\r':
		out[1] = 'r';
		return 2;
	case '\t':
		out[1] = 't';
		return 2;
	default:
		out[1] = 'x';
		out[2] = hex[byte >> 4];
		out[3] = hex[byte & 15];
		return 4;
	}
}

static void
append(struct out *out, const char *bytes, size_t len)
{
	if (out->is_cut || out->len + len > out->max) {
		out->is_cut = true;
		return;
	}
	memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
}

static void
append_escaped(struct out *out, const char *raw, int purpose)
{
	const unsigned char *at = (const unsigned char *)raw;

	while (*at != '\0' && !out->is_cut) {
		char piece[5];
		size_t len = shown_len(at);

		if (len == 0) {
			append(out, piece, escape_byte(*at, piece));
			at++;
			continue;
		}
		if (purpose == FOR_QUOTES && (*at == '"' || *at == '\\')) {
			piece[0] = '\\';
			piece[1] = (char)*at;
			append(out, piece, 2);
		} else {
			append(out, (const char *)at, len);
		}
		at += len;
	}
}

static void
finish(struct out *out)
{
	if (out->is_cut) {
		memcpy(out->bytes + out->len, "...", 3);
		out->len += 3;
	}
	out->bytes[out->len] = '\0';
}

/* ---- conversions ---- */

enum size {
	SIZE_INT,
	SIZE_CHAR,
	SIZE_SHORT,
	SIZE_LONG,
	SIZE_LLONG,
	SIZE_Z,
	SIZE_J,
	SIZE_T
};

struct conversion {
	char letter;
	enum size size;
	int precision; /* of %s: -1 none, -2 an argument */
	size_t len;    /* in the format */
};

/* The conversion at fmt, which points at the '%'. */
static bool
conversion_parse(const char *fmt, struct conversion *out)
{
	const char *at = fmt + 1;

	*out = (struct conversion){ .precision = -1 };
	if (*at == '.') {
		at++;
		if (*at == '*') {
			out->precision = -2;
			at++;
		} else {
			out->precision = 0;
			for (; *at >= '0' && *at <= '9'; at++) {
				if (out->precision > BOUNDS_LOG_LINE_BYTES)
					return false;
				out->precision =
					out->precision * 10 + (*at - '0');
			}
		}
	}
	switch (*at) {
	case 'h':
		out->size = at[1] == 'h' ? SIZE_CHAR : SIZE_SHORT;
		break;
	case 'l':
		out->size = at[1] == 'l' ? SIZE_LLONG : SIZE_LONG;
		break;
	case 'z':
		out->size = SIZE_Z;
		break;
	case 'j':
		out->size = SIZE_J;
		break;
	case 't':
		out->size = SIZE_T;
		break;
	default:
		break;
	}
	if (out->size == SIZE_CHAR || out->size == SIZE_LLONG)
		at += 2;
	else if (out->size != SIZE_INT)
		at++;
	out->letter = *at;
	if (*at == '\0' || strchr("diuxcs%", *at) == NULL)
		return false;
	if (*at != 's' && out->precision != -1)
		return false;
	if (strchr("cs%", *at) != NULL && out->size != SIZE_INT)
		return false;
	out->len = (size_t)(at - fmt) + 1;
	return true;
}

static bool
all_are_known(const char *fmt)
{
	while ((fmt = strchr(fmt, '%')) != NULL) {
		struct conversion conversion;

		if (!conversion_parse(fmt, &conversion))
			return false;
		fmt += conversion.len;
	}
	return true;
}

/* The walk's state: a va_list in a struct, so that its position is shared with
 * who is called. */
struct walk {
	va_list args;
};

static intmax_t
take_signed(struct walk *walk, enum size size)
{
	switch (size) {
	case SIZE_LONG:
		return va_arg(walk->args, long);
	case SIZE_LLONG:
		return va_arg(walk->args, long long);
	case SIZE_Z:
		return va_arg(walk->args, ssize_t);
	case SIZE_J:
		return va_arg(walk->args, intmax_t);
	case SIZE_T:
		return va_arg(walk->args, ptrdiff_t);
	case SIZE_CHAR:
		return (signed char)va_arg(walk->args, int);
	case SIZE_SHORT:
		return (short)va_arg(walk->args, int);
	case SIZE_INT:
		break;
	}
	return va_arg(walk->args, int);
}

static uintmax_t
take_unsigned(struct walk *walk, enum size size)
{
	switch (size) {
	case SIZE_LONG:
		return va_arg(walk->args, unsigned long);
	case SIZE_LLONG:
		return va_arg(walk->args, unsigned long long);
	case SIZE_Z:
	case SIZE_T:
		return va_arg(walk->args, size_t);
	case SIZE_J:
		return va_arg(walk->args, uintmax_t);
	case SIZE_CHAR:
		return (unsigned char)va_arg(walk->args, unsigned);
	case SIZE_SHORT:
		return (unsigned short)va_arg(walk->args, unsigned);
	case SIZE_INT:
		break;
	}
	return va_arg(walk->args, unsigned);
}

static void
value_append(struct value *value, const char *bytes, size_t len)
{
	const size_t room = sizeof(value->bytes) - 1 - value->len;

	if (len > room) {
		len = room;
		value->is_cut = true;
	}
	memcpy(value->bytes + value->len, bytes, len);
	value->len += len;
	value->bytes[value->len] = '\0';
}

/* Takes the conversion's argument and appends what it gives. */
static void
value_convert(struct value *value, const struct conversion *conversion,
	      struct walk *walk)
{
	char digits[32];
	const char *text = digits;
	int precision = conversion->precision;

	digits[0] = '\0';
	if (precision == -2)
		precision = va_arg(walk->args, int);
	switch (conversion->letter) {
	case 's':
		text = va_arg(walk->args, const char *);
		if (text == NULL)
			value->is_absent = true;
		break;
	case 'd':
	case 'i':
		(void)snprintf(digits, sizeof(digits), "%jd",
			       take_signed(walk, conversion->size));
		break;
	case 'u':
		(void)snprintf(digits, sizeof(digits), "%ju",
			       take_unsigned(walk, conversion->size));
		break;
	case 'x':
		(void)snprintf(digits, sizeof(digits), "%jx",
			       take_unsigned(walk, conversion->size));
		break;
	case 'c':
		digits[0] = (char)va_arg(walk->args, int);
		digits[1] = '\0';
		break;
	default:
		text = "%";
		break;
	}
	if (text == NULL)
		return;
	/* one byte over the ceiling tells that it was cut */
	size_t max = sizeof(value->bytes);
	if (precision >= 0 && (size_t)precision < max)
		max = (size_t)precision;
	value_append(value, text, strnlen(text, max));
}

static void
value_init(struct value *value)
{
	value->bytes[0] = '\0';
	value->len = 0;
	value->is_cut = false;
	value->is_absent = false;
}

/* ---- the walk ---- */

/* The length of the key when a pair starts at fmt, 0 when none does. */
static size_t
key_len(const char *fmt)
{
	const size_t len = strspn(fmt, "abcdefghijklmnopqrstuvwxyz_");

	return fmt[len] == '=' ? len : 0;
}

/* Gathers the value whose text starts at fmt, until the quote or the space that
 * ends it in the format; returns what is behind. */
static const char *
gather(const char *fmt, struct value *value, struct walk *walk)
{
	const bool is_quoted = *fmt == '"';

	value_init(value);
	if (is_quoted)
		fmt++;
	while (*fmt != '\0' && *fmt != (is_quoted ? '"' : ' ')) {
		struct conversion conversion;

		if (*fmt != '%') {
			value_append(value, fmt++, 1);
			continue;
		}
		(void)conversion_parse(fmt, &conversion);
		value_convert(value, &conversion, walk);
		fmt += conversion.len;
	}
	if (is_quoted && *fmt == '"')
		fmt++;
	return fmt;
}

static bool
must_be_quoted(const struct value *value)
{
	return value->len == 0 || strpbrk(value->bytes, " \"\\\t\r\n") != NULL;
}

static void
remember(struct line *line, const char *key, size_t len,
	 const struct value *value)
{
	/* room for "..." and its NUL is kept for each */
	if (line->n_pairs == LINE_PAIRS ||
	    line->values_len + 8 > sizeof(line->values))
		return;
	struct out out = {
		.bytes = line->values + line->values_len,
		.max = sizeof(line->values) - line->values_len - 4,
	};
	append_escaped(&out, value->bytes, FOR_TEXT);
	if (value->is_cut)
		out.is_cut = true;
	finish(&out);
	line->pairs[line->n_pairs++] = (struct line_pair){ .key = key,
							   .key_len = len,
							   .value = out.bytes };
	line->values_len += out.len + 1;
}

/* The pair at fmt; returns what is behind it. */
static const char *
walk_pair(struct line *line, struct out *text, const char *fmt, size_t len,
	  struct walk *walk)
{
	const char *key = fmt;
	const bool wants_quotes = fmt[len + 1] == '"';
	struct value value;

	fmt = gather(fmt + len + 1, &value, walk);
	if (value.is_absent) {
		/* and the space before it */
		if (!text->is_cut && text->len > 0 &&
		    text->bytes[text->len - 1] == ' ')
			text->len--;
		else if (*fmt == ' ')
			fmt++;
		return fmt;
	}
	append(text, key, len + 1);
	if (wants_quotes || must_be_quoted(&value)) {
		append(text, "\"", 1);
		append_escaped(text, value.bytes, FOR_QUOTES);
		if (value.is_cut)
			text->is_cut = true;
		append(text, "\"", 1);
	} else {
		append_escaped(text, value.bytes, FOR_TEXT);
	}
	remember(line, key, len, &value);
	return fmt;
}

static void
walk_format(struct line *line, struct out *text, const char *fmt,
	    struct walk *walk)
{
	bool is_word_start = true;

	while (*fmt != '\0') {
		const size_t len = is_word_start ? key_len(fmt) : 0;

		if (len > 0) {
			fmt = walk_pair(line, text, fmt, len, walk);
			is_word_start = false;
			continue;
		}
		struct value value;
		value_init(&value);
		is_word_start = *fmt == ' ';
		if (*fmt == '%') {
			struct conversion conversion;
			(void)conversion_parse(fmt, &conversion);
			value_convert(&value, &conversion, walk);
			if (value.is_absent)
				value_append(&value, "(null)", 6);
			fmt += conversion.len;
		} else {
			size_t n = strcspn(fmt, " %");
			if (n == 0)
				n = 1; /* the space */
			value_append(&value, fmt, n);
			fmt += n;
		}
		append_escaped(text, value.bytes, FOR_TEXT);
		if (value.is_cut)
			text->is_cut = true;
	}
}

size_t
line_shown_len(const char *text)
{
	return shown_len((const unsigned char *)text);
}

void
line_format(struct line *line, const char *fmt, va_list args)
{
	struct out text = { .bytes = line->text,
			    .max = sizeof(line->text) - 4 };
	struct walk walk;

	line->n_pairs = 0;
	line->values_len = 0;
	if (all_are_known(fmt)) {
		va_copy(walk.args, args);
		walk_format(line, &text, fmt, &walk);
		va_end(walk.args);
	} else {
		struct value value;
		value_init(&value);
		const int n =
			vsnprintf(value.bytes, sizeof(value.bytes), fmt, args);
		if (n < 0)
			value.bytes[0] = '\0';
		append_escaped(&text, value.bytes, FOR_TEXT);
		if (n >= (int)sizeof(value.bytes))
			text.is_cut = true;
	}
	finish(&text);
	line->text_len = text.len;
}
