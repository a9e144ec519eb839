/*
 * What a request says is ours and is refused when it is wrong (a value from a
 * payload must not become a second header); what an answer says is a
 * stranger's, is bounded, and never makes a good answer a bad one.
 *
 * Secrets: the lines are built in one buffer that has its full size from the
 * start (one that grows leaves copies behind), and is wiped after each line.
 *
 * Dates are read by the caller's function: nobody should write that parser
 * twice.
 */
#include "http/head.h"

#include <strings.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/num.h"

/* ---- checking ---- */

static bool
is_token_byte(unsigned char byte) /* RFC 9110 5.6.2 */
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z') ||
	       (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static bool
is_token(const char *text)
{
	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (!is_token_byte((unsigned char)*text))
			return false;
	return true;
}

/* No control bytes: a value must not become a second header. */
static bool
is_header_value(const char *text)
{
	if (text == NULL)
		return false;
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
			return false;
	}
	return true;
}

enum hs_err
head_check(const struct http_request *request)
{
	if (!is_token(request->method))
		return HS_INVALID;
	for (size_t i = 0; i < request->n_headers; i++)
		if (!is_token(request->headers[i].name) ||
		    !is_header_value(request->headers[i].value))
			return HS_INVALID;
	if (request->bearer != NULL && !is_header_value(request->bearer))
		return HS_INVALID;
	return HS_OK;
}

/* ---- building ---- */

struct building {
	struct buf line;
	head_line_fn fn;
	void *ctx;
};

static enum hs_err
end_line(struct building *building)
{
	enum hs_err err =
		building->fn(building->ctx, buf_text(&building->line));

	buf_wipe(&building->line); /* it may be an Authorization */
	return err;
}

static enum hs_err
build_text(struct building *building, const char *text)
{
	enum hs_err err = buf_add_text(&building->line, text);

	return err == HS_OK ? end_line(building) : err;
}

static enum hs_err
build_header(struct building *building, const struct http_header *header)
{
	enum hs_err err =
		header->value[0] == '\0'
			? buf_addf(&building->line, "%s;", header->name)
			: buf_addf(&building->line, "%s: %s", header->name,
				   header->value);

	return err == HS_OK ? end_line(building) : err;
}

static enum hs_err
build_bearer(struct building *building, const char *token)
{
	enum hs_err err =
		buf_addf(&building->line, "Authorization: Bearer %s", token);

	return err == HS_OK ? end_line(building) : err;
}

static enum hs_err
build_basic(struct building *building, const char *user_and_password)
{
	enum hs_err err =
		buf_add_text(&building->line, "Authorization: Basic ");

	if (err == HS_OK)
		err = codec_base64_encode(span_text(user_and_password),
					  &building->line);
	return err == HS_OK ? end_line(building) : err;
}

static enum hs_err
build_lines(struct building *building, const struct http_request *request)
{
	unsigned char *unused;
	bool has_type = false;
	enum hs_err err =
		buf_reserve(&building->line, HEAD_LINE_BYTES, &unused);

	for (size_t i = 0; err == HS_OK && i < request->n_headers; i++) {
		err = build_header(building, &request->headers[i]);
		if (strcasecmp(request->headers[i].name, "Content-Type") == 0)
			has_type = true;
	}
	if (err == HS_OK && request->bearer != NULL)
		err = build_bearer(building, request->bearer);
	if (err == HS_OK && request->basic != NULL)
		err = build_basic(building, request->basic);
	/* no second round trip before a body */
	if (err == HS_OK)
		err = build_text(building, "Expect:");
	/* curl would call it a form */
	if (err == HS_OK && !has_type)
		err = build_text(building, "Content-Type:");
	return err;
}

enum hs_err
head_build(const struct http_request *request, head_line_fn fn, void *ctx)
{
	struct building building = { .fn = fn, .ctx = ctx };

	buf_init(&building.line, HEAD_LINE_BYTES);
	enum hs_err err = build_lines(&building, request);
	buf_wipe(&building.line);
	buf_fini(&building.line);
	return err;
}

/* ---- reading ---- */

static struct span
trimmed(struct span text)
{
	while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) &&
	       text.ptr[text.len - 1] != '\0')
		text.len--;
	while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
		text.ptr++;
		text.len--;
	}
	return text;
}

/* RFC 9110 10.2.3: seconds or a date. What is neither counts as absent. */
static int64_t
parse_retry_after(struct span value, head_date_fn read_date)
{
	char date[64];
	uint64_t seconds;
	enum hs_err err =
		num_u64(value, BOUNDS_RETRY_AFTER_MS / 1000, &seconds);

	if (err == HS_OK)
		return (int64_t)seconds * 1000;
	if (err == HS_TOO_BIG)
		return BOUNDS_RETRY_AFTER_MS;
	if (value.len == 0 || value.len >= sizeof(date))
		return -1;
	memcpy(date, value.ptr, value.len);
	date[value.len] = '\0';
	time_t at_s = read_date(date);
	if (at_s == -1)
		return -1;
	int64_t now_ms = clock_wall_ms();
	if ((int64_t)at_s <= now_ms / 1000)
		return 0;
	if ((int64_t)at_s - now_ms / 1000 > BOUNDS_RETRY_AFTER_MS / 1000)
		return BOUNDS_RETRY_AFTER_MS;
	return (int64_t)at_s * 1000 - now_ms;
}

/* Is the line this header (name with its colon)? Then its value. */
static bool
is_header(struct span line, const char *name, struct span *value)
{
	size_t len = strlen(name);

	if (line.len < len ||
	    strncasecmp((const char *)line.ptr, name, len) != 0)
		return false;
	*value = trimmed(span_of(line.ptr + len, line.len - len));
	return true;
}

void
head_reset(struct head *head)
{
	head->retry_after_ms = -1;
	head->request_id[0] = '\0';
	head->n_bytes = 0;
}

enum hs_err
head_read(struct head *head, struct span line, head_date_fn read_date)
{
	struct span value;

	head->n_bytes += line.len;
	if (head->n_bytes > BOUNDS_HTTP_HEADER_BYTES)
		return HS_TOO_BIG;
	if (line.len >= 5 && memcmp(line.ptr, "HTTP/", 5) == 0) {
		head->retry_after_ms = -1; /* 100 Continue came before */
		head->request_id[0] = '\0';
	}
	if (is_header(line, "Retry-After:", &value))
		head->retry_after_ms = parse_retry_after(value, read_date);
	if (is_header(line, "X-Request-Id:", &value) &&
	    value.len <= HEAD_REQUEST_ID_BYTES) {
		memcpy(head->request_id, value.ptr, value.len);
		head->request_id[value.len] = '\0';
	}
	return HS_OK;
}
