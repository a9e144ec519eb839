/*
 * peer_work: what a worker does, as requests: take, finish, locks, the stalled
 * check, waiting for the marker.
 */
#include "queue/finish.h"
#include "queue/take.h"

#include "tests/lib/peer.h"

/* What a take brought; the jobs are the client's now. */
static void
set_taken(struct peer_call *call, struct doc *doc,
	  const struct take_result *result)
{
	struct doc *jobs = doc_new_array();
	for (size_t i = 0; i < result->n; i++) {
		doc_push(jobs, peer_job_doc(result->jobs[i]));
		peer_remember(call, result->jobs[i]);
	}
	doc_set(doc, "jobs", jobs);
	doc_set_i64(doc, "limited", result->limited_ms);
	doc_set_i64(doc, "due", result->next_due_ms);
	doc_set_bool(doc, "busy", result->is_busy);
}

static void
on_taken(void *ctx, enum hs_err err, const char *why,
	 struct take_result *result)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	set_taken(call, call->answer, result);
	peer_done(call);
}

/* {"token", "worker", "lockDuration", "n", "limit": {"max", "duration"}} */
static struct take_options
take_options_of(const struct doc *doc, const char *token, const char *worker,
		int64_t now_ms)
{
	const struct doc *limit = doc_get(doc, "limit");
	return (struct take_options){
		.token = token,
		.worker_name = worker,
		.lock_duration_ms = peer_number(doc, "lockDuration", 30000),
		.n = (size_t)peer_number(doc, "n", 1),
		.now_ms = now_ms,
		.limit = { .max = peer_number(limit, "max", 0),
			   .duration_ms = peer_number(limit, "duration", 0) },
	};
}

static enum hs_err
op_take(struct peer_call *call)
{
	char *token = peer_text_dup(call->request, "token");
	char *worker = peer_text_dup(call->request, "worker");
	struct take_options options =
		take_options_of(call->request, token, worker, peer_now(call));
	enum hs_err err = take_jobs(call->queue, &options, on_taken, call);
	free(worker);
	free(token);
	return err;
}

static void
on_finished(void *ctx, enum hs_err err, const char *why,
	    const struct finish_result *results, size_t n,
	    struct take_result *taken)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	struct doc *codes = doc_new_array();
	for (size_t i = 0; i < n; i++) {
		struct doc *holder = doc_new_object();
		doc_set_i64(holder, "code", results[i].code);
		doc_set_i64(holder, "limited", results[i].limited_ms);
		peer_set_text(holder, "text", code_text(results[i].code));
		doc_push(codes, holder);
	}
	doc_set(call->answer, "results", codes);
	if (taken) {
		struct doc *next = doc_new_object();
		set_taken(call, next, taken);
		doc_set(call->answer, "taken", next);
	}
	peer_done(call);
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
	if (span_is(kind, "waitChildren"))
		return FINISH_WAIT_CHILDREN;
	if (span_is(kind, "error")) {
		int64_t backoff_ms = job_backoff_delay(job);
		if (backoff_ms >= 0) {
			*delay_ms = backoff_ms;
			return FINISH_RETRY;
		}
	}
	return FINISH_FAILED;
}

/* The job as it was taken, or one the client only knows by name; what the item
 * says of it goes before either. */
static struct job
job_of(struct peer_call *call, const struct doc *item)
{
	struct span id = peer_text(item, "id");
	const struct job *known = peer_recall(call, id);
	struct job job = { .id_bytes = id,
			   .stacktrace_limit = -1,
			   .keep_completed = { .count = -1 },
			   .keep_failed = { .count = -1 } };
	if (known)
		job = *known;
	job.attempts = peer_number(item, "attempts", job.attempts);
	job.stacktrace_limit =
		peer_number(item, "stackTraceLimit", job.stacktrace_limit);
	if (doc_get(item, "lifo"))
		job.is_lifo = peer_is_true(item, "lifo");
	if (doc_get(item, "stacktrace"))
		job.stacktrace = peer_text(item, "stacktrace");
	return job;
}

static struct finish_item
item_of(const struct job *job, const struct doc *item)
{
	int64_t delay_ms = peer_number(item, "delay", 0);
	enum finish_kind kind =
		kind_of(peer_text(item, "kind"), job, &delay_ms);
	const struct doc *keep = doc_get(item, "keep");
	struct finish_item result = {
		.job = job,
		.kind = kind,
		.value = peer_text(item, "value"),
		.stack = peer_text(item, "stack"),
		.delay_ms = delay_ms,
		.keep = kind == FINISH_COMPLETED ? job->keep_completed
						 : job->keep_failed,
	};
	if (doc_get(item, "trace"))
		result.trace = peer_text(item, "trace");
	if (keep && !result.keep.is_set)
		result.keep = (struct job_keep){
			.count = peer_number(keep, "count", -1),
			.age_s = peer_number(keep, "age", 0),
			.limit = peer_number(keep, "limit", 0),
		};
	return result;
}

/* {"token", "items": [{"id", "kind", "value", "stack", "delay", "trace",
 * "keep"}], "metrics": points, "next": as a take has it; its token is the
 * finished jobs' unless it says another, "nextIfDone"} */
static enum hs_err
op_finish(struct peer_call *call)
{
	const struct doc *list = doc_get(call->request, "items");
	const struct doc *next = doc_get(call->request, "next");
	size_t n = doc_len(list);
	struct finish_item *items = xcalloc(n + 1, sizeof(*items));
	struct job *jobs = xcalloc(n + 1, sizeof(*jobs));
	for (size_t i = 0; i < n; i++) {
		jobs[i] = job_of(call, doc_at(list, i));
		items[i] = item_of(&jobs[i], doc_at(list, i));
	}
	char *token = peer_text_dup(call->request, "token");
	char *next_token = peer_text_dup(next, "token");
	char *worker = peer_text_dup(next, "worker");
	struct take_options taking = take_options_of(
		next, *next_token ? next_token : token, worker, peer_now(call));
	struct finish_options options = {
		.token = token,
		.now_ms = peer_now(call),
		.metrics_points = peer_number(call->request, "metrics", 0),
		.next = next ? &taking : NULL,
		.is_next_if_done = peer_is_true(call->request, "nextIfDone"),
	};
	enum hs_err err =
		finish_jobs(call->queue, &options, items, n, on_finished, call);
	free(worker);
	free(next_token);
	free(token);
	free(jobs);
	free(items);
	return err;
}

static void
on_extended(void *ctx, enum hs_err err, const char *why,
	    const struct span *lost, size_t n)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	peer_set_ids(call->answer, "lost", lost, n);
	peer_done(call);
}

static enum hs_err
op_extend(struct peer_call *call)
{
	size_t n;
	struct span *texts = peer_texts(call->request, "ids", &n);
	char **ids = xcalloc(n + 1, sizeof(*ids));
	for (size_t i = 0; i < n; i++)
		ids[i] = span_dup(texts[i]);
	char *token = peer_text_dup(call->request, "token");
	enum hs_err err =
		finish_extend(call->queue, token, (const char *const *)ids, n,
			      peer_number(call->request, "lockDuration", 30000),
			      on_extended, call);
	free(token);
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
	free(texts);
	return err;
}

static enum hs_err
op_stalled(struct peer_call *call)
{
	return take_stalled(call->queue,
			    peer_number(call->request, "interval", 30000),
			    peer_number(call->request, "max", 1),
			    peer_now(call), peer_on_ids, call);
}

static void
on_waited(void *ctx, enum hs_err err, int64_t due_ms)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, ""))
		return;
	doc_set_i64(call->answer, "due", due_ms);
	peer_done(call);
}

static enum hs_err
op_wait(struct peer_call *call)
{
	return take_wait(call->queue->conn, call->queue->keys,
			 peer_number(call->request, "timeout", 1000), on_waited,
			 call);
}

const struct peer_op peer_work_ops[] = {
	{ "take", op_take, false },     { "finish", op_finish, false },
	{ "extend", op_extend, false }, { "stalled", op_stalled, false },
	{ "wait", op_wait, true },      { 0 },
};
