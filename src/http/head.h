/*
 * head: the header lines of a request and of an answer. For http.c alone; no
 * curl, no socket. A request's lines are checked before they are built, so
 * that none becomes two; an answer's are read as far as we need them, and what
 * is malformed counts as absent.
 * Thread: the owner's.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <time.h>

#include "http/http.h"

#define HEAD_LINE_BYTES 8192      /* of a request */
#define HEAD_REQUEST_ID_BYTES 128 /* of an answer; longer ones are none */

/* ---- of a request ---- */

/* HS_INVALID: the method or a header is none. The URL is not looked at. */
enum hs_err head_check(const struct http_request *request) HS_MUST_CHECK;

/* `line` is borrowed for the call: it may be an Authorization, and is wiped
 * afterwards. */
typedef enum hs_err (*head_line_fn)(void *ctx, const char *line);
/* Calls fn with each line that the request needs, in the form that curl takes:
 * "Name: value"; "Name;" for one that is empty; "Name:" for one of curl's own
 * that is to stay away. Stops at the first error: fn's, HS_TOO_BIG (a line is
 * over HEAD_LINE_BYTES) or HS_NO_MEMORY. The request was checked. */
enum hs_err head_build(const struct http_request *request, head_line_fn fn,
		       void *ctx) HS_MUST_CHECK;

/* ---- of an answer ---- */

struct head {
	int64_t retry_after_ms;                     /* -1: none */
	char request_id[HEAD_REQUEST_ID_BYTES + 1]; /* "": none */
	size_t n_bytes;                             /* of all lines */
};

/* An HTTP-date as seconds since 1970, -1 when it is none. */
typedef time_t (*head_date_fn)(const char *text);

void head_reset(struct head *head);
/* A line with its end, as it came. A status line begins anew: an interim answer
 * came before. HS_TOO_BIG: all together are over BOUNDS_HTTP_HEADER_BYTES. */
enum hs_err head_read(struct head *head, struct span line,
		      head_date_fn read_date) HS_MUST_CHECK;

#endif
