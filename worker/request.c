/*
 * request: from a route's call and a job's data to a URL.
 *
 * Fields are taken from the bytes of the data, not from a tree, so that an
 * integer arrives in the path as it was written, however long. What a value
 * may be is decided in conf/route.c, which percent-encodes it and refuses
 * what would leave its segment; here it is only found and named when wrong.
 */
#include "worker/request.h"

#include "base/bounds.h"
#include "base/doc.h"
#include "base/log.h"

#define URL_BYTES 16384 /* several fields of BOUNDS_FIELD_BYTES, encoded */

struct lookup {
	struct span data;
	const char *wrong; /* what is wrong with the last field; static */
};

static enum hs_err
field_pointer(const char *field, struct buf *pointer)
{
	enum hs_err err = buf_add_byte(pointer, '/');

	for (; !err && *field; field++) { /* RFC 6901 3 */
		if (*field == '~')
			err = buf_add_text(pointer, "~0");
		else if (*field == '/')
			err = buf_add_text(pointer, "~1");
		else
			err = buf_add_byte(pointer, (unsigned char)*field);
	}
	return err;
}

static enum hs_err
field_value(void *ctx, const char *field, struct buf *text)
{
	struct lookup *lookup = ctx;
	struct buf pointer;
	struct span raw;
	enum doc_type type;
	enum hs_err err;

	lookup->wrong = NULL;
	buf_init(&pointer, 2 * BOUNDS_NAME_BYTES + 2);
	err = field_pointer(field, &pointer);
	if (!err)
		err = doc_find(lookup->data, buf_span(&pointer), &raw, &type);
	buf_fini(&pointer);
	if (err)
		return err;
	if (raw.len > BOUNDS_FIELD_BYTES) {
		lookup->wrong = "is too long for a path";
		return HS_TOO_BIG;
	}
	if (type == DOC_NUMBER && doc_number_is_integer(raw))
		return buf_add_span(text, raw);
	if (type != DOC_STRING) {
		lookup->wrong = "is neither a text nor a whole number";
		return HS_INVALID;
	}
	err = doc_string_decode(raw, text);
	if (err)
		lookup->wrong = "is no valid text";
	return err;
}

void
request_init(struct request *request)
{
	*request = (struct request){ .http = { .method = NULL } };
	buf_init(&request->url, URL_BYTES);
}

void
request_fini(struct request *request)
{
	buf_fini(&request->url);
}

enum hs_err
request_build(struct request *request, const struct route_call *call,
	      struct span data, struct buf *why)
{
	const struct conf_service *service = call->service;
	struct http_request *http = &request->http;
	struct lookup lookup = { .data = data };
	const char *field = NULL;
	enum hs_err err;

	err = buf_add_text(&request->url, service->url);
	if (!err)
		err = route_call_expand(call, field_value, &lookup,
					&request->url, &field);
	if (err) {
		const char *wrong = lookup.wrong;

		if (!wrong && err == HS_NOT_FOUND)
			wrong = "is missing";
		else if (!wrong && err == HS_INVALID)
			wrong = "is empty, \".\" or \"..\"";
		else if (!wrong)
			wrong = "makes the URL too long";
		buf_notef(why,
			  "the field \"%s\" of the job's data, needed in the "
			  "path %s, %s",
			  field ? field : "?", call->path, wrong);
		return err;
	}
	http->method = call->method;
	http->url = buf_text(&request->url);
	http->headers = request->headers;
	if (service->bearer && service->bearer->value.len > 0)
		http->bearer = buf_text(&service->bearer->value);
	if (service->basic && service->basic->value.len > 0)
		http->basic = buf_text(&service->basic->value);
	http->timeout_ms = service->timeout_ms;
	http->connect_timeout_ms = service->connect_timeout_ms;
	http->max_body_bytes = (size_t)service->max_body_bytes;
	return HS_OK;
}

void
request_header(struct request *request, const char *name, const char *value)
{
	struct http_request *http = &request->http;

	log_assert(http->n_headers < REQUEST_N_HEADERS);
	request->headers[http->n_headers].name = name;
	request->headers[http->n_headers].value = value;
	http->n_headers++;
}
