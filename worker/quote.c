/*
 * quote: so that a job's name or a reason cannot look like further keys of the
 * line it stands in.
 */
#include "worker/quote.h"

void
quote_note(struct buf *line, const char *key, const char *text)
{
	buf_notef(line, " %s=\"", key);
	while (*text) {
		const size_t plain = strcspn(text, "\"\\");

		buf_notef(line, "%.*s", (int)plain, text);
		text += plain;
		if (*text)
			buf_notef(line, "\\%c", *text++);
	}
	buf_notef(line, "\"");
}

const char *
quote_id(struct quote_id *storage, struct span id)
{
	size_t len = id.len < QUOTE_ID_BYTES ? id.len : QUOTE_ID_BYTES - 1;

	for (size_t i = 0; i < len; i++) {
		const unsigned char byte = id.ptr[i];
		const bool is_plain = byte > ' ' && byte != 0x7f &&
				      byte != '"' && byte != '\\';

		storage->text[i] = is_plain ? (char)byte : '?';
	}
	storage->text[len] = '\0';
	return storage->text;
}
