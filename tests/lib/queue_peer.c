/*
 * queue_peer: the queue floor as a program, for tests that are not in C.
 *
 *   queue_peer unix:PATH|HOST:PORT DB PREFIX QUEUE
 *
 * Reads one JSON object a line, {"op": "take", ...}, and answers each with one
 * line, {"err": "ok", "text": "...", ...}, before it reads the next. Jobs that
 * were taken are remembered by id, so that a later line can finish them. Ends
 * with its input. Trusts its input: it is a test's own.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/log.h"
#include "base/num.h"
#include "redis/rconn.h"
#include "redis/topo.h"
#include "queue/add.h"
#include "queue/admin.h"
#include "queue/finish.h"
#include "queue/queue.h"
#include "queue/take.h"

#define OUT_MAX (256 * 1024 * 1024)
#define UP_WITHIN_MS 10000

struct peer {
	struct event_base *base;
	struct topo *topo;
	struct rconn *conn;
	struct rconn *blocking; /* made by the first "wait" */
	struct queue *queue;
	struct job **jobs; /* taken and not finished */
	size_t n_jobs;
	struct doc *answer;
	bool is_done; /* the answer is complete */
	int64_t db;
};

static void
fail(const char *what)
{
	fprintf(stderr, "queue_peer: %s\n", what);
	exit(1);
}

/* ---- reading a request ---- */

static int64_t
number(const struct doc *doc, const char *name, int64_t absent)
{
	int64_t value;
	return doc_i64(doc_get(doc, name), &value) == HS_OK ? value : absent;
}

static struct span
text(const struct doc *doc, const char *name)
{
	struct span value;
	return doc_text(doc_get(doc, name), &value) == HS_OK ? value
							     : span_of("", 0);
}

static char *
text_dup(const struct doc *doc, const char *name)
{
	char *copy = span_dup(text(doc, name));
	if (!copy)
		fail("no memory");
	return copy;
}

/* ---- answering ---- */

static bool
answer_err(struct peer *peer, enum hs_err err, const char *why)
{
	doc_set_text(peer->answer, "err",
		     span_text(err == HS_OK ? "ok" : hs_err_text(err)));
	doc_set_text(peer->answer, "text", span_text(why ? why : ""));
	peer->is_done = true;
	return err == HS_OK;
}

static void
set_span(struct doc *doc, const char *name, struct span value)
{
	if (value.ptr)
		doc_set_text(doc, name, value);
}

static void
set_text(struct doc *doc, const char *name, const char *value)
{
	if (value)
		doc_set_text(doc, name, span_text(value));
}

static struct doc *
job_doc(const struct job *job)
{
	struct doc *doc = doc_new_object();
	doc_set_text(doc, "id", job->id_bytes);
	set_text(doc, "name", job->name);
	set_span(doc, "data", job->data);
	set_span(doc, "opts", job->opts);
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
	set_text(doc, "worker", job->worker);
	set_text(doc, "deferred", job->deferred);
	set_text(doc, "scheduler", job->scheduler);
	set_text(doc, "failedReason", job->failed_reason);
	set_span(doc, "returnvalue", job->return_value);
	set_span(doc, "stacktrace", job->stacktrace);
	set_text(doc, "poison", job->poison);
	return doc;
}

static void
set_ids(struct doc *doc, const char *name, const struct span *ids, size_t n)
{
	struct doc *array = doc_new_array();
	for (size_t i = 0; i < n; i++)
		doc_push_text(array, ids[i]);
	doc_set(doc, name, array);
}

/* ---- jobs in hand ---- */

static void
remember(struct peer *peer, struct job *job)
{
	peer->jobs = xreallocarray(peer->jobs, peer->n_jobs + 1,
				   sizeof(*peer->jobs));
	peer->jobs[peer->n_jobs++] = job;
}

/* The latest take of that id, or NULL. */
static struct job *
recall(struct peer *peer, struct span id)
{
	for (size_t i = peer->n_jobs; i > 0; i--) {
		if (span_equal(peer->jobs[i - 1]->id_bytes, id))
			return peer->jobs[i - 1];
	}
	return NULL;
}

/* ---- operations ---- */

static void
on_added(void *ctx, enum hs_err err, const char *why,
	 const enum add_result *results, const struct span *ids, size_t n)
{
	static const char *const names[] = { "new", "duplicate", "retried" };
	struct peer *peer = ctx;
	if (!answer_err(peer, err, why))
		return;
	struct doc *codes = doc_new_array();
	for (size_t i = 0; i < n; i++)
		doc_push_text(codes, span_text(names[results[i]]));
	doc_set(peer->answer, "results", codes);
	set_ids(peer->answer, "ids", ids, n);
}

static enum job_backoff
backoff_of(const struct doc *item)
{
	struct span type = text(doc_get(item, "backoff"), "type");
	if (span_is(type, "fixed"))
		return JOB_BACKOFF_FIXED;
	return span_is(type, "exponential") ? JOB_BACKOFF_EXPONENTIAL
					    : JOB_BACKOFF_NONE;
}

static enum hs_err
op_add(struct peer *peer, const struct doc *request)
{
	const struct doc *list = doc_get(request, "items");
	size_t n = doc_len(list);
	struct add_item *items = xcalloc(n + 1, sizeof(*items));
	for (size_t i = 0; i < n; i++) {
		const struct doc *item = doc_at(list, i);
		items[i] = (struct add_item){
			.id = text(item, "id"),
			.name = text(item, "name"),
			.data = text(item, "data"),
			.retries_failed = doc_is_true(
				doc_get(item, "retriesFailed")),
			.options = {
				.attempts = number(item, "attempts", 0),
				.backoff = backoff_of(item),
				.backoff_delay_ms = number(
					doc_get(item, "backoff"), "delay", 0),
				.delay_ms = number(item, "delay", 0),
				.priority = number(item, "priority", 0),
				.is_lifo = doc_is_true(doc_get(item, "lifo")),
				.timestamp_ms = number(item, "timestamp", 0),
			},
		};
	}
	enum hs_err err = add_jobs(peer->queue, items, n,
				   number(request, "now", clock_wall_ms()),
				   on_added, peer);
	free(items);
	return err;
}

static void
on_taken(void *ctx, enum hs_err err, const char *why,
	 struct take_result *result)
{
	struct peer *peer = ctx;
	if (!answer_err(peer, err, why))
		return;
	struct doc *jobs = doc_new_array();
	for (size_t i = 0; i < result->n; i++) {
		doc_push(jobs, job_doc(result->jobs[i]));
		remember(peer, result->jobs[i]);
	}
	doc_set(peer->answer, "jobs", jobs);
	doc_set_i64(peer->answer, "limited", result->limited_ms);
	doc_set_i64(peer->answer, "due", result->next_due_ms);
	doc_set_bool(peer->answer, "busy", result->is_busy);
}

static enum hs_err
op_take(struct peer *peer, const struct doc *request)
{
	char *token = text_dup(request, "token");
	char *worker = text_dup(request, "worker");
	struct take_options options = {
		.token = token,
		.worker_name = worker,
		.lock_duration_ms = number(request, "lockDuration", 30000),
		.n = (size_t)number(request, "n", 1),
		.now_ms = number(request, "now", clock_wall_ms()),
	};
	enum hs_err err = take_jobs(peer->queue, &options, on_taken, peer);
	free(worker);
	free(token);
	return err;
}

static void
on_finished(void *ctx, enum hs_err err, const char *why,
	    const enum code *results, size_t n)
{
	struct peer *peer = ctx;
	if (!answer_err(peer, err, why))
		return;
	struct doc *codes = doc_new_array();
	for (size_t i = 0; i < n; i++) {
		struct doc *holder = doc_new_object();
		doc_set_i64(holder, "code", results[i]);
		set_text(holder, "text", code_text(results[i]));
		doc_push(codes, holder);
	}
	doc_set(peer->answer, "results", codes);
}

/* "error" is what a worker does with a failed attempt: retry or fail. */
static enum finish_kind
kind_of(struct span kind, const struct job *job, int64_t *delay_ms)
{
	if (span_is(kind, "completed"))
		return FINISH_COMPLETED;
	if (span_is(kind, "retry"))
		return FINISH_RETRY;
	if (span_is(kind, "postpone"))
		return FINISH_POSTPONE;
	if (span_is(kind, "giveBack"))
		return FINISH_GIVE_BACK;
	if (span_is(kind, "error")) {
		int64_t backoff_ms = job_backoff_delay(job);
		if (backoff_ms >= 0) {
			*delay_ms = backoff_ms;
			return FINISH_RETRY;
		}
	}
	return FINISH_FAILED;
}

static enum hs_err
op_finish(struct peer *peer, const struct doc *request)
{
	const struct doc *list = doc_get(request, "items");
	size_t n = doc_len(list);
	struct finish_item *items = xcalloc(n + 1, sizeof(*items));
	struct job *strangers = xcalloc(n + 1, sizeof(*strangers));
	for (size_t i = 0; i < n; i++) {
		const struct doc *item = doc_at(list, i);
		const struct job *job = recall(peer, text(item, "id"));
		if (!job) {
			strangers[i].id_bytes = text(item, "id");
			strangers[i].keep_completed.count = -1;
			strangers[i].keep_failed.count = -1;
			strangers[i].stacktrace_limit = -1;
			job = &strangers[i];
		}
		int64_t delay_ms = number(item, "delay", 0);
		enum finish_kind kind =
			kind_of(text(item, "kind"), job, &delay_ms);
		const struct doc *keep = doc_get(item, "keep");
		items[i] = (struct finish_item){
			.job = job,
			.kind = kind,
			.value = text(item, "value"),
			.stack = text(item, "stack"),
			.delay_ms = delay_ms,
			.keep = kind == FINISH_COMPLETED ? job->keep_completed
							 : job->keep_failed,
		};
		if (keep && !items[i].keep.is_set) {
			items[i].keep = (struct job_keep){
				.count = number(keep, "count", -1),
				.age_s = number(keep, "age", 0),
				.limit = number(keep, "limit", 0),
			};
		}
	}
	char *token = text_dup(request, "token");
	enum hs_err err = finish_jobs(peer->queue, token, items, n,
				      number(request, "now", clock_wall_ms()),
				      on_finished, peer);
	free(token);
	free(strangers);
	free(items);
	return err;
}

static void
on_extended(void *ctx, enum hs_err err, const char *why,
	    const struct span *lost, size_t n)
{
	struct peer *peer = ctx;
	if (answer_err(peer, err, why))
		set_ids(peer->answer, "lost", lost, n);
}

static enum hs_err
op_extend(struct peer *peer, const struct doc *request)
{
	const struct doc *list = doc_get(request, "ids");
	size_t n = doc_len(list);
	char **ids = xcalloc(n + 1, sizeof(*ids));
	for (size_t i = 0; i < n; i++) {
		struct span id;
		if (doc_text(doc_at(list, i), &id) != HS_OK)
			id = span_of("", 0);
		ids[i] = span_dup(id);
	}
	char *token = text_dup(request, "token");
	enum hs_err err = finish_extend(
		peer->queue, token, (const char *const *)ids, n,
		number(request, "lockDuration", 30000), on_extended, peer);
	free(token);
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
	return err;
}

static void
on_stalled(void *ctx, enum hs_err err, const char *why, const struct span *ids,
	   size_t n)
{
	struct peer *peer = ctx;
	if (answer_err(peer, err, why))
		set_ids(peer->answer, "ids", ids, n);
}

static enum hs_err
op_stalled(struct peer *peer, const struct doc *request)
{
	return take_stalled(peer->queue, number(request, "interval", 30000),
			    number(request, "max", 1),
			    number(request, "now", clock_wall_ms()), on_stalled,
			    peer);
}

static void
on_counted(void *ctx, enum hs_err err, const char *why,
	   const struct admin_counts *counts)
{
	struct peer *peer = ctx;
	if (!answer_err(peer, err, why))
		return;
	struct doc *states = doc_new_object();
	for (int i = 0; i < JOB_N_STATES; i++)
		doc_set_i64(states, job_state_text((enum job_state)i),
			    counts->n[i]);
	doc_set(peer->answer, "counts", states);
	doc_set_bool(peer->answer, "paused", counts->is_paused);
	doc_set_i64(peer->answer, "oldest", counts->oldest_waiting_ms);
}

static enum hs_err
op_count(struct peer *peer, const struct doc *request)
{
	(void)request;
	return admin_count(peer->queue, on_counted, peer);
}

static void
on_listed(void *ctx, enum hs_err err, const char *why, struct job **jobs,
	  size_t n, size_t n_seen)
{
	struct peer *peer = ctx;
	if (!answer_err(peer, err, why))
		return;
	struct doc *list = doc_new_array();
	for (size_t i = 0; i < n; i++) {
		doc_push(list, job_doc(jobs[i]));
		job_free(jobs[i]);
	}
	doc_set(peer->answer, "jobs", list);
	doc_set_i64(peer->answer, "seen", (int64_t)n_seen);
}

static enum job_state
state_of(const struct doc *request, const char *name)
{
	enum job_state state = JOB_UNKNOWN;
	char *copy = text_dup(request, name);
	if (job_state_parse(copy, &state) != HS_OK)
		state = JOB_UNKNOWN;
	free(copy);
	return state;
}

static enum hs_err
op_list(struct peer *peer, const struct doc *request)
{
	return admin_list(peer->queue, state_of(request, "state"),
			  (size_t)number(request, "offset", 0),
			  (size_t)number(request, "n", 100), on_listed, peer);
}

static void
on_got(void *ctx, enum hs_err err, const char *why, struct job *job,
       enum job_state state)
{
	struct peer *peer = ctx;
	if (!answer_err(peer, err, why))
		return;
	doc_set(peer->answer, "job", job_doc(job));
	set_text(peer->answer, "state", job_state_text(state));
	job_free(job);
}

static enum hs_err
op_get(struct peer *peer, const struct doc *request)
{
	return admin_get(peer->queue, text(request, "id"), on_got, peer);
}

static void
on_retried(void *ctx, enum hs_err err, const char *why)
{
	answer_err(ctx, err, why);
}

static enum hs_err
op_retry(struct peer *peer, const struct doc *request)
{
	return admin_retry(
		peer->queue, text(request, "id"), state_of(request, "from"),
		number(request, "now", clock_wall_ms()), on_retried, peer);
}

static void
on_waited(void *ctx, enum hs_err err, int64_t due_ms)
{
	struct peer *peer = ctx;
	if (answer_err(peer, err, ""))
		doc_set_i64(peer->answer, "due", due_ms);
}

static void
on_state(void *ctx, struct rconn *conn, bool is_up)
{
	(void)ctx;
	(void)conn;
	(void)is_up;
}

/* Runs the loop until the connection is up. */
static struct rconn *
connection(struct peer *peer, const char *label)
{
	struct rconn_settings settings = {
		.label = label,
		.db = peer->db,
		.connect_timeout_ms = 2000,
		.is_quiet = true,
		.scripts = queue_scripts,
	};
	struct rconn *conn =
		rconn_new(peer->base, peer->topo, &settings, on_state, NULL);
	int64_t due_ms = clock_mono_ms() + UP_WITHIN_MS;
	rconn_start(conn);
	while (!rconn_is_up(conn)) {
		if (clock_mono_ms() > due_ms)
			fail(rconn_error(conn));
		event_base_loop(peer->base, EVLOOP_ONCE);
	}
	return conn;
}

static enum hs_err
op_wait(struct peer *peer, const struct doc *request)
{
	if (!peer->blocking)
		peer->blocking = connection(peer, "blocking");
	return take_wait(peer->blocking, peer->queue->keys,
			 number(request, "timeout", 1000), on_waited, peer);
}

static enum hs_err
op_announce(struct peer *peer, const struct doc *request)
{
	(void)request;
	queue_announce(peer->queue);
	/* a further command's answer says that those before it are done */
	return admin_count(peer->queue, on_counted, peer);
}

static const struct op {
	const char *name;
	enum hs_err (*run)(struct peer *peer, const struct doc *request);
} ops[] = {
	{ "add", op_add },           { "take", op_take },
	{ "finish", op_finish },     { "extend", op_extend },
	{ "stalled", op_stalled },   { "count", op_count },
	{ "list", op_list },         { "get", op_get },
	{ "retry", op_retry },       { "wait", op_wait },
	{ "announce", op_announce },
};

static void
run(struct peer *peer, struct span line)
{
	struct doc *request = NULL;
	if (doc_parse(line, &request) != HS_OK)
		fail("a line is not JSON");
	peer->answer = doc_new_object();
	peer->is_done = false;
	enum hs_err err = HS_NOT_FOUND;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (span_is(text(request, "op"), ops[i].name))
			err = ops[i].run(peer, request);
	}
	if (err != HS_OK)
		answer_err(peer, err, "refused before it was sent");
	while (!peer->is_done)
		event_base_loop(peer->base, EVLOOP_ONCE);

	struct buf out;
	buf_init(&out, OUT_MAX);
	if (doc_print(peer->answer, false, &out) != HS_OK)
		fail("no memory");
	puts(buf_text(&out));
	fflush(stdout);
	buf_fini(&out);
	doc_free(peer->answer);
	doc_free(request);
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
	if (argc != 5)
		fail("usage: queue_peer ADDRESS DB PREFIX QUEUE");
	struct peer peer = { 0 };
	(void)signal(SIGPIPE, SIG_IGN); /* a Redis that went away is no end */
	log_open("queue_peer", LOG_LEVEL_WARN);
	if (num_i64(span_text(argv[2]), 0, 15, &peer.db) != HS_OK)
		fail("no database number");
	peer.base = event_base_new();
	peer.topo = topo_of(argv[1]);
	peer.conn = connection(&peer, "redis");
	peer.queue = queue_new(peer.conn, argv[3], argv[4], 5000, 10000);

	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	while ((len = getline(&line, &size, stdin)) > 0)
		run(&peer, span_of(line, (size_t)len));
	free(line);

	for (size_t i = 0; i < peer.n_jobs; i++)
		job_free(peer.jobs[i]);
	free(peer.jobs);
	queue_free(peer.queue);
	rconn_free(peer.blocking);
	rconn_free(peer.conn);
	topo_free(peer.topo);
	event_base_free(peer.base);
	return 0;
}
