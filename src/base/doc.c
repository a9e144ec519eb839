/*
 * doc: JSON as a tree, in json-c's containers and behind our own face.
 *
 * The tree is built by this file in a second walk over scanned bytes, and
 * printed by this file; json-c's own parser, laxer than the scan and saturating
 * large integers, is not called at all. A number that is no 64-bit integer
 * keeps its text, so printing a tree bends no number. The bytes' side of doc.h
 * is in doc_scan.c and doc_find.c.
 *
 * Known limits: json-c's names end at a NUL, so a text with "\u0000" in a name
 * is valid for the scan and HS_INVALID for doc_parse(). A lone surrogate
 * escape becomes U+FFFD.
 */
#include "base/doc.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sysexits.h>

#include <json-c/json.h>

#include "base/bounds.h"
#include "base/doc_scan.h"
#include "base/log.h"
#include "base/num.h"

/* Two of doc_print()'s spaces per level: JSON.stringify(value, null, 2)'s. */
#define INDENT "  "

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
	switch (doc_type_of_byte(raw.ptr[0])) {
	case DOC_TRUE:
		return json_object_new_boolean(1);
	case DOC_FALSE:
		return json_object_new_boolean(0);
	case DOC_NUMBER:
		return build_number(raw);
	default:
		buf_reset(scratch);
		if (doc_decode(raw, false, scratch) != HS_OK)
			return NULL;
		return json_object_new_string_len(buf_text(scratch),
						  (int)scratch->len);
	}
}

struct builder {
	struct doc_cursor cursor;
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
	struct doc_cursor *c = &b->cursor;

	doc_skip_space(c);
	const unsigned char *start = c->at;
	if (!doc_skip_string(c))
		return HS_INVALID;
	struct span raw = span_of(start, (size_t)(c->at - start));
	buf_reset(&b->name);
	enum hs_err err = doc_decode(raw, false, &b->name);
	if (err != HS_OK)
		return err;
	if (b->name.len > 0 && memchr(b->name.data, '\0', b->name.len) != NULL)
		return HS_INVALID;
	doc_skip_space(c);
	c->at++; /* the colon */
	return HS_OK;
}

/* One value, or the head of a container. */
static enum hs_err
build_value(struct builder *b)
{
	struct doc_cursor *c = &b->cursor;
	struct json_object *json = NULL;
	const unsigned char *start = c->at;
	enum doc_type type = doc_type_of_byte(doc_peek(c));

	if (type != DOC_OBJECT && type != DOC_ARRAY) {
		if (!doc_skip_value(c))
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
	doc_skip_space(c);
	if (type == DOC_OBJECT && doc_peek(c) == '"')
		return build_name(b);
	return HS_OK;
}

/* The text was scanned: what is left to do is to follow it. */
static enum hs_err
build(struct builder *b)
{
	struct doc_cursor *c = &b->cursor;
	enum hs_err err;

	doc_skip_space(c);
	err = build_value(b);
	while (err == HS_OK && b->depth > 0) {
		doc_skip_space(c);
		switch (doc_peek(c)) {
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

/* ---- the public face ---- */

enum hs_err
doc_parse(struct span json, struct doc **out)
{
	struct doc_cursor c = doc_cursor_of(json);
	size_t n_values;

	if (json.len > INT32_MAX) /* json-c's lengths are int */
		return HS_TOO_BIG;
	enum hs_err err = doc_scan_count(&c, &n_values);
	if (err != HS_OK)
		return err;
	if (n_values > BOUNDS_JSON_VALUES)
		return HS_TOO_BIG;

	struct builder *b = xcalloc(1, sizeof(*b));
	b->cursor = doc_cursor_of(json);
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
