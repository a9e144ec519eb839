/*
 * mock: a CRM and a target in one small process, for the tests and the demo.
 *
 *   mock [--port N] [--port-file FILE] [--latency-ms N]
 *        [--bearer TOKEN] [--basic USER:PASSWORD]
 *
 * Listens on 127.0.0.1 (port 0, the default: a free one), says its port in one
 * line on standard output and in FILE (which appears whole or not at all), and
 * ends on SIGTERM or SIGINT.
 *
 * It is a store of objects by path, kept in memory:
 *
 *   /crm/...    the CRM: GET answers the object, 404 when there is none; other
 *               methods are 405. With --bearer a token is asked for (401).
 *   other       the target: PUT, POST and PATCH keep the body as the object of
 *               that path (201 new, 200 replaced), DELETE drops it (204, 404),
 *               GET shows it. With --basic a login is asked for (401).
 *   /_mock/...  the hand behind the stage, never logged and never delayed:
 *     PUT    /_mock/objects/PATH  puts an object at /PATH: /_mock/objects/crm/
 *                                 identities/42; DELETE drops it
 *     GET    /_mock/objects       all objects: {"/erp/customers/42": {...}}
 *     POST   /_mock/script        answers to give before behaving again:
 *              {"path": "/erp/customers/42", "method": "PUT", "answers":
 *                [{"status": 503, "headers": {"Retry-After": "1"}, "times": 2},
 *                 {"delay_ms": 500}, {"cut": true}]}
 *            "path" may end in '*' (all that begin so), "method" may be absent
 *            (any). An answer is used "times" times (default 1; 0: for ever):
 *            "delay_ms" waits, "status", "headers" and "body" replace the
 *            answer (the object stays untouched unless "apply" is true),
 *            "cut" closes the connection instead of answering. The first
 *            script that fits and has answers left is used.
 *     GET    /_mock/log           one JSON object a line, oldest first: seq,
 *            start_us, end_us (monotonic; 0 = under way), status (0 = none
 *            yet, or cut), method, path, idempotency_key, authorization,
 *            content_type, body
 *     GET    /_mock/stats         {"requests", "active", "max_active"}
 *     POST   /_mock/reset         forgets objects, scripts and log
 *
 * A change takes place when its answer leaves, not when the request came: a
 * client that dies during a delay has changed nothing.
 *
 * Everything is bounded: bodies, objects, scripts; the log forgets its oldest
 * lines. One loop, no threads. It trusts whoever reaches it, and never listens
 * beyond the loopback interface.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/doc.h"
#include "base/list.h"
#include "base/num.h"

enum {
	MOCK_BODY_BYTES = 4 * 1024 * 1024,
	MOCK_HEADER_BYTES = 64 * 1024,
	MOCK_PATH_BYTES = 4096,
	MOCK_OBJECTS = 100000,
	MOCK_SCRIPTS = 10000,
	MOCK_ANSWERS = 1000, /* of one script */
	MOCK_DELAY_MS = 10 * 60 * 1000,
	MOCK_LOG_BYTES = 64 * 1024 * 1024, /* of bodies and texts */
	MOCK_LOG_BODY_BYTES = 64 * 1024,   /* longer ones are cut in the log */
	MOCK_REPLY_BYTES = 256 * 1024 * 1024,
	MOCK_BACKLOG = 1024, /* a burst connects all at once */
	MOCK_BUCKETS = 4096,
};

struct object {
	struct list node; /* in its bucket of mock.objects */
	char *path;
	struct buf body;
};

struct answer { /* one entry of a script */
	struct list node;
	int64_t times; /* uses left; -1: for ever */
	int64_t delay_ms;
	int64_t status; /* 0: as usual */
	bool is_cut;
	bool is_applied;
	bool has_body;
	struct buf body;
	struct evkeyvalq headers;
};

struct script {
	struct list node; /* in mock.scripts, oldest first */
	char *path;
	bool is_prefix;
	char *method; /* NULL: any */
	struct list answers;
};

struct entry { /* a line of the log */
	struct list node;
	int64_t seq;
	int64_t start_us;
	int64_t end_us;
	int status;
	char *head; /* the rest of the line, as JSON members */
	size_t head_len;
};

struct mock {
	struct event_base *base;
	struct evhttp *http;
	struct list objects[MOCK_BUCKETS];
	size_t n_objects;
	struct list scripts;
	size_t n_scripts;
	struct list log;
	size_t log_bytes;
	int64_t last_seq; /* survives a reset: late answers find no wrong line */
	int64_t n_requests;
	int64_t n_active;
	int64_t max_active;
	struct list exchanges; /* those under way */
	int64_t latency_ms;
	char *bearer; /* the whole Authorization value; NULL: none asked */
	char *basic;
};

/* A request between its arrival and its answer. */
struct exchange {
	struct list node;
	struct mock *mock;
	struct evhttp_request *req; /* NULL once the peer is gone */
	struct event *timer;
	const char *method;
	char *path;
	int64_t seq; /* its line in the log, which may be forgotten */
	bool is_scripted;
	int64_t status;
	bool is_cut;
	bool is_applied;
	bool has_body;
	struct buf body;
	struct evkeyvalq headers;
};

/* ---- small pieces ---- */

static void
die(int code, const char *what)
{
	fprintf(stderr, "mock: %s: %s\n", what, strerror(errno));
	exit(code);
}

/* A full buffer ends the test that filled it, loudly. */
static void
must(enum hs_err err)
{
	if (err != HS_OK) {
		fprintf(stderr, "mock: %s\n", hs_err_text(err));
		exit(EX_SOFTWARE);
	}
}

static const char *
method_name(struct evhttp_request *req)
{
	switch (evhttp_request_get_command(req)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	case EVHTTP_REQ_PATCH:
		return "PATCH";
	default:
		return "OTHER";
	}
}

static struct span
body_of(struct evhttp_request *req)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t len = evbuffer_get_length(in);
	if (len == 0)
		return span_of("", 0);
	return span_of(evbuffer_pullup(in, -1), len);
}

static const char *
header_of(struct evhttp_request *req, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(req), name);
}

/* The names of headers and their values come from scripts: evhttp refuses
 * those with line ends itself. */
static void
headers_copy(struct evkeyvalq *to, const struct evkeyvalq *from)
{
	for (const struct evkeyval *kv = from->tqh_first; kv != NULL;
	     kv = kv->next.tqe_next)
		evhttp_add_header(to, kv->key, kv->value);
}

static void
headers_init(struct evkeyvalq *headers)
{
	headers->tqh_first = NULL;
	headers->tqh_last = &headers->tqh_first;
}

/* ---- objects ---- */

static struct list *
object_bucket(struct mock *mock, const char *path)
{
	uint32_t hash = 2166136261U; /* FNV-1a */
	for (const char *p = path; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619U;
	return &mock->objects[hash % MOCK_BUCKETS];
}

static struct object *
object_find(struct mock *mock, const char *path)
{
	struct list *bucket = object_bucket(mock, path);
	list_each(node, bucket) {
		struct object *object = list_owner(node, struct object, node);
		if (strcmp(object->path, path) == 0)
			return object;
	}
	return NULL;
}

static void
object_free(struct object *object)
{
	list_remove(&object->node);
	buf_fini(&object->body);
	free(object->path);
	free(object);
}

/* 201, 200, or 507 when the store is full. */
static int
object_put(struct mock *mock, const char *path, struct span body)
{
	struct object *object = object_find(mock, path);
	int status = 200;
	if (object == NULL) {
		if (mock->n_objects >= MOCK_OBJECTS)
			return 507;
		object = xcalloc(1, sizeof(*object));
		object->path = xstrdup(path);
		list_push_back(object_bucket(mock, path), &object->node);
		buf_init(&object->body, MOCK_BODY_BYTES);
		mock->n_objects++;
		status = 201;
	}
	buf_reset(&object->body);
	must(buf_add_span(&object->body, body));
	return status;
}

static bool
object_drop(struct mock *mock, const char *path)
{
	struct object *object = object_find(mock, path);
	if (object == NULL)
		return false;
	object_free(object);
	mock->n_objects--;
	return true;
}

/* ---- scripts ---- */

static void
answer_free(struct answer *answer)
{
	list_remove(&answer->node);
	buf_fini(&answer->body);
	evhttp_clear_headers(&answer->headers);
	free(answer);
}

static void
script_free(struct script *script)
{
	list_each_safe(node, &script->answers)
		answer_free(list_owner(node, struct answer, node));
	list_remove(&script->node);
	free(script->path);
	free(script->method);
	free(script);
}

static bool
script_fits(const struct script *script, const char *method, const char *path)
{
	if (list_is_empty(&script->answers))
		return false;
	if (script->method != NULL && strcmp(script->method, method) != 0)
		return false;
	if (script->is_prefix)
		return strncmp(script->path, path, strlen(script->path)) == 0;
	return strcmp(script->path, path) == 0;
}

/* Takes the next scripted answer into the exchange and returns its delay. */
static int64_t
script_take(struct exchange *exchange)
{
	struct mock *mock = exchange->mock;
	struct script *script = NULL;
	list_each(node, &mock->scripts) {
		script = list_owner(node, struct script, node);
		if (script_fits(script, exchange->method, exchange->path))
			break;
		script = NULL;
	}
	if (script == NULL)
		return 0;
	struct answer *answer =
		list_owner(script->answers.next, struct answer, node);
	int64_t delay_ms = answer->delay_ms;
	exchange->is_scripted =
		answer->status != 0 || answer->is_cut || answer->has_body;
	exchange->status = answer->status;
	exchange->is_cut = answer->is_cut;
	exchange->is_applied = answer->is_applied;
	exchange->has_body = answer->has_body;
	must(buf_add_span(&exchange->body, buf_span(&answer->body)));
	headers_copy(&exchange->headers, &answer->headers);
	if (answer->times > 0 && --answer->times == 0)
		answer_free(answer);
	if (list_is_empty(&script->answers)) {
		script_free(script);
		mock->n_scripts--;
	}
	return delay_ms;
}

/* An absent member leaves *out as it is; false when it is no such number. */
static bool
member_number(const struct doc *doc, const char *name, int64_t max,
	      int64_t *out)
{
	const struct doc *member = doc_get(doc, name);
	if (member == NULL)
		return true;
	return doc_i64(member, out) == HS_OK && *out >= 0 && *out <= max;
}

static char *
member_text(const struct doc *doc, const char *name)
{
	struct span text;
	const struct doc *member = doc_get(doc, name);
	if (member == NULL || doc_text(member, &text) != HS_OK ||
	    text.len > MOCK_PATH_BYTES || memchr(text.ptr, 0, text.len))
		return NULL;
	return span_dup(text);
}

static void
on_script_header(void *ctx, const char *name, const struct doc *value)
{
	struct answer *answer = ctx;
	struct span text;
	if (doc_text(value, &text) != HS_OK)
		return;
	char *copy = span_dup(text);
	if (copy != NULL)
		evhttp_add_header(&answer->headers, name, copy);
	free(copy);
}

/* A text is sent as it is (so an answer may be no JSON at all), any other
 * value as JSON. */
static bool
answer_body(struct answer *answer, const struct doc *body)
{
	if (body == NULL)
		return true;
	answer->has_body = true;
	struct span text;
	if (doc_text(body, &text) == HS_OK)
		return buf_add_span(&answer->body, text) == HS_OK;
	return doc_print(body, false, &answer->body) == HS_OK;
}

static struct answer *
answer_new(const struct doc *doc)
{
	struct answer *answer = xcalloc(1, sizeof(*answer));
	list_init(&answer->node);
	headers_init(&answer->headers);
	buf_init(&answer->body, MOCK_BODY_BYTES);
	answer->times = 1;
	bool is_good = doc_type_of(doc) == DOC_OBJECT &&
		       member_number(doc, "times", INT32_MAX, &answer->times) &&
		       member_number(doc, "delay_ms", MOCK_DELAY_MS,
				     &answer->delay_ms) &&
		       member_number(doc, "status", 599, &answer->status) &&
		       (answer->status == 0 || answer->status >= 200) &&
		       answer_body(answer, doc_get(doc, "body"));
	if (answer->times == 0)
		answer->times = -1;
	answer->is_cut = doc_is_true(doc_get(doc, "cut"));
	answer->is_applied = doc_is_true(doc_get(doc, "apply"));
	if (is_good && doc_get(doc, "headers") != NULL)
		doc_each(doc_get(doc, "headers"), on_script_header, answer);
	if (is_good)
		return answer;
	answer_free(answer);
	return NULL;
}

static bool
script_add(struct mock *mock, struct span json)
{
	struct doc *doc;
	if (mock->n_scripts >= MOCK_SCRIPTS || doc_parse(json, &doc) != HS_OK)
		return false;
	struct script *script = xcalloc(1, sizeof(*script));
	list_init(&script->node);
	list_init(&script->answers);
	script->path = member_text(doc, "path");
	script->method = member_text(doc, "method");
	const struct doc *answers = doc_get(doc, "answers");
	size_t n = doc_len(answers);
	bool is_good = script->path != NULL && n > 0 && n <= MOCK_ANSWERS &&
		       doc_type_of(answers) == DOC_ARRAY;
	for (size_t i = 0; is_good && i < n; i++) {
		struct answer *answer = answer_new(doc_at(answers, i));
		is_good = answer != NULL;
		if (is_good)
			list_push_back(&script->answers, &answer->node);
	}
	doc_free(doc);
	if (!is_good) {
		script_free(script);
		return false;
	}
	size_t len = strlen(script->path);
	if (len > 0 && script->path[len - 1] == '*') {
		script->path[len - 1] = '\0';
		script->is_prefix = true;
	}
	list_push_back(&mock->scripts, &script->node);
	mock->n_scripts++;
	return true;
}

/* ---- the log ---- */

static void
entry_free(struct mock *mock, struct entry *entry)
{
	mock->log_bytes -= sizeof(*entry) + entry->head_len;
	list_remove(&entry->node);
	free(entry->head);
	free(entry);
}

static void
add_member(struct buf *out, const char *name, const char *value)
{
	must(buf_addf(out, ",\"%s\":", name));
	if (value == NULL)
		must(buf_add_text(out, "null"));
	else
		must(doc_string_encode(span_text(value), out));
}

static void
log_start(struct exchange *exchange)
{
	struct mock *mock = exchange->mock;
	struct evhttp_request *req = exchange->req;
	struct buf head;
	buf_init(&head, MOCK_LOG_BODY_BYTES * 8 + MOCK_HEADER_BYTES * 8);
	must(buf_addf(&head, ",\"method\":\"%s\"", exchange->method));
	add_member(&head, "path", evhttp_request_get_uri(req));
	add_member(&head, "idempotency_key", header_of(req, "Idempotency-Key"));
	must(buf_addf(&head, ",\"authorization\":%s",
		      header_of(req, "Authorization") ? "true" : "false"));
	add_member(&head, "content_type", header_of(req, "Content-Type"));
	must(buf_add_text(&head, ",\"body\":"));
	struct span body = body_of(req);
	if (body.len > MOCK_LOG_BODY_BYTES)
		body.len = MOCK_LOG_BODY_BYTES;
	must(doc_string_encode(body, &head));

	struct entry *entry = xcalloc(1, sizeof(*entry));
	entry->seq = exchange->seq = ++mock->last_seq;
	mock->n_requests++;
	entry->start_us = clock_mono_us();
	entry->head_len = head.len;
	entry->head = buf_steal(&head);
	list_push_back(&mock->log, &entry->node);
	mock->log_bytes += sizeof(*entry) + entry->head_len;
	if (++mock->n_active > mock->max_active)
		mock->max_active = mock->n_active;
	while (mock->log_bytes > MOCK_LOG_BYTES)
		entry_free(mock,
			   list_owner(mock->log.next, struct entry, node));
}

static void
log_end(struct exchange *exchange, int status)
{
	struct mock *mock = exchange->mock;
	mock->n_active--;
	for (struct list *node = mock->log.prev; node != &mock->log;
	     node = node->prev) {
		struct entry *entry = list_owner(node, struct entry, node);
		if (entry->seq == exchange->seq) {
			entry->end_us = clock_mono_us();
			entry->status = status;
			return;
		}
	}
}

/* ---- answers ---- */

static void
reply(struct evhttp_request *req, int status, struct span body)
{
	struct evbuffer *out = evbuffer_new();
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	if (out == NULL)
		die(EX_OSERR, "evbuffer_new");
	if (body.len > 0) {
		evbuffer_add(out, body.ptr, body.len);
		if (evhttp_find_header(headers, "Content-Type") == NULL)
			evhttp_add_header(headers, "Content-Type",
					  "application/json");
	}
	evhttp_send_reply(req, status, NULL, out);
	evbuffer_free(out);
}

static void
reply_text(struct evhttp_request *req, int status, const char *json)
{
	reply(req, status, span_text(json));
}

/* What the CRM or the target does with a request when no script speaks. */
static int
behave(struct mock *mock, const char *method, const char *path,
       struct span body)
{
	bool is_crm = strncmp(path, "/crm/", 5) == 0;
	if (strcmp(method, "GET") == 0)
		return object_find(mock, path) != NULL ? 200 : 404;
	if (is_crm)
		return 405;
	if (strcmp(method, "DELETE") == 0)
		return object_drop(mock, path) ? 204 : 404;
	if (strcmp(method, "OTHER") == 0)
		return 405;
	return object_put(mock, path, body);
}

static bool
may_enter(struct mock *mock, struct evhttp_request *req, const char *path)
{
	const char *asked =
		strncmp(path, "/crm/", 5) == 0 ? mock->bearer : mock->basic;
	const char *given = header_of(req, "Authorization");
	return asked == NULL || (given != NULL && strcmp(asked, given) == 0);
}

static void
exchange_free(struct exchange *exchange)
{
	list_remove(&exchange->node);
	if (exchange->timer != NULL)
		event_free(exchange->timer);
	evhttp_clear_headers(&exchange->headers);
	buf_fini(&exchange->body);
	free(exchange->path);
	free(exchange);
}

static void
on_peer_gone(struct evhttp_connection *conn, void *ctx)
{
	struct exchange *exchange = ctx;
	(void)conn;
	exchange->req = NULL;
}

static void
answer_cut(struct exchange *exchange)
{
	struct evhttp_connection *conn =
		evhttp_request_get_connection(exchange->req);
	log_end(exchange, 0);
	evhttp_connection_set_closecb(conn, NULL, NULL);
	evhttp_connection_free(conn); /* and its request */
}

static void
answer_now(struct exchange *exchange)
{
	struct mock *mock = exchange->mock;
	struct evhttp_request *req = exchange->req;
	int status = (int)exchange->status;
	struct span body = span_text("{}");
	if (!may_enter(mock, req, exchange->path)) {
		status = 401;
		evhttp_add_header(evhttp_request_get_output_headers(req),
				  "WWW-Authenticate", "Basic realm=\"mock\"");
	} else if (!exchange->is_scripted || exchange->is_applied) {
		int usual = behave(mock, exchange->method, exchange->path,
				   body_of(req));
		if (status == 0)
			status = usual;
	}
	if (exchange->is_cut) {
		answer_cut(exchange);
		return;
	}
	if (status == 0)
		status = 200;
	headers_copy(evhttp_request_get_output_headers(req),
		     &exchange->headers);
	struct object *object = object_find(mock, exchange->path);
	if (exchange->has_body)
		body = buf_span(&exchange->body);
	else if (status == 204)
		body = span_text("");
	else if (object != NULL && status < 300)
		body = buf_span(&object->body);
	log_end(exchange, status);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL,
				      NULL);
	reply(req, status, body);
}

/* evhttp does not read while it waits for us to answer, so it has not noticed
 * a peer that went away meanwhile. */
static bool
peer_is_gone(struct evhttp_request *req)
{
	char byte;
	struct bufferevent *bev = evhttp_connection_get_bufferevent(
		evhttp_request_get_connection(req));
	ssize_t n =
		recv(bufferevent_getfd(bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void
on_answer_due(evutil_socket_t fd, short what, void *ctx)
{
	struct exchange *exchange = ctx;
	(void)fd;
	(void)what;
	if (exchange->req == NULL)
		log_end(exchange, 0);
	else if (peer_is_gone(exchange->req))
		answer_cut(
			exchange); /* nobody left to answer: nothing happened */
	else
		answer_now(exchange);
	exchange_free(exchange);
}

/* Every answer leaves from the timer, so that nothing is freed inside the
 * callback that brought the request. */
static void
exchange_start(struct mock *mock, struct evhttp_request *req, const char *path)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));
	list_push_back(&mock->exchanges, &exchange->node);
	headers_init(&exchange->headers);
	buf_init(&exchange->body, MOCK_BODY_BYTES);
	exchange->mock = mock;
	exchange->req = req;
	exchange->method = method_name(req);
	exchange->path = xstrdup(path);
	log_start(exchange);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req),
				      on_peer_gone, exchange);
	int64_t delay_ms = script_take(exchange);
	if (delay_ms == 0)
		delay_ms = mock->latency_ms;
	struct timeval due = { (time_t)(delay_ms / 1000),
			       (suseconds_t)(delay_ms % 1000 * 1000) };
	exchange->timer = event_new(mock->base, -1, 0, on_answer_due, exchange);
	if (exchange->timer == NULL || event_add(exchange->timer, &due) != 0)
		die(EX_OSERR, "timer");
}

/* ---- behind the stage ---- */

static void
forget_all(struct mock *mock)
{
	for (size_t i = 0; i < MOCK_BUCKETS; i++)
		list_each_safe(node, &mock->objects[i])
			object_free(list_owner(node, struct object, node));
	list_each_safe(node, &mock->scripts)
		script_free(list_owner(node, struct script, node));
	list_each_safe(node, &mock->log)
		entry_free(mock, list_owner(node, struct entry, node));
	mock->n_objects = 0;
	mock->n_scripts = 0;
	mock->n_requests = 0;
	mock->max_active = mock->n_active;
}

static void
show_objects(struct mock *mock, struct evhttp_request *req)
{
	struct buf out;
	const char *comma = "";
	buf_init(&out, MOCK_REPLY_BYTES);
	must(buf_add_byte(&out, '{'));
	for (size_t i = 0; i < MOCK_BUCKETS; i++) {
		list_each(node, &mock->objects[i]) {
			struct object *object =
				list_owner(node, struct object, node);
			struct span body = buf_span(&object->body);
			must(buf_add_text(&out, comma));
			must(doc_string_encode(span_text(object->path), &out));
			must(buf_add_byte(&out, ':'));
			if (doc_scan(body, NULL, NULL) == HS_OK)
				must(buf_add_span(&out, body));
			else
				must(doc_string_encode(body, &out));
			comma = ",\n";
		}
	}
	must(buf_add_text(&out, "}\n"));
	reply(req, 200, buf_span(&out));
	buf_fini(&out);
}

static void
show_log(struct mock *mock, struct evhttp_request *req)
{
	struct buf out;
	buf_init(&out, MOCK_REPLY_BYTES);
	list_each(node, &mock->log) {
		struct entry *entry = list_owner(node, struct entry, node);
		must(buf_addf(&out,
			      "{\"seq\":%lld,\"start_us\":%lld,"
			      "\"end_us\":%lld,\"status\":%d",
			      (long long)entry->seq, (long long)entry->start_us,
			      (long long)entry->end_us, entry->status));
		must(buf_add(&out, entry->head, entry->head_len));
		must(buf_add_text(&out, "}\n"));
	}
	reply(req, 200, buf_span(&out));
	buf_fini(&out);
}

static void
show_stats(struct mock *mock, struct evhttp_request *req)
{
	struct buf out;
	buf_init(&out, 1024);
	must(buf_addf(&out,
		      "{\"requests\":%lld,\"active\":%lld,"
		      "\"max_active\":%lld}\n",
		      (long long)mock->n_requests, (long long)mock->n_active,
		      (long long)mock->max_active));
	reply(req, 200, buf_span(&out));
	buf_fini(&out);
}

static void
control(struct mock *mock, struct evhttp_request *req, const char *what)
{
	const char *method = method_name(req);
	bool is_get = strcmp(method, "GET") == 0;
	bool is_post = strcmp(method, "POST") == 0;
	if (is_get && strcmp(what, "objects") == 0) {
		show_objects(mock, req);
	} else if (is_get && strcmp(what, "log") == 0) {
		show_log(mock, req);
	} else if (is_get && strcmp(what, "stats") == 0) {
		show_stats(mock, req);
	} else if (is_post && strcmp(what, "reset") == 0) {
		forget_all(mock);
		reply_text(req, 200, "{}\n");
	} else if (is_post && strcmp(what, "script") == 0) {
		bool is_good = script_add(mock, body_of(req));
		reply_text(req, is_good ? 200 : 400, "{}\n");
	} else if (strncmp(what, "objects/", 8) == 0 &&
		   strcmp(method, "PUT") == 0) {
		reply_text(req, object_put(mock, what + 7, body_of(req)),
			   "{}\n");
	} else if (strncmp(what, "objects/", 8) == 0 &&
		   strcmp(method, "DELETE") == 0) {
		reply_text(req, object_drop(mock, what + 7) ? 200 : 404,
			   "{}\n");
	} else {
		reply_text(req, 404, "{\"error\":\"no such control\"}\n");
	}
}

static void
on_request(struct evhttp_request *req, void *ctx)
{
	struct mock *mock = ctx;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	if (path == NULL || path[0] != '/' || strlen(path) > MOCK_PATH_BYTES)
		reply_text(req, 400, "{\"error\":\"path\"}\n");
	else if (strncmp(path, "/_mock/", 7) == 0)
		control(mock, req, path + 7);
	else
		exchange_start(mock, req, path);
}

/* ---- boot ---- */

static int
open_socket(uint16_t port, uint16_t *bound)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&addr, len) != 0 ||
	    listen(fd, MOCK_BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
		die(EX_OSERR, "127.0.0.1");
	*bound = ntohs(addr.sin_port);
	return fd;
}

/* Written beside, then renamed: whoever sees the file can read all of it. */
static void
write_port(const char *path, uint16_t port)
{
	char *beside = xasprintf("%s.new", path);
	FILE *out = fopen(beside, "w");
	if (out == NULL)
		die(EX_CANTCREAT, beside);
	fprintf(out, "%u\n", port);
	if (fclose(out) != 0 || rename(beside, path) != 0)
		die(EX_CANTCREAT, path);
	free(beside);
}

static void
on_signal(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(ctx);
}

static char *
basic_value(const char *login)
{
	struct buf out;
	buf_init(&out, MOCK_HEADER_BYTES);
	must(buf_add_text(&out, "Basic "));
	must(codec_base64_encode(span_text(login), &out));
	return buf_steal(&out);
}

static uint64_t
number_arg(const char *text, uint64_t max)
{
	uint64_t value = 0;
	if (num_u64(span_text(text), max, &value) != HS_OK) {
		fprintf(stderr, "mock: not a number I can use: %s\n", text);
		exit(EX_USAGE);
	}
	return value;
}

static void
serve(struct mock *mock, int fd)
{
	mock->http = evhttp_new(mock->base);
	if (mock->http == NULL || evhttp_accept_socket(mock->http, fd) != 0)
		die(EX_OSERR, "evhttp");
	evhttp_set_max_body_size(mock->http, MOCK_BODY_BYTES);
	evhttp_set_max_headers_size(mock->http, MOCK_HEADER_BYTES);
	evhttp_set_allowed_methods(
		mock->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
				    EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH);
	evhttp_set_gencb(mock->http, on_request, mock);
}

static void
mock_fini(struct mock *mock)
{
	list_each_safe(node, &mock->exchanges) {
		struct exchange *exchange =
			list_owner(node, struct exchange, node);
		if (exchange->req != NULL)
			evhttp_connection_set_closecb(
				evhttp_request_get_connection(exchange->req),
				NULL, NULL);
		exchange_free(exchange);
	}
	evhttp_free(mock->http);
	forget_all(mock);
	free(mock->bearer);
	free(mock->basic);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "port-file", required_argument, NULL, 'f' },
		{ "latency-ms", required_argument, NULL, 'l' },
		{ "bearer", required_argument, NULL, 'b' },
		{ "basic", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	static struct mock mock;
	const char *port_file = NULL;
	uint16_t port = 0;
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			port = (uint16_t)number_arg(optarg, UINT16_MAX);
			break;
		case 'f':
			port_file = optarg;
			break;
		case 'l':
			mock.latency_ms =
				(int64_t)number_arg(optarg, MOCK_DELAY_MS);
			break;
		case 'b':
			free(mock.bearer);
			mock.bearer = xasprintf("Bearer %s", optarg);
			break;
		case 'a':
			free(mock.basic);
			mock.basic = basic_value(optarg);
			break;
		default:
			return EX_USAGE;
		}
	}
	if (optind != argc)
		return EX_USAGE;

	for (size_t i = 0; i < MOCK_BUCKETS; i++)
		list_init(&mock.objects[i]);
	list_init(&mock.scripts);
	list_init(&mock.log);
	list_init(&mock.exchanges);
	signal(SIGPIPE, SIG_IGN);
	mock.base = event_base_new();
	if (mock.base == NULL)
		die(EX_OSERR, "event_base_new");
	struct event *on_term =
		evsignal_new(mock.base, SIGTERM, on_signal, mock.base);
	struct event *on_int =
		evsignal_new(mock.base, SIGINT, on_signal, mock.base);
	event_add(on_term, NULL);
	event_add(on_int, NULL);

	int fd = open_socket(port, &port);
	serve(&mock, fd);
	if (port_file != NULL)
		write_port(port_file, port);
	printf("%u\n", port);
	fflush(stdout);
	event_base_dispatch(mock.base);

	mock_fini(&mock);
	event_free(on_term);
	event_free(on_int);
	event_base_free(mock.base);
	return EX_OK;
}
