/*
 * request: reading CGI variables (RFC 3875) with care.
 *
 * A header X-Some-Thing arrives as HTTP_X_SOME_THING, so X_Some-Thing does,
 * too. Both at once are two variables of one name: request_header() then says
 * 2, and no value.
 */
#include "fcgi/request.h"

#include <ctype.h>

#include "base/digest.h"
#include "base/num.h"

#define DRAWN_ID_BYTES 16
/* No header's name that we look for is longer. */
#define MAX_HEADER_NAME_BYTES 128

struct span
request_variable(const char *const *env, const char *name, int *n)
{
	struct span found = { NULL, 0 };
	size_t len = strlen(name);
	*n = 0;
	for (const char *const *at = env; at != NULL && *at != NULL; at++) {
		if (strncmp(*at, name, len) != 0 || (*at)[len] != '=')
			continue;
		found = span_text(*at + len + 1);
		++*n;
	}
	if (*n != 1)
		found = (struct span){ NULL, 0 };
	return found;
}

struct span
request_header(const struct request *request, const char *name, int *n)
{
	char variable[5 + MAX_HEADER_NAME_BYTES + 1] = "HTTP_";
	size_t len = strlen(name);
	*n = 0;
	if (len > MAX_HEADER_NAME_BYTES)
		return (struct span){ NULL, 0 };
	/* these two have variables of their own (RFC 3875 4.1) */
	if (span_is_nocase(span_text(name), "content-type"))
		return request_variable(request->env, "CONTENT_TYPE", n);
	if (span_is_nocase(span_text(name), "content-length"))
		return request_variable(request->env, "CONTENT_LENGTH", n);
	for (size_t i = 0; i < len; i++)
		variable[5 + i] =
			name[i] == '-' ? '_'
				       : (char)toupper((unsigned char)name[i]);
	return request_variable(request->env, variable, n);
}

static struct span
without_query(struct span uri)
{
	const unsigned char *mark = memchr(uri.ptr, '?', uri.len);
	if (mark != NULL)
		uri.len = (size_t)(mark - uri.ptr);
	return uri;
}

/* REQUEST_URI is what was sent; without it (a bare CGI server) the path is in
 * two parts. */
static const char *
find_path(struct request *request)
{
	int n;
	struct span uri = request_variable(request->env, "REQUEST_URI", &n);
	if (n > 1)
		return "REQUEST_URI came twice";
	if (n == 1 && uri.len > 0) {
		request->path = without_query(uri);
		return NULL;
	}
	request->path = request_variable(request->env, "SCRIPT_NAME", &n);
	if (n > 1)
		return "SCRIPT_NAME came twice";
	request->path_rest = request_variable(request->env, "PATH_INFO", &n);
	if (n > 1)
		return "PATH_INFO came twice";
	return request->path.len + request->path_rest.len > 0 ? NULL
							      : "no path";
}

bool
request_path_is(const struct request *request, const char *path)
{
	size_t len = strlen(path);
	size_t first = request->path.len;
	return len == first + request->path_rest.len &&
	       span_equal(request->path, span_of(path, first)) &&
	       span_is(request->path_rest, path + first);
}

enum hs_err
request_parse(const char *const *env, struct request *out, const char **why)
{
	int n;
	*out = (struct request){ .env = env };
	out->method = request_variable(env, "REQUEST_METHOD", &n);
	*why = n > 1 ? "REQUEST_METHOD came twice" : "no method";
	if (n != 1 || out->method.len == 0)
		return HS_INVALID;
	*why = find_path(out);
	if (*why != NULL)
		return HS_INVALID;
	*why = "Content-Type came twice";
	out->type = request_variable(env, "CONTENT_TYPE", &n);
	if (n > 1)
		return HS_INVALID;
	*why = "Content-Encoding came twice";
	out->encoding = request_header(out, "Content-Encoding", &n);
	if (n > 1)
		return HS_INVALID;
	*why = "Content-Length came twice";
	out->length = request_variable(env, "CONTENT_LENGTH", &n);
	if (n > 1)
		return HS_INVALID;
	*why = NULL;
	return HS_OK;
}

int
request_check_length(const struct request *request, int64_t max_bytes,
		     int64_t *length)
{
	uint64_t n;
	*length = 0;
	if (request->length.len == 0)
		return 411;
	switch (num_u64(request->length, (uint64_t)max_bytes, &n)) {
	case HS_OK:
		*length = (int64_t)n;
		return 0;
	case HS_TOO_BIG:
		return 413;
	default:
		return 400;
	}
}

/* ---- media types (RFC 9110 8.3.1) ---- */

static bool
is_token_byte(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static struct span
take_token(struct span *rest)
{
	struct span token = { rest->ptr, 0 };
	while (token.len < rest->len && is_token_byte(rest->ptr[token.len]))
		token.len++;
	rest->ptr += token.len;
	rest->len -= token.len;
	return token;
}

static bool
take_byte(struct span *rest, unsigned char c)
{
	if (rest->len == 0 || rest->ptr[0] != c)
		return false;
	rest->ptr++;
	rest->len--;
	return true;
}

static void
skip_blanks(struct span *rest)
{
	while (take_byte(rest, ' ') || take_byte(rest, '\t'))
		;
}

/* A token or a quoted string without escapes (no charset needs them). */
static bool
take_value(struct span *rest, struct span *value)
{
	if (!take_byte(rest, '"')) {
		*value = take_token(rest);
		return value->len > 0;
	}
	*value = (struct span){ rest->ptr, 0 };
	while (value->len < rest->len && rest->ptr[value->len] != '"') {
		unsigned char c = rest->ptr[value->len];
		if (c == '\\' || c < 0x20 || c > 0x7e)
			return false;
		value->len++;
	}
	rest->ptr += value->len;
	rest->len -= value->len;
	return take_byte(rest, '"');
}

static bool
subtype_is_json(struct span subtype)
{
	if (span_is_nocase(subtype, "json"))
		return true;
	if (subtype.len <= 5)
		return false;
	subtype.ptr += subtype.len - 5;
	subtype.len = 5;
	return span_is_nocase(subtype, "+json");
}

int
request_check_type(const struct request *request)
{
	struct span rest = request->type;
	if (rest.len == 0)
		return 0;
	skip_blanks(&rest);
	struct span type = take_token(&rest);
	if (!span_is_nocase(type, "application") || !take_byte(&rest, '/') ||
	    !subtype_is_json(take_token(&rest)))
		return 415;
	bool has_charset = false;
	for (;;) {
		struct span value;
		skip_blanks(&rest);
		if (rest.len == 0)
			return 0;
		if (!take_byte(&rest, ';'))
			return 415;
		skip_blanks(&rest);
		if (rest.len == 0 || rest.ptr[0] == ';')
			continue; /* an empty parameter is allowed */
		struct span name = take_token(&rest);
		if (name.len == 0 || !take_byte(&rest, '=') ||
		    !take_value(&rest, &value))
			return 415;
		if (!span_is_nocase(name, "charset"))
			continue;
		if (has_charset || !span_is_nocase(value, "utf-8"))
			return 415;
		has_charset = true;
	}
}

int
request_check_encoding(const struct request *request)
{
	if (request->encoding.len == 0 ||
	    span_is_nocase(request->encoding, "identity"))
		return 0;
	return 415;
}

static bool
is_id_byte(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("._:+/=-", c));
}

void
request_id(const char *const *env, char out[REQUEST_ID_BYTES + 1])
{
	int n;
	unsigned char drawn[DRAWN_ID_BYTES];
	struct span given = request_variable(env, "HTTP_X_REQUEST_ID", &n);
	bool is_good = given.len > 0 && given.len <= REQUEST_ID_BYTES;
	for (size_t i = 0; is_good && i < given.len; i++)
		is_good = is_id_byte(given.ptr[i]);
	if (is_good) {
		memcpy(out, given.ptr, given.len);
		out[given.len] = '\0';
		return;
	}
	digest_random(drawn, sizeof(drawn));
	for (size_t i = 0; i < sizeof(drawn); i++) {
		out[2 * i] = "0123456789abcdef"[drawn[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[drawn[i] & 15];
	}
	out[2 * sizeof(drawn)] = '\0';
}
