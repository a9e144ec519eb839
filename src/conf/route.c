/*
 * route: what a job name leads to.
 *
 * A template is split once, into literals and fields that take turns; what the
 * operator wrote is kept to bytes a URL may have, so that only the values,
 * which come from outside, need encoding. A value stays inside its segment:
 * everything but unreserved bytes becomes %XX, and "", "." and "..", which
 * encoding does not change and URL libraries fold, are refused.
 */
#include "conf/route.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/codec.h"

#include "conf/endpoint.h"
#include "conf/url.h"

enum { PATH_BYTES = 2048 }; /* what every web server takes */

void
route_call_free(struct route_call *call)
{
	if (!call)
		return;
	for (size_t i = 0; i < call->n_pieces; i++) {
		free(call->pieces[i].literal);
		free(call->pieces[i].field);
	}
	free(call->pieces);
	free(call->service_name);
	free(call->method);
	free(call->path);
	free(call);
}

void
route_free(struct route *route)
{
	if (!route)
		return;
	route_call_free(route->fetch);
	route_call_free(route->push);
	route_call_free(route->gone);
	free(route->name);
	free(route->job);
	free(route->map);
	free(route->map_file);
	free(route->map_origin);
	free(route);
}

/* RFC 3986 pchar, '/', '?', and in the query also the brackets that APIs use
 * for filters. */
static bool
is_path_byte(unsigned char c, bool is_query)
{
	if (isalnum(c) || (c && strchr("-._~!$&'()*+,;=:@/?%", c)))
		return true;
	return is_query && (c == '[' || c == ']');
}

static const char *
literal_fault(const char *path)
{
	bool is_query = false;
	bool is_field = false;
	for (const char *c = path; *c; c++) {
		if (*c == '{')
			is_field = true;
		if (is_field) {
			is_field = *c != '}';
			continue;
		}
		if (*c == '?')
			is_query = true;
		if (*c == '#')
			return "a path has no fragment ('#')";
		if (!is_path_byte((unsigned char)*c, is_query))
			return "a byte that a URL cannot hold: write it as %XX";
		if (*c == '%' && (!isxdigit((unsigned char)c[1]) ||
				  !isxdigit((unsigned char)c[2])))
			return "after '%' come two hexadecimal digits";
	}
	return NULL;
}

static void
add_piece(struct route_call *call, const char *literal, size_t len, char *field)
{
	call->pieces = xreallocarray(call->pieces, call->n_pieces + 1,
				     sizeof(*call->pieces));
	call->pieces[call->n_pieces++] = (struct route_piece){
		.literal = xstrndup(literal, len),
		.field = field,
	};
}

/* A field's name between braces, or NULL and *why. */
static char *
take_field(const char *start, const char *end, const char **why)
{
	char *field = xstrndup(start, (size_t)(end - start));
	if (!*field)
		*why = "an empty {}: write a field's name between the braces";
	else if (strcmp(field, "rawPayload") == 0)
		*why = "{rawPayload} is the whole body: use a field of the "
		       "endpoint's data";
	else if (!endpoint_field_is_valid(field))
		*why = "between braces stands a field's name: letters, digits "
		       "and '_', no digit in front";
	if (!*why)
		return field;
	free(field);
	return NULL;
}

static const char *
split(struct route_call *call, const char *path)
{
	const char *why = NULL;
	const char *at = path;
	for (;;) {
		size_t len = strcspn(at, "{}");
		if (at[len] == '\0') {
			add_piece(call, at, len, NULL);
			return NULL;
		}
		if (at[len] == '}')
			return "a '}' without its '{'";
		const char *start = at + len + 1;
		const char *end = start + strcspn(start, "{}");
		if (*end != '}')
			return "a '{' without its '}'";
		char *field = take_field(start, end, &why);
		if (!field)
			return why;
		add_piece(call, at, len, field);
		at = end + 1;
	}
}

enum hs_err
route_call_parse_path(struct route_call *call, const char *path,
		      const char **why)
{
	*why = NULL;
	if (path[0] != '/')
		*why = "a path starts with '/'";
	else if (strlen(path) > PATH_BYTES)
		*why = "a path has at most 2048 bytes";
	else if (url_path_has_dots(span_text(path)))
		*why = "a path has no segments \".\" and \"..\"";
	else
		*why = literal_fault(path);
	if (!*why)
		*why = split(call, path);
	if (*why)
		return HS_INVALID;
	free(call->path);
	call->path = xstrdup(path);
	return HS_OK;
}

static enum hs_err
add_value(const char *field, route_field_fn value, void *ctx, struct buf *text,
	  struct buf *out)
{
	buf_reset(text);
	enum hs_err err = value(ctx, field, text);
	if (err != HS_OK)
		return err;
	struct span span = buf_span(text);
	if (span.len == 0 || span_is(span, ".") || span_is(span, ".."))
		return HS_INVALID;
	return codec_percent_encode(span, out);
}

enum hs_err
route_call_expand(const struct route_call *call, route_field_fn value,
		  void *ctx, struct buf *out, const char **field)
{
	struct buf path;
	struct buf text;
	enum hs_err err = HS_OK;
	*field = NULL;
	buf_init(&path, out->max);
	buf_init(&text, BOUNDS_FIELD_BYTES);
	for (size_t i = 0; i < call->n_pieces && err == HS_OK; i++) {
		const struct route_piece *piece = &call->pieces[i];
		err = buf_add_text(&path, piece->literal);
		if (err != HS_OK || !piece->field)
			continue;
		err = add_value(piece->field, value, ctx, &text, &path);
		if (err != HS_OK)
			*field = piece->field;
	}
	if (err == HS_OK)
		err = buf_add_span(out, buf_span(&path));
	buf_fini(&text);
	buf_fini(&path);
	return err;
}
