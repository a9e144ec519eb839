/*
 * http against two servers on the same loop: libevent's own, which speaks HTTP
 * well, and one that sends given bytes and hangs up.
 */
#include "http/http.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "tests/lib/patience.h"

#define MAX_BODY (1024 * 1024)
#define N_TOGETHER 200

static struct event_base *base;
static struct event *tick;
static struct evhttp *server;
static struct http *http;
static int port;

static int n_connections;
static int n_requests;
static struct evhttp_request *waiting[N_TOGETHER]; /* at /together */
static int n_waiting;
static struct evhttp_request *held; /* at /hold */

/* ---- the good server ---- */

/* Method, then the headers we ask about, then the body. */
static void
echo(struct evhttp_request *request, void *ctx)
{
	static const char *const names[] = {
		"Content-Length", "Content-Type",    "Expect",
		"User-Agent",     "Authorization",   "X-One",
		"X-Nothing",      "Accept-Encoding",
	};
	struct evkeyvalq *in = evhttp_request_get_input_headers(request);
	struct evbuffer *out = evbuffer_new();
	const char *method = "?";

	(void)ctx;
	n_requests++;
	switch (evhttp_request_get_command(request)) {
	case EVHTTP_REQ_GET:
		method = "GET";
		break;
	case EVHTTP_REQ_POST:
		method = "POST";
		break;
	case EVHTTP_REQ_PUT:
		method = "PUT";
		break;
	case EVHTTP_REQ_PATCH:
		method = "PATCH";
		break;
	case EVHTTP_REQ_DELETE:
		method = "DELETE";
		break;
	case EVHTTP_REQ_HEAD:
		method = "HEAD";
		break;
	default:
		break;
	}
	evbuffer_add_printf(out, "%s\n", method);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = evhttp_find_header(in, names[i]);
		if (value != NULL)
			evbuffer_add_printf(out, "%s: %s\n", names[i], value);
	}
	evbuffer_add_printf(out, "\n");
	evbuffer_add_buffer(out, evhttp_request_get_input_buffer(request));
	evhttp_add_header(evhttp_request_get_output_headers(request),
			  "Content-Type", "text/echo");
	evhttp_send_reply(request, 200, "OK", out);
	evbuffer_free(out);
}

/* Nobody is answered before all are here: they must come at once. */
static void
together(struct evhttp_request *request, void *ctx)
{
	(void)ctx;
	n_requests++;
	waiting[n_waiting++] = request;
	if (n_waiting < N_TOGETHER)
		return;
	for (int i = 0; i < N_TOGETHER; i++)
		evhttp_send_reply(waiting[i], 200, "OK", NULL);
	n_waiting = 0;
}

static void
hold(struct evhttp_request *request, void *ctx)
{
	(void)ctx;
	n_requests++;
	held = request;
}

static void
on_connection_gone(struct evhttp_connection *connection, void *ctx)
{
	(void)connection;
	(void)ctx;
}

static void
big(struct evhttp_request *request, void *ctx)
{
	const char *query =
		evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
	size_t len = strtoul(query, NULL, 10);
	struct evbuffer *out = evbuffer_new();
	char *bytes = calloc(1, len + 1);

	(void)ctx;
	memset(bytes, 'x', len);
	evbuffer_add(out, bytes, len);
	evhttp_send_reply(request, 200, "OK", out);
	evbuffer_free(out);
	free(bytes);
}

/* /retry?<value of the header> */
static void
retry(struct evhttp_request *request, void *ctx)
{
	const char *query =
		evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
	char *value = evhttp_uridecode(query != NULL ? query : "", 0, NULL);

	(void)ctx;
	evhttp_add_header(evhttp_request_get_output_headers(request),
			  "retry-after", value);
	free(value);
	evhttp_send_reply(request, 503, "Busy", NULL);
}

static void
redirect(struct evhttp_request *request, void *ctx)
{
	(void)ctx;
	n_requests++;
	evhttp_add_header(evhttp_request_get_output_headers(request),
			  "Location", "/echo");
	evhttp_send_reply(request, 302, "Found", NULL);
}

static struct bufferevent *
on_server_accept(struct event_base *on, void *ctx)
{
	(void)ctx;
	n_connections++;
	return bufferevent_socket_new(on, -1, BEV_OPT_CLOSE_ON_FREE);
}

/* ---- the server that sends given bytes ---- */

struct raw {
	struct evconnlistener *listener;
	int port;
	const char *bytes;
	size_t len;
	bool hangs_up;
	struct bufferevent *bev;
};

static void
on_raw_sent(struct bufferevent *bev, void *ctx)
{
	struct raw *raw = ctx;

	bufferevent_free(bev);
	raw->bev = NULL;
}

static void
on_raw_request(struct bufferevent *bev, void *ctx)
{
	struct raw *raw = ctx;
	struct evbuffer *input = bufferevent_get_input(bev);

	evbuffer_drain(input, evbuffer_get_length(input));
	if (raw->len == 0) {
		if (raw->hangs_up)
			on_raw_sent(bev, raw);
		return;
	}
	if (raw->hangs_up)
		bufferevent_setcb(bev, NULL, on_raw_sent, NULL, raw);
	bufferevent_write(bev, raw->bytes, raw->len);
}

static void
on_raw_event(struct bufferevent *bev, short what, void *ctx)
{
	(void)what;
	on_raw_sent(bev, ctx);
}

static void
on_raw_accept(struct evconnlistener *listener, evutil_socket_t fd,
	      struct sockaddr *name, int name_len, void *ctx)
{
	struct raw *raw = ctx;

	(void)listener;
	(void)name;
	(void)name_len;
	if (raw->bev != NULL) { /* one at a time is enough */
		close(fd);
		return;
	}
	raw->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(raw->bev, on_raw_request, NULL, on_raw_event, raw);
	bufferevent_enable(raw->bev, EV_READ | EV_WRITE);
}

static void
raw_open(struct raw *raw, const char *bytes, size_t len, bool hangs_up)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t name_len = sizeof(name);

	*raw = (struct raw){ .bytes = bytes, .len = len, .hangs_up = hangs_up };
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	raw->listener = evconnlistener_new_bind(
		base, on_raw_accept, raw, LEV_OPT_CLOSE_ON_FREE, -1,
		(struct sockaddr *)&name, (int)name_len);
	assert_non_null(raw->listener);
	getsockname(evconnlistener_get_fd(raw->listener),
		    (struct sockaddr *)&name, &name_len);
	raw->port = ntohs(name.sin_port);
}

static void
raw_close(struct raw *raw)
{
	evconnlistener_free(raw->listener);
	if (raw->bev != NULL)
		bufferevent_free(raw->bev);
}

/* ---- answers, remembered ---- */

static bool is_starting;

struct seen {
	int n;
	enum http_result result;
	int status;
	char *body;
	size_t body_len;
	char text[300];
	char content_type[64];
	char request_id[200];
	int64_t retry_after_ms;
	int64_t elapsed_ms;
};

static void
on_answer(void *ctx, const struct http_answer *answer)
{
	struct seen *seen = ctx;

	assert_false(is_starting); /* never from inside http_start() */
	seen->n++;
	seen->result = answer->result;
	seen->status = answer->status;
	free(seen->body);
	seen->body = span_dup(answer->body);
	seen->body_len = answer->body.len;
	snprintf(seen->text, sizeof(seen->text), "%s", answer->text);
	snprintf(seen->content_type, sizeof(seen->content_type), "%s",
		 answer->content_type);
	snprintf(seen->request_id, sizeof(seen->request_id), "%s",
		 answer->request_id);
	seen->retry_after_ms = answer->retry_after_ms;
	seen->elapsed_ms = answer->elapsed_ms;
}

static struct http_request
request_to(const char *method, const char *url)
{
	return (struct http_request){
		.method = method,
		.url = url,
		.timeout_ms = 10000,
		.connect_timeout_ms = 5000,
		.max_body_bytes = MAX_BODY,
	};
}

static char *
url_of(const char *path)
{
	static char url[4][512];
	static int next;

	next = (next + 1) % 4;
	snprintf(url[next], sizeof(url[next]), "http://127.0.0.1:%d%s", port,
		 path);
	return url[next];
}

static struct http_transfer *
start(const struct http_request *request, struct seen *seen)
{
	struct http_transfer *transfer = NULL;

	is_starting = true;
	assert_int_equal(http_start(http, request, on_answer, seen, &transfer),
			 HS_OK);
	is_starting = false;
	return transfer;
}

static void
ask(const struct http_request *request, struct seen *seen)
{
	*seen = (struct seen){ 0 };
	(void)start(request, seen);
	WAIT_FOR(base, seen->n > 0);
	assert_int_equal(seen->n, 1);
}

static void
ask_raw(const char *bytes, size_t len, bool hangs_up, struct seen *seen)
{
	struct raw raw;
	char url[64];

	raw_open(&raw, bytes, len, hangs_up);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", raw.port);
	struct http_request request = request_to("GET", url);
	ask(&request, seen);
	raw_close(&raw);
}

/* ---- set up, tear down ---- */

static int
setup_n(size_t max_connections)
{
	struct timeval often = { 0, 10000 };
	struct sockaddr_in name;
	socklen_t name_len = sizeof(name);

	base = event_base_new();
	tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	event_add(tick, &often);
	server = evhttp_new(base);
	evhttp_set_allowed_methods(server,
				   EVHTTP_REQ_GET | EVHTTP_REQ_POST |
					   EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
					   EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD);
	evhttp_set_bevcb(server, on_server_accept, NULL);
	evhttp_set_cb(server, "/echo", echo, NULL);
	evhttp_set_cb(server, "/together", together, NULL);
	evhttp_set_cb(server, "/hold", hold, NULL);
	evhttp_set_cb(server, "/big", big, NULL);
	evhttp_set_cb(server, "/retry", retry, NULL);
	evhttp_set_cb(server, "/redirect", redirect, NULL);
	struct evhttp_bound_socket *bound =
		evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&name,
		    &name_len);
	port = ntohs(name.sin_port);
	http = http_new(base, max_connections);
	n_connections = n_requests = n_waiting = 0;
	held = NULL;
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	return setup_n(250);
}

static int
setup_two_connections(void **state)
{
	(void)state;
	return setup_n(2);
}

static int
teardown(void **state)
{
	(void)state;
	http_free(http);
	turn_for(base, 30); /* the server sees the ends */
	evhttp_free(server);
	event_free(tick);
	event_base_free(base);
	return 0;
}

/* ---- what is sent ---- */

static void
sends_methods_and_bodies(void **state)
{
	static const struct {
		const char *method;
		const char *body; /* NULL: none */
		const char *starts;
	} cases[] = {
		{ "GET", NULL, "GET\nUser-Agent: " },
		{ "POST", "{\"a\":1}", "POST\nContent-Length: 7\nUser-Agent" },
		{ "POST", NULL, "POST\nContent-Length: 0\nUser-Agent" },
		{ "POST", "", "POST\nContent-Length: 0\nUser-Agent" },
		{ "PUT", "xyz", "PUT\nContent-Length: 3\nUser-Agent" },
		{ "PUT", NULL, "PUT\nContent-Length: 0\nUser-Agent" },
		{ "PATCH", "xyz", "PATCH\nContent-Length: 3\nUser-Agent" },
		{ "DELETE", NULL, "DELETE\nUser-Agent" },
		{ "DELETE", "why", "DELETE\nContent-Length: 3\nUser-Agent" },
		{ "GET", NULL, "GET\nUser-Agent: hooksync/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_request request =
			request_to(cases[i].method, url_of("/echo"));
		struct seen seen;
		char *body = NULL;

		if (cases[i].body != NULL) {
			body = strdup(cases[i].body);
			request.has_body = true;
			request.body = span_text(body);
		}
		seen = (struct seen){ 0 };
		(void)start(&request, &seen);
		if (body != NULL) { /* was borrowed for the call only */
			memset(body, '#', strlen(body));
			free(body);
		}
		WAIT_FOR(base, seen.n == 1);
		assert_int_equal(seen.result, HTTP_ANSWERED);
		assert_int_equal(seen.status, 200);
		assert_string_equal(seen.content_type, "text/echo");
		assert_int_equal(seen.retry_after_ms, -1);
		if (strncmp(seen.body, cases[i].starts,
			    strlen(cases[i].starts)) != 0)
			fail_msg("case %zu: got %s", i, seen.body);
		const char *sent = strstr(seen.body, "\n\n");
		assert_non_null(sent);
		assert_string_equal(sent + 2,
				    cases[i].body != NULL ? cases[i].body : "");
		free(seen.body);
	}
	/* all of it over one connection */
	assert_int_equal(n_connections, 1);
}

static void
sends_head(void **state)
{
	struct http_request request = request_to("HEAD", url_of("/echo"));
	struct seen seen;

	(void)state;
	ask(&request, &seen);
	assert_int_equal(seen.status, 200);
	assert_int_equal(seen.body_len, 0);
	free(seen.body);
}

static void
sends_headers(void **state)
{
	const struct http_header headers[] = {
		{ "Content-Type", "application/json" },
		{ "X-One", "1" },
		{ "X-Nothing", "" },
	};
	struct http_request request = request_to("POST", url_of("/echo"));
	struct seen seen;

	(void)state;
	request.headers = headers;
	request.n_headers = 3;
	request.has_body = true;
	request.body = span_text("{}");
	request.bearer = "open-sesame";
	ask(&request, &seen);
	assert_non_null(strstr(seen.body, "Content-Type: application/json\n"));
	assert_non_null(strstr(seen.body, "X-One: 1\n"));
	assert_non_null(strstr(seen.body, "X-Nothing: \n"));
	assert_non_null(
		strstr(seen.body, "Authorization: Bearer open-sesame\n"));
	assert_non_null(strstr(seen.body, "gzip"));
	assert_null(strstr(seen.body, "Expect"));
	free(seen.body);
	/* nothing of it stays with the next request */
	struct http_request next = request_to("GET", url_of("/echo"));
	next.basic = "Aladdin:open sesame";
	ask(&next, &seen);
	assert_null(strstr(seen.body, "X-One"));
	assert_null(strstr(seen.body, "Content-"));
	/* RFC 7617's own example */
	assert_non_null(
		strstr(seen.body,
		       "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n"));
	free(seen.body);
}

static void
sends_large_bodies(void **state)
{
	size_t len = 3 * 1024 * 1024;
	char *bytes = malloc(len);
	struct http_request request = request_to("PUT", url_of("/echo"));
	struct seen seen;

	(void)state;
	memset(bytes, 'b', len);
	request.has_body = true;
	request.body = span_of(bytes, len);
	request.max_body_bytes = len + 1000;
	ask(&request, &seen);
	assert_int_equal(seen.status, 200);
	assert_true(seen.body_len > len);
	assert_memory_equal(seen.body + seen.body_len - len, bytes, len);
	free(seen.body);
	free(bytes);
}

static void
refuses_wrong_requests(void **state)
{
	static const char *const urls[] = {
		"",
		"/echo",
		"localhost/echo",
		"ftp://x/",
		"file:///etc/hosts",
		"gopher://x/",
		"http://",
		"http://a b/",
		"http://x/\r\nX: 1",
		"http://x:99999/",
		"javascript:alert(1)",
		NULL,
	};
	static const char *const methods[] = { "", "GE T", "GET\r\n",
					       "GET:", NULL };
	static const struct http_header bad[] = {
		{ "X", "a\r\nY: b" }, { "X", "a\nb" }, { "X", "a\rb" },
		{ "X", "\x01" },      { "X: y", "z" }, { "", "z" },
		{ "X\r\nY", "z" },    { "X", NULL },   { NULL, "z" },
	};
	struct seen seen = { 0 };

	(void)state;
	struct http_request good = request_to("GET", url_of("/echo"));
	ask(&good, &seen); /* so that a resting transfer is at hand */
	free(seen.body);
	seen = (struct seen){ 0 };
	for (size_t i = 0; urls[i] != NULL; i++) {
		struct http_request request = request_to("GET", urls[i]);
		if (http_start(http, &request, on_answer, &seen, NULL) !=
		    HS_INVALID)
			fail_msg("taken: %s", urls[i]);
	}
	for (size_t i = 0; methods[i] != NULL; i++) {
		struct http_request request =
			request_to(methods[i], url_of("/echo"));
		assert_int_equal(
			http_start(http, &request, on_answer, &seen, NULL),
			HS_INVALID);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_request request =
			request_to("GET", url_of("/echo"));
		request.headers = &bad[i];
		request.n_headers = 1;
		assert_int_equal(
			http_start(http, &request, on_answer, &seen, NULL),
			HS_INVALID);
	}
	struct http_request request = request_to("GET", url_of("/echo"));
	request.bearer = "a\r\nX: 1";
	assert_int_equal(http_start(http, &request, on_answer, &seen, NULL),
			 HS_INVALID);
	turn_for(base, 50);
	assert_int_equal(seen.n, 0);
	assert_int_equal(n_requests, 1);
}

/* ---- what goes wrong ---- */

static void
times_out(void **state)
{
	struct http_request request = request_to("GET", url_of("/hold"));
	struct seen seen;

	(void)state;
	request.timeout_ms = 150;
	ask(&request, &seen);
	assert_int_equal(seen.result, HTTP_TIMEOUT);
	assert_true(seen.elapsed_ms >= 140 && seen.elapsed_ms < 3000);
	assert_string_not_equal(seen.text, "");
	free(seen.body);
}

static void
is_unreachable(void **state)
{
	struct raw raw;
	char url[64];
	struct seen seen;

	(void)state;
	raw_open(&raw, "", 0, true);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", raw.port);
	raw_close(&raw); /* nobody listens there now */
	struct http_request request = request_to("GET", url);
	ask(&request, &seen);
	assert_int_equal(seen.result, HTTP_UNREACHABLE);
	assert_int_equal(seen.status, 0);
	free(seen.body);

	request = request_to("GET", "http://no-such-host.invalid/");
	request.timeout_ms = 3000;
	ask(&request, &seen);
	assert_true(seen.result == HTTP_UNREACHABLE ||
		    seen.result == HTTP_TIMEOUT);
	free(seen.body);

	/* TLS spoken to one who does not */
	static const char plain[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	raw_open(&raw, plain, sizeof(plain) - 1, true);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", raw.port);
	request = request_to("GET", url);
	ask(&request, &seen);
	assert_int_equal(seen.result, HTTP_UNREACHABLE);
	free(seen.body);
	raw_close(&raw);
}

static void
is_cut(void **state)
{
	static const char *const answers[] = {
		"",
		"HTTP/1.1 2",
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"this is not HTTP\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
		"Content-Length: 4\r\n\r\nnope",
		NULL,
	};

	(void)state;
	for (size_t i = 0; answers[i] != NULL; i++) {
		struct seen seen;
		ask_raw(answers[i], strlen(answers[i]), true, &seen);
		if (seen.result != HTTP_CUT)
			fail_msg("case %zu: %d %s", i, (int)seen.result,
				 seen.text);
		assert_string_not_equal(seen.text, "");
		assert_int_equal(seen.body_len, 0);
		free(seen.body);
	}
}

static void
is_too_big(void **state)
{
	struct http_request request = request_to("GET", url_of("/big?1000"));
	struct seen seen;

	(void)state;
	request.max_body_bytes = 1000;
	ask(&request, &seen);
	assert_int_equal(seen.result, HTTP_ANSWERED);
	assert_int_equal(seen.body_len, 1000);
	free(seen.body);
	request.max_body_bytes = 999;
	ask(&request, &seen);
	assert_int_equal(seen.result, HTTP_TOO_BIG);
	assert_int_equal(seen.body_len, 0);
	free(seen.body);
	/* without a length, and never ending */
	char *endless = malloc(3 * MAX_BODY);
	memset(endless, 'x', 3 * MAX_BODY);
	memcpy(endless, "HTTP/1.1 200 OK\r\n\r\n", 19);
	ask_raw(endless, 3 * MAX_BODY, false, &seen);
	assert_int_equal(seen.result, HTTP_TOO_BIG);
	free(seen.body);
	/* headers: each of them small enough */
	size_t n = (size_t)snprintf(endless, 100, "HTTP/1.1 200 OK\r\n");
	while (n < 2 * BOUNDS_HTTP_HEADER_BYTES)
		n += (size_t)snprintf(endless + n, 100, "X-Pad: %060d\r\n", 0);
	ask_raw(endless, n, false, &seen);
	assert_int_equal(seen.result, HTTP_TOO_BIG);
	free(seen.body);
	free(endless);
}

static void
unpacks_within_the_bound(void **state)
{
	/* printf %2000s "" | tr " " a | gzip -n */
	static const unsigned char packed[] = {
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x03, 0x4b, 0x4c, 0x1c, 0x05, 0xa3, 0x60, 0x14, 0x8c,
		0x82, 0x51, 0x30, 0x0a, 0x46, 0xc1, 0x50, 0x07, 0x00,
		0x39, 0x3e, 0x13, 0xa8, 0xd0, 0x07, 0x00, 0x00,
	};
	char answer[256];
	struct seen seen;
	struct raw raw;
	char url[64];
	int n = snprintf(answer, sizeof(answer),
			 "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 sizeof(packed));

	(void)state;
	memcpy(answer + n, packed, sizeof(packed));
	ask_raw(answer, (size_t)n + sizeof(packed), false, &seen);
	assert_int_equal(seen.result, HTTP_ANSWERED);
	assert_int_equal(seen.body_len, 2000);
	free(seen.body);
	raw_open(&raw, answer, (size_t)n + sizeof(packed), false);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", raw.port);
	struct http_request request = request_to("GET", url);
	request.max_body_bytes = 1999;
	ask(&request, &seen);
	assert_int_equal(seen.result, HTTP_TOO_BIG);
	free(seen.body);
	raw_close(&raw);
}

/* ---- what is answered ---- */

static int64_t
retry_after(const char *value)
{
	char path[200];
	char *encoded = evhttp_uriencode(value, -1, 0);
	struct seen seen;

	snprintf(path, sizeof(path), "/retry?%s", encoded);
	free(encoded);
	struct http_request request = request_to("GET", url_of(path));
	ask(&request, &seen);
	assert_int_equal(seen.status, 503);
	assert_int_equal(seen.result, HTTP_ANSWERED);
	free(seen.body);
	return seen.retry_after_ms;
}

static void
reads_retry_after(void **state)
{
	char date[64];
	struct tm tm;
	time_t at = time(NULL) + 100;

	(void)state;
	assert_int_equal(retry_after("7"), 7000);
	assert_int_equal(retry_after("0"), 0);
	assert_int_equal(retry_after("86400"), BOUNDS_RETRY_AFTER_MS);
	assert_int_equal(retry_after("86401"), BOUNDS_RETRY_AFTER_MS);
	assert_int_equal(retry_after("99999999999999999999999"),
			 BOUNDS_RETRY_AFTER_MS);
	assert_int_equal(retry_after("-5"), -1);
	assert_int_equal(retry_after("soon"), -1);
	gmtime_r(&at, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	int64_t ms = retry_after(date);
	assert_true(ms > 97000 && ms <= 100000);
	assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
	assert_int_equal(retry_after("Fri, 31 Dec 2100 23:59:59 GMT"),
			 BOUNDS_RETRY_AFTER_MS);
}

static void
forgets_the_interim_answer(void **state)
{
	static const char answer[] =
		"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct seen seen;

	(void)state;
	ask_raw(answer, sizeof(answer) - 1, false, &seen);
	assert_int_equal(seen.status, 200);
	assert_int_equal(seen.retry_after_ms, -1);
	assert_string_equal(seen.body, "ok");
	assert_string_equal(seen.content_type, "");
	free(seen.body);
}

static void
reads_the_request_id(void **state)
{
	static const char answer[] =
		"HTTP/1.1 103 Early Hints\r\nX-Request-Id: early\r\n\r\n"
		"HTTP/1.1 200 OK\r\nx-request-id:  r-1 \r\n"
		"X-Request-Id-Of-Others: no\r\nContent-Length: 0\r\n\r\n";
	static const char none[] =
		"HTTP/1.1 103 Early Hints\r\nX-Request-Id: early\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	char text[300];
	char id[130];
	struct seen seen;

	(void)state;
	ask_raw(answer, sizeof(answer) - 1, false, &seen);
	assert_string_equal(seen.request_id, "r-1");
	free(seen.body);
	ask_raw(none, sizeof(none) - 1, false, &seen);
	assert_string_equal(seen.request_id, "");
	free(seen.body);
	for (int len = 128; len <= 129; len++) { /* 128: the longest */
		memset(id, 'x', (size_t)len);
		id[len] = '\0';
		int n = snprintf(text, sizeof(text),
				 "HTTP/1.1 200 OK\r\nX-Request-Id: %s\r\n"
				 "Content-Length: 0\r\n\r\n",
				 id);
		ask_raw(text, (size_t)n, false, &seen);
		assert_string_equal(seen.request_id, len == 128 ? id : "");
		free(seen.body);
	}
}

static void
does_not_follow_redirects(void **state)
{
	struct http_request request = request_to("GET", url_of("/redirect"));
	struct seen seen;

	(void)state;
	ask(&request, &seen);
	assert_int_equal(seen.result, HTTP_ANSWERED);
	assert_int_equal(seen.status, 302);
	assert_int_equal(n_requests, 1);
	free(seen.body);
}

/* ---- many ---- */

static void
reuses_a_connection(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct http_request request =
			request_to("GET", url_of("/echo"));
		struct seen seen;
		ask(&request, &seen);
		assert_int_equal(seen.status, 200);
		free(seen.body);
	}
	assert_int_equal(n_requests, 100);
	assert_int_equal(n_connections, 1);
}

static int
n_answered(const struct seen *seen, int n)
{
	int n_done = 0;

	for (int i = 0; i < n; i++)
		n_done += seen[i].n;
	return n_done;
}

static void
runs_two_hundred_at_once(void **state)
{
	static struct seen seen[N_TOGETHER];

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < N_TOGETHER; i++) {
		struct http_request request =
			request_to("GET", url_of("/together"));
		(void)start(&request, &seen[i]);
	}
	WAIT_FOR(base, n_answered(seen, N_TOGETHER) == N_TOGETHER);
	for (int i = 0; i < N_TOGETHER; i++) {
		assert_int_equal(seen[i].n, 1);
		assert_int_equal(seen[i].status, 200);
		free(seen[i].body);
	}
	assert_int_equal(n_requests, N_TOGETHER);
}

static void
keeps_to_its_connections(void **state)
{
	static struct seen seen[20];

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 20; i++) {
		struct http_request request =
			request_to("GET", url_of("/echo"));
		(void)start(&request, &seen[i]);
	}
	WAIT_FOR(base, n_answered(seen, 20) == 20);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(seen[i].status, 200);
		free(seen[i].body);
	}
	assert_true(n_connections <= 2);
}

static void
lets_idle_connections_go(void **state)
{
	struct http_request request = request_to("GET", url_of("/echo"));
	struct seen seen;

	(void)state;
	evhttp_set_timeout(server, 1); /* closes what is idle for a second */
	ask(&request, &seen);
	free(seen.body);
	/* the end of an idle connection must not keep the loop busy */
	assert_true(turn_for(base, 1500) < 400);
	ask(&request, &seen);
	assert_int_equal(seen.status, 200);
	free(seen.body);
	assert_int_equal(n_connections, 2);
}

struct chain {
	int n_left;
	int n_done;
};

static void
on_chain(void *ctx, const struct http_answer *answer)
{
	struct chain *chain = ctx;

	assert_false(is_starting);
	assert_int_equal(answer->status, 200);
	chain->n_done++;
	if (chain->n_left-- > 0) {
		struct http_request request =
			request_to("GET", url_of("/echo"));
		is_starting = true;
		assert_int_equal(
			http_start(http, &request, on_chain, chain, NULL),
			HS_OK);
		is_starting = false;
	}
}

static void
starts_from_a_callback(void **state)
{
	struct chain chain = { .n_left = 50 };
	struct http_request request = request_to("GET", url_of("/echo"));

	(void)state;
	assert_int_equal(http_start(http, &request, on_chain, &chain, NULL),
			 HS_OK);
	WAIT_FOR(base, chain.n_done == 51);
}

/* ---- cancelling ---- */

static struct http_transfer *victim;

static void
on_cancel_other(void *ctx, const struct http_answer *answer)
{
	on_answer(ctx, answer);
	http_cancel(victim);
	victim = NULL;
}

static void
cancels(void **state)
{
	struct http_request request = request_to("GET", url_of("/hold"));
	struct seen seen = { 0 };

	(void)state;
	http_cancel(NULL);
	http_cancel(start(&request, &seen)); /* at once */
	struct http_transfer *transfer = start(&request, &seen);
	WAIT_FOR(base, held != NULL); /* under way */
	struct evhttp_connection *connection =
		evhttp_request_get_connection(held);
	evhttp_connection_set_closecb(connection, on_connection_gone, NULL);
	http_cancel(transfer);
	turn_for(base, 50);
	assert_int_equal(seen.n, 0);
	/* from the callback of another */
	struct seen other = { 0 };
	struct http_request echoed = request_to("GET", url_of("/echo"));
	victim = start(&request, &seen);
	assert_int_equal(
		http_start(http, &echoed, on_cancel_other, &other, NULL),
		HS_OK);
	WAIT_FOR(base, other.n == 1);
	turn_for(base, 50);
	assert_int_equal(seen.n, 0);
	free(other.body);
}

static void
free_is_silent(void **state)
{
	static struct seen seen[10];

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 10; i++) {
		struct http_request request =
			request_to("GET", url_of("/hold"));
		(void)start(&request, &seen[i]);
	}
	WAIT_FOR(base, n_requests == 10);
	http_free(http);
	http = http_new(base, 10);
	turn_for(base, 50);
	for (int i = 0; i < 10; i++)
		assert_int_equal(seen[i].n, 0);
}

static void
runs_to_the_end(void **state)
{
	struct http_request request = request_to("GET", url_of("/echo"));
	struct http_answer answer;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(http_run(http, &request, &answer), HS_OK);
		assert_int_equal(answer.result, HTTP_ANSWERED);
		assert_int_equal(answer.status, 200);
		assert_true(answer.body.len > 4);
		assert_memory_equal(answer.body.ptr, "GET\n", 4);
		assert_string_equal(answer.content_type, "text/echo");
	}
	request.url = "nonsense";
	assert_int_equal(http_run(http, &request, &answer), HS_INVALID);
	request.url = url_of("/hold");
	request.timeout_ms = 50;
	assert_int_equal(http_run(http, &request, &answer), HS_OK);
	assert_int_equal(answer.result, HTTP_TIMEOUT);
	assert_string_not_equal(answer.text, "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(sends_methods_and_bodies),
		CASE(sends_head),
		CASE(sends_headers),
		CASE(sends_large_bodies),
		CASE(refuses_wrong_requests),
		CASE(times_out),
		CASE(is_unreachable),
		CASE(is_cut),
		CASE(is_too_big),
		CASE(unpacks_within_the_bound),
		CASE(reads_retry_after),
		CASE(forgets_the_interim_answer),
		CASE(reads_the_request_id),
		CASE(does_not_follow_redirects),
		CASE(reuses_a_connection),
		CASE(runs_two_hundred_at_once),
		cmocka_unit_test_setup_teardown(keeps_to_its_connections,
						setup_two_connections,
						teardown),
		CASE(lets_idle_connections_go),
		CASE(starts_from_a_callback),
		CASE(cancels),
		CASE(free_is_silent),
		CASE(runs_to_the_end),
	};

	signal(SIGPIPE, SIG_IGN);
	/* the servers are here, whatever proxy the builder has */
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
