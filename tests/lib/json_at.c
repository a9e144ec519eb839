/*
 * json_at: JSON for shell tests. Reads standard input, which must be one JSON
 * value (else it ends with 65), and prints the value at a JSON Pointer, strings
 * without their quotes and escapes; 1 when there is none.
 *
 *	hooksync stats --json | json_at /0/counts/failed
 */
#include <stdio.h>

#include "base/bounds.h"
#include "base/doc.h"

static int
print(struct span value, enum doc_type type)
{
	struct buf text;

	buf_init(&text, BOUNDS_BODY_BYTES);
	if (type == DOC_STRING) {
		if (doc_string_decode(value, &text) != HS_OK)
			return 65;
		value = buf_span(&text);
	}
	fwrite(value.ptr, 1, value.len, stdout);
	putchar('\n');
	buf_fini(&text);
	return 0;
}

int
main(int argc, char **argv)
{
	struct buf json;
	struct span value;
	enum doc_type type;
	const char *why = "";
	size_t offset = 0;
	int code = 0;

	buf_init(&json, BOUNDS_BODY_BYTES);
	for (;;) {
		unsigned char chunk[4096];
		size_t n = fread(chunk, 1, sizeof chunk, stdin);
		if (n == 0)
			break;
		if (buf_add(&json, chunk, n) != HS_OK)
			return 65;
	}
	if (doc_scan(buf_span(&json), &offset, &why) != HS_OK) {
		fprintf(stderr, "json_at: byte %zu: %s\n", offset, why);
		code = 65;
	} else if (argc > 1) {
		code = 1;
		if (doc_find(buf_span(&json), span_text(argv[1]), &value,
			     &type) == HS_OK)
			code = print(value, type);
	}
	buf_fini(&json);
	return code;
}
