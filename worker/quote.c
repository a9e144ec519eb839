/*
 * quote: an id of bytes as text of one word. That no value looks like further
 * keys of its line is the log's care (base/line.h).
 */
#include "worker/quote.h"

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
