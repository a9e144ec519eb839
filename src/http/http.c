/*
 * curl drives the transfers, libevent tells it when. A transfer is a reused
 * easy handle with our own buffers; transfers are spread over lanes (a multi
 * handle each), because one multi handle gets slow beyond a hundred transfers;
 * the first lane with room is taken, so that few transfers share few
 * connections.
 *
 * Nothing is reported from inside http_start(): curl is only driven by events.
 * A transfer leaves curl before its callback runs, and is reused after it.
 *
 * A request's header lines are wiped when it is over: there may be an
 * Authorization among them. curl's copies in its send buffer are out of reach.
 * SIGPIPE must be ignored by the program.
 */
#include "http/http.h"

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "http/head.h"
#include "http/sockets.h"

#define LANE_TRANSFERS 100 /* measured: 50 x 100 is 3x faster than 1 x 5000 */
#define KEPT_BODY_BYTES (256 * 1024) /* a resting transfer keeps that much */

struct lane {
	struct http *http;
	CURLM *multi;
	struct event *timer;
	size_t n_running;
};

struct http_transfer {
	struct list node; /* of http->running or http->resting */
	struct http *http;
	struct lane *lane; /* NULL: not in curl */
	CURL *easy;
	CURLU *url;
	struct curl_slist *headers;
	struct buf request_body;
	struct buf body;
	http_fn fn;
	void *ctx;
	int64_t started_ms; /* monotonic */
	struct head head;
	bool is_too_big;
	char error[CURL_ERROR_SIZE];
};

struct http {
	struct event_base *base;
	size_t max_connections;
	struct lane **lanes;
	size_t n_lanes;
	struct list running;
	struct list resting;
	size_t n_resting;
	struct sockets *sockets;
	bool in_callback;
	/* http_run */
	struct http_transfer *kept; /* its answer is still read */
	struct http_answer *run_answer;
	bool run_done;
};

/* ---- what curl's codes mean to us ---- */

static const struct {
	CURLcode code;
	enum http_result result;
} results[] = {
	{ CURLE_OK, HTTP_ANSWERED },
	{ CURLE_OPERATION_TIMEDOUT, HTTP_TIMEOUT },
	{ CURLE_COULDNT_RESOLVE_PROXY, HTTP_UNREACHABLE },
	{ CURLE_COULDNT_RESOLVE_HOST, HTTP_UNREACHABLE },
	{ CURLE_COULDNT_CONNECT, HTTP_UNREACHABLE },
	{ CURLE_SSL_CONNECT_ERROR, HTTP_UNREACHABLE },
	{ CURLE_PROXY, HTTP_UNREACHABLE },
	{ CURLE_INTERFACE_FAILED, HTTP_UNREACHABLE },
	{ CURLE_GOT_NOTHING, HTTP_CUT },
	{ CURLE_SEND_ERROR, HTTP_CUT },
	{ CURLE_RECV_ERROR, HTTP_CUT },
	{ CURLE_PARTIAL_FILE, HTTP_CUT },
	{ CURLE_WEIRD_SERVER_REPLY, HTTP_CUT },
	/* HTTP/0.9; other schemes never get this far */
	{ CURLE_UNSUPPORTED_PROTOCOL, HTTP_CUT },
	{ CURLE_BAD_CONTENT_ENCODING, HTTP_CUT },
	{ CURLE_HTTP2, HTTP_CUT },
	{ CURLE_HTTP2_STREAM, HTTP_CUT },
	{ CURLE_FILESIZE_EXCEEDED, HTTP_TOO_BIG },
	{ CURLE_PEER_FAILED_VERIFICATION, HTTP_TLS },
	{ CURLE_SSL_CERTPROBLEM, HTTP_TLS },
	{ CURLE_SSL_CIPHER, HTTP_TLS },
	{ CURLE_SSL_CACERT_BADFILE, HTTP_TLS },
	{ CURLE_SSL_CRL_BADFILE, HTTP_TLS },
	{ CURLE_SSL_ISSUER_ERROR, HTTP_TLS },
	{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, HTTP_TLS },
	{ CURLE_SSL_INVALIDCERTSTATUS, HTTP_TLS },
	{ CURLE_SSL_ENGINE_NOTFOUND, HTTP_TLS },
	{ CURLE_URL_MALFORMAT, HTTP_INVALID },
	{ CURLE_BAD_FUNCTION_ARGUMENT, HTTP_INVALID },
};

/* What is not in the table is our side's trouble (memory, sockets): to try
 * again is right. */
static enum http_result
result_of(CURLcode code)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i].code == code)
			return results[i].result;
	return HTTP_UNREACHABLE;
}

/* ---- what is asked ---- */

static bool
is_http_url(CURLU *url, const char *text)
{
	char *scheme = NULL;

	/* emptied first: else "/path" would be taken relative to the last */
	(void)curl_url_set(url, CURLUPART_URL, NULL, 0);
	if (text == NULL ||
	    curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return false;
	bool ok = strcasecmp(scheme, "http") == 0 ||
		  strcasecmp(scheme, "https") == 0;
	curl_free(scheme);
	return ok;
}

static enum hs_err
add_line(void *ctx, const char *line)
{
	struct http_transfer *transfer = ctx;
	struct curl_slist *list = curl_slist_append(transfer->headers, line);

	if (list == NULL)
		return HS_NO_MEMORY;
	transfer->headers = list;
	return HS_OK;
}

static void
free_headers(struct http_transfer *transfer)
{
	for (struct curl_slist *line = transfer->headers; line != NULL;
	     line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
}

/* ---- what is answered ---- */

static size_t
on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *transfer = ctx;
	size_t len = size * n;
	enum hs_err err = buf_add(&transfer->body, bytes, len);

	if (err == HS_TOO_BIG)
		transfer->is_too_big = true;
	return err == HS_OK ? len : 0; /* 0 ends the transfer */
}

static time_t
read_date(const char *text)
{
	return curl_getdate(text, NULL);
}

static size_t
on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *transfer = ctx;
	size_t len = size * n;
	enum hs_err err =
		head_read(&transfer->head, span_of(bytes, len), read_date);

	if (err == HS_TOO_BIG)
		transfer->is_too_big = true;
	return err == HS_OK ? len : 0;
}

/* ---- transfers ---- */

static struct http_transfer *
transfer_new(struct http *http)
{
	struct http_transfer *transfer = xcalloc(1, sizeof(*transfer));

	list_init(&transfer->node);
	transfer->http = http;
	transfer->easy = curl_easy_init();
	transfer->url = curl_url();
	if (transfer->easy == NULL || transfer->url == NULL)
		log_fatal(EX_OSERR, "out of memory");
	return transfer;
}

static void
transfer_free(struct http_transfer *transfer)
{
	list_remove(&transfer->node);
	curl_easy_cleanup(transfer->easy);
	curl_url_cleanup(transfer->url);
	free_headers(transfer);
	buf_fini(&transfer->request_body);
	buf_fini(&transfer->body);
	free(transfer);
}

static void
leave_lane(struct http_transfer *transfer)
{
	if (transfer->lane == NULL)
		return;
	(void)curl_multi_remove_handle(transfer->lane->multi, transfer->easy);
	transfer->lane->n_running--;
	transfer->lane = NULL;
}

static void
shrink(struct buf *buf)
{
	if (buf->cap > KEPT_BODY_BYTES)
		buf_fini(buf);
	else
		buf_reset(buf);
}

/* Out of curl, and ready for the next request. */
static void
rest(struct http_transfer *transfer)
{
	struct http *http = transfer->http;

	leave_lane(transfer);
	list_remove(&transfer->node);
	curl_easy_reset(transfer->easy);
	free_headers(transfer);
	shrink(&transfer->request_body);
	shrink(&transfer->body);
	if (http->n_resting >= http->max_connections) {
		transfer_free(transfer);
		return;
	}
	list_push_front(&http->resting, &transfer->node);
	http->n_resting++;
}

static struct http_transfer *
take_transfer(struct http *http)
{
	struct list *node = list_pop_front(&http->resting);

	if (node == NULL)
		return transfer_new(http);
	http->n_resting--;
	return list_owner(node, struct http_transfer, node);
}

/* curl's own words for it are that it could not connect. */
static bool
is_forbidden(struct http_transfer *transfer, CURLcode code)
{
	long error = 0;

	return code == CURLE_COULDNT_CONNECT &&
	       curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error) ==
		       CURLE_OK &&
	       (error == EPERM || error == EACCES);
}

static void
read_answer(struct http_transfer *transfer, CURLcode code,
	    struct http_answer *answer)
{
	long status = 0;
	const char *type = NULL;

	*answer = (struct http_answer){
		.result = result_of(code),
		.text = "",
		.retry_after_ms = -1,
		.content_type = "",
		.request_id = "",
		.elapsed_ms = clock_mono_ms() - transfer->started_ms,
	};
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE,
				&status);
	answer->status = (int)status;
	if (transfer->is_too_big) {
		answer->result = HTTP_TOO_BIG;
		answer->text = "the answer is too big";
		return;
	}
	if (code != CURLE_OK) {
		answer->text = transfer->error[0] != '\0'
				       ? transfer->error
				       : curl_easy_strerror(code);
		if (is_forbidden(transfer, code))
			answer->text = "Operation not permitted: the unit's "
				       "IPAddressAllow= does not contain it "
				       "(systemctl edit), or a firewall "
				       "forbids it";
		return;
	}
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
	if (type != NULL)
		answer->content_type = type;
	answer->retry_after_ms = transfer->head.retry_after_ms;
	answer->request_id = transfer->head.request_id;
	answer->body = buf_span(&transfer->body);
}

static void
finish(struct http_transfer *transfer, CURLcode code)
{
	struct http *http = transfer->http;
	struct http_answer answer;

	read_answer(transfer, code, &answer);
	leave_lane(transfer);
	list_remove(&transfer->node);
	http->in_callback = true;
	transfer->fn(transfer->ctx, &answer);
	http->in_callback = false;
	if (http->kept != transfer)
		rest(transfer);
}

static void
finish_all(struct lane *lane)
{
	int n_left;
	CURLMsg *message;

	while ((message = curl_multi_info_read(lane->multi, &n_left)) != NULL) {
		char *transfer = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
					&transfer);
		finish((struct http_transfer *)(void *)transfer, code);
	}
}

/* ---- curl and the loop ---- */

static void
drive(struct lane *lane, curl_socket_t fd, int what)
{
	int n_running;
	CURLMcode code =
		curl_multi_socket_action(lane->multi, fd, what, &n_running);

	if (code != CURLM_OK && code != CURLM_BAD_SOCKET)
		log_fatal(EX_OSERR, "curl: %s", curl_multi_strerror(code));
	finish_all(lane);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	drive(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static int
on_curl_timer(CURLM *multi, long ms, void *ctx)
{
	struct lane *lane = ctx;

	(void)multi;
	if (ms < 0)
		return evtimer_del(lane->timer);
	struct timeval wait = clock_timeval(ms);
	return evtimer_add(lane->timer, &wait);
}

static void
on_ready(void *owner, int fd, short events)
{
	int mask = 0;

	if ((events & EV_READ) != 0)
		mask |= CURL_CSELECT_IN;
	if ((events & EV_WRITE) != 0)
		mask |= CURL_CSELECT_OUT;
	drive(owner, fd, mask);
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
	       void *socket_ctx)
{
	struct lane *lane = ctx;
	struct sockets *sockets = lane->http->sockets;
	short wanted = 0;

	(void)easy;
	(void)socket_ctx;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		wanted |= EV_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		wanted |= EV_WRITE;
	if (what == CURL_POLL_REMOVE)
		sockets_leave(sockets, fd);
	else
		sockets_want(sockets, fd, lane, wanted);
	return 0;
}

static curl_socket_t
on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http *http = ctx;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
			address->protocol);

	if (fd < 0)
		return CURL_SOCKET_BAD;
	sockets_announce(http->sockets, fd, purpose == CURLSOCKTYPE_IPCXN);
	return fd;
}

static int
on_close_socket(void *ctx, curl_socket_t fd)
{
	struct http *http = ctx;

	sockets_drop(http->sockets, fd);
	return close(fd);
}

/* ---- lanes ---- */

static size_t
lane_size(const struct http *http)
{
	return http->max_connections < LANE_TRANSFERS ? http->max_connections
						      : LANE_TRANSFERS;
}

static void
lane_set_size(struct lane *lane)
{
	long n = (long)lane_size(lane->http);

	curl_multi_setopt(lane->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, n);
	curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, n);
}

static struct lane *
lane_new(struct http *http)
{
	struct lane *lane = xcalloc(1, sizeof(*lane));

	lane->http = http;
	lane->multi = curl_multi_init();
	lane->timer = evtimer_new(http->base, on_timer, lane);
	if (lane->multi == NULL || lane->timer == NULL)
		log_fatal(EX_OSERR, "out of memory");
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	lane_set_size(lane);
	http->lanes = xreallocarray(http->lanes, http->n_lanes + 1,
				    sizeof(struct lane *));
	http->lanes[http->n_lanes++] = lane;
	return lane;
}

static void
lane_free(struct lane *lane)
{
	(void)curl_multi_cleanup(lane->multi);
	event_free(lane->timer);
	free(lane);
}

/* Beyond max_connections the lanes are shared, and curl makes wait. */
static struct lane *
take_lane(struct http *http)
{
	struct lane *least = NULL;
	size_t n_max =
		(http->max_connections + LANE_TRANSFERS - 1) / LANE_TRANSFERS;

	for (size_t i = 0; i < http->n_lanes; i++) {
		struct lane *lane = http->lanes[i];
		if (lane->n_running < lane_size(http))
			return lane;
		if (least == NULL || lane->n_running < least->n_running)
			least = lane;
	}
	return http->n_lanes < n_max ? lane_new(http) : least;
}

/* ---- starting ---- */

static void
set_method(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	const char *method = request->method;
	/* these say "Content-Length: 0" rather than nothing */
	bool wants_body = strcmp(method, "POST") == 0 ||
			  strcmp(method, "PUT") == 0 ||
			  strcmp(method, "PATCH") == 0;

	if (request->has_body || wants_body) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)transfer->request_body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
				 buf_text(&transfer->request_body));
	} else if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void
set_options(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_CURLU, transfer->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
			 (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* a name server that says nothing must not hold up the loop: else curl
	 * waits for its resolver's thread when a transfer is over */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "hooksync/" PACKAGE_VERSION);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)request->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer->http);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->http);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	set_method(transfer, request);
}

static enum hs_err
prepare(struct http_transfer *transfer, const struct http_request *request)
{
	enum hs_err err = head_check(request);

	if (err == HS_OK && !is_http_url(transfer->url, request->url))
		err = HS_INVALID;
	if (err == HS_OK)
		err = head_build(request, add_line, transfer);
	/* the buffers' memory may be from before, their ceiling is of now */
	transfer->body.max = request->max_body_bytes;
	transfer->request_body.max = request->has_body ? request->body.len : 0;
	if (err == HS_OK && request->has_body)
		err = buf_add_span(&transfer->request_body, request->body);
	head_reset(&transfer->head);
	transfer->is_too_big = false;
	transfer->error[0] = '\0';
	transfer->started_ms = clock_mono_ms();
	return err;
}

/* ---- public ---- */

struct http *
http_new(struct event_base *base, size_t max_connections)
{
	struct http *http = xcalloc(1, sizeof(*http));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		log_fatal(EX_OSERR, "curl cannot start");
	http->base = base;
	http->max_connections = max_connections > 0 ? max_connections : 1;
	http->sockets = sockets_new(base, on_ready);
	list_init(&http->running);
	list_init(&http->resting);
	return http;
}

void
http_raise_max(struct http *http, size_t max_connections)
{
	if (max_connections <= http->max_connections)
		return;
	http->max_connections = max_connections;
	for (size_t i = 0; i < http->n_lanes; i++)
		lane_set_size(http->lanes[i]);
}

void
http_free(struct http *http)
{
	struct list *node;

	if (http == NULL)
		return;
	log_assert(!http->in_callback);
	while ((node = list_pop_front(&http->running)) != NULL) {
		struct http_transfer *transfer =
			list_owner(node, struct http_transfer, node);
		leave_lane(transfer);
		transfer_free(transfer);
	}
	if (http->kept != NULL)
		transfer_free(http->kept);
	while ((node = list_pop_front(&http->resting)) != NULL)
		transfer_free(list_owner(node, struct http_transfer, node));
	for (size_t i = 0; i < http->n_lanes; i++)
		lane_free(http->lanes[i]); /* closes the sockets, through us */
	sockets_free(http->sockets);
	free(http->lanes);
	free(http);
	curl_global_cleanup();
}

enum hs_err
http_start(struct http *http, const struct http_request *request, http_fn fn,
	   void *ctx, struct http_transfer **out)
{
	struct http_transfer *transfer = take_transfer(http);
	enum hs_err err = prepare(transfer, request);

	if (err != HS_OK) {
		rest(transfer);
		return err;
	}
	transfer->fn = fn;
	transfer->ctx = ctx;
	set_options(transfer, request);
	struct lane *lane = take_lane(http);
	if (curl_multi_add_handle(lane->multi, transfer->easy) != CURLM_OK) {
		rest(transfer);
		return HS_NO_MEMORY;
	}
	transfer->lane = lane;
	lane->n_running++;
	list_push_back(&http->running, &transfer->node);
	if (out != NULL)
		*out = transfer;
	return HS_OK;
}

void
http_cancel(struct http_transfer *transfer)
{
	if (transfer != NULL)
		rest(transfer);
}

static void
on_run(void *ctx, const struct http_answer *answer)
{
	struct http *http = ctx;

	*http->run_answer = *answer;
	http->run_done = true;
}

enum hs_err
http_run(struct http *http, const struct http_request *request,
	 struct http_answer *answer)
{
	struct http_transfer *transfer = http->kept;

	log_assert(!http->in_callback);
	http->kept = NULL;
	if (transfer != NULL)
		rest(transfer);
	http->run_answer = answer;
	http->run_done = false;
	enum hs_err err = http_start(http, request, on_run, http, &http->kept);
	while (err == HS_OK && !http->run_done)
		if (event_base_loop(http->base, EVLOOP_ONCE) != 0)
			log_bug("http_run: nothing to wait for");
	return err;
}
