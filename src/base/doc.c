/*
 * doc: JSON, as strict as the peers that will read it after us.
 *
 * Three layers, each usable without the next:
 *
 *  - the scan. One pass over the bytes without recursion and without memory:
 *    the grammar of RFC 8259, the UTF-8 of RFC 3629, a depth. It says yes
 *    exactly where JSON.parse() does (after a strict TextDecoder), but for the
 *    depth and the byte order mark, which we refuse.
 *  - taking single values out of scanned bytes by RFC 6901 pointer. The value
 *    is a span into the text: what was written is what is used, so an id of
 *    twenty digits stays those twenty digits. These functions rely on the
 *    scan for the right answer, never for their own safety.
 *  - trees, in json-c's containers. The tree is built by this file during the
 *    second walk and printed by this file; json-c's own parser, laxer than the
 *    scan and saturating large integers, is not called at all. A number that
 *    is no 64-bit integer keeps its text.
 *
 * Known limits: json-c's names end at a NUL, so a text with "\u0000" in a name
 * is valid for the scan and HS_INVALID for doc_parse(). A lone surrogate
 * escape is valid JSON; in a tree it becomes U+FFFD.
 */
#include "base/doc.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sysexits.h>

#include <json-c/json.h>

#include "base/bounds.h"
#include "base/log.h"
#include "base/num.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define BAD_SURROGATE 0xffffffffU

/* Two of doc_print()'s spaces per level: JSON.stringify(value, null, 2)'s. */
#define INDENT "  "

/* ---- bytes ---- */

struct cursor {
	const unsigned char *at;
	const unsigned char *end;
	const char *why; /* set once something is wrong; `at` is there */
};

static struct cursor
cursor_of(struct span text)
{
	/* A NULL may not be added to, not even zero. */
	static const unsigned char nothing[1] = { 0 };
	const unsigned char *start = text.len > 0 ? text.ptr : nothing;

	return (struct cursor){ .at = start, .end = start + text.len };
}

/* The byte at the cursor; -1 at the end. */
static int
peek(const struct cursor *c)
{
	return c->at < c->end ? *c->at : -1;
}

static bool
fail(struct cursor *c, const char *why)
{
	c->why = why;
	return false;
}

static void
skip_space(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' ||
				  *c->at == '\r' || *c->at == '\t'))
		c->at++;
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

/* ---- the scan ---- */

static bool
scan_word(struct cursor *c, const char *word)
{
	for (; *word != '\0'; word++) {
		if (peek(c) != (unsigned char)*word)
			return fail(c, "no such word in JSON");
		c->at++;
	}
	return true;
}

static bool
scan_digits(struct cursor *c)
{
	if (!is_digit(peek(c)))
		return fail(c, "a digit is missing");
	while (is_digit(peek(c)))
		c->at++;
	return true;
}

static bool
scan_number(struct cursor *c)
{
	if (peek(c) == '-')
		c->at++;
	if (peek(c) == '0') {
		c->at++;
		if (is_digit(peek(c)))
			return fail(c, "a number with a leading zero");
	} else if (!scan_digits(c)) {
		return false;
	}
	if (peek(c) == '.') {
		c->at++;
		if (!scan_digits(c))
			return false;
	}
	if (peek(c) == 'e' || peek(c) == 'E') {
		c->at++;
		if (peek(c) == '+' || peek(c) == '-')
			c->at++;
		return scan_digits(c);
	}
	return true;
}

static bool
scan_escape(struct cursor *c)
{
	c->at++; /* the backslash */
	switch (peek(c)) {
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

static bool
scan_string(struct cursor *c)
{
	if (peek(c) != '"')
		return fail(c, "a string is missing");
	c->at++;
	for (;;) {
		int byte = peek(c);
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
scan_scalar(struct cursor *c)
{
	switch (peek(c)) {
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
		if (peek(c) == '-' || is_digit(peek(c)))
			return scan_number(c);
		return fail(c, "not a JSON value");
	}
}

/* From the opening quote of a member's name to its value. */
static bool
scan_name(struct cursor *c)
{
	skip_space(c);
	if (peek(c) != '"')
		return fail(c, "a member's name is missing");
	if (!scan_string(c))
		return false;
	skip_space(c);
	if (peek(c) != ':')
		return fail(c, "a colon is missing");
	c->at++;
	return true;
}

/* Everything. *n_values counts the values, containers included. */
static enum hs_err
scan(struct cursor *c, size_t *n_values)
{
	char closers[BOUNDS_JSON_DEPTH]; /* of the containers we are in */
	size_t depth = 0;
	bool is_value_next = true;

	*n_values = 0;
	for (;;) {
		skip_space(c);
		int byte = peek(c);
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
			skip_space(c);
			if (peek(c) == closer)
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

/* ---- values in scanned bytes ---- */

/* Steps over a string. False, and nowhere in particular, if it has no end. */
static bool
skip_string(struct cursor *c)
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

/* Steps over a value of scanned text: brackets are counted, strings skipped.
 * False when the text was never scanned and ends too soon. */
static bool
skip_value(struct cursor *c)
{
	size_t depth = 0;

	do {
		skip_space(c);
		switch (peek(c)) {
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
			if (!skip_string(c))
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
			if (peek(c) == 0)
				return false;
			break;
		}
	} while (depth > 0);
	return true;
}

static enum doc_type
type_of_byte(int byte)
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

static uint32_t
take_hex4(struct cursor *c)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++)
		code = code << 4 | (uint32_t)hex_digit(*c->at++);
	return code;
}

/* The character at the cursor, which is inside a string that scan_string()
 * accepted, as UTF-8 to out (NULL ptr: a lone surrogate). */
static struct span
take_character(struct cursor *c, unsigned char out[4])
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
		struct cursor second = *c;
		second.at += 2;
		uint32_t low = take_hex4(&second);
		if (low < 0xdc00 || low > 0xdfff)
			return span_of(NULL, 0); /* low stays to be taken */
		*c = second;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	return span_of(out, utf8_put(code, out));
}

/* The inside of a raw string that is one; false if it is none. */
static bool
string_inside(struct span raw, struct cursor *inside)
{
	struct cursor c = cursor_of(raw);

	if (!scan_string(&c) || c.at != c.end)
		return false;
	*inside = cursor_of(span_of(raw.ptr + 1, raw.len - 2));
	return true;
}

/* Appends the decoded string; a lone surrogate becomes U+FFFD or, where
 * is_strict, HS_INVALID. On failure out may have grown. */
static enum hs_err
decode_string(struct span raw, bool is_strict, struct buf *out)
{
	struct cursor c;

	if (!string_inside(raw, &c))
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
		struct span character = take_character(&c, bytes);
		if (character.ptr == NULL) {
			if (is_strict)
				return HS_INVALID;
			character = span_text(REPLACEMENT);
		}
		err = buf_add_span(out, character);
		if (err != HS_OK)
			return err;
	}
	return HS_OK;
}

/* Is a member's raw name the (escaped) token of a pointer? */
static bool
name_is_token(struct span raw, struct span token)
{
	struct cursor c;
	size_t at = 0;

	if (!string_inside(raw, &c))
		return false;
	while (c.at < c.end) {
		unsigned char bytes[4];
		struct span character = take_character(&c, bytes);
		if (character.ptr == NULL)
			return false;
		for (size_t i = 0; i < character.len; i++) {
			if (at == token.len)
				return false;
			unsigned char wanted = token.ptr[at++];
			if (wanted == '~') {
				if (at == token.len)
					return false;
				wanted = token.ptr[at++] == '0' ? '~' : '/';
			}
			if (wanted != character.ptr[i])
				return false;
		}
	}
	return at == token.len;
}

/* Finds the member `token` of the object at the cursor and leaves the cursor
 * before its value. The last of equal names counts. */
static bool
enter_object(struct cursor *c, struct span token)
{
	const unsigned char *found = NULL;

	c->at++;
	skip_space(c);
	while (peek(c) == '"') {
		const unsigned char *name = c->at;
		if (!skip_string(c))
			return false;
		struct span raw = span_of(name, (size_t)(c->at - name));
		skip_space(c);
		if (peek(c) != ':')
			return false;
		c->at++;
		skip_space(c);
		if (name_is_token(raw, token))
			found = c->at;
		if (!skip_value(c))
			return false;
		skip_space(c);
		if (peek(c) != ',')
			break;
		c->at++;
		skip_space(c);
	}
	if (found == NULL)
		return false;
	c->at = found;
	return true;
}

static bool
enter_array(struct cursor *c, struct span token)
{
	uint64_t index;

	if (num_u64(token, SIZE_MAX, &index) != HS_OK)
		return false;
	c->at++;
	skip_space(c);
	if (peek(c) == ']')
		return false;
	for (; index > 0; index--) {
		if (!skip_value(c))
			return false;
		skip_space(c);
		if (peek(c) != ',')
			return false;
		c->at++;
	}
	skip_space(c);
	return true;
}

/* ---- trees: struct doc is json-c's object, seen through a curtain ---- */

static struct json_object *
to_json(const struct doc *doc)
{
	return (struct json_object *)(void *)(uintptr_t)doc;
}

static struct doc *
from_json(struct json_object *json)
{
	return (struct doc *)(void *)json;
}

static struct json_object *
must(struct json_object *json)
{
	if (json == NULL)
		log_fatal(EX_OSERR, "out of memory for a JSON value");
	return json;
}

/* The text a number was read from; NULL for one made from an integer. */
static const char *
number_text(struct json_object *json)
{
	return json_object_is_type(json, json_type_double)
		       ? json_object_get_userdata(json)
		       : NULL;
}

static struct json_object *
build_number(struct span raw)
{
	int64_t integer;
	double approximate = 0;

	if (num_i64(raw, INT64_MIN, INT64_MAX, &integer) == HS_OK)
		return json_object_new_int64(integer);
	char *text = span_dup(raw);
	if (text == NULL)
		return NULL;
	/* The text is what counts; the double only marks the type. */
	(void)!num_double(raw, &approximate);
	struct json_object *json = json_object_new_double_s(approximate, text);
	free(text);
	return json;
}

static struct json_object *
build_scalar(struct span raw, struct buf *scratch)
{
	switch (type_of_byte(raw.ptr[0])) {
	case DOC_TRUE:
		return json_object_new_boolean(1);
	case DOC_FALSE:
		return json_object_new_boolean(0);
	case DOC_NUMBER:
		return build_number(raw);
	default:
		buf_reset(scratch);
		if (decode_string(raw, false, scratch) != HS_OK)
			return NULL;
		return json_object_new_string_len(buf_text(scratch),
						  (int)scratch->len);
	}
}

struct builder {
	struct cursor cursor;
	struct json_object *parents[BOUNDS_JSON_DEPTH];
	size_t depth;
	struct json_object *root;
	struct buf name; /* of the member whose value comes next */
	struct buf scratch;
};

/* Puts a value where it belongs; keeps it, also on failure. */
static enum hs_err
build_place(struct builder *b, struct json_object *json)
{
	int failed = 0;

	if (b->depth == 0) {
		b->root = json;
		return HS_OK;
	}
	struct json_object *parent = b->parents[b->depth - 1];
	if (json_object_is_type(parent, json_type_object))
		failed = json_object_object_add(parent, buf_text(&b->name),
						json);
	else
		failed = json_object_array_add(parent, json);
	if (failed != 0) {
		json_object_put(json);
		return HS_NO_MEMORY;
	}
	return HS_OK;
}

/* Reads the name of the next member. */
static enum hs_err
build_name(struct builder *b)
{
	struct cursor *c = &b->cursor;

	skip_space(c);
	const unsigned char *start = c->at;
	if (!skip_string(c))
		return HS_INVALID;
	struct span raw = span_of(start, (size_t)(c->at - start));
	buf_reset(&b->name);
	enum hs_err err = decode_string(raw, false, &b->name);
	if (err != HS_OK)
		return err;
	if (b->name.len > 0 && memchr(b->name.data, '\0', b->name.len) != NULL)
		return HS_INVALID;
	skip_space(c);
	c->at++; /* the colon */
	return HS_OK;
}

/* One value, or the head of a container. */
static enum hs_err
build_value(struct builder *b)
{
	struct cursor *c = &b->cursor;
	struct json_object *json = NULL;
	const unsigned char *start = c->at;
	enum doc_type type = type_of_byte(peek(c));

	if (type != DOC_OBJECT && type != DOC_ARRAY) {
		if (!skip_value(c))
			return HS_INVALID;
		if (type != DOC_NULL) {
			json = build_scalar(
				span_of(start, (size_t)(c->at - start)),
				&b->scratch);
			if (json == NULL)
				return HS_NO_MEMORY;
		}
		return build_place(b, json);
	}

	/* One slot: a body of empty arrays must not cost 32 each. */
	json = type == DOC_OBJECT ? json_object_new_object()
				  : json_object_new_array_ext(1);
	if (json == NULL)
		return HS_NO_MEMORY;
	enum hs_err err = build_place(b, json);
	if (err != HS_OK)
		return err;
	b->parents[b->depth++] = json;
	c->at++;
	skip_space(c);
	if (type == DOC_OBJECT && peek(c) == '"')
		return build_name(b);
	return HS_OK;
}

/* The text was scanned: what is left to do is to follow it. */
static enum hs_err
build(struct builder *b)
{
	struct cursor *c = &b->cursor;
	enum hs_err err;

	skip_space(c);
	err = build_value(b);
	while (err == HS_OK && b->depth > 0) {
		skip_space(c);
		switch (peek(c)) {
		case '}':
		case ']':
			c->at++;
			b->depth--;
			break;
		case ',':
			c->at++;
			if (json_object_is_type(b->parents[b->depth - 1],
						json_type_object))
				err = build_name(b);
			break;
		case -1:
			return HS_INVALID;
		default:
			err = build_value(b);
			break;
		}
	}
	return err;
}

/* ---- printing ---- */

static enum hs_err
print_break(bool pretty, size_t depth, struct buf *out)
{
	if (!pretty)
		return HS_OK;
	enum hs_err err = buf_add_byte(out, '\n');
	while (err == HS_OK && depth-- > 0)
		err = buf_add_text(out, INDENT);
	return err;
}

static enum hs_err
print_number(struct json_object *json, struct buf *out)
{
	const char *text = number_text(json);

	if (text != NULL)
		return buf_add_text(out, text);
	return buf_addf(out, "%" PRId64, json_object_get_int64(json));
}

static enum hs_err print_value(struct json_object *json, bool pretty,
			       size_t depth, struct buf *out);

static enum hs_err
print_object(struct json_object *json, bool pretty, size_t depth,
	     struct buf *out)
{
	bool is_first = true;
	enum hs_err err = buf_add_byte(out, '{');

	json_object_object_foreach(json, name, value)
	{
		if (err == HS_OK && !is_first)
			err = buf_add_byte(out, ',');
		is_first = false;
		if (err == HS_OK)
			err = print_break(pretty, depth + 1, out);
		if (err == HS_OK)
			err = doc_string_encode(span_text(name), out);
		if (err == HS_OK)
			err = buf_add_text(out, pretty ? ": " : ":");
		if (err == HS_OK)
			err = print_value(value, pretty, depth + 1, out);
		if (err != HS_OK)
			return err;
	}
	if (err == HS_OK && !is_first)
		err = print_break(pretty, depth, out);
	return err == HS_OK ? buf_add_byte(out, '}') : err;
}

static enum hs_err
print_array(struct json_object *json, bool pretty, size_t depth,
	    struct buf *out)
{
	size_t len = json_object_array_length(json);
	enum hs_err err = buf_add_byte(out, '[');

	for (size_t i = 0; err == HS_OK && i < len; i++) {
		if (i > 0)
			err = buf_add_byte(out, ',');
		if (err == HS_OK)
			err = print_break(pretty, depth + 1, out);
		if (err == HS_OK)
			err = print_value(json_object_array_get_idx(json, i),
					  pretty, depth + 1, out);
	}
	if (err == HS_OK && len > 0)
		err = print_break(pretty, depth, out);
	return err == HS_OK ? buf_add_byte(out, ']') : err;
}

/* Recurses as deep as the tree: parsed ones are bounded, ours are flat. */
static enum hs_err
print_value(struct json_object *json, bool pretty, size_t depth,
	    struct buf *out)
{
	switch (doc_type_of(from_json(json))) {
	case DOC_NULL:
		return buf_add_text(out, "null");
	case DOC_FALSE:
		return buf_add_text(out, "false");
	case DOC_TRUE:
		return buf_add_text(out, "true");
	case DOC_NUMBER:
		return print_number(json, out);
	case DOC_STRING:
		return doc_string_encode(
			span_of(json_object_get_string(json),
				(size_t)json_object_get_string_len(json)),
			out);
	case DOC_ARRAY:
		return print_array(json, pretty, depth, out);
	case DOC_OBJECT:
		return print_object(json, pretty, depth, out);
	}
	return HS_INVALID;
}

/* One character of text as it stands in a JSON string. Returns its length in
 * the text. */
static size_t
encode_character(struct span text, size_t at, struct buf *out, enum hs_err *err)
{
	const unsigned char *from = text.ptr + at;
	size_t len = utf8_len(from, text.ptr + text.len);

	if (len == 0) {
		*err = buf_add_text(out, REPLACEMENT);
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

/* ---- the public face ---- */

enum hs_err
doc_scan(struct span json, size_t *offset, const char **why)
{
	struct cursor c = cursor_of(json);
	const unsigned char *start = c.at;
	size_t n_values;

	enum hs_err err = scan(&c, &n_values);
	if (err != HS_OK) {
		if (offset != NULL)
			*offset = (size_t)(c.at - start);
		if (why != NULL)
			*why = c.why;
	}
	return err;
}

enum hs_err
doc_find(struct span json, struct span pointer, struct span *value,
	 enum doc_type *type)
{
	struct cursor c = cursor_of(json);
	size_t at = 0;

	if (!doc_pointer_is_valid(pointer))
		return HS_INVALID;
	skip_space(&c);
	while (at < pointer.len) {
		size_t start = ++at; /* behind the slash */
		while (at < pointer.len && pointer.ptr[at] != '/')
			at++;
		struct span token = span_of(pointer.ptr + start, at - start);
		bool is_found = false;
		if (peek(&c) == '{')
			is_found = enter_object(&c, token);
		else if (peek(&c) == '[')
			is_found = enter_array(&c, token);
		if (!is_found)
			return HS_NOT_FOUND;
	}
	const unsigned char *start = c.at;
	if (peek(&c) < 0)
		return HS_NOT_FOUND;
	*type = type_of_byte(*start);
	if (!skip_value(&c))
		return HS_NOT_FOUND;
	*value = span_of(start, (size_t)(c.at - start));
	return HS_OK;
}

bool
doc_pointer_is_valid(struct span pointer)
{
	if (pointer.len == 0)
		return true;
	if (pointer.ptr[0] != '/' || !doc_is_utf8(pointer))
		return false;
	for (size_t i = 0; i < pointer.len; i++) {
		if (pointer.ptr[i] != '~')
			continue;
		if (++i == pointer.len ||
		    (pointer.ptr[i] != '0' && pointer.ptr[i] != '1'))
			return false;
	}
	return true;
}

enum hs_err
doc_string_decode(struct span raw, struct buf *out)
{
	size_t old_len = out->len;
	enum hs_err err = decode_string(raw, true, out);

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
		while (at < text.len && text.ptr[at] >= 0x20 &&
		       text.ptr[at] < 0x80 && text.ptr[at] != '"' &&
		       text.ptr[at] != '\\')
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
	struct cursor c = cursor_of(raw);

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

enum hs_err
doc_parse(struct span json, struct doc **out)
{
	struct cursor c = cursor_of(json);
	size_t n_values;

	if (json.len > INT32_MAX) /* json-c's lengths are int */
		return HS_TOO_BIG;
	enum hs_err err = scan(&c, &n_values);
	if (err != HS_OK)
		return err;
	if (n_values > BOUNDS_JSON_VALUES)
		return HS_TOO_BIG;

	struct builder *b = xcalloc(1, sizeof(*b));
	b->cursor = cursor_of(json);
	/* U+FFFD is shorter than the escape it replaces. */
	buf_init(&b->name, json.len);
	buf_init(&b->scratch, json.len);
	err = build(b);
	if (err == HS_OK)
		*out = from_json(b->root);
	else
		json_object_put(b->root);
	buf_fini(&b->name);
	buf_fini(&b->scratch);
	free(b);
	return err;
}

void
doc_free(struct doc *doc)
{
	json_object_put(to_json(doc));
}

enum doc_type
doc_type_of(const struct doc *doc)
{
	switch (json_object_get_type(to_json(doc))) {
	case json_type_null:
		return DOC_NULL;
	case json_type_boolean:
		return json_object_get_boolean(to_json(doc)) ? DOC_TRUE
							     : DOC_FALSE;
	case json_type_double:
	case json_type_int:
		return DOC_NUMBER;
	case json_type_object:
		return DOC_OBJECT;
	case json_type_array:
		return DOC_ARRAY;
	case json_type_string:
		return DOC_STRING;
	}
	return DOC_NULL;
}

const struct doc *
doc_get(const struct doc *doc, const char *name)
{
	struct json_object *child = NULL;

	if (doc_type_of(doc) != DOC_OBJECT ||
	    !json_object_object_get_ex(to_json(doc), name, &child))
		return NULL;
	return from_json(child);
}

size_t
doc_len(const struct doc *doc)
{
	switch (doc_type_of(doc)) {
	case DOC_OBJECT:
		return (size_t)json_object_object_length(to_json(doc));
	case DOC_ARRAY:
		return json_object_array_length(to_json(doc));
	default:
		return 0;
	}
}

const struct doc *
doc_at(const struct doc *doc, size_t index)
{
	if (doc_type_of(doc) != DOC_ARRAY)
		return NULL;
	return from_json(json_object_array_get_idx(to_json(doc), index));
}

enum hs_err
doc_i64(const struct doc *doc, int64_t *out)
{
	double value;

	if (doc_type_of(doc) != DOC_NUMBER)
		return HS_NOT_FOUND;
	if (json_object_is_type(to_json(doc), json_type_int)) {
		*out = json_object_get_int64(to_json(doc));
		return HS_OK;
	}
	/* 1e3 and 5.0 are integers to JavaScript, as far as a double counts
	 * them one by one. */
	enum hs_err err = doc_double(doc, &value);
	if (err != HS_OK)
		return err;
	if (value != trunc(value))
		return HS_NOT_FOUND;
	if (fabs(value) > 9007199254740991.0) /* 2^53 - 1 */
		return HS_TOO_BIG;
	*out = (int64_t)value;
	return HS_OK;
}

enum hs_err
doc_double(const struct doc *doc, double *out)
{
	if (doc_type_of(doc) != DOC_NUMBER)
		return HS_NOT_FOUND;
	const char *text = number_text(to_json(doc));
	if (text == NULL) {
		*out = (double)json_object_get_int64(to_json(doc));
		return HS_OK;
	}
	return num_double(span_text(text), out);
}

enum hs_err
doc_text(const struct doc *doc, struct span *out)
{
	if (doc_type_of(doc) != DOC_STRING)
		return HS_NOT_FOUND;
	*out = span_of(json_object_get_string(to_json(doc)),
		       (size_t)json_object_get_string_len(to_json(doc)));
	return HS_OK;
}

bool
doc_is_true(const struct doc *doc)
{
	return doc_type_of(doc) == DOC_TRUE;
}

struct doc *
doc_new_object(void)
{
	return from_json(must(json_object_new_object()));
}

struct doc *
doc_new_array(void)
{
	return from_json(must(json_object_new_array()));
}

void
doc_set(struct doc *object, const char *name, struct doc *child)
{
	log_assert(doc_type_of(object) == DOC_OBJECT);
	if (json_object_object_add(to_json(object), name, to_json(child)) != 0)
		log_fatal(EX_OSERR, "out of memory for a JSON member");
}

void
doc_set_text(struct doc *object, const char *name, struct span text)
{
	log_assert(text.len <= INT32_MAX);
	/* Printing cleans it: print_value(). */
	doc_set(object, name,
		from_json(must(json_object_new_string_len(
			text.len > 0 ? (const char *)text.ptr : "",
			(int)text.len))));
}

void
doc_set_i64(struct doc *object, const char *name, int64_t value)
{
	doc_set(object, name, from_json(must(json_object_new_int64(value))));
}

void
doc_set_bool(struct doc *object, const char *name, bool value)
{
	doc_set(object, name, from_json(must(json_object_new_boolean(value))));
}

void
doc_set_null(struct doc *object, const char *name)
{
	doc_set(object, name, NULL);
}

enum hs_err
doc_set_json(struct doc *object, const char *name, struct span json)
{
	struct doc *child = NULL;
	enum hs_err err = doc_parse(json, &child);

	if (err != HS_OK)
		return err;
	doc_set(object, name, child);
	return HS_OK;
}

void
doc_push(struct doc *array, struct doc *child)
{
	log_assert(doc_type_of(array) == DOC_ARRAY);
	if (json_object_array_add(to_json(array), to_json(child)) != 0)
		log_fatal(EX_OSERR, "out of memory for a JSON element");
}

void
doc_push_text(struct doc *array, struct span text)
{
	log_assert(text.len <= INT32_MAX);
	doc_push(array, from_json(must(json_object_new_string_len(
				text.len > 0 ? (const char *)text.ptr : "",
				(int)text.len))));
}

enum hs_err
doc_print(const struct doc *doc, bool pretty, struct buf *out)
{
	size_t old_len = out->len;
	enum hs_err err = print_value(to_json(doc), pretty, 0, out);

	if (err != HS_OK)
		buf_cut(out, old_len);
	return err;
}

void
doc_each(const struct doc *object,
	 void (*fn)(void *ctx, const char *name, const struct doc *value),
	 void *ctx)
{
	if (doc_type_of(object) != DOC_OBJECT)
		return;
	json_object_object_foreach(to_json(object), name, value)
	{
		fn(ctx, name, from_json(value));
	}
}
