/*
 * reply: CGI responses, as bytes for front_answer(). Pure.
 *
 * Errors are application/problem+json (RFC 9457). `detail` is a short text for
 * the sender: it never says which check of a signature failed, nor repeats
 * bytes of the request. X-Request-Id is in each response.
 */
#ifndef FCGI_REPLY_H
#define FCGI_REPLY_H

#include <stdint.h>

#include "base/buf.h"

#define REPLY_BYTES 2048 /* ceiling of `out` for all of these */

/* 200 {"success":true} */
void reply_success(struct buf *out, const char *request_id);
/* A small JSON object; without body for HEAD. */
void reply_json(struct buf *out, int status, const char *json, bool is_head,
		const char *request_id);
/* is_head: no body. allow: the methods of a 405, else NULL. retry_after_s: of a 503, else 0. */
void reply_problem(struct buf *out, int status, const char *detail,
		   const char *allow, int64_t retry_after_s, bool is_head,
		   const char *request_id);

#endif
