/*
 * doc_scan: the grammar of JSON over bytes, and what a string means.
 *
 * One pass without recursion and without memory: the grammar of RFC 8259, the
 * UTF-8 of RFC 3629, a depth. It says yes exactly where JSON.parse() does
 * (after a strict TextDecoder), but for the depth and the byte order mark,
 * which we refuse. That a lone surrogate escape is valid follows from this; who
 * decodes one decides what it becomes.
 */
#include "base/doc_scan.h"

#include <stdint.h>

#include "base/bounds.h"

/* ---- bytes ---- */

static bool
fail(struct doc_cursor *c, const char *why)
{
	c->why = why;
	return false;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static int
hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The length of the UTF-8 character at `at`, 0 when it is none (RFC 3629:
 * shortest form, no surrogates, up to U+10FFFF). */
static size_t
utf8_len(const unsigned char *at, const unsigned char *end)
{
	size_t left = (size_t)(end - at);
	unsigned char lowest = 0x80; /* of the second byte */
	unsigned char highest = 0xbf;
	size_t len;

	if (left == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf) {
		len = 2;
	} else if (at[0] >= 0xe0 && at[0] <= 0xef) {
		len = 3;
		if (at[0] == 0xe0)
			lowest = 0xa0;
		if (at[0] == 0xed)
			highest = 0x9f;
	} else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
		len = 4;
		if (at[0] == 0xf0)
			lowest = 0x90;
		if (at[0] == 0xf4)
			highest = 0x8f;
	} else {
		return 0;
	}
	if (left < len || at[1] < lowest || at[1] > highest)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static size_t
utf8_put(uint32_t code, unsigned char out[4])
{
	if (code < 0x80) {
		out[0] = (unsigned char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (unsigned char)(0xc0 | code >> 6);
		out[1] = (unsigned char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (unsigned char)(0xe0 | code >> 12);
		out[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (unsigned char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | code >> 18);
	out[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (unsigned char)(0x80 | (code & 0x3f));
	return 4;
}

/* ---- the grammar ---- */

static bool
scan_word(struct doc_cursor *c, const char *word)
{
	for (; *word != '\0'; word++) {
		if (doc_peek(c) != (unsigned char)*word)
			return fail(c, "no such word in JSON");
		c->at++;
	}
	return true;
}

static bool
scan_digits(struct doc_cursor *c)
{
	if (!is_digit(doc_peek(c)))
		return fail(c, "a digit is missing");
	while (is_digit(doc_peek(c)))
		c->at++;
	return true;
}

static bool
scan_number(struct doc_cursor *c)
{
	if (doc_peek(c) == '-')
		c->at++;
	if (doc_peek(c) == '0') {
		c->at++;
		if (is_digit(doc_peek(c)))
			return fail(c, "a number with a leading zero");
	} else if (!scan_digits(c)) {
		return false;
	}
	if (doc_peek(c) == '.') {
		c->at++;
		if (!scan_digits(c))
			return false;
	}
	if (doc_peek(c) == 'e' || doc_peek(c) == 'E') {
		c->at++;
		if (doc_peek(c) == '+' || doc_peek(c) == '-')
			c->at++;
		return scan_digits(c);
	}
	return true;
}

static bool
scan_escape(struct doc_cursor *c)
{
	c->at++; /* the backslash */
	switch (doc_peek(c)) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		c->at++;
		return true;
	case 'u':
		c->at++;
		for (int i = 0; i < 4; i++) {
			if (c->at == c->end || hex_digit(*c->at) < 0)
				return fail(c, "\\u without four hex digits");
			c->at++;
		}
		return true;
	default:
		return fail(c, "an unknown escape in a string");
	}
}

/* Most of a string needs no second look. */
static inline bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static bool
scan_string(struct doc_cursor *c)
{
	if (doc_peek(c) != '"')
		return fail(c, "a string is missing");
	c->at++;
	for (;;) {
		while (c->at < c->end && is_plain(*c->at))
			c->at++;
		int byte = doc_peek(c);
		if (byte < 0)
			return fail(c, "a string without its end");
		if (byte == '"') {
			c->at++;
			return true;
		}
		if (byte == '\\') {
			if (!scan_escape(c))
				return false;
			continue;
		}
		if (byte < 0x20)
			return fail(c, "a control character in a string");
		size_t len = utf8_len(c->at, c->end);
		if (len == 0)
			return fail(c, "bytes that are no UTF-8");
		c->at += len;
	}
}

static bool
scan_scalar(struct doc_cursor *c)
{
	switch (doc_peek(c)) {
	case '"':
		return scan_string(c);
	case 't':
		return scan_word(c, "true");
	case 'f':
		return scan_word(c, "false");
	case 'n':
		return scan_word(c, "null");
	case -1:
		return fail(c, "a value is missing");
	default:
		if (doc_peek(c) == '-' || is_digit(doc_peek(c)))
			return scan_number(c);
		return fail(c, "not a JSON value");
	}
}

/* From the opening quote of a member's name to its value. */
static bool
scan_name(struct doc_cursor *c)
{
	doc_skip_space(c);
	if (doc_peek(c) != '"')
		return fail(c, "a member's name is missing");
	if (!scan_string(c))
		return false;
	doc_skip_space(c);
	if (doc_peek(c) != ':')
		return fail(c, "a colon is missing");
	c->at++;
	return true;
}

/* ---- strings ---- */

static uint32_t
take_hex4(struct doc_cursor *c)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++)
		code = code << 4 | (uint32_t)hex_digit(*c->at++);
	return code;
}

/* One character of text as it stands in a JSON string. Returns its length in
 * the text. */
static size_t
encode_character(struct span text, size_t at, struct buf *out, enum hs_err *err)
{
	const unsigned char *from = text.ptr + at;
	size_t len = utf8_len(from, text.ptr + text.len);

	if (len == 0) {
		*err = buf_add_text(out, DOC_REPLACEMENT);
		return 1;
	}
	switch (*from) {
	case '"':
		*err = buf_add_text(out, "\\\"");
		break;
	case '\\':
		*err = buf_add_text(out, "\\\\");
		break;
	case '\b':
		*err = buf_add_text(out, "\\b");
		break;
	case '\f':
		*err = buf_add_text(out, "\\f");
		break;
	case '\n':
		*err = buf_add_text(out, "\\n");
		break;
	case '\r':
		*err = buf_add_text(out, "\\r");
		break;
	case '\t':
		*err = buf_add_text(out, "\\t");
		break;
	default:
		if (*from < 0x20)
			*err = buf_addf(out, "\\u%04x", *from);
		else
			*err = buf_add(out, from, len);
		break;
	}
	return len;
}

/* ---- the face towards doc ---- */

struct doc_cursor
doc_cursor_of(struct span text)
{
	/* A NULL may not be added to, not even zero. */
	static const unsigned char nothing[1] = { 0 };
	const unsigned char *start = text.len > 0 ? text.ptr : nothing;

	return (struct doc_cursor){ .at = start, .end = start + text.len };
}

enum hs_err
doc_scan_count(struct doc_cursor *c, size_t *n_values)
{
	char closers[BOUNDS_JSON_DEPTH]; /* of the containers we are in */
	size_t depth = 0;
	bool is_value_next = true;

	*n_values = 0;
	for (;;) {
		doc_skip_space(c);
		int byte = doc_peek(c);
		if (is_value_next) {
			(*n_values)++;
			if (byte != '{' && byte != '[') {
				if (!scan_scalar(c))
					return HS_INVALID;
				is_value_next = false;
				continue;
			}
			if (depth == BOUNDS_JSON_DEPTH) {
				(void)fail(c, "nested too deep");
				return HS_TOO_BIG;
			}
			char closer = byte == '{' ? '}' : ']';
			closers[depth++] = closer;
			c->at++;
			doc_skip_space(c);
			if (doc_peek(c) == closer)
				is_value_next = false;
			else if (closer == '}' && !scan_name(c))
				return HS_INVALID;
			continue;
		}
		if (depth == 0) {
			if (byte < 0)
				return HS_OK;
			(void)fail(c, "something behind the value");
			return HS_INVALID;
		}
		char closer = closers[depth - 1];
		if (byte == closer) {
			c->at++;
			depth--;
		} else if (byte == ',') {
			c->at++;
			is_value_next = true;
			if (closer == '}' && !scan_name(c))
				return HS_INVALID;
		} else {
			(void)fail(c, closer == '}'
					      ? "a comma or } is missing"
					      : "a comma or ] is missing");
			return HS_INVALID;
		}
	}
}

bool
doc_skip_string(struct doc_cursor *c)
{
	for (c->at++; c->at < c->end; c->at++) {
		if (*c->at == '"') {
			c->at++;
			return true;
		}
		if (*c->at == '\\' && ++c->at == c->end)
			return false;
	}
	return false;
}

bool
doc_skip_value(struct doc_cursor *c)
{
	size_t depth = 0;

	do {
		doc_skip_space(c);
		switch (doc_peek(c)) {
		case -1:
			return false;
		case '{':
		case '[':
			depth++;
			c->at++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return false;
			depth--;
			c->at++;
			break;
		case '"':
			if (!doc_skip_string(c))
				return false;
			break;
		case ',':
		case ':':
			if (depth == 0)
				return false;
			c->at++;
			break;
		default: /* a number or a word */
			while (c->at < c->end &&
			       strchr(" \t\r\n,:]}[{\"", *c->at) == NULL)
				c->at++;
			/* strchr() finds the NUL, too; a scanned text has
			 * none */
			if (doc_peek(c) == 0)
				return false;
			break;
		}
	} while (depth > 0);
	return true;
}

enum doc_type
doc_type_of_byte(int byte)
{
	switch (byte) {
	case '{':
		return DOC_OBJECT;
	case '[':
		return DOC_ARRAY;
	case '"':
		return DOC_STRING;
	case 't':
		return DOC_TRUE;
	case 'f':
		return DOC_FALSE;
	case 'n':
		return DOC_NULL;
	default:
		return DOC_NUMBER;
	}
}

bool
doc_string_inside(struct span raw, struct doc_cursor *inside)
{
	struct doc_cursor c = doc_cursor_of(raw);

	if (!scan_string(&c) || c.at != c.end)
		return false;
	*inside = doc_cursor_of(span_of(raw.ptr + 1, raw.len - 2));
	return true;
}

struct span
doc_take_character(struct doc_cursor *c, unsigned char out[4])
{
	if (*c->at != '\\') {
		size_t len = utf8_len(c->at, c->end);
		memcpy(out, c->at, len);
		c->at += len;
		return span_of(out, len);
	}
	c->at++;
	unsigned char kind = *c->at++;
	switch (kind) {
	case 'b':
		out[0] = '\b';
		return span_of(out, 1);
	case 'f':
		out[0] = '\f';
		return span_of(out, 1);
	case 'n':
		out[0] = '\n';
		return span_of(out, 1);
	case 'r':
		out[0] = '\r';
		return span_of(out, 1);
	case 't':
		out[0] = '\t';
		return span_of(out, 1);
	case 'u':
		break;
	default: /* quote, backslash, slash */
		out[0] = kind;
		return span_of(out, 1);
	}

	uint32_t code = take_hex4(c);
	if (code >= 0xdc00 && code <= 0xdfff)
		return span_of(NULL, 0);
	if (code >= 0xd800 && code <= 0xdbff) {
		if (c->end - c->at < 6 || c->at[0] != '\\' || c->at[1] != 'u')
			return span_of(NULL, 0);
		struct doc_cursor second = *c;
		second.at += 2;
		uint32_t low = take_hex4(&second);
		if (low < 0xdc00 || low > 0xdfff)
			return span_of(NULL, 0); /* low stays to be taken */
		*c = second;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	return span_of(out, utf8_put(code, out));
}

enum hs_err
doc_decode(struct span raw, bool is_strict, struct buf *out)
{
	struct doc_cursor c;

	if (!doc_string_inside(raw, &c))
		return HS_INVALID;
	while (c.at < c.end) {
		unsigned char bytes[4];
		enum hs_err err;
		/* Most of a string is plain: take that in one piece. */
		const unsigned char *start = c.at;
		while (c.at < c.end && *c.at != '\\')
			c.at++;
		if (c.at > start) {
			err = buf_add(out, start, (size_t)(c.at - start));
			if (err != HS_OK)
				return err;
			continue;
		}
		struct span character = doc_take_character(&c, bytes);
		if (character.ptr == NULL) {
			if (is_strict)
				return HS_INVALID;
			character = span_text(DOC_REPLACEMENT);
		}
		err = buf_add_span(out, character);
		if (err != HS_OK)
			return err;
	}
	return HS_OK;
}

/* ---- the public face ---- */

enum hs_err
doc_scan(struct span json, size_t *offset, const char **why)
{
	struct doc_cursor c = doc_cursor_of(json);
	const unsigned char *start = c.at;
	size_t n_values;

	enum hs_err err = doc_scan_count(&c, &n_values);
	if (err != HS_OK) {
		if (offset != NULL)
			*offset = (size_t)(c.at - start);
		if (why != NULL)
			*why = c.why;
	}
	return err;
}

enum hs_err
doc_string_decode(struct span raw, struct buf *out)
{
	size_t old_len = out->len;
	enum hs_err err = doc_decode(raw, true, out);

	if (err != HS_OK)
		buf_cut(out, old_len);
	return err;
}

enum hs_err
doc_string_encode(struct span text, struct buf *out)
{
	size_t old_len = out->len;
	enum hs_err err = buf_add_byte(out, '"');
	size_t at = 0;

	while (err == HS_OK && at < text.len) {
		size_t start = at;
		while (at < text.len && is_plain(text.ptr[at]))
			at++;
		if (at > start)
			err = buf_add(out, text.ptr + start, at - start);
		else
			at += encode_character(text, at, out, &err);
	}
	if (err == HS_OK)
		err = buf_add_byte(out, '"');
	if (err != HS_OK)
		buf_cut(out, old_len);
	return err;
}

bool
doc_number_is_integer(struct span raw)
{
	struct doc_cursor c = doc_cursor_of(raw);

	if (!scan_number(&c) || c.at != c.end)
		return false;
	for (size_t i = 0; i < raw.len; i++) {
		if (!is_digit(raw.ptr[i]) && raw.ptr[i] != '-')
			return false;
	}
	return true;
}

bool
doc_is_utf8(struct span text)
{
	size_t at = 0;

	while (at < text.len) {
		size_t len = utf8_len(text.ptr + at, text.ptr + text.len);
		if (len == 0)
			return false;
		at += len;
	}
	return true;
}
