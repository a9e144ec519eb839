/*
 * extract: the data of a job out of a delivery's body: the ids that the
 * endpoint names by JSON Pointer, and the body itself, byte for byte. Pure.
 */
#ifndef FCGI_EXTRACT_H
#define FCGI_EXTRACT_H

#include "conf/endpoint.h"

/* Scans the body and appends {"<field>":<value>, ..., "rawPayload":<body>}. A
 * value keeps its JSON type: a string, or an integer as written. HS_INVALID
 * (400) with *why, a static text that may be told to the sender, and *field
 * (borrowed from the endpoint) or NULL; HS_TOO_BIG (413), HS_NO_MEMORY. */
enum hs_err extract_data(const struct endpoint *endpoint, struct span body,
			 struct buf *out, const char **why,
			 const char **field) HS_MUST_CHECK;

#endif
