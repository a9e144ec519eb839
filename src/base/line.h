/*
 * line: a log line put together from a format and its arguments: the text that
 * a person reads, and its pairs apart, for a reader that keeps fields.
 *
 * The format is ours: a short sentence, then key=value pairs. A pair is what
 * the *format* says is one: "job=%s", "reason=\"%s; it waits\"". So no argument,
 * whatever bytes are in it, makes a pair or ends one: a value with white space,
 * quotes or nothing in it is put in quotes, with a backslash before quotes and
 * backslashes in it. Control bytes, C1 controls and bytes that are no UTF-8 are
 * shown as escapes everywhere. A pair with a "%s" whose argument is NULL is
 * left out.
 *
 * Conversions known: d i u x c with hh h l ll z j t, s with a precision, %%;
 * no flags or widths. A format with others gives its text, without pairs.
 * No allocation; all inside is cut to BOUNDS_LOG_LINE_BYTES.
 */
#ifndef BASE_LINE_H
#define BASE_LINE_H

#include <stdarg.h>
#include <stddef.h>

#include "base/bounds.h"
#include "base/err.h"

#define LINE_PAIRS 16 /* further ones are in the text only */

struct line_pair {
	const char *key; /* in the format; no NUL behind it */
	size_t key_len;
	const char *value; /* in the line's values, ends in NUL; as in the text,
			    * without quotes and what they need */
};

struct line {
	char text[BOUNDS_LOG_LINE_BYTES]; /* cut lines end in "..." */
	size_t text_len;
	struct line_pair pairs[LINE_PAIRS];
	size_t n_pairs;
	/* private */
	char values[BOUNDS_LOG_LINE_BYTES];
	size_t values_len;
};

/* The length of the UTF-8 character at text that may be shown to a person; 0: a
 * control, or a byte that is no UTF-8. text ends in NUL. */
size_t line_shown_len(const char *text);

/* Fills line, which need not be initialised; the pairs are good as long as line
 * and fmt. */
void line_format(struct line *line, const char *fmt, va_list args)
	HS_PRINTF(2, 0);

#endif
