/*
 * doc_verdict: what base/doc says of many texts, for json_oracle.mjs to compare
 * with JSON.parse().
 *
 * In: records of a length (4 bytes, big-endian) and a text. Out, for each: a
 * letter, and behind 'y' a length and the text the tree prints. 'y': valid;
 * 's': valid by the scan, but without a tree (a NUL in a name); 'n': not JSON;
 * 'd': too deep.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/log.h"

#define RECORD_BYTES (1024 * 1024)

static bool
read_bytes(void *to, size_t len)
{
	return fread(to, 1, len, stdin) == len;
}

static void
write_bytes(const void *from, size_t len)
{
	log_assert(fwrite(from, 1, len, stdout) == len);
}

static void
write_length(size_t len)
{
	const unsigned char bytes[4] = { (unsigned char)(len >> 24),
					 (unsigned char)(len >> 16),
					 (unsigned char)(len >> 8),
					 (unsigned char)len };

	write_bytes(bytes, sizeof(bytes));
}

static void
answer(struct span text)
{
	struct doc *tree = NULL;
	struct buf printed;
	enum hs_err scanned = doc_scan(text, NULL, NULL);

	if (scanned != HS_OK) {
		write_bytes(scanned == HS_TOO_BIG ? "d" : "n", 1);
		return;
	}
	if (doc_parse(text, &tree) != HS_OK) {
		write_bytes("s", 1);
		return;
	}
	buf_init(&printed, 6 * RECORD_BYTES);
	log_assert(doc_print(tree, false, &printed) == HS_OK);
	write_bytes("y", 1);
	write_length(printed.len);
	write_bytes(printed.data, printed.len);
	buf_fini(&printed);
	doc_free(tree);
}

int
main(void)
{
	unsigned char head[4];

	while (read_bytes(head, sizeof(head))) {
		size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
			     (size_t)head[2] << 8 | head[3];
		log_assert(len <= RECORD_BYTES);
		/* exactly its size: a sanitizer sees who reads behind it */
		unsigned char *text = xcalloc(len, 1);
		log_assert(read_bytes(text, len));
		answer(span_of(text, len));
		free(text);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
