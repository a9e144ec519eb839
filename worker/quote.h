/*
 * quote: text from outside as the value of a key in a log line.
 */
#ifndef WORKER_QUOTE_H
#define WORKER_QUOTE_H

#include "base/buf.h"

/* ' key="text"', with the quotes and backslashes inside escaped, cut where the
 * buf is full. Control bytes are the log's to escape. */
void quote_note(struct buf *line, const char *key, const char *text);

#endif
