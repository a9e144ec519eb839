/*
 * url: a URL taken apart, and the rules for those we are given: Redis's, a
 * service's base, the responder's public one.
 *
 * Pure. What it says about a wrong URL never holds a piece of it, for a URL may
 * hold a password.
 */
#ifndef CONF_URL_H
#define CONF_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct url { /* spans of the text; ptr NULL where the text has no such part */
	struct span scheme;
	struct span userinfo;
	struct span host; /* without brackets */
	struct span port; /* digits, 1 to 65535 */
	struct span path; /* from its '/', may be empty */
	struct span query;
	struct span fragment;
};

/* HS_INVALID and *why (static) when it is none: scheme, "//", host, port. An
 * empty host is left to the caller. */
enum hs_err url_split(struct span text, struct url *url,
		      const char **why) HS_MUST_CHECK;

/* A host's name or address: no space, no sign with a meaning in a URL. */
bool url_host_is_valid(struct span host);

/* Is it a base for requests: http(s), a host, no userinfo, query, fragment, dot
 * segment? */
enum hs_err url_base_check(struct span text, const char **why) HS_MUST_CHECK;

/* Has a path (up to '?') a segment "." or "..", also as %2e? */
bool url_path_has_dots(struct span path);

/* Undoes %XX. HS_INVALID for a broken one and for %00. */
enum hs_err url_decode(struct span in, struct buf *out) HS_MUST_CHECK;

struct url_redis {
	char *unix_path; /* NULL: TCP */
	char *host;
	int64_t port; /* 6379 unless said */
	char *username;
	struct buf password; /* wiped when freed */
	bool has_password;
	int64_t db;
};
/* redis://[[user]:password@]host[:port][/db], unix:/path[?db=N],
 * unix://[[user]:password@]/path[?db=N]. HS_INVALID and *why (static). On
 * HS_OK the caller frees with url_redis_fini(). */
enum hs_err url_redis_parse(struct span text, struct url_redis *out,
			    const char **why) HS_MUST_CHECK;
void url_redis_fini(struct url_redis *redis);
/* The text with the password as "********". The caller frees. */
char *url_mask(const char *text);

#endif
