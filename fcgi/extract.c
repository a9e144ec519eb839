/*
 * extract: no tree is built. The body is scanned once as RFC 8259 wants it,
 * the ids are found in its bytes, and copied as they are.
 *
 * What is refused of an id is what could harm later: an empty one, "." and
 * ".." (they leave their segment of a path), control characters, a kilobyte
 * and more. The data is a level deeper than the body; a body that could pass
 * the ceiling so is looked at again, whole, because a worker will scan it.
 */
#include "fcgi/extract.h"

#include "base/bounds.h"
#include "base/doc.h"

static const char *
check_string(struct span raw)
{
	struct buf text;
	const char *why = NULL;
	buf_init(&text, BOUNDS_FIELD_BYTES);
	switch (doc_string_decode(raw, &text)) {
	case HS_OK:
		break;
	case HS_TOO_BIG:
		why = "is too long";
		goto out;
	default:
		why = "is no text";
		goto out;
	}
	if (text.len == 0)
		why = "is empty";
	else if (span_is(buf_span(&text), ".") ||
		 span_is(buf_span(&text), ".."))
		why = "is no id";
	for (size_t i = 0; why == NULL && i < text.len; i++) {
		if (text.data[i] < 0x20 || text.data[i] == 0x7f)
			why = "has control characters";
	}
out:
	buf_fini(&text);
	return why;
}

static const char *
check_value(struct span raw, enum doc_type type)
{
	if (type == DOC_STRING)
		return check_string(raw);
	if (type != DOC_NUMBER || !doc_number_is_integer(raw))
		return "is neither a text nor an integer";
	return raw.len <= BOUNDS_FIELD_BYTES ? NULL : "is too long";
}

static enum hs_err
add_field(const struct endpoint_field *field, struct span body, struct buf *out,
	  const char **why)
{
	struct span value;
	enum doc_type type;
	enum hs_err err =
		doc_find(body, span_text(field->pointer), &value, &type);
	if (err == HS_NOT_FOUND || (err == HS_OK && type == DOC_NULL)) {
		if (field->is_optional)
			return HS_OK;
		*why = "is missing";
		return HS_INVALID;
	}
	if (err != HS_OK) {
		*why = "cannot be found";
		return HS_INVALID;
	}
	*why = check_value(value, type);
	if (*why != NULL)
		return HS_INVALID;
	err = doc_string_encode(span_text(field->name), out);
	if (err == HS_OK)
		err = buf_add_byte(out, ':');
	if (err == HS_OK)
		err = buf_add_span(out, value);
	if (err == HS_OK)
		err = buf_add_byte(out, ',');
	return err;
}

static bool
may_be_deep(struct span body)
{
	size_t n = 0;
	for (size_t i = 0; i < body.len; i++)
		n += body.ptr[i] == '[' || body.ptr[i] == '{';
	return n >= BOUNDS_JSON_DEPTH;
}

enum hs_err
extract_data(const struct endpoint *endpoint, struct span body, struct buf *out,
	     const char **why, const char **field)
{
	*why = NULL;
	*field = NULL;
	enum hs_err err = doc_scan(body, NULL, why);
	if (err == HS_TOO_BIG)
		return HS_INVALID; /* of depth: not a matter of size */
	if (err != HS_OK)
		return err;
	err = buf_add_byte(out, '{');
	for (size_t i = 0; err == HS_OK && i < endpoint->n_fields; i++) {
		*field = endpoint->fields[i].name;
		err = add_field(&endpoint->fields[i], body, out, why);
	}
	if (err != HS_OK)
		return err;
	*field = NULL;
	err = buf_add_text(out, "\"rawPayload\":");
	if (err == HS_OK)
		err = buf_add_span(out, body);
	if (err == HS_OK)
		err = buf_add_byte(out, '}');
	if (err == HS_OK && may_be_deep(body) &&
	    doc_scan(buf_span(out), NULL, why) != HS_OK)
		err = HS_INVALID;
	return err;
}
