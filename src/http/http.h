/*
 * http: requests to other people's servers, many at once, on the loop. The
 * only file on curl (its multi-socket interface on libevent). Redirects are not
 * followed; only http and https are spoken; answers are bounded. SIGPIPE must be
 * ignored by the program. Thread: the loop's.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct event_base;
struct http;
struct http_transfer;

struct http_header {
	const char *name;
	const char *value;
};

struct http_request { /* all borrowed for http_start() */
	const char *method;
	const char *url;
	const struct http_header *headers;
	size_t n_headers;
	const char *bearer; /* token, NULL: none */
	const char *basic;  /* "user:password", NULL: none */
	struct span body;   /* sent when has_body */
	bool has_body;
	int64_t timeout_ms; /* whole request */
	int64_t connect_timeout_ms;
	size_t max_body_bytes; /* of the answer; more is HTTP_TOO_BIG */
};

enum http_result { /* what became of the transfer, apart from the status */
		   HTTP_ANSWERED, /* status is set */
		   HTTP_TIMEOUT,
		   HTTP_UNREACHABLE, /* resolve, connect, TLS handshake refused or reset */
		   HTTP_CUT, /* connection lost before the answer was whole */
		   HTTP_TOO_BIG,
		   HTTP_TLS, /* certificate not trusted: retrying helps only a person */
		   HTTP_INVALID, /* the URL or request itself is wrong */
};

struct http_answer { /* borrowed for the callback */
	enum http_result result;
	int status;
	struct span body;
	const char *text;         /* curl's words for a failure; "" else */
	int64_t retry_after_ms;   /* -1: none; seconds or HTTP-date, bounded */
	const char *content_type; /* "" when absent */
	const char *request_id;   /* X-Request-Id; "" when absent */
	int64_t elapsed_ms;
};
typedef void (*http_fn)(void *ctx, const struct http_answer *answer);

struct http *http_new(struct event_base *base, size_t max_connections);
/* At least so many from now on. (To lower it would make transfers wait inside
 * curl, which keeps no deadline for them there.) */
void http_raise_max(struct http *http, size_t max_connections);
/* Cancels what runs, without callbacks. Not from inside a callback. */
void http_free(struct http *http);
/* Calls fn once, from the loop; HS_INVALID (method, URL, or a header that would
 * become two), HS_TOO_BIG (a header) or HS_NO_MEMORY: never. *out (NULL: not
 * wanted) is for http_cancel() and valid until fn was called. */
enum hs_err http_start(struct http *http, const struct http_request *request,
		       http_fn fn, void *ctx,
		       struct http_transfer **out) HS_MUST_CHECK;
/* No callback will come. Not from inside its own callback. */
void http_cancel(struct http_transfer *transfer);
/* For programs without a loop of their own (the command): runs one request to
 * its end. The answer's memory belongs to `http` until the next call. */
enum hs_err http_run(struct http *http, const struct http_request *request,
		     struct http_answer *answer) HS_MUST_CHECK;

#endif
