/*
 * fcgi_client: one FastCGI request straight to the responder's socket, as a web
 * server would send it, so that an endpoint can be tried where no web server
 * runs yet. FastCGI 1.0, role responder, one request per connection.
 *
 * Writing the request and reading the answer are pure (bytes in, bytes out);
 * fcgi_client_post() adds a blocking socket with one deadline for all.
 */
#ifndef CTL_FCGI_CLIENT_H
#define CTL_FCGI_CLIENT_H

#include <stdint.h>

#include "base/buf.h"

struct fcgi_param {
	const char *name;
	const char *value;
};

/* Appends a whole request: begin, parameters, body, ends of both streams. */
enum hs_err fcgi_client_write(const struct fcgi_param *params, size_t n_params,
			      struct span body, struct buf *out) HS_MUST_CHECK;

struct fcgi_answer { /* spans lie in the buffer given to fcgi_client_head() */
	int status;
	struct span head; /* the headers, with their line ends */
	struct span body;
};

/* Takes whole records from the front of `in`; their standard output is appended
 * to out, standard error to err_out. HS_OK when the request has ended, HS_AGAIN
 * when more bytes are needed, HS_PROTOCOL when this is no FastCGI answer or the
 * request was refused, HS_TOO_BIG over out's ceiling. */
enum hs_err fcgi_client_read(struct buf *in, struct buf *out,
			     struct buf *err_out) HS_MUST_CHECK;
/* Splits a CGI answer. HS_PROTOCOL when it has no head. */
enum hs_err fcgi_client_head(struct span out,
			     struct fcgi_answer *answer) HS_MUST_CHECK;
/* A header's value by name, without the white space around; len 0 for none. */
struct span fcgi_client_header(const struct fcgi_answer *answer,
			       const char *name);

/* address: "unix:PATH" or "HOST:PORT". *why gets a text on failure:
 * HS_UNAVAILABLE, HS_TIMEOUT, HS_PROTOCOL, HS_INVALID (address). `out` holds the
 * whole CGI answer. */
enum hs_err fcgi_client_post(const char *address,
			     const struct fcgi_param *params, size_t n_params,
			     struct span body, int64_t timeout_ms,
			     struct buf *out, struct buf *why) HS_MUST_CHECK;

#endif
