/*
 * records: the 8-byte headers of FastCGI, walked to learn whether a request is
 * whole. Pure: bytes in, a verdict out.
 *
 * libfcgi reads a connection until it has what it wants, and waits meanwhile;
 * so we ask here first whether the wait is over. What libfcgi would take in
 * good faith is bounded here too: the size of all parameters, and the lengths
 * that they declare (libfcgi allocates what a length says).
 *
 * Known limits: one request at a time on a connection (as libfcgi), the
 * responder role only. Source: FastCGI 1.0, sections 3.3, 3.4, 5 and 8.
 */
#ifndef FCGI_RECORDS_H
#define FCGI_RECORDS_H

#include <stdbool.h>

#include "base/buf.h"

#define RECORDS_HEADER_BYTES 8

enum records_verdict {
	RECORDS_MORE,  /* all bytes were taken; the request goes on */
	RECORDS_HEAD,  /* the parameters are whole; told once, feed on */
	RECORDS_WHOLE, /* the request is whole */
	RECORDS_BAD,   /* no request that we serve; `why` says so */
};

struct records {
	enum {
		RECORDS_IN_BEGIN,
		RECORDS_IN_PARAMS,
		RECORDS_IN_BODY,
		RECORDS_DONE,
	} phase;
	unsigned id;
	bool is_kept;  /* the web server wants to use the connection again */
	size_t n_body; /* bytes of body so far */
	const char *why;

	/* private: where in a record we are */
	unsigned char header[RECORDS_HEADER_BYTES];
	size_t n_header;
	unsigned char begin[8];
	size_t n_begin;
	size_t content_left;
	size_t padding_left;
	bool is_skipped; /* a record of another request: nobody wants it */
	bool is_last;    /* the empty record that ends a stream */
	unsigned n_skipped;
};

void records_init(struct records *records);
/* Walks up to len bytes; *used says how many (all of them on RECORDS_MORE).
 * Content of PARAMS goes to params, that of STDIN to body; their ceilings
 * count, and a full buf is RECORDS_BAD. body may be NULL: then it is counted
 * only. */
enum records_verdict records_feed(struct records *records,
				  const unsigned char *bytes, size_t len,
				  struct buf *params, struct buf *body,
				  size_t *used);

/* Do the bytes begin with a management record (request id 0)? Its whole length,
 * or 0 when it is none; HS_AGAIN before the header is there, HS_TOO_BIG for one
 * longer than any we know; HS_INVALID when it is all there and asks for values
 * by lengths that do not add up. */
enum hs_err records_management(const unsigned char *bytes, size_t len,
			       size_t *record_len) HS_MUST_CHECK;

/* What the content of all PARAMS records is worth. */
enum records_params {
	RECORDS_PARAMS_GOOD,
	RECORDS_PARAMS_ODD,    /* NUL bytes, or a name with '=' or without a
				  byte: to be answered 400 */
	RECORDS_PARAMS_BROKEN, /* the lengths do not add up: no request */
};
enum records_params records_params_check(struct span params);

/* Appends a begin record, the parameters and the ends of both streams: the
 * same request without its body, for libfcgi to parse. */
enum hs_err records_rebuild(const struct records *records, struct span params,
			    struct buf *out) HS_MUST_CHECK;

#endif
