/*
 * doc_fuzz: any bytes as JSON, and what must hold whatever they are.
 *
 * Input: a text, and optionally a byte 0xff (which no UTF-8 holds) and a
 * pointer. What the scan accepts has a tree that prints to a text the scan
 * accepts, and printing that again changes nothing. What doc_find() finds is
 * what a walk through the tree finds. What the scan refuses has no tree, and a
 * reason at a place inside the text.
 */
#include "base/doc.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/err.h"
#include "base/log.h"

/* Escapes grow: a raw byte may become U+FFFD, a newline two bytes. */
#define OUT_BYTES (6 * BOUNDS_BODY_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
holds_nul_name(const struct doc *doc, enum hs_err err)
{
	return doc == NULL && err == HS_INVALID;
}

/* One step of a pointer through the tree. *is_there tells null from absent. */
static const struct doc *
step(const struct doc *doc, struct span token, bool *is_there)
{
	struct buf name;
	const struct doc *child = NULL;

	*is_there = false;
	buf_init(&name, token.len);
	for (size_t i = 0; i < token.len; i++) {
		unsigned char c = token.ptr[i];
		if (c == '~')
			c = token.ptr[++i] == '0' ? '~' : '/';
		log_assert(buf_add_byte(&name, c) == HS_OK);
	}
	if (doc_type_of(doc) == DOC_OBJECT) {
		child = doc_get(doc, buf_text(&name));
		*is_there = child != NULL;
	} else if (doc_type_of(doc) == DOC_ARRAY && name.len > 0 &&
		   name.len < 9 &&
		   strspn(buf_text(&name), "0123456789") == name.len &&
		   (name.len == 1 || name.data[0] != '0')) {
		size_t index = strtoul(buf_text(&name), NULL, 10);
		*is_there = index < doc_len(doc);
		child = doc_at(doc, index);
	}
	buf_fini(&name);
	return child;
}

static const struct doc *
walk(const struct doc *doc, struct span pointer, bool *is_there)
{
	size_t at = 0;

	*is_there = true;
	while (at < pointer.len && *is_there) {
		size_t start = ++at;
		while (at < pointer.len && pointer.ptr[at] != '/')
			at++;
		doc = step(doc, span_of(pointer.ptr + start, at - start),
			   is_there);
	}
	return doc;
}

static void
check_print(const struct doc *doc)
{
	struct buf once;
	struct buf twice;
	struct doc *again = NULL;

	buf_init(&once, OUT_BYTES);
	buf_init(&twice, OUT_BYTES);
	log_assert(doc_print(doc, false, &once) == HS_OK);
	log_assert(doc_scan(buf_span(&once), NULL, NULL) == HS_OK);
	log_assert(doc_parse(buf_span(&once), &again) == HS_OK);
	log_assert(doc_print(again, false, &twice) == HS_OK);
	log_assert(span_equal(buf_span(&once), buf_span(&twice)));
	doc_free(again);
	again = NULL;
	buf_reset(&twice);
	log_assert(doc_print(doc, true, &twice) == HS_OK);
	log_assert(doc_parse(buf_span(&twice), &again) == HS_OK);
	buf_reset(&twice);
	log_assert(doc_print(again, false, &twice) == HS_OK);
	log_assert(span_equal(buf_span(&once), buf_span(&twice)));
	doc_free(again);
	buf_fini(&once);
	buf_fini(&twice);
}

static void
check_value(struct span raw, enum doc_type type)
{
	struct buf text;
	struct buf string;

	log_assert(doc_scan(raw, NULL, NULL) == HS_OK);
	if (type == DOC_NUMBER)
		(void)doc_number_is_integer(raw);
	buf_init(&text, OUT_BYTES);
	buf_init(&string, OUT_BYTES);
	if (doc_string_decode(raw, &text) == HS_OK) {
		log_assert(type == DOC_STRING);
		log_assert(doc_is_utf8(buf_span(&text)));
		log_assert(doc_string_encode(buf_span(&text), &string) ==
			   HS_OK);
		size_t len = text.len;
		log_assert(doc_string_decode(buf_span(&string), &text) ==
			   HS_OK);
		log_assert(text.len == 2 * len);
		log_assert(len == 0 ||
			   memcmp(text.data, text.data + len, len) == 0);
	}
	buf_fini(&text);
	buf_fini(&string);
}

static void
check_find(struct span json, struct span pointer, const struct doc *tree,
	   bool is_scanned)
{
	struct span value = span_of(NULL, 0);
	enum doc_type type = DOC_NULL;
	enum hs_err err = doc_find(json, pointer, &value, &type);

	log_assert((err == HS_INVALID) == !doc_pointer_is_valid(pointer));
	if (!is_scanned || err == HS_INVALID)
		return;
	if (err == HS_OK)
		check_value(value, type);
	/* The tree has no name with a NUL. */
	if (tree == NULL || memchr(pointer.ptr, '\0', pointer.len) != NULL)
		return;

	bool is_there;
	const struct doc *walked = walk(tree, pointer, &is_there);
	log_assert(!is_there || err == HS_OK);
	if (walked == NULL) {
		log_assert(err == HS_NOT_FOUND || type == DOC_NULL ||
			   memchr(json.ptr, '\\', json.len) != NULL);
		return;
	}
	struct buf ours;
	struct buf theirs;
	struct doc *found = NULL;
	log_assert(doc_type_of(walked) == type);
	buf_init(&ours, OUT_BYTES);
	buf_init(&theirs, OUT_BYTES);
	log_assert(doc_parse(value, &found) == HS_OK);
	log_assert(doc_print(found, false, &ours) == HS_OK);
	log_assert(doc_print(walked, false, &theirs) == HS_OK);
	log_assert(span_equal(buf_span(&ours), buf_span(&theirs)));
	doc_free(found);
	buf_fini(&ours);
	buf_fini(&theirs);
}

static void
check_encode(struct span text)
{
	struct buf string;

	buf_init(&string, OUT_BYTES);
	log_assert(doc_string_encode(text, &string) == HS_OK);
	log_assert(doc_scan(buf_span(&string), NULL, NULL) == HS_OK);
	buf_fini(&string);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const usual[] = { "",   "/",      "/a",
					     "/0", "/a/b/0", "/id" };
	struct span json = span_of(data, size);
	struct span pointer = span_text("/a/1");
	size_t offset = size + 1;
	const char *why = NULL;
	struct doc *tree = NULL;

	check_encode(json);
	const unsigned char *cut = size > 0 ? memchr(data, 0xff, size) : NULL;
	if (cut != NULL) {
		json.len = (size_t)(cut - data);
		pointer = span_of(cut + 1, size - json.len - 1);
	}

	enum hs_err scanned = doc_scan(json, &offset, &why);
	enum hs_err parsed = doc_parse(json, &tree);
	if (scanned != HS_OK) {
		log_assert(scanned == HS_INVALID || scanned == HS_TOO_BIG);
		log_assert(offset <= json.len && why != NULL);
		log_assert(parsed == scanned && tree == NULL);
	} else {
		log_assert(doc_is_utf8(json));
		log_assert(parsed == HS_OK || parsed == HS_TOO_BIG ||
			   holds_nul_name(tree, parsed));
	}
	if (parsed == HS_OK)
		check_print(tree);
	check_find(json, pointer, tree, scanned == HS_OK);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		check_find(json, span_text(usual[i]), tree, scanned == HS_OK);
	doc_free(tree);
	return 0;
}
