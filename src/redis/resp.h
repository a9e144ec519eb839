/*
 * resp: Redis's protocol as commands (bytes out) and replies (trees in). The
 * only file on hiredis, of which the reader is used; no socket, no loop.
 *
 * Commands are formatted here, straight into the buffer that is sent: hiredis's
 * formatter would allocate and copy once more, and the responder sends
 * megabytes.
 *
 * The reader speaks RESP2 only. It is bounded: a reply (with the memory of its
 * tree) holds at most BOUNDS_REPLY_BYTES and BOUNDS_REPLY_DEPTH levels of
 * arrays, and an announced length allocates nothing before the bytes are here.
 * Thread: the owner's.
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

/* Is it an error whose first word is `code` ("NOSCRIPT")? false for NULL. */
bool reply_is_error(const struct reply *reply, const char *code);
/* An integer, or a text that is one whole integer; else HS_INVALID. */
enum hs_err reply_i64(const struct reply *reply, int64_t *out) HS_MUST_CHECK;

/* Appends one command; on failure (HS_TOO_BIG, HS_NO_MEMORY) `out` is as it
 * was. */
enum hs_err resp_command(struct buf *out, const struct span *args,
			 size_t n_args) HS_MUST_CHECK;
/* The same with some arguments in front of the others. */
enum hs_err resp_command_2(struct buf *out, const struct span *first,
			   size_t n_first, const struct span *args,
			   size_t n_args) HS_MUST_CHECK;

struct resp_reader;
struct resp_reader *resp_reader_new(void);
void resp_reader_free(struct resp_reader *reader);
/* Copies the bytes. Feed a few KiB, then take the replies out, then more: what
 * lies unread is moved at each turn. */
enum hs_err resp_reader_feed(struct resp_reader *reader, const void *bytes,
			     size_t len) HS_MUST_CHECK;
/* HS_OK and a reply (returned owned: reply_free), HS_AGAIN for more bytes,
 * HS_PROTOCOL: the stream is broken for good. */
enum hs_err resp_reader_next(struct resp_reader *reader,
			     struct reply **out) HS_MUST_CHECK;
/* What broke the stream, for people; "" else. Borrowed. */
const char *resp_reader_error(const struct resp_reader *reader);
void reply_free(struct reply *reply);

#endif
