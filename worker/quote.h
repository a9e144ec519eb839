/*
 * quote: a job's id, bytes from outside, as the value of a key in a log line.
 */
#ifndef WORKER_QUOTE_H
#define WORKER_QUOTE_H

#include "base/buf.h"

/* An id as the value of a key: as it is, but for a '?' in place of each byte
 * that could end the value (white space, quotes, control bytes); cut. The text
 * lies in storage. */
#define QUOTE_ID_BYTES 200
struct quote_id {
	char text[QUOTE_ID_BYTES];
};
const char *quote_id(struct quote_id *storage, struct span id);

#endif
