/*
 * doc_scan: how the files of doc walk over JSON's bytes. Not for other rooms:
 * they use doc.h.
 *
 * The scan decides what JSON is. What follows it on the same bytes (finding,
 * building, decoding) relies on its yes for the right answer, and on its own
 * looking for the end for not reading behind it.
 */
#ifndef BASE_DOC_SCAN_H
#define BASE_DOC_SCAN_H

#include "base/doc.h"

#define DOC_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

struct doc_cursor {
	const unsigned char *at;
	const unsigned char *end;
	const char *why; /* set once something is wrong; `at` is there */
};

struct doc_cursor doc_cursor_of(struct span text);

/* The byte at the cursor; -1 at the end. */
static inline int
doc_peek(const struct doc_cursor *c)
{
	return c->at < c->end ? *c->at : -1;
}

static inline void
doc_skip_space(struct doc_cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' ||
				  *c->at == '\r' || *c->at == '\t'))
		c->at++;
}

/* The whole text. *n_values counts the values, containers included. */
enum hs_err doc_scan_count(struct doc_cursor *c,
			   size_t *n_values) HS_MUST_CHECK;

/* ---- on scanned bytes ---- */

/* Steps over a string, from its quote. False, and nowhere in particular, if it
 * has no end. */
bool doc_skip_string(struct doc_cursor *c);
/* Steps over a value. False when the text was never scanned and ends too
 * soon. */
bool doc_skip_value(struct doc_cursor *c);
/* The type of the value that begins with this byte. */
enum doc_type doc_type_of_byte(int byte);

/* The inside of a raw string; false if it is none. */
bool doc_string_inside(struct span raw, struct doc_cursor *inside);
/* The character at the cursor, inside a string, as UTF-8 in out; ptr is NULL
 * for a lone surrogate. */
struct span doc_take_character(struct doc_cursor *c, unsigned char out[4]);
/* Appends the decoded string; a lone surrogate becomes U+FFFD or, where
 * is_strict, HS_INVALID. On failure out may have grown. */
enum hs_err doc_decode(struct span raw, bool is_strict,
		       struct buf *out) HS_MUST_CHECK;

#endif
