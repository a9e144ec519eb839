/*
 * ctl_send: a test webhook, signed as the endpoint's sender would sign it.
 *
 * Signing is base/signature's, which the responder verifies with: the two
 * cannot disagree. Where it goes: --url, else responder.public_url, both over
 * HTTP with the endpoint's path behind; else straight to the FastCGI socket,
 * so that an endpoint can be tried before any web server is set up.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/digest.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/signature.h"
#include "http/http.h"
#include "ctl/ctl.h"
#include "ctl/fcgi_client.h"
#include "ctl/show.h"

enum {
	MAX_HEADERS = 16,
	TIMEOUT_MS = 30 * 1000, /* nothing answers a webhook later */
	CONNECT_TIMEOUT_MS = 5 * 1000,
};

#define DEFAULT_SOCKET "unix:" RUNSTATEDIR "/hooksync/fcgi.sock"

struct sending {
	const struct endpoint *endpoint;
	const char *delivery_id;
	bool is_id_sent; /* some header carries it */
	struct buf body;
	struct buf signed_headers; /* "name: value\n" ..., cut up in place */
	struct http_header headers[MAX_HEADERS];
	size_t n_headers;
	char *where; /* the URL or the socket, for people */
};

struct response {
	int status;
	int64_t elapsed_ms;
	char *request_id; /* NULL: none was given */
	struct span body;
};

/* ---- what is sent ---- */

static int
read_input(FILE *in, struct buf *out)
{
	for (;;) {
		unsigned char chunk[16384];
		size_t n = fread(chunk, 1, sizeof chunk, in);
		if (n == 0)
			return ferror(in) ? CTL_IO : CTL_OK;
		if (buf_add(out, chunk, n) != HS_OK)
			return CTL_DATA;
	}
}

static int
read_body(const char *path, struct buf *out)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

	if (!in) {
		ctl_complain("%s: %s", path, strerror(errno));
		return CTL_NO_INPUT;
	}
	errno = 0;
	int code = read_input(in, out);
	if (code == CTL_IO)
		ctl_complain("%s: %s", path, strerror(errno));
	else if (code == CTL_DATA)
		ctl_complain("%s: a body has at most %d bytes", path,
			     BOUNDS_BODY_BYTES);
	if (in != stdin)
		fclose(in);
	return code;
}

/* 12 random bytes: as many as nobody draws twice. */
static char *
draw_id(void)
{
	unsigned char bytes[12];
	struct buf id;

	digest_random(bytes, sizeof bytes);
	buf_init(&id, BOUNDS_DELIVERY_ID_BYTES);
	if (buf_add_text(&id, "test-") != HS_OK ||
	    codec_hex_encode(span_of(bytes, sizeof bytes), &id) != HS_OK)
		log_bug("no delivery id could be made");
	return buf_steal(&id);
}

static bool
has_header(const struct sending *sending, const char *name)
{
	for (size_t i = 0; i < sending->n_headers; i++)
		if (span_is_nocase(span_text(sending->headers[i].name), name))
			return true;
	return false;
}

static void
add_header(struct sending *sending, const char *name, const char *value)
{
	if (sending->n_headers == MAX_HEADERS || has_header(sending, name))
		return;
	sending->headers[sending->n_headers].name = name;
	sending->headers[sending->n_headers].value = value;
	sending->n_headers++;
}

/* "name: value\n" lines into headers. The buffer stays the text's owner. */
static void
split_headers(struct sending *sending)
{
	char *text = (char *)sending->signed_headers.data;

	while (text && *text) {
		char *end = strchr(text, '\n');
		char *colon = strchr(text, ':');
		if (!end || !colon || colon > end)
			return;
		*end = '\0';
		*colon = '\0';
		char *value = colon + 1;
		while (*value == ' ')
			value++;
		add_header(sending, text, value);
		text = end + 1;
	}
}

static int
sign(struct sending *sending)
{
	const struct endpoint *endpoint = sending->endpoint;
	struct span *secrets =
		xcalloc(endpoint->n_secrets + 1, sizeof *secrets);
	struct signature_rules rules;
	const char *id_header = endpoint->delivery_header;

	endpoint_rules(endpoint, secrets, &rules);
	if (endpoint->scheme != SIGNATURE_NONE &&
	    (endpoint->n_secrets == 0 || secrets[0].len == 0)) {
		ctl_complain(
			"endpoints.%s: its first secret, %s, cannot be "
			"used here: %s",
			endpoint->name,
			endpoint->n_secrets > 0 ? endpoint->secrets[0]->name
						: "which has no name",
			geteuid() == 0 ? "hooksync check tells why"
				       : "it is a file for root and hooksync; "
					 "sudo hooksync send, or hooksync "
					 "check tells why");
		free(secrets);
		return CTL_CONFIG;
	}
	enum hs_err err = signature_sign(
		&rules, sending->delivery_id, buf_span(&sending->body),
		clock_wall_ms(), &sending->signed_headers);
	free(secrets);
	if (err != HS_OK) {
		ctl_complain("the delivery id \"%s\" cannot be sent: 1 to %d "
			     "letters, digits, '.', '_', '-', and no number "
			     "between dots",
			     sending->delivery_id, BOUNDS_DELIVERY_ID_BYTES);
		return CTL_USAGE;
	}
	split_headers(sending);
	if (id_header)
		add_header(sending, id_header, sending->delivery_id);
	else
		id_header = signature_delivery_header(endpoint->scheme);
	sending->is_id_sent = id_header && has_header(sending, id_header);
	add_header(sending, "Content-Type", "application/json");
	return CTL_OK;
}

/* ---- over HTTP ---- */

static char *
make_url(const char *base, const char *path)
{
	size_t base_len = strlen(base);
	size_t path_len = strlen(path);

	if (base_len >= path_len &&
	    strcmp(base + base_len - path_len, path) == 0)
		return xstrdup(base);
	while (base_len > 0 && base[base_len - 1] == '/')
		base_len--;
	return xasprintf("%.*s%s", (int)base_len, base, path);
}

static const char *
failure_text(enum http_result result)
{
	switch (result) {
	case HTTP_TIMEOUT:
		return "no answer in time";
	case HTTP_UNREACHABLE:
		return "cannot be reached";
	case HTTP_CUT:
		return "the connection was lost before the answer was whole";
	case HTTP_TOO_BIG:
		return "the answer is too big";
	case HTTP_TLS:
		return "its certificate is not trusted";
	default:
		return "this is no URL that can be posted to";
	}
}

static int
post_http(const struct sending *sending, struct response *response)
{
	struct event_base *base = event_base_new();
	struct http *http = base ? http_new(base, 1) : NULL;
	struct http_request request = {
		.method = "POST",
		.url = sending->where,
		.headers = sending->headers,
		.n_headers = sending->n_headers,
		.body = buf_span(&sending->body),
		.has_body = true,
		.timeout_ms = TIMEOUT_MS,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.max_body_bytes = BOUNDS_PARAMS_BYTES,
	};
	struct http_answer answer = { 0 };
	int code = CTL_OK;

	if (!http)
		log_fatal(CTL_OS, "the event loop could not be made");
	enum hs_err err = http_run(http, &request, &answer);
	if (err != HS_OK) {
		ctl_complain("%s: %s", sending->where,
			     failure_text(HTTP_INVALID));
		code = CTL_USAGE;
	} else if (answer.result != HTTP_ANSWERED) {
		ctl_complain("%s: %s%s%s%s", sending->where,
			     failure_text(answer.result),
			     *answer.text ? " (" : "", answer.text,
			     *answer.text ? ")" : "");
		code = answer.result == HTTP_INVALID ? CTL_USAGE
						     : CTL_UNAVAILABLE;
	} else {
		response->status = answer.status;
		response->elapsed_ms = answer.elapsed_ms;
		if (*answer.request_id)
			response->request_id = xstrdup(answer.request_id);
		char *copy = span_dup(answer.body);
		if (copy)
			response->body = span_of(copy, answer.body.len);
	}
	http_free(http);
	event_base_free(base);
	return code;
}

/* ---- to the FastCGI socket ---- */

/* "X-Hub-Signature-256" -> "HTTP_X_HUB_SIGNATURE_256"; the caller frees. */
static char *
param_name(const char *header)
{
	char *name;

	if (span_is_nocase(span_text(header), "Content-Type"))
		return xstrdup("CONTENT_TYPE");
	name = xasprintf("HTTP_%s", header);
	for (char *at = name; *at; at++)
		*at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
	return name;
}

static int
post_fcgi(const struct sending *sending, const char *address,
	  struct response *response)
{
	char length[24];
	struct fcgi_param params[MAX_HEADERS + 16] = {
		{ "REQUEST_METHOD", "POST" },
		{ "REQUEST_URI", sending->endpoint->path },
		{ "DOCUMENT_URI", sending->endpoint->path },
		{ "SCRIPT_NAME", sending->endpoint->path },
		{ "QUERY_STRING", "" },
		{ "CONTENT_LENGTH", length },
		{ "SERVER_PROTOCOL", "HTTP/1.1" },
		{ "GATEWAY_INTERFACE", "CGI/1.1" },
		{ "SERVER_SOFTWARE", "hooksync/" PACKAGE_VERSION },
		{ "SERVER_NAME", "localhost" },
		{ "SERVER_PORT", "80" },
		{ "REQUEST_SCHEME", "http" },
		{ "REMOTE_ADDR", "127.0.0.1" },
	};
	size_t n = 13;
	char *names[MAX_HEADERS];
	struct fcgi_answer answer;
	struct buf out;
	struct buf why;
	int code = CTL_OK;

	snprintf(length, sizeof length, "%zu", sending->body.len);
	for (size_t i = 0; i < sending->n_headers; i++) {
		names[i] = param_name(sending->headers[i].name);
		params[n].name = names[i];
		params[n++].value = sending->headers[i].value;
	}
	buf_init(&out, BOUNDS_PARAMS_BYTES);
	buf_init(&why, BOUNDS_REASON_BYTES);
	int64_t began_ms = clock_mono_ms();
	enum hs_err err =
		fcgi_client_post(address, params, n, buf_span(&sending->body),
				 TIMEOUT_MS, &out, &why);
	response->elapsed_ms = clock_mono_ms() - began_ms;
	if (err == HS_OK) {
		err = fcgi_client_head(buf_span(&out), &answer);
		if (err != HS_OK)
			buf_notef(&why, "%s: the answer has no head", address);
	}
	if (err != HS_OK) {
		ctl_complain("%s", buf_text(&why));
		if (err == HS_UNAVAILABLE)
			ctl_complain("is hooksync-fcgi running? Else give "
				     "--url, or set responder.listen");
		code = CTL_UNAVAILABLE;
	} else {
		struct span id = fcgi_client_header(&answer, "X-Request-Id");
		response->status = answer.status;
		response->request_id = id.len > 0 ? span_dup(id) : NULL;
		char *copy = span_dup(answer.body);
		if (copy)
			response->body = span_of(copy, answer.body.len);
	}
	for (size_t i = 0; i < sending->n_headers; i++)
		free(names[i]);
	buf_fini(&why);
	buf_fini(&out);
	return code;
}

/* ---- the answer ---- */

static void
put_nullable(const char *name, const char *text)
{
	printf(",\"%s\":", name);
	if (text)
		show_json_text(stdout, span_text(text));
	else
		fputs("null", stdout);
}

static void
tell_json(const struct sending *sending, const struct response *response,
	  const char *job_id)
{
	printf("{\"status\":%d,\"elapsed_ms\":%" PRId64, response->status,
	       response->elapsed_ms);
	put_nullable("to", sending->where);
	put_nullable("request_id", response->request_id);
	put_nullable("delivery_id",
		     sending->is_id_sent ? sending->delivery_id : NULL);
	put_nullable("job_id", job_id);
	fputs(",\"body\":", stdout);
	show_json_text(stdout, response->body);
	fputs("}\n", stdout);
}

static void
tell(const struct sending *sending, const struct response *response,
     const char *job_id)
{
	printf("%d in %" PRId64 " ms from ", response->status,
	       response->elapsed_ms);
	show_text(stdout, span_text(sending->where));
	putchar('\n');
	if (response->request_id) {
		fputs("request  ", stdout);
		show_text(stdout, span_text(response->request_id));
		putchar('\n');
	}
	if (job_id)
		printf("job      %s\n", job_id);
	if (response->body.len == 0)
		return;
	if (doc_scan(response->body, NULL, NULL) == HS_OK)
		show_json(stdout, response->body, 0);
	else
		show_text(stdout, response->body);
	putchar('\n');
}

/* What a web server means that answers itself. */
static void
explain_web_server(int status, const char *path)
{
	switch (status) {
	case 413:
		ctl_complain("this is no answer of hooksync-fcgi: the web "
			     "server's own limit is lower than the body "
			     "(nginx: client_max_body_size in "
			     "snippets/hooksync.conf)");
		break;
	case 500:
	case 502:
	case 503:
	case 504:
		ctl_complain("this is no answer of hooksync-fcgi but the web "
			     "server's own: it does not reach hooksync-fcgi, "
			     "or a restart went on: hooksync doctor; the web "
			     "server's error log tells why");
		break;
	default:
		ctl_complain("this is no answer of hooksync-fcgi but the web "
			     "server's own: does it pass %s on, and was it "
			     "reloaded?",
			     path);
	}
}

static int
send_to(struct sending *sending, const struct cmd_line *line,
	const struct conf *conf)
{
	const char *base = line->url ? line->url : conf->responder.public_url;
	const char *address = conf->responder.listen ? conf->responder.listen
						     : DEFAULT_SOCKET;
	struct response response = { 0 };
	char *job_id = NULL;
	int code;

	if (base) {
		sending->where = make_url(base, sending->endpoint->path);
		code = post_http(sending, &response);
	} else {
		sending->where = xstrdup(address);
		code = post_fcgi(sending, address, &response);
	}
	if (code != CTL_OK)
		goto out;
	const bool is_taken = response.status >= 200 && response.status < 300;
	/* base and id are of job ids' letters, so the responder keeps them */
	if (is_taken && sending->is_id_sent)
		job_id = xasprintf("%s-%s", sending->endpoint->name,
				   sending->delivery_id);
	if (line->is_json)
		tell_json(sending, &response, job_id);
	else
		tell(sending, &response, job_id);
	if (response.status == 404 && response.request_id)
		ctl_complain("was hooksync-fcgi restarted, or reloaded, after "
			     "the endpoint was configured? systemctl reload "
			     "hooksync-fcgi");
	else if (response.status == 401 && response.request_id)
		ctl_complain("has the secret changed since hooksync-fcgi "
			     "started? systemctl restart hooksync-fcgi; its "
			     "log says what is wrong");
	else if (!is_taken && !response.request_id)
		explain_web_server(response.status, sending->endpoint->path);
	code = is_taken ? CTL_OK : CTL_NO_MATCH;
out:
	free(job_id);
	free(response.request_id);
	free((void *)(uintptr_t)response.body.ptr);
	return code;
}

int
ctl_send(const struct cmd_line *line)
{
	struct sending sending = { 0 };
	struct conf *conf = NULL;
	char *drawn_id = NULL;
	int code = ctl_load(line, CONF_ROLE_COMMAND, &conf);

	buf_init(&sending.body, BOUNDS_BODY_BYTES);
	buf_init(&sending.signed_headers, BOUNDS_PARAMS_BYTES);
	if (code != CTL_OK)
		goto out;
	sending.endpoint = conf_endpoint_find(conf, line->args[0]);
	code = CTL_USAGE;
	if (!sending.endpoint) {
		ctl_complain("there is no endpoint \"%s\" in %s", line->args[0],
			     conf->path);
		goto out;
	}
	code = read_body(line->args[1], &sending.body);
	if (code != CTL_OK)
		goto out;
	if (!line->id)
		drawn_id = draw_id();
	sending.delivery_id = line->id ? line->id : drawn_id;
	code = sign(&sending);
	if (code != CTL_OK)
		goto out;
	if (line->id && !sending.is_id_sent)
		ctl_complain("warning: endpoint %s has no header for a "
			     "delivery's id, so --id does nothing",
			     sending.endpoint->name);
	code = send_to(&sending, line, conf);
out:
	free(sending.where);
	free(drawn_id);
	buf_fini(&sending.signed_headers);
	buf_fini(&sending.body);
	conf_unref(conf);
	return code;
}
