/*
 * peer: the server around the operations: clients, lines, and the connections
 * to Redis that requests wait for. peer.h says what it speaks.
 */
#include "tests/lib/peer.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/num.h"
#include "redis/rconn.h"
#include "redis/topo.h"

#define LINE_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define READ_BYTES ((size_t)64 * 1024)
#define UP_WITHIN_MS 10000
#define CALL_TIMEOUT_MS 20000
#define MAX_EVENTS 10000 /* BullMQ's default */

struct peer {
	struct event_base *base;
	struct topo *topo;
	struct event *accepting;
	struct event *input;
	struct list clients;
};

/* A call that waits for its connection. */
struct held {
	struct list node;
	struct peer_call *call;
};

struct peer_link {
	struct list node;
	struct peer *peer;
	int64_t db;
	bool blocks;
	struct rconn *conn;
	struct list held;
	struct event *pump;    /* runs what is held */
	struct event *waiting; /* for no longer than this */
};

struct peer_queue {
	struct list node;
	struct peer_link *link;
	char *prefix;
	char *name;
	struct queue *queue;
};

struct taken {
	struct list node;
	struct queue *queue;
	struct job *job;
};

struct peer_client {
	struct list node;
	struct peer *peer;
	int fd; /* -1: gone */
	struct event *reading;
	struct event *writing;
	struct buf in;
	size_t n_scanned; /* of `in`, without a line's end */
	struct buf out;
	struct doc *hello;
	struct list links;
	struct list queues;
	struct list jobs;
};

static void
fail(const char *what)
{
	fprintf(stderr, "queue_peer: %s\n", what);
	exit(1);
}

/* ---- reading a request ---- */

int64_t
peer_number(const struct doc *doc, const char *name, int64_t absent)
{
	int64_t value;
	return doc_i64(doc_get(doc, name), &value) == HS_OK ? value : absent;
}

struct span
peer_text(const struct doc *doc, const char *name)
{
	struct span value;
	return doc_text(doc_get(doc, name), &value) == HS_OK ? value
							     : span_of("", 0);
}

char *
peer_text_dup(const struct doc *doc, const char *name)
{
	char *copy = span_dup(peer_text(doc, name));
	if (!copy)
		fail("no memory");
	return copy;
}

bool
peer_is_true(const struct doc *doc, const char *name)
{
	return doc_is_true(doc_get(doc, name));
}

struct span *
peer_texts(const struct doc *doc, const char *name, size_t *n)
{
	const struct doc *array = doc_get(doc, name);
	*n = doc_len(array);
	struct span *texts = xcalloc(*n + 1, sizeof(*texts));
	for (size_t i = 0; i < *n; i++) {
		if (doc_text(doc_at(array, i), &texts[i]) != HS_OK)
			texts[i] = span_of("", 0);
	}
	return texts;
}

int64_t
peer_now(const struct peer_call *call)
{
	return peer_number(call->request, "now", clock_wall_ms());
}

/* ---- filling an answer ---- */

void
peer_set_text(struct doc *doc, const char *name, const char *value)
{
	if (value)
		doc_set_text(doc, name, span_text(value));
}

void
peer_set_span(struct doc *doc, const char *name, struct span value)
{
	if (value.ptr)
		doc_set_text(doc, name, value);
}

void
peer_set_ids(struct doc *doc, const char *name, const struct span *ids,
	     size_t n)
{
	struct doc *array = doc_new_array();
	for (size_t i = 0; i < n; i++)
		doc_push_text(array, ids[i]);
	doc_set(doc, name, array);
}

struct doc *
peer_job_doc(const struct job *job)
{
	struct doc *doc = doc_new_object();
	doc_set_text(doc, "id", job->id_bytes);
	peer_set_text(doc, "name", job->name);
	peer_set_span(doc, "data", job->data);
	peer_set_span(doc, "opts", job->opts);
	doc_set_i64(doc, "timestamp", job->timestamp_ms);
	doc_set_i64(doc, "delay", job->delay_ms);
	doc_set_i64(doc, "priority", job->priority);
	doc_set_i64(doc, "attempts", job->attempts);
	doc_set_i64(doc, "made", job->made);
	doc_set_i64(doc, "started", job->started);
	doc_set_i64(doc, "stalled", job->n_stalled);
	doc_set_i64(doc, "finishedOn", job->finished_on_ms);
	doc_set_i64(doc, "processedOn", job->processed_on_ms);
	doc_set_i64(doc, "backoff", job_backoff_delay(job));
	peer_set_text(doc, "worker", job->worker);
	peer_set_text(doc, "deferred", job->deferred);
	peer_set_text(doc, "scheduler", job->scheduler);
	peer_set_text(doc, "failedReason", job->failed_reason);
	peer_set_span(doc, "returnvalue", job->return_value);
	peer_set_span(doc, "stacktrace", job->stacktrace);
	peer_set_span(doc, "progress", job->progress);
	peer_set_span(doc, "parent", job->parent);
	peer_set_text(doc, "parentKey", job->parent_key);
	peer_set_text(doc, "dedupId", job->dedup_id);
	peer_set_text(doc, "poison", job->poison);
	return doc;
}

void
peer_done(struct peer_call *call)
{
	struct peer_client *client = call->client;
	if (client->fd >= 0) {
		if (doc_print(call->answer, false, &client->out) != HS_OK ||
		    buf_add_byte(&client->out, '\n') != HS_OK)
			fail("no memory for an answer");
		event_add(client->writing, NULL);
	}
	if (call->link && !list_is_empty(&call->link->held))
		event_active(call->link->pump, 0, 0);
	doc_free(call->answer);
	doc_free(call->parsed);
	free(call);
}

bool
peer_failed(struct peer_call *call, enum hs_err err, const char *text)
{
	peer_set_text(call->answer, "err",
		      err == HS_OK ? "ok" : hs_err_text(err));
	peer_set_text(call->answer, "text", text ? text : "");
	if (err != HS_OK)
		peer_done(call);
	return err != HS_OK;
}

void
peer_on_number(void *ctx, enum hs_err err, const char *text, int64_t n)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, text))
		return;
	doc_set_i64(call->answer, "number", n);
	peer_done(call);
}

void
peer_on_ids(void *ctx, enum hs_err err, const char *text,
	    const struct span *ids, size_t n)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, text))
		return;
	peer_set_ids(call->answer, "ids", ids, n);
	peer_done(call);
}

/* ---- jobs in hand ---- */

static struct taken *
find_taken(const struct peer_call *call, struct span id)
{
	list_each(node, &call->client->jobs) {
		struct taken *taken = list_owner(node, struct taken, node);
		if (taken->queue == call->queue &&
		    span_equal(taken->job->id_bytes, id))
			return taken;
	}
	return NULL;
}

void
peer_remember(struct peer_call *call, struct job *job)
{
	struct taken *taken = find_taken(call, job->id_bytes);
	if (taken) {
		job_free(taken->job);
	} else {
		taken = xcalloc(1, sizeof(*taken));
		taken->queue = call->queue;
		list_push_front(&call->client->jobs, &taken->node);
	}
	taken->job = job;
}

const struct job *
peer_recall(const struct peer_call *call, struct span id)
{
	const struct taken *taken = find_taken(call, id);
	return taken ? taken->job : NULL;
}

/* ---- connections to Redis ---- */

static void
hold(struct peer_call *call, bool is_first)
{
	const struct timeval within = { UP_WITHIN_MS / 1000, 0 };
	struct held *held = xcalloc(1, sizeof(*held));
	held->call = call;
	if (is_first)
		list_push_front(&call->link->held, &held->node);
	else
		list_push_back(&call->link->held, &held->node);
	if (!event_pending(call->link->waiting, EV_TIMEOUT, NULL))
		event_add(call->link->waiting, &within);
}

/* The call waited the longest, or NULL. */
static struct peer_call *
unhold(struct peer_link *link)
{
	struct list *node = list_pop_front(&link->held);
	if (!node)
		return NULL;
	struct held *held = list_owner(node, struct held, node);
	struct peer_call *call = held->call;
	free(held);
	return call;
}

/* false: it is held again, and so is what comes after it. */
static bool
call_run(struct peer_call *call)
{
	enum hs_err err = call->op->run(call);
	if (err == HS_AGAIN) {
		hold(call, true);
		return false;
	}
	if (err != HS_OK)
		(void)peer_failed(call, err, "refused before it was sent");
	return true;
}

static void
on_pump(evutil_socket_t fd, short what, void *ctx)
{
	struct peer_link *link = ctx;
	struct peer_call *call;
	(void)fd;
	(void)what;
	while (rconn_is_up(link->conn) && (call = unhold(link)) &&
	       call_run(call))
		;
	if (list_is_empty(&link->held))
		event_del(link->waiting);
}

static void
on_waited_too_long(evutil_socket_t fd, short what, void *ctx)
{
	struct peer_link *link = ctx;
	struct list late;
	(void)fd;
	(void)what;
	list_init(&late);
	for (struct list *node; (node = list_pop_front(&link->held));)
		list_push_back(&late, node);
	for (struct list *node; (node = list_pop_front(&late));) {
		struct held *held = list_owner(node, struct held, node);
		(void)peer_failed(held->call, HS_UNAVAILABLE,
				  rconn_error(link->conn));
		free(held);
	}
}

static void
on_state(void *ctx, struct rconn *conn, bool is_up)
{
	struct peer_link *link = ctx;
	(void)conn;
	if (is_up)
		event_active(link->pump, 0, 0);
}

static struct peer_link *
link_of(struct peer_client *client, int64_t db, bool blocks)
{
	list_each(node, &client->links) {
		struct peer_link *link =
			list_owner(node, struct peer_link, node);
		if (link->db == db && link->blocks == blocks)
			return link;
	}
	struct peer *peer = client->peer;
	struct peer_link *link = xcalloc(1, sizeof(*link));
	struct rconn_settings settings = {
		.label = blocks ? "blocking" : "redis",
		.db = db,
		.connect_timeout_ms = 2000,
		.is_quiet = true,
		.retry_max_ms = 100,
		.scripts = queue_scripts,
	};
	link->peer = peer;
	link->db = db;
	link->blocks = blocks;
	list_init(&link->held);
	link->pump = event_new(peer->base, -1, 0, on_pump, link);
	link->waiting = evtimer_new(peer->base, on_waited_too_long, link);
	list_push_back(&client->links, &link->node);
	link->conn =
		rconn_new(peer->base, peer->topo, &settings, on_state, link);
	rconn_start(link->conn);
	return link;
}

static struct queue *
queue_of(struct peer_link *link, struct peer_client *client, struct span prefix,
	 struct span name, enum queue_level level)
{
	list_each(node, &client->queues) {
		struct peer_queue *entry =
			list_owner(node, struct peer_queue, node);
		if (entry->link == link && entry->queue->level == level &&
		    span_is(prefix, entry->prefix) &&
		    span_is(name, entry->name))
			return entry->queue;
	}
	struct peer_queue *entry = xcalloc(1, sizeof(*entry));
	entry->link = link;
	entry->prefix = span_dup(prefix);
	entry->name = span_dup(name);
	if (!entry->prefix || !entry->name)
		fail("no memory");
	entry->queue = queue_new(link->conn, entry->prefix, entry->name,
				 CALL_TIMEOUT_MS, MAX_EVENTS);
	entry->queue->level = level;
	list_push_back(&client->queues, &entry->node);
	return entry->queue;
}

/* ---- requests ---- */

/* Nothing but that the connection is there. */
static enum hs_err
op_ready(struct peer_call *call)
{
	if (!peer_failed(call, HS_OK, NULL))
		peer_done(call);
	return HS_OK;
}

static const struct peer_op own_ops[] = {
	{ "ready", op_ready, false },
	{ "readyToBlock", op_ready, true },
	{ 0 },
};

static const struct peer_op *
op_of(struct span name)
{
	static const struct peer_op *const tables[] = {
		own_ops,        peer_add_ops,      peer_work_ops,
		peer_admin_ops, peer_schedule_ops,
	};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct peer_op *op = tables[i]; op->name; op++) {
			if (span_is(name, op->name))
				return op;
		}
	}
	return NULL;
}

/* What the request says, else what "hello" said. */
static struct span
either_text(const struct peer_call *call, const char *name, const char *absent)
{
	struct span text = peer_text(call->request, name);
	if (text.len == 0)
		text = peer_text(call->client->hello, name);
	return text.len > 0 ? text : span_text(absent);
}

static int64_t
either_number(const struct peer_call *call, const char *name, int64_t absent)
{
	return peer_number(call->request, name,
			   peer_number(call->client->hello, name, absent));
}

static void
on_line(struct peer_client *client, struct span line)
{
	struct peer_call *call = xcalloc(1, sizeof(*call));
	call->client = client;
	if (doc_parse(line, &call->parsed) != HS_OK)
		fail("a line is not JSON");
	call->request = call->parsed;
	call->answer = doc_new_object();
	doc_set_i64(call->answer, "seq", peer_number(call->request, "seq", 0));
	if (span_is(peer_text(call->request, "op"), "hello")) {
		doc_free(client->hello);
		client->hello = call->parsed;
		call->parsed = NULL;
		(void)peer_failed(call, HS_OK, NULL);
		peer_done(call);
		return;
	}
	call->op = op_of(peer_text(call->request, "op"));
	struct span name = either_text(call, "queue", "");
	if (!call->op || name.len == 0) {
		(void)peer_failed(call, call->op ? HS_INVALID : HS_NOT_FOUND,
				  call->op ? "no queue is named"
					   : "no such operation");
		return;
	}
	call->link =
		link_of(client, either_number(call, "db", 0), call->op->blocks);
	call->queue = queue_of(call->link, client,
			       either_text(call, "prefix", "bull"), name,
			       (enum queue_level)either_number(
				       call, "level", QUEUE_LEVEL_AUTO));
	if (rconn_is_up(call->link->conn) && list_is_empty(&call->link->held))
		(void)call_run(call);
	else
		hold(call, false);
}

/* ---- clients ---- */

/* All its calls end here: those sent by rconn_free(). */
static void
client_free(struct peer_client *client)
{
	list_remove(&client->node);
	event_free(client->reading);
	event_free(client->writing);
	close(client->fd);
	client->fd = -1;
	list_each(node, &client->links) {
		struct peer_link *link =
			list_owner(node, struct peer_link, node);
		struct peer_call *call;
		rconn_free(link->conn);
		while ((call = unhold(link)))
			(void)peer_failed(call, HS_UNAVAILABLE, NULL);
	}
	for (struct list *node; (node = list_pop_front(&client->queues));) {
		struct peer_queue *entry =
			list_owner(node, struct peer_queue, node);
		queue_free(entry->queue);
		free(entry->prefix);
		free(entry->name);
		free(entry);
	}
	for (struct list *node; (node = list_pop_front(&client->links));) {
		struct peer_link *link =
			list_owner(node, struct peer_link, node);
		event_free(link->pump);
		event_free(link->waiting);
		free(link);
	}
	for (struct list *node; (node = list_pop_front(&client->jobs));) {
		struct taken *taken = list_owner(node, struct taken, node);
		job_free(taken->job);
		free(taken);
	}
	doc_free(client->hello);
	buf_fini(&client->in);
	buf_fini(&client->out);
	free(client);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct peer_client *client = ctx;
	unsigned char *place;
	(void)what;
	if (buf_reserve(&client->in, READ_BYTES, &place) != HS_OK)
		fail("no memory for a line");
	ssize_t n = recv(fd, place, READ_BYTES, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(client);
		return;
	}
	buf_commit(&client->in, (size_t)n);
	size_t start = 0;
	for (;;) {
		size_t from =
			start > client->n_scanned ? start : client->n_scanned;
		const unsigned char *end = memchr(client->in.data + from, '\n',
						  client->in.len - from);
		if (!end)
			break;
		size_t len = (size_t)(end - client->in.data) - start;
		on_line(client, span_of(client->in.data + start, len));
		start += len + 1;
	}
	buf_consume(&client->in, start);
	client->n_scanned = client->in.len;
}

static void
on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct peer_client *client = ctx;
	(void)what;
	ssize_t n = send(fd, client->out.data, client->out.len, MSG_NOSIGNAL);
	if (n > 0)
		buf_consume(&client->out, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		buf_reset(&client->out); /* gone: reading tells */
	if (client->out.len > 0)
		event_add(client->writing, NULL);
}

static void
on_client(evutil_socket_t listener, short what, void *ctx)
{
	struct peer *peer = ctx;
	(void)what;
	int fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return;
	if (evutil_make_socket_nonblocking(fd) != 0 ||
	    evutil_make_socket_closeonexec(fd) != 0)
		fail("cannot use a connection");
	struct peer_client *client = xcalloc(1, sizeof(*client));
	client->peer = peer;
	client->fd = fd;
	buf_init(&client->in, LINE_MAX_BYTES);
	buf_init(&client->out, LINE_MAX_BYTES);
	list_init(&client->links);
	list_init(&client->queues);
	list_init(&client->jobs);
	client->reading = event_new(peer->base, fd, EV_READ | EV_PERSIST,
				    on_readable, client);
	client->writing =
		event_new(peer->base, fd, EV_WRITE, on_writable, client);
	list_push_back(&peer->clients, &client->node);
	event_add(client->reading, NULL);
}

static int
listen_on(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(where.sun_path))
		fail("the socket's name is too long");
	memcpy(where.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof(where)) != 0 ||
	    listen(fd, 128) != 0)
		fail("cannot listen");
	return fd;
}

static void
on_input(evutil_socket_t fd, short what, void *ctx)
{
	struct peer *peer = ctx;
	char rest[256];
	(void)what;
	if (read(fd, rest, sizeof(rest)) <= 0)
		event_base_loopbreak(peer->base);
}

static struct topo *
topo_of(char *address)
{
	struct topo_address where = { 0 };
	uint64_t port;
	char *colon = strrchr(address, ':');
	if (!colon)
		fail("no address: unix:PATH or HOST:PORT");
	if (strncmp(address, "unix:", 5) == 0) {
		where.unix_path = address + 5;
	} else {
		*colon = '\0';
		if (num_u64(span_text(colon + 1), 65535, &port) != HS_OK)
			fail("no port");
		where.host = address;
		where.port = (int)port;
	}
	return topo_static_new(&where);
}

int
main(int argc, char **argv)
{
	struct peer peer = { 0 };
	if (argc != 3)
		fail("usage: queue_peer ADDRESS SOCKET");
	(void)signal(SIGPIPE, SIG_IGN); /* a Redis that went away is no end */
	log_open("queue_peer", LOG_LEVEL_WARN);
	list_init(&peer.clients);
	peer.base = event_base_new();
	peer.topo = topo_of(argv[1]);
	int listener = listen_on(argv[2]);
	peer.accepting = event_new(peer.base, listener, EV_READ | EV_PERSIST,
				   on_client, &peer);
	peer.input = event_new(peer.base, STDIN_FILENO, EV_READ | EV_PERSIST,
			       on_input, &peer);
	event_add(peer.accepting, NULL);
	event_add(peer.input, NULL);
	puts("ready");
	fflush(stdout);
	event_base_dispatch(peer.base);

	list_each_safe(node, &peer.clients)
		client_free(list_owner(node, struct peer_client, node));
	event_free(peer.accepting);
	event_free(peer.input);
	close(listener);
	unlink(argv[2]);
	topo_free(peer.topo);
	event_base_free(peer.base);
	return 0;
}
