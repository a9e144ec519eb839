/*
 * doc: JSON. First a strict scan of the bytes (RFC 8259 grammar, UTF-8 of RFC
 * 3629, depth), which builds no tree; then, where a tree is wanted, json-c. The
 * only file on json-c, whose strict mode still takes NaN, "1.", "00", raw
 * control characters and overlong UTF-8; one NaN in a job's data would make a
 * Node worker run that job for ever.
 */
#ifndef BASE_DOC_H
#define BASE_DOC_H

#include <stdint.h>

#include "base/buf.h"

enum doc_type {
	DOC_NULL,
	DOC_FALSE,
	DOC_TRUE,
	DOC_NUMBER,
	DOC_STRING,
	DOC_ARRAY,
	DOC_OBJECT,
};

/* Is this one JSON value, with nothing but white space around it? On
 * HS_INVALID or HS_TOO_BIG (depth) *offset is the byte that is wrong and *why a
 * static text. offset and why may be NULL. A byte order mark is refused. */
enum hs_err doc_scan(struct span json, size_t *offset,
		     const char **why) HS_MUST_CHECK;

/* ---- taking values out of scanned bytes, without a tree ---- */

/* The raw bytes of the value an RFC 6901 pointer names, in a text that
 * doc_scan() accepted. Of a name given twice the last counts, as in
 * JSON.parse. HS_NOT_FOUND; HS_INVALID for a bad pointer. Escapes inside the
 * names of the text are understood. */
enum hs_err doc_find(struct span json, struct span pointer, struct span *value,
		     enum doc_type *type) HS_MUST_CHECK;
/* Is the pointer well-formed ("" or "/a/b~1c")? */
bool doc_pointer_is_valid(struct span pointer);
/* A raw JSON string ("\"a\\n\"") as UTF-8 text, appended. A lone surrogate
 * is HS_INVALID. */
enum hs_err doc_string_decode(struct span raw, struct buf *out) HS_MUST_CHECK;
/* Text as a JSON string with its quotes, appended. Bytes that are no UTF-8
 * become U+FFFD, so that the result is always valid JSON. */
enum hs_err doc_string_encode(struct span text, struct buf *out) HS_MUST_CHECK;
/* Is a raw number an integer as written (no fraction, no exponent)? */
bool doc_number_is_integer(struct span raw);
/* Is the text valid UTF-8 (no overlong forms, no surrogates)? */
bool doc_is_utf8(struct span text);

/* ---- trees ---- */

struct doc; /* a JSON value; children belong to their parent. NULL is null */

/* Scans, then builds. Returned owned: doc_free(). */
enum hs_err doc_parse(struct span json, struct doc **out) HS_MUST_CHECK;
void doc_free(struct doc *doc);

enum doc_type doc_type_of(const struct doc *doc);
/* A child, borrowed; NULL when absent or when doc is no object / array. */
const struct doc *doc_get(const struct doc *doc, const char *name);
size_t doc_len(const struct doc *doc); /* members of an array or object */
const struct doc *doc_at(const struct doc *doc, size_t index);
/* HS_NOT_FOUND when doc is no such thing, HS_TOO_BIG when it does not fit. */
enum hs_err doc_i64(const struct doc *doc, int64_t *out) HS_MUST_CHECK;
enum hs_err doc_double(const struct doc *doc, double *out) HS_MUST_CHECK;
enum hs_err doc_text(const struct doc *doc, struct span *out) HS_MUST_CHECK;
bool doc_is_true(const struct doc *doc);

struct doc *doc_new_object(void);
struct doc *doc_new_array(void);
/* Setters keep `child`; text is cleaned as in doc_string_encode. */
void doc_set(struct doc *object, const char *name, struct doc *child);
void doc_set_text(struct doc *object, const char *name, struct span text);
void doc_set_i64(struct doc *object, const char *name, int64_t value);
void doc_set_bool(struct doc *object, const char *name, bool value);
void doc_set_null(struct doc *object, const char *name);
/* A scanned JSON text as a child; HS_INVALID when it is none. */
enum hs_err doc_set_json(struct doc *object, const char *name,
			 struct span json) HS_MUST_CHECK;
void doc_push(struct doc *array, struct doc *child);
void doc_push_text(struct doc *array, struct span text);

/* As text, appended: on one line, or indented for people. */
enum hs_err doc_print(const struct doc *doc, bool pretty,
		      struct buf *out) HS_MUST_CHECK;
/* Calls fn for each member of an object, in order. */
void doc_each(const struct doc *object,
	      void (*fn)(void *ctx, const char *name, const struct doc *value),
	      void *ctx);

#endif
