/*
 * buf: bytes that grow by doubling up to a ceiling they were born with.
 *
 * The rule that makes it safe to use everywhere: a call that fails leaves the
 * content as it was. The ceiling is checked before memory is asked for, so a
 * peer that announces a terabyte costs nothing.
 *
 * Known limits: what is appended must not lie in the buf itself. Growing moves
 * the bytes and leaves the old ones to malloc: a buf for a secret is given its
 * whole room at once (buf_reserve) before the secret is written into it, and
 * then buf_wipe() leaves nothing behind.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"

/* Small enough for an idle connection, large enough for a short line. */
#define FIRST_BYTES 64

/* Makes room for len more bytes and the NUL. */
static enum hs_err
grow(struct buf *buf, size_t len)
{
	if (len > buf->max - buf->len)
		return HS_TOO_BIG;

	size_t wanted = buf->len + len + 1;
	if (wanted <= buf->cap)
		return HS_OK;

	size_t cap = buf->cap > 0 ? buf->cap : FIRST_BYTES;
	while (cap < wanted)
		cap = cap > SIZE_MAX / 2 ? wanted : cap * 2;
	if (cap > buf->max + 1)
		cap = buf->max + 1;

	unsigned char *data = realloc(buf->data, cap);
	if (data == NULL)
		return HS_NO_MEMORY;
	data[buf->len] = '\0';
	buf->data = data;
	buf->cap = cap;
	return HS_OK;
}

/* The longest cut of at most len bytes that does not end inside a UTF-8
 * character. */
static size_t
whole_characters(const unsigned char *bytes, size_t len)
{
	size_t end = len;

	while (end > 0 && (bytes[end] & 0xc0) == 0x80)
		end--;
	return len - end < 4 ? end : len;
}

void
buf_init(struct buf *buf, size_t max)
{
	/* The NUL must fit, too. */
	log_assert(max < SIZE_MAX);
	*buf = (struct buf){ .max = max };
}

void
buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ .max = buf->max };
}

void
buf_reset(struct buf *buf)
{
	buf->len = 0;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

void
buf_wipe(struct buf *buf)
{
	if (buf->data != NULL)
		explicit_bzero(buf->data, buf->cap);
	buf_reset(buf);
}

enum hs_err
buf_add(struct buf *buf, const void *bytes, size_t len)
{
	enum hs_err err = grow(buf, len);

	if (err != HS_OK)
		return err;
	if (len > 0)
		memcpy(buf->data + buf->len, bytes, len);
	buf_commit(buf, len);
	return HS_OK;
}

enum hs_err
buf_add_text(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

enum hs_err
buf_add_span(struct buf *buf, struct span span)
{
	return buf_add(buf, span.ptr, span.len);
}

enum hs_err
buf_add_byte(struct buf *buf, unsigned char byte)
{
	return buf_add(buf, &byte, 1);
}

enum hs_err
buf_addf(struct buf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		return HS_INVALID;

	enum hs_err err = grow(buf, (size_t)len);
	if (err != HS_OK)
		return err;
	va_start(args, fmt);
	(void)vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, fmt,
			args);
	va_end(args);
	buf->len += (size_t)len;
	return HS_OK;
}

void
buf_notef(struct buf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int wanted = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (wanted <= 0)
		return;

	size_t room = buf->max - buf->len;
	if ((size_t)wanted <= room) {
		if (grow(buf, (size_t)wanted) != HS_OK)
			return;
		va_start(args, fmt);
		(void)vsnprintf((char *)buf->data + buf->len,
				(size_t)wanted + 1, fmt, args);
		va_end(args);
		buf->len += (size_t)wanted;
		return;
	}
	/* Too long: print it whole elsewhere, then cut between characters. */
	char *text = malloc((size_t)wanted + 1);
	if (text == NULL)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)wanted + 1, fmt, args);
	va_end(args);
	size_t len = whole_characters((const unsigned char *)text, room);
	(void)!buf_add(buf, text, len);
	free(text);
}

enum hs_err
buf_reserve(struct buf *buf, size_t len, unsigned char **out)
{
	enum hs_err err = grow(buf, len);

	if (err != HS_OK)
		return err;
	*out = buf->data + buf->len;
	return HS_OK;
}

void
buf_commit(struct buf *buf, size_t len)
{
	if (len == 0 && buf->data == NULL)
		return;
	log_assert(buf->data != NULL && len < buf->cap - buf->len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
buf_consume(struct buf *buf, size_t len)
{
	log_assert(len <= buf->len);
	if (len == 0)
		return;
	buf->len -= len;
	memmove(buf->data, buf->data + len, buf->len);
	buf->data[buf->len] = '\0';
}

void
buf_cut(struct buf *buf, size_t len)
{
	log_assert(len <= buf->len);
	if (len == buf->len)
		return;
	buf->len = len;
	buf->data[len] = '\0';
}

const char *
buf_text(const struct buf *buf)
{
	return buf->data != NULL ? (const char *)buf->data : "";
}

char *
buf_steal(struct buf *buf)
{
	char *text = (char *)buf->data;

	*buf = (struct buf){ .max = buf->max };
	return text != NULL ? text : xcalloc(1, 1);
}

bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
span_is(struct span a, const char *text)
{
	return span_equal(a, span_text(text));
}

bool
span_is_nocase(struct span a, const char *text)
{
	if (a.len != strlen(text))
		return false;
	/* By hand: strncasecmp() stops at a NUL and asks the locale. */
	for (size_t i = 0; i < a.len; i++) {
		unsigned char x = a.ptr[i];
		unsigned char y = (unsigned char)text[i];
		if (x >= 'A' && x <= 'Z')
			x = (unsigned char)(x + ('a' - 'A'));
		if (y >= 'A' && y <= 'Z')
			y = (unsigned char)(y + ('a' - 'A'));
		if (x != y)
			return false;
	}
	return true;
}

char *
span_dup(struct span span)
{
	if (span.len == SIZE_MAX)
		return NULL;
	char *copy = malloc(span.len + 1);
	if (copy == NULL)
		return NULL;
	if (span.len > 0)
		memcpy(copy, span.ptr, span.len);
	copy[span.len] = '\0';
	return copy;
}
