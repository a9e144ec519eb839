/*
 * request: method, path and headers out of CGI variables. Pure, no copies: all
 * spans point into the variables.
 *
 * Nothing is guessed: a variable that decides something and came twice is an
 * error, names and values are compared whole, numbers are strict.
 */
#ifndef FCGI_REQUEST_H
#define FCGI_REQUEST_H

#include <stdint.h>

#include "base/buf.h"

struct request {
	const char *const *env; /* borrowed; "NAME=value", ending in NULL */
	struct span method;
	struct span path;      /* of the URL as it was sent: without query, not
			     decoded */
	struct span path_rest; /* goes on here where a server sends no
				  REQUEST_URI: SCRIPT_NAME, PATH_INFO */
	struct span type;      /* Content-Type; len 0: none */
	struct span encoding;  /* Content-Encoding; len 0: none */
	struct span length;    /* Content-Length as text; len 0: none */
};

/* HS_INVALID with *why (static text) when it is no request at all: no method,
 * no path, or one of the variables above twice. */
enum hs_err request_parse(const char *const *env, struct request *out,
			  const char **why) HS_MUST_CHECK;

/* Is the whole path this text? */
bool request_path_is(const struct request *request, const char *path);
/* A CGI variable; *n says how often it came, and unless that is 1 ptr is
 * NULL. */
struct span request_variable(const char *const *env, const char *name, int *n);
/* A header by its name ("X-Hub-Signature-256"), any case. As above. */
struct span request_header(const struct request *request, const char *name,
			   int *n);

/* These three return 0 or the status to refuse with. */
int request_check_length(const struct request *request, int64_t max_bytes,
			 int64_t *length); /* 411, 400, 413 */
/* 415 unless application/json or application/<...>+json (or no type at all),
 * and no charset but utf-8. */
int request_check_type(const struct request *request);
int request_check_encoding(const struct request *request); /* 415 */

/* X-Request-Id as the web server or the sender gave it, if it is 1 to 128 bytes
 * of [A-Za-z0-9._:+/=-]; else 32 hex digits, drawn. */
#define REQUEST_ID_BYTES 128
void request_id(const char *const *env, char out[REQUEST_ID_BYTES + 1]);

#endif
