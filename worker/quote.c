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
