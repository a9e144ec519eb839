/*
 * url: a URL taken apart.
 *
 * RFC 3986 as far as settings need it: the authority ends at the first '/',
 * '?' or '#', the userinfo at its last '@'. No normalising, no relative forms.
 */
#include "conf/url.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/codec.h"
#include "base/num.h"

enum {
	REDIS_PORT = 6379,       /* Redis's own */
	REDIS_DB_MAX = 999999,   /* the table's limit of redis.db */
	SOCKET_PATH_BYTES = 107, /* sun_path without its NUL */
};

static struct span
span_until(struct span text, const char *stops)
{
	size_t len = 0;
	while (len < text.len && !strchr(stops, text.ptr[len]))
		len++;
	return span_of(text.ptr, len);
}

static struct span
span_after(struct span text, size_t len)
{
	return span_of(text.ptr + len, text.len - len);
}

static bool
span_starts(struct span text, const char *start)
{
	size_t len = strlen(start);
	return text.len >= len && memcmp(text.ptr, start, len) == 0;
}

static enum hs_err
no(const char **why, const char *text)
{
	*why = text;
	return HS_INVALID;
}

bool
url_host_is_valid(struct span host)
{
	if (host.len == 0 || host.len > 255)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		unsigned char c = host.ptr[i];
		if (!isalnum(c) && !memchr("-._:%", c, 5))
			return false;
	}
	return true;
}

static enum hs_err
split_authority(struct span authority, struct url *url, const char **why)
{
	for (size_t i = authority.len; i > 0; i--) {
		if (authority.ptr[i - 1] != '@')
			continue;
		url->userinfo = span_of(authority.ptr, i - 1);
		authority = span_after(authority, i);
		break;
	}
	if (span_starts(authority, "[")) {
		authority = span_after(authority, 1);
		url->host = span_until(authority, "]");
		if (url->host.len == authority.len)
			return no(why, "the ']' after the host's address is "
				       "missing");
		authority = span_after(authority, url->host.len + 1);
	} else {
		url->host = span_until(authority, ":");
		authority = span_after(authority, url->host.len);
	}
	if (url->host.len > 0 && !url_host_is_valid(url->host))
		return no(why, "the host has a byte that no host has (in a "
			       "password '/', '?', '#' and '@' are written "
			       "%2F, %3F, %23 and %40)");
	if (authority.len == 0)
		return HS_OK;
	if (authority.ptr[0] != ':')
		return no(why, "after the host comes a ':' and a port, or "
			       "nothing");
	url->port = span_after(authority, 1);
	uint64_t port;
	if (num_u64(url->port, 65535, &port) != HS_OK || port == 0)
		return no(why, "the port is not a number from 1 to 65535 (in a "
			       "password '/', '?', '#' and '@' are written "
			       "%2F, %3F, %23 and %40)");
	return HS_OK;
}

enum hs_err
url_split(struct span text, struct url *url, const char **why)
{
	*url = (struct url){ 0 };
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
			return no(why, "a URL has no spaces and only ASCII: "
				       "write other bytes as %XX");
	struct span scheme = span_until(text, ":/?#");
	struct span rest = span_after(text, scheme.len);
	if (scheme.len == 0 || !span_starts(rest, "://"))
		return no(why, "a URL starts with its scheme and \"://\"");
	url->scheme = scheme;
	rest = span_after(rest, 3);

	struct span authority = span_until(rest, "/?#");
	rest = span_after(rest, authority.len);
	url->path = span_until(rest, "?#");
	rest = span_after(rest, url->path.len);
	if (span_starts(rest, "?")) {
		url->query = span_until(span_after(rest, 1), "#");
		rest = span_after(rest, 1 + url->query.len);
	}
	if (span_starts(rest, "#"))
		url->fragment = span_after(rest, 1);
	return split_authority(authority, url, why);
}

/* How many bytes at the place stand for one '.'; 0: they do not. */
static size_t
dot_len(struct span text)
{
	if (text.len >= 1 && text.ptr[0] == '.')
		return 1;
	if (text.len >= 3 && text.ptr[0] == '%' && text.ptr[1] == '2' &&
	    (text.ptr[2] == 'e' || text.ptr[2] == 'E'))
		return 3;
	return 0;
}

static bool
is_dots(struct span segment)
{
	for (int i = 0; i < 2; i++) {
		size_t len = dot_len(segment);
		if (len == 0)
			return false;
		segment = span_after(segment, len);
		if (segment.len == 0)
			return true;
	}
	return false;
}

bool
url_path_has_dots(struct span path)
{
	path = span_until(path, "?#");
	while (path.len > 0) {
		struct span segment = span_until(path, "/");
		if (is_dots(segment))
			return true;
		path = span_after(path, segment.len);
		if (path.len > 0)
			path = span_after(path, 1);
	}
	return false;
}

enum hs_err
url_base_check(struct span text, const char **why)
{
	struct url url;
	enum hs_err err = url_split(text, &url, why);
	if (err != HS_OK)
		return err;
	if (!span_is_nocase(url.scheme, "http") &&
	    !span_is_nocase(url.scheme, "https"))
		return no(why, "the scheme must be http or https");
	if (url.userinfo.ptr)
		return no(why, "a URL does not carry a login: use basic = "
			       "\"secret:NAME\" or bearer = \"secret:NAME\"");
	if (url.host.len == 0)
		return no(why, "the URL names no host");
	if (url.query.ptr)
		return no(why, "a base URL has no '?': write the query into "
			       "the paths");
	if (url.fragment.ptr)
		return no(why, "a base URL has no '#'");
	if (url_path_has_dots(url.path))
		return no(why, "a base URL has no segments '.' and '..'");
	return HS_OK;
}

enum hs_err
url_decode(struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = in.ptr[i];
		enum hs_err err;
		if (c == '%') {
			size_t before = out->len;
			if (in.len - i < 3)
				return HS_INVALID;
			err = codec_hex_decode(span_of(in.ptr + i + 1, 2), out);
			if (err == HS_OK && out->data[before] == '\0')
				return HS_INVALID;
			i += 2;
		} else {
			err = buf_add_byte(out, c);
		}
		if (err != HS_OK)
			return err;
	}
	return HS_OK;
}

/* ---- Redis ---- */

static enum hs_err
take_userinfo(struct span userinfo, struct url_redis *out, const char **why)
{
	struct span user = span_until(userinfo, ":");
	if (user.len == userinfo.len)
		return no(why, "before the '@' stands user:password or "
			       ":password");
	struct span password = span_after(userinfo, user.len + 1);
	struct buf name;
	buf_init(&name, BOUNDS_NAME_BYTES);
	enum hs_err err = url_decode(user, &name);
	if (err == HS_OK && name.len > 0)
		out->username = xstrdup(buf_text(&name));
	buf_fini(&name);
	if (err != HS_OK)
		return no(why, "the user is too long or has a broken %XX");
	if (password.len == 0)
		return HS_OK;
	if (url_decode(password, &out->password) != HS_OK)
		return no(why, "the password is too long or has a broken %XX "
			       "(a '%' is written %25)");
	out->has_password = true;
	return HS_OK;
}

static enum hs_err
take_db(struct span text, struct url_redis *out, const char **why)
{
	if (num_i64(text, 0, REDIS_DB_MAX, &out->db) != HS_OK)
		return no(why, "the database is not a number, such as 0");
	return HS_OK;
}

static enum hs_err
take_socket(struct span path, struct span query, struct url_redis *out,
	    const char **why)
{
	struct buf decoded;
	buf_init(&decoded, SOCKET_PATH_BYTES);
	enum hs_err err = url_decode(path, &decoded);
	for (size_t i = 0; i < decoded.len; i++)
		if (iscntrl(decoded.data[i]))
			err = HS_INVALID;
	if (err == HS_OK && decoded.len > 1 && decoded.data[0] == '/')
		out->unix_path = xstrdup(buf_text(&decoded));
	buf_fini(&decoded);
	if (!out->unix_path)
		return no(why, "write a socket as unix:/path/to/redis.sock, at "
			       "most 107 bytes");
	if (!query.ptr)
		return HS_OK;
	if (!span_starts(query, "db="))
		return no(why, "after the socket's path only ?db=N may follow "
			       "(and a password as redis.password = "
			       "\"secret:NAME\")");
	return take_db(span_after(query, 3), out, why);
}

/* "unix:/path?db=1", "unix://user:password@/path?db=1" */
static enum hs_err
parse_unix(struct span text, struct url_redis *out, const char **why)
{
	struct span rest = span_after(text, strlen("unix:"));
	struct url url;
	if (!span_starts(rest, "//")) {
		struct span path = span_until(rest, "?");
		struct span query = { 0 };
		if (path.len < rest.len)
			query = span_after(rest, path.len + 1);
		return take_socket(path, query, out, why);
	}
	enum hs_err err = url_split(text, &url, why);
	if (err != HS_OK)
		return err;
	if (url.host.len > 0 || url.port.ptr || url.fragment.ptr)
		return no(why, "write a socket as unix:///path/to/redis.sock, "
			       "with three '/'");
	if (url.userinfo.ptr)
		err = take_userinfo(url.userinfo, out, why);
	if (err == HS_OK)
		err = take_socket(url.path, url.query, out, why);
	return err;
}

static enum hs_err
parse_tcp(struct span text, struct url_redis *out, const char **why)
{
	struct url url;
	enum hs_err err = url_split(text, &url, why);
	if (err != HS_OK)
		return err;
	if (span_is_nocase(url.scheme, "rediss"))
		return no(why, "rediss:// (TLS) is not supported yet: use "
			       "redis:// on a private network, or a tunnel");
	if (!span_is_nocase(url.scheme, "redis"))
		return no(why, "the scheme must be redis:// or unix:");
	if (url.host.len == 0)
		return no(why, "the URL names no host");
	if (url.query.ptr || url.fragment.ptr)
		return no(why, "nothing follows the database: no '?', no '#'");
	if (url.userinfo.ptr)
		err = take_userinfo(url.userinfo, out, why);
	if (err == HS_OK && url.path.len > 1)
		err = take_db(span_after(url.path, 1), out, why);
	if (err != HS_OK)
		return err;
	out->host = xstrndup((const char *)url.host.ptr, url.host.len);
	if (url.port.ptr)
		err = num_i64(url.port, 1, 65535, &out->port);
	return err;
}

enum hs_err
url_redis_parse(struct span text, struct url_redis *out, const char **why)
{
	*out = (struct url_redis){ .port = REDIS_PORT };
	*why = "not a URL";
	buf_init(&out->password, BOUNDS_SECRET_BYTES);
	enum hs_err err = span_starts(text, "unix:")
				  ? parse_unix(text, out, why)
				  : parse_tcp(text, out, why);
	if (err != HS_OK)
		url_redis_fini(out);
	return err;
}

void
url_redis_fini(struct url_redis *redis)
{
	free(redis->unix_path);
	free(redis->host);
	free(redis->username);
	buf_wipe(&redis->password);
	buf_fini(&redis->password);
	*redis = (struct url_redis){ 0 };
}

char *
url_mask(const char *text)
{
	const char *start = strstr(text, "://");
	if (!start)
		return xstrdup(text);
	start += 3;
	struct span authority = span_until(span_text(start), "/?#");
	size_t at = authority.len;
	while (at > 0 && start[at - 1] != '@')
		at--;
	struct span userinfo = span_of(start, at > 0 ? at - 1 : 0);
	struct span user = span_until(userinfo, ":");
	if (at == 0 || user.len == userinfo.len)
		return xstrdup(text);
	return xasprintf("%.*s:********%s", (int)(start - text) + (int)user.len,
			 text, start + at - 1);
}
