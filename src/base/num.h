/*
 * num: strict numbers. The whole text must be the number: no sign where none
 * belongs, no space, no rubbish behind, no wrapping.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdint.h>

#include "base/buf.h"

/* Decimal digits only ("007" is refused: no leading zeros but "0" itself).
 * HS_INVALID for other text, HS_TOO_BIG above max. */
enum hs_err num_u64(struct span text, uint64_t max,
		    uint64_t *out) HS_MUST_CHECK;
/* As above with an optional leading '-'; min and max inclusive. */
enum hs_err num_i64(struct span text, int64_t min, int64_t max,
		    int64_t *out) HS_MUST_CHECK;
/* A decimal as Redis prints scores ("1795458411149.0002", "1e+20", "-1"). */
enum hs_err num_double(struct span text, double *out) HS_MUST_CHECK;

/* "250ms", "2s", "5m", "24h", "14d": a whole number and one unit; "0" alone is
 * allowed. Milliseconds. */
enum hs_err num_duration_ms(struct span text, int64_t *out_ms) HS_MUST_CHECK;
/* "512B", "64KiB", "1MiB", "2GiB". Bytes. */
enum hs_err num_size_bytes(struct span text, int64_t *out_bytes) HS_MUST_CHECK;

/* The shortest text that reads back equal: 90000 -> "90s", 65536 -> "64KiB".
 * out holds at least 32 bytes. */
void num_duration_text(int64_t ms, char *out, size_t out_size);
void num_size_text(int64_t bytes, char *out, size_t out_size);

#endif
