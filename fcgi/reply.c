/*
 * reply: what a sender hears. All texts are ours and short, so that a response
 * always fits REPLY_BYTES and one record of FastCGI.
 */
#include "fcgi/reply.h"

#include <inttypes.h>

#include "base/doc.h"
#include "base/log.h"

struct phrase {
	int status;
	const char *text;
};

static const struct phrase phrases[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
};

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status)
			return phrases[i].text;
	}
	log_bug("no phrase for status %d", status);
}

static void
add_head(struct buf *out, int status, const char *type, size_t body_len,
	 const char *request_id)
{
	buf_notef(out,
		  "Status: %d %s\r\n"
		  "Content-Type: %s\r\n"
		  "Content-Length: %zu\r\n"
		  "Cache-Control: no-store\r\n"
		  "X-Request-Id: %s\r\n",
		  status, phrase_of(status), type, body_len, request_id);
}

void
reply_success(struct buf *out, const char *request_id)
{
	reply_json(out, 200, "{\"success\":true}", false, request_id);
}

void
reply_json(struct buf *out, int status, const char *json, bool is_head,
	   const char *request_id)
{
	add_head(out, status, "application/json", strlen(json), request_id);
	buf_notef(out, "\r\n%s", is_head ? "" : json);
}

void
reply_problem(struct buf *out, int status, const char *detail,
	      const char *allow, int64_t retry_after_s, bool is_head,
	      const char *request_id)
{
	struct buf body;
	struct buf text;
	buf_init(&body, REPLY_BYTES / 2);
	buf_init(&text, REPLY_BYTES / 4);
	if (doc_string_encode(span_text(detail), &text) != HS_OK) {
		buf_reset(&text);
		buf_notef(&text, "\"\"");
	}
	buf_notef(&body,
		  "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
		  "\"detail\":%s,\"instance\":\"%s\"}",
		  phrase_of(status), status, buf_text(&text), request_id);
	buf_fini(&text);
	add_head(out, status, "application/problem+json", body.len, request_id);
	if (allow != NULL)
		buf_notef(out, "Allow: %s\r\n", allow);
	if (retry_after_s > 0)
		buf_notef(out, "Retry-After: %" PRId64 "\r\n", retry_after_s);
	buf_notef(out, "\r\n%s", is_head ? "" : buf_text(&body));
	buf_fini(&body);
}
