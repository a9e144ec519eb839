/*
 * resp: Redis's protocol as commands (bytes out) and replies (trees in). The
 * only file on hiredis, of which the reader and the formatter are used; no
 * socket, no loop.
 */
#ifndef REDIS_RESP_H
#define REDIS_RESP_H

#include <stdint.h>

#include "base/buf.h"

enum reply_type {
	REPLY_NIL,
	REPLY_INTEGER,
	REPLY_STATUS, /* +OK */
	REPLY_ERROR,  /* -NOSCRIPT ... */
	REPLY_TEXT,   /* bulk string */
	REPLY_ARRAY,
};

struct reply {
	enum reply_type type;
	long long integer;
	struct span text; /* status, error, text; also NUL-terminated */
	struct reply **items;
	size_t n_items;
};

bool reply_is_error(const struct reply *reply,
		    const char *code); /* "NOSCRIPT" */
/* An integer, or a text that is one whole integer. */
enum hs_err reply_i64(const struct reply *reply, int64_t *out) HS_MUST_CHECK;

/* Appends one command. */
enum hs_err resp_command(struct buf *out, const struct span *args,
			 size_t n_args) HS_MUST_CHECK;

struct resp_reader;
struct resp_reader *resp_reader_new(void);
void resp_reader_free(struct resp_reader *reader);
enum hs_err resp_reader_feed(struct resp_reader *reader, const void *bytes,
			     size_t len) HS_MUST_CHECK;
/* HS_OK and a reply (returned owned: reply_free), HS_AGAIN for more bytes,
 * HS_PROTOCOL: the stream is broken for good. */
enum hs_err resp_reader_next(struct resp_reader *reader,
			     struct reply **out) HS_MUST_CHECK;
void reply_free(struct reply *reply);

#endif
