/*
 * doc_find: a value of a text by its RFC 6901 pointer, without a tree.
 *
 * What was written is what is found: the span lies in the text, so an id of
 * twenty digits stays those twenty digits. Each step of the pointer walks over
 * the members once, so the work is the text's length times the pointer's
 * steps. Of equal names the last counts, as in JSON.parse().
 */
#include "base/doc_scan.h"

#include <stdint.h>

#include "base/num.h"

/* Is a member's raw name the (escaped) token of a pointer? */
static bool
name_is_token(struct span raw, struct span token)
{
	struct doc_cursor c;
	size_t at = 0;

	if (!doc_string_inside(raw, &c))
		return false;
	while (c.at < c.end) {
		unsigned char bytes[4];
		struct span character = doc_take_character(&c, bytes);
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
enter_object(struct doc_cursor *c, struct span token)
{
	const unsigned char *found = NULL;

	c->at++;
	doc_skip_space(c);
	while (doc_peek(c) == '"') {
		const unsigned char *name = c->at;
		if (!doc_skip_string(c))
			return false;
		struct span raw = span_of(name, (size_t)(c->at - name));
		doc_skip_space(c);
		if (doc_peek(c) != ':')
			return false;
		c->at++;
		doc_skip_space(c);
		if (name_is_token(raw, token))
			found = c->at;
		if (!doc_skip_value(c))
			return false;
		doc_skip_space(c);
		if (doc_peek(c) != ',')
			break;
		c->at++;
		doc_skip_space(c);
	}
	if (found == NULL)
		return false;
	c->at = found;
	return true;
}

static bool
enter_array(struct doc_cursor *c, struct span token)
{
	uint64_t index;

	if (num_u64(token, SIZE_MAX, &index) != HS_OK)
		return false;
	c->at++;
	doc_skip_space(c);
	if (doc_peek(c) == ']')
		return false;
	for (; index > 0; index--) {
		if (!doc_skip_value(c))
			return false;
		doc_skip_space(c);
		if (doc_peek(c) != ',')
			return false;
		c->at++;
	}
	doc_skip_space(c);
	return true;
}

enum hs_err
doc_find(struct span json, struct span pointer, struct span *value,
	 enum doc_type *type)
{
	struct doc_cursor c = doc_cursor_of(json);
	size_t at = 0;

	if (!doc_pointer_is_valid(pointer))
		return HS_INVALID;
	doc_skip_space(&c);
	while (at < pointer.len) {
		size_t start = ++at; /* behind the slash */
		while (at < pointer.len && pointer.ptr[at] != '/')
			at++;
		struct span token = span_of(pointer.ptr + start, at - start);
		bool is_found = false;
		if (doc_peek(&c) == '{')
			is_found = enter_object(&c, token);
		else if (doc_peek(&c) == '[')
			is_found = enter_array(&c, token);
		if (!is_found)
			return HS_NOT_FOUND;
	}
	const unsigned char *start = c.at;
	if (doc_peek(&c) < 0)
		return HS_NOT_FOUND;
	*type = doc_type_of_byte(*start);
	if (!doc_skip_value(&c))
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
