/*
 * codec: bytes as text and back.
 *
 * Decoders are strict, because what they read is a signature or a key: two
 * texts never mean the same bytes (but for the case of hex digits), white
 * space is not skipped, and bits that carry nothing must be zero. A call that
 * fails leaves out as it was.
 */
#include "base/codec.h"

#include <stdint.h>

#define NOT_A_DIGIT 0xff

static const char hex_digits[] = "0123456789abcdef";
static const char hex_digits_upper[] = "0123456789ABCDEF";
static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static unsigned
hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - (unsigned)'0';
	if (c >= 'a' && c <= 'f')
		return c - (unsigned)'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - (unsigned)'A' + 10;
	return NOT_A_DIGIT;
}

static unsigned
base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - (unsigned)'A';
	if (c >= 'a' && c <= 'z')
		return c - (unsigned)'a' + 26;
	if (c >= '0' && c <= '9')
		return c - (unsigned)'0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return NOT_A_DIGIT;
}

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

enum hs_err
codec_hex_encode(struct span in, struct buf *out)
{
	unsigned char *to;

	if (in.len > SIZE_MAX / 2)
		return HS_TOO_BIG;
	enum hs_err err = buf_reserve(out, in.len * 2, &to);
	if (err != HS_OK)
		return err;
	for (size_t i = 0; i < in.len; i++) {
		*to++ = (unsigned char)hex_digits[in.ptr[i] >> 4];
		*to++ = (unsigned char)hex_digits[in.ptr[i] & 15];
	}
	buf_commit(out, in.len * 2);
	return HS_OK;
}

enum hs_err
codec_hex_decode(struct span in, struct buf *out)
{
	unsigned char *to;

	if (in.len % 2 != 0)
		return HS_INVALID;
	enum hs_err err = buf_reserve(out, in.len / 2, &to);
	if (err != HS_OK)
		return err;
	for (size_t i = 0; i < in.len; i += 2) {
		unsigned high = hex_value(in.ptr[i]);
		unsigned low = hex_value(in.ptr[i + 1]);
		if (high == NOT_A_DIGIT || low == NOT_A_DIGIT) {
			buf_commit(out, 0);
			return HS_INVALID;
		}
		*to++ = (unsigned char)(high << 4 | low);
	}
	buf_commit(out, in.len / 2);
	return HS_OK;
}

enum hs_err
codec_base64_encode(struct span in, struct buf *out)
{
	unsigned char *to;

	if (in.len > SIZE_MAX / 2)
		return HS_TOO_BIG;
	size_t out_len = (in.len + 2) / 3 * 4;
	enum hs_err err = buf_reserve(out, out_len, &to);
	if (err != HS_OK)
		return err;
	for (size_t i = 0; i < in.len; i += 3) {
		size_t n = in.len - i < 3 ? in.len - i : 3;
		unsigned bits = (unsigned)in.ptr[i] << 16;
		if (n > 1)
			bits |= (unsigned)in.ptr[i + 1] << 8;
		if (n > 2)
			bits |= in.ptr[i + 2];
		*to++ = (unsigned char)base64_digits[bits >> 18];
		*to++ = (unsigned char)base64_digits[bits >> 12 & 63];
		*to++ = (unsigned char)(n > 1 ? base64_digits[bits >> 6 & 63]
					      : '=');
		*to++ = (unsigned char)(n > 2 ? base64_digits[bits & 63] : '=');
	}
	buf_commit(out, out_len);
	return HS_OK;
}

enum hs_err
codec_base64_decode(struct span in, struct buf *out)
{
	unsigned char *to;
	size_t n_padding = 0;

	if (in.len % 4 != 0)
		return HS_INVALID;
	if (in.len > 0 && in.ptr[in.len - 1] == '=')
		n_padding = in.ptr[in.len - 2] == '=' ? 2 : 1;
	size_t n_digits = in.len - n_padding;
	size_t out_len = in.len / 4 * 3 - n_padding;
	enum hs_err err = buf_reserve(out, out_len, &to);
	if (err != HS_OK)
		return err;

	unsigned bits = 0;
	unsigned n_bits = 0;
	for (size_t i = 0; i < n_digits; i++) {
		unsigned value = base64_value(in.ptr[i]);
		if (value == NOT_A_DIGIT) {
			buf_commit(out, 0);
			return HS_INVALID;
		}
		bits = bits << 6 | value;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			*to++ = (unsigned char)(bits >> n_bits & 0xff);
		}
		bits &= (1U << n_bits) - 1;
	}
	if (bits != 0) {
		buf_commit(out, 0);
		return HS_INVALID;
	}
	buf_commit(out, out_len);
	return HS_OK;
}

enum hs_err
codec_percent_encode(struct span in, struct buf *out)
{
	unsigned char *to;
	size_t out_len = 0;

	if (in.len > SIZE_MAX / 3)
		return HS_TOO_BIG;
	for (size_t i = 0; i < in.len; i++)
		out_len += is_unreserved(in.ptr[i]) ? 1 : 3;
	enum hs_err err = buf_reserve(out, out_len, &to);
	if (err != HS_OK)
		return err;
	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = in.ptr[i];
		if (is_unreserved(c)) {
			*to++ = c;
			continue;
		}
		*to++ = '%';
		*to++ = (unsigned char)hex_digits_upper[c >> 4];
		*to++ = (unsigned char)hex_digits_upper[c & 15];
	}
	buf_commit(out, out_len);
	return HS_OK;
}
