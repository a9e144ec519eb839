/*
 * codec: hex, base64, percent-encoding. Pure; bytes in, bytes appended.
 */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include "base/buf.h"

enum hs_err codec_hex_encode(struct span in, struct buf *out) HS_MUST_CHECK;
/* Both cases; an odd length or another byte is HS_INVALID. */
enum hs_err codec_hex_decode(struct span in, struct buf *out) HS_MUST_CHECK;

/* RFC 4648 4, with padding. */
enum hs_err codec_base64_encode(struct span in, struct buf *out) HS_MUST_CHECK;
/* Strict: padding required, no white space, no bits left over. */
enum hs_err codec_base64_decode(struct span in, struct buf *out) HS_MUST_CHECK;

/* RFC 3986: all but unreserved bytes become %XX, so that a value stays inside
 * its path segment ("." and ".." must be refused by the caller). */
enum hs_err codec_percent_encode(struct span in, struct buf *out) HS_MUST_CHECK;

#endif
