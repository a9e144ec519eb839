/*
 * records: a small machine over the bytes of one request. It holds no more
 * than one record header, so that it can be fed a peeked buffer at once or a
 * slow peer's bytes one by one, with the same verdict (the unit test feeds both).
 */
#include "fcgi/records.h"

#include "base/bounds.h"

/* FastCGI 1.0, section 8 */
enum {
	VERSION_1 = 1,
	TYPE_BEGIN_REQUEST = 1,
	TYPE_PARAMS = 4,
	TYPE_STDIN = 5,
	TYPE_GET_VALUES = 9,
	ROLE_RESPONDER = 1,
	FLAG_KEEP_CONN = 1,
};

/* Records of requests that are no longer, before we lose patience. */
#define MAX_SKIPPED 64
/* The longest management record we have seen holds three names. */
#define MAX_MANAGEMENT_BYTES 1024
#define MAX_CONTENT_BYTES 65535
/* A content of whole 8 bytes needs no padding. */
#define REBUILT_CONTENT_BYTES 65528

void
records_init(struct records *records)
{
	memset(records, 0, sizeof(*records));
}

static enum records_verdict
bad(struct records *records, const char *why)
{
	records->why = why;
	return RECORDS_BAD;
}

/* The record's header is whole: what is it? false with `why` when we cannot go
 * on. */
static bool
open_record(struct records *records)
{
	const unsigned char *h = records->header;
	unsigned type = h[1];
	unsigned id = (unsigned)h[2] << 8 | h[3];

	records->content_left = (size_t)h[4] << 8 | h[5];
	records->padding_left = h[6];
	records->is_skipped = false;
	records->is_last = false;
	if (h[0] != VERSION_1) {
		records->why = "not FastCGI version 1";
		return false;
	}
	if (id == 0) {
		records->why = "a management record inside a request";
		return false;
	}
	if (type == TYPE_BEGIN_REQUEST) {
		if (records->phase != RECORDS_IN_BEGIN) {
			records->why = "a second request inside a request";
			return false;
		}
		if (records->content_left != sizeof(records->begin)) {
			records->why = "a begin record of the wrong size";
			return false;
		}
		records->id = id;
		records->n_begin = 0;
		return true;
	}
	if (records->phase == RECORDS_IN_BEGIN || id != records->id) {
		/* an aborted request's rest */
		if (++records->n_skipped > MAX_SKIPPED) {
			records->why = "too many records of no request";
			return false;
		}
		records->is_skipped = true;
		return true;
	}
	if ((records->phase == RECORDS_IN_PARAMS && type != TYPE_PARAMS) ||
	    (records->phase == RECORDS_IN_BODY && type != TYPE_STDIN)) {
		records->why = "a record out of order";
		return false;
	}
	records->is_last = records->content_left == 0;
	return true;
}

static bool
take_content(struct records *records, const unsigned char *bytes, size_t len,
	     struct buf *params, struct buf *body)
{
	if (records->is_skipped)
		return true;
	switch (records->phase) {
	case RECORDS_IN_BEGIN:
		memcpy(records->begin + records->n_begin, bytes, len);
		records->n_begin += len;
		return true;
	case RECORDS_IN_PARAMS:
		if (buf_add(params, bytes, len) == HS_OK)
			return true;
		records->why = "too many bytes of parameters";
		return false;
	case RECORDS_IN_BODY:
		records->n_body += len;
		if (body == NULL || buf_add(body, bytes, len) == HS_OK)
			return true;
		records->why = "the body is longer than announced";
		return false;
	case RECORDS_DONE:
		break;
	}
	records->why = "bytes behind the end";
	return false;
}

/* Content and padding are behind us. */
static enum records_verdict
close_record(struct records *records)
{
	records->n_header = 0;
	if (records->is_skipped)
		return RECORDS_MORE;
	if (records->phase == RECORDS_IN_BEGIN) {
		unsigned role =
			(unsigned)records->begin[0] << 8 | records->begin[1];
		if (role != ROLE_RESPONDER)
			return bad(records, "not the responder role");
		records->is_kept = (records->begin[2] & FLAG_KEEP_CONN) != 0;
		records->phase = RECORDS_IN_PARAMS;
		return RECORDS_MORE;
	}
	if (!records->is_last)
		return RECORDS_MORE;
	if (records->phase == RECORDS_IN_PARAMS) {
		records->phase = RECORDS_IN_BODY;
		return RECORDS_HEAD;
	}
	records->phase = RECORDS_DONE;
	return RECORDS_WHOLE;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

enum records_verdict
records_feed(struct records *records, const unsigned char *bytes, size_t len,
	     struct buf *params, struct buf *body, size_t *used)
{
	size_t at = 0;
	*used = 0;
	if (records->phase == RECORDS_DONE)
		return RECORDS_WHOLE;
	while (at < len) {
		if (records->n_header < RECORDS_HEADER_BYTES) {
			records->header[records->n_header++] = bytes[at++];
			if (records->n_header < RECORDS_HEADER_BYTES)
				continue;
			if (!open_record(records)) {
				*used = at;
				return RECORDS_BAD;
			}
		} else if (records->content_left > 0) {
			size_t n = smaller(records->content_left, len - at);
			if (!take_content(records, bytes + at, n, params,
					  body)) {
				*used = at;
				return RECORDS_BAD;
			}
			records->content_left -= n;
			at += n;
		} else {
			size_t n = smaller(records->padding_left, len - at);
			records->padding_left -= n;
			at += n;
		}
		if (records->content_left > 0 || records->padding_left > 0)
			continue;
		enum records_verdict verdict = close_record(records);
		if (verdict != RECORDS_MORE) {
			*used = at;
			return verdict;
		}
	}
	*used = at;
	return RECORDS_MORE;
}

enum hs_err
records_management(const unsigned char *bytes, size_t len, size_t *record_len)
{
	*record_len = 0;
	if (len < 4)
		return HS_AGAIN;
	if (bytes[0] != VERSION_1 || bytes[2] != 0 || bytes[3] != 0)
		return HS_OK;
	if (len < RECORDS_HEADER_BYTES)
		return HS_AGAIN;
	size_t content = (size_t)bytes[4] << 8 | bytes[5];
	size_t whole = RECORDS_HEADER_BYTES + content + bytes[6];
	if (whole > MAX_MANAGEMENT_BYTES)
		return HS_TOO_BIG;
	if (len >= whole && bytes[1] == TYPE_GET_VALUES &&
	    records_params_check(span_of(bytes + RECORDS_HEADER_BYTES,
					 content)) == RECORDS_PARAMS_BROKEN)
		return HS_INVALID;
	*record_len = whole;
	return HS_OK;
}

/* One or four bytes, the first of four with its top bit set. */
static bool
take_length(struct span *rest, size_t *out)
{
	if (rest->len == 0)
		return false;
	size_t n = rest->ptr[0];
	size_t width = 1;
	if (n & 0x80) {
		if (rest->len < 4)
			return false;
		width = 4;
		n = (n & 0x7f) << 24 | (size_t)rest->ptr[1] << 16 |
		    (size_t)rest->ptr[2] << 8 | rest->ptr[3];
	}
	rest->ptr += width;
	rest->len -= width;
	*out = n;
	return true;
}

enum records_params
records_params_check(struct span rest)
{
	enum records_params verdict = RECORDS_PARAMS_GOOD;
	while (rest.len > 0) {
		size_t name_len;
		size_t value_len;
		if (!take_length(&rest, &name_len) ||
		    !take_length(&rest, &value_len) || name_len > rest.len ||
		    value_len > rest.len - name_len)
			return RECORDS_PARAMS_BROKEN;
		size_t pair_len = name_len + value_len;
		if (name_len == 0 || memchr(rest.ptr, '=', name_len) != NULL ||
		    memchr(rest.ptr, '\0', pair_len) != NULL)
			verdict = RECORDS_PARAMS_ODD;
		rest.ptr += pair_len;
		rest.len -= pair_len;
	}
	return verdict;
}

static enum hs_err
add_record(const struct records *records, unsigned type, struct span content,
	   struct buf *out)
{
	unsigned char header[RECORDS_HEADER_BYTES] = {
		VERSION_1,
		(unsigned char)type,
		(unsigned char)(records->id >> 8),
		(unsigned char)records->id,
		(unsigned char)(content.len >> 8),
		(unsigned char)content.len,
	};
	enum hs_err err = buf_add(out, header, sizeof(header));
	if (err == HS_OK)
		err = buf_add_span(out, content);
	return err;
}

enum hs_err
records_rebuild(const struct records *records, struct span params,
		struct buf *out)
{
	enum hs_err err = add_record(
		records, TYPE_BEGIN_REQUEST,
		span_of(records->begin, sizeof(records->begin)), out);
	while (err == HS_OK && params.len > 0) {
		size_t n = smaller(params.len, REBUILT_CONTENT_BYTES);
		err = add_record(records, TYPE_PARAMS, span_of(params.ptr, n),
				 out);
		params.ptr += n;
		params.len -= n;
	}
	if (err == HS_OK)
		err = add_record(records, TYPE_PARAMS, span_of("", 0), out);
	if (err == HS_OK)
		err = add_record(records, TYPE_STDIN, span_of("", 0), out);
	return err;
}
