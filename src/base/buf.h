/*
 * buf: bytes that grow up to a ceiling, and spans: bytes that lie elsewhere.
 *
 * A buf is born with its maximum (bounds.h); an append that would pass it, or
 * for which there is no memory, changes nothing and returns an error. The
 * content is always followed by a NUL that is not counted, so buf_text() can
 * be printed.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"

struct span { /* borrowed bytes; never assumed to end in NUL */
	const unsigned char *ptr;
	size_t len;
};

struct buf {
	unsigned char *data; /* NULL while empty and never filled */
	size_t len;
	size_t cap;
	size_t max; /* most bytes it may hold, without the NUL */
};

void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);  /* frees; the buf may be initialised again */
void buf_reset(struct buf *buf); /* len = 0, memory kept */
void buf_wipe(struct buf *buf);  /* overwrites with zeros, then buf_reset */

enum hs_err buf_add(struct buf *buf, const void *bytes,
		    size_t len) HS_MUST_CHECK;
enum hs_err buf_add_text(struct buf *buf, const char *text) HS_MUST_CHECK;
enum hs_err buf_add_span(struct buf *buf, struct span span) HS_MUST_CHECK;
enum hs_err buf_add_byte(struct buf *buf, unsigned char byte) HS_MUST_CHECK;
enum hs_err buf_addf(struct buf *buf, const char *fmt, ...)
	HS_PRINTF(2, 3) HS_MUST_CHECK;
/* For messages: what does not fit is cut, never an error. */
void buf_notef(struct buf *buf, const char *fmt, ...) HS_PRINTF(2, 3);

/* Room for len more bytes at the returned place; buf_commit() counts them. */
enum hs_err buf_reserve(struct buf *buf, size_t len,
			unsigned char **out) HS_MUST_CHECK;
void buf_commit(struct buf *buf, size_t len);
/* Drops the first len bytes (len <= buf->len). */
void buf_consume(struct buf *buf, size_t len);
/* Drops what lies behind the first len bytes (len <= buf->len). */
void buf_cut(struct buf *buf, size_t len);

/* The content as text, "" when empty. Borrowed, valid until the next change. */
const char *buf_text(const struct buf *buf);
/* Hands the memory out (caller frees with free(); never NULL); buf is empty
 * afterwards. */
char *buf_steal(struct buf *buf);

static inline struct span
span_of(const void *ptr, size_t len)
{
	return (struct span){ (const unsigned char *)ptr, len };
}
static inline struct span
span_text(const char *text)
{
	return span_of(text, strlen(text));
}
static inline struct span
buf_span(const struct buf *buf)
{
	return span_of(buf->data, buf->len);
}
bool span_equal(struct span a, struct span b); /* not constant-time */
bool span_is(struct span a, const char *text);
bool span_is_nocase(struct span a, const char *text); /* ASCII */
/* A NUL-terminated copy; the caller frees. Sized by the outside, so it may
 * return NULL. An inner NUL is copied as it is. */
char *span_dup(struct span span);

#endif
