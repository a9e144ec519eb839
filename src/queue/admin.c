/*
 * admin: reads, each one script call. Hashes become struct jobs here; an id
 * whose key holds none is passed over.
 */
#include "queue/admin.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "queue/call.h"
#include "queue/scripts.h"

#define LIST_MAX 1000  /* jobs a page: each may carry megabytes */
#define REPLY_COUNTS 2 /* paused, oldest; then the counts */
#define END_MISSING -1
#define DEDUP_PART ":de:"

struct count_call {
	admin_counts_fn fn;
	void *ctx;
};

struct list_call {
	admin_jobs_fn fn;
	void *ctx;
};

struct get_call {
	admin_job_fn fn;
	void *ctx;
	char *id;
	size_t id_len;
};

struct page_call {
	admin_page_fn fn;
	void *ctx;
};

struct state_call {
	admin_state_fn fn;
	void *ctx;
};

struct end_call {
	admin_end_fn fn;
	void *ctx;
};

struct priorities_call {
	admin_priorities_fn fn;
	void *ctx;
};

struct owner_call {
	admin_owner_fn fn;
	void *ctx;
};

/* The states in the order of lua/count.lua. */
static const enum job_state count_order[JOB_N_STATES] = {
	JOB_WAIT,      JOB_PRIORITIZED, JOB_DELAYED,          JOB_ACTIVE,
	JOB_COMPLETED, JOB_FAILED,      JOB_WAITING_CHILDREN, JOB_PAUSED,
};

static bool
read_counts(const struct reply *reply, struct admin_counts *counts)
{
	int64_t is_paused;
	if (reply->n_items != REPLY_COUNTS + JOB_N_STATES ||
	    reply_i64(reply->items[0], &is_paused) != HS_OK)
		return false;
	counts->is_paused = is_paused != 0;
	/* a job's timestamp may be missing or odd: then it is not known */
	if (reply_i64(reply->items[1], &counts->oldest_waiting_ms) != HS_OK)
		counts->oldest_waiting_ms = 0;
	for (size_t i = 0; i < JOB_N_STATES; i++) {
		if (reply_i64(reply->items[REPLY_COUNTS + i],
			      &counts->n[count_order[i]]) != HS_OK)
			return false;
	}
	return true;
}

static void
on_counted(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct count_call *count = ctx;
	struct admin_counts counts = { 0 };
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && !read_counts(reply, &counts)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of count";
	}
	count->fn(count->ctx, err, text, &counts);
	free(count);
}

/* Jobs out of ids and hashes in turn. *n of them; none after an error. */
static enum hs_err
read_jobs(struct reply *const *items, size_t n_items, struct job **jobs,
	  size_t *n)
{
	*n = 0;
	for (size_t i = 0; i + 1 < n_items; i += 2) {
		enum hs_err err =
			job_from_hash(items[i]->text, items[i + 1], &jobs[*n]);
		if (err == HS_OK) {
			(*n)++;
		} else if (err != HS_NOT_FOUND) {
			while (*n > 0)
				job_free(jobs[--*n]);
			return err;
		}
	}
	return HS_OK;
}

static void
on_listed(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct list_call *list = ctx;
	struct job **jobs = NULL;
	size_t n = 0;
	size_t n_seen = 0;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK) {
		n_seen = reply->n_items / 2;
		jobs = xcalloc(n_seen + 1, sizeof(*jobs));
		err = read_jobs(reply->items, reply->n_items, jobs, &n);
		text = hs_err_text(err);
	}
	list->fn(list->ctx, err, text, jobs, n, err == HS_OK ? n_seen : 0);
	free(jobs);
	free(list);
}

static void
on_page(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct page_call *page = ctx;
	struct job **jobs = NULL;
	struct span next = span_of("", 0);
	size_t n = 0;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && reply->n_items == 0) {
		err = HS_PROTOCOL;
		text = "unexpected reply of page";
	}
	if (err == HS_OK) {
		next = reply->items[0]->text;
		jobs = xcalloc(reply->n_items / 2 + 1, sizeof(*jobs));
		err = read_jobs(reply->items + 1, reply->n_items - 1, jobs, &n);
		text = hs_err_text(err);
	}
	page->fn(page->ctx, err, text, jobs, n, next);
	free(jobs);
	free(page);
}

static enum job_state
read_state(const struct reply *reply)
{
	enum job_state state;
	return job_state_parse((const char *)reply->text.ptr, &state) == HS_OK
		       ? state
		       : JOB_UNKNOWN;
}

static void
on_state(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct state_call *call = ctx;
	enum job_state state = JOB_UNKNOWN;
	const char *text;
	err = call_check(err, reply, REPLY_TEXT, &text);
	if (err == HS_OK)
		state = read_state(reply);
	call->fn(call->ctx, err, text, state);
	free(call);
}

static void
on_end(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct end_call *call = ctx;
	struct span value = span_of("", 0);
	int64_t end = ADMIN_GOES_ON;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK &&
	    (reply->n_items != 2 || reply_i64(reply->items[0], &end) != HS_OK ||
	     end < END_MISSING || end > ADMIN_FAILED)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of ends";
	} else if (err == HS_OK && end == END_MISSING) {
		err = HS_NOT_FOUND;
		text = "no such job";
	} else if (err == HS_OK) {
		value = reply->items[1]->text;
	}
	call->fn(call->ctx, err, text,
		 err == HS_OK ? (enum admin_end)end : ADMIN_GOES_ON, value);
	free(call);
}

static void
on_priorities(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct priorities_call *call = ctx;
	int64_t counts[ADMIN_PRIORITIES] = { 0 };
	size_t n = 0;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	while (err == HS_OK && n < reply->n_items && n < ADMIN_PRIORITIES) {
		err = reply_i64(reply->items[n], &counts[n]);
		text = hs_err_text(err);
		n++;
	}
	call->fn(call->ctx, err, text, counts, err == HS_OK ? n : 0);
	free(call);
}

static void
on_owner(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct owner_call *call = ctx;
	struct span id = span_of("", 0);
	const char *text;
	if (err == HS_OK && reply->type == REPLY_NIL) {
		text = hs_err_text(err);
	} else {
		err = call_check(err, reply, REPLY_TEXT, &text);
		if (err == HS_OK)
			id = reply->text;
	}
	call->fn(call->ctx, err, text, id);
	free(call);
}

static void
on_got(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct get_call *get = ctx;
	struct job *job = NULL;
	enum job_state state = JOB_UNKNOWN;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK &&
	    (reply->n_items != 2 || reply->items[0]->type != REPLY_TEXT)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of get";
	}
	if (err == HS_OK) {
		state = read_state(reply->items[0]);
		err = job_from_hash(span_of(get->id, get->id_len),
				    reply->items[1], &job);
		text = hs_err_text(err);
	}
	get->fn(get->ctx, err, text, job, state);
	free(get->id);
	free(get);
}

enum hs_err
admin_count(struct queue *queue, admin_counts_fn fn, void *ctx)
{
	struct count_call *count = xcalloc(1, sizeof(*count));
	*count = (struct count_call){ fn, ctx };
	enum hs_err err = call_send(call_new(queue, 0), &queue_script_count,
				    on_counted, count);
	if (err != HS_OK)
		free(count);
	return err;
}

enum hs_err
admin_list(struct queue *queue, enum job_state state, size_t offset, size_t n,
	   admin_jobs_fn fn, void *ctx)
{
	if (n == 0 || state >= JOB_N_STATES || offset > INT32_MAX)
		return HS_INVALID;
	if (n > LIST_MAX)
		return HS_TOO_BIG;
	struct call *call = call_new(queue, 3);
	call_text(call, job_state_text(state));
	call_i64(call, (int64_t)offset);
	call_i64(call, (int64_t)n);
	struct list_call *list = xcalloc(1, sizeof(*list));
	*list = (struct list_call){ fn, ctx };
	enum hs_err err = call_send(call, &queue_script_list, on_listed, list);
	if (err != HS_OK)
		free(list);
	return err;
}

enum hs_err
admin_get(struct queue *queue, struct span id, admin_job_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 1);
	call_span(call, id);
	struct get_call *get = xcalloc(1, sizeof(*get));
	*get = (struct get_call){ fn, ctx, span_dup(id), id.len };
	enum hs_err err =
		get->id ? call_send(call, &queue_script_get, on_got, get)
			: HS_NO_MEMORY;
	if (!get->id)
		call_free(call);
	if (err != HS_OK) {
		free(get->id);
		free(get);
	}
	return err;
}

enum hs_err
admin_page(struct queue *queue, enum job_state state, struct span after,
	   size_t n, admin_page_fn fn, void *ctx)
{
	if (n == 0 || state >= JOB_N_STATES)
		return HS_INVALID;
	if (n > LIST_MAX || after.len > ADMIN_PLACE_BYTES)
		return HS_TOO_BIG;
	struct call *call = call_new(queue, 3);
	call_text(call, job_state_text(state));
	call_span(call, after);
	call_i64(call, (int64_t)n);
	struct page_call *page = xcalloc(1, sizeof(*page));
	*page = (struct page_call){ fn, ctx };
	enum hs_err err = call_send(call, &queue_script_page, on_page, page);
	if (err != HS_OK)
		free(page);
	return err;
}

enum hs_err
admin_state(struct queue *queue, struct span id, admin_state_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 1);
	call_span(call, id);
	struct state_call *state = xcalloc(1, sizeof(*state));
	*state = (struct state_call){ fn, ctx };
	enum hs_err err = call_send(call, &queue_script_state, on_state, state);
	if (err != HS_OK)
		free(state);
	return err;
}

enum hs_err
admin_end(struct queue *queue, struct span id, admin_end_fn fn, void *ctx)
{
	struct call *call = call_new(queue, 1);
	call_span(call, id);
	struct end_call *end = xcalloc(1, sizeof(*end));
	*end = (struct end_call){ fn, ctx };
	enum hs_err err = call_send(call, &queue_script_ends, on_end, end);
	if (err != HS_OK)
		free(end);
	return err;
}

enum hs_err
admin_priorities(struct queue *queue, const int64_t *priorities, size_t n,
		 admin_priorities_fn fn, void *ctx)
{
	if (n == 0 || n > ADMIN_PRIORITIES)
		return HS_INVALID;
	struct call *call = call_new(queue, n);
	for (size_t i = 0; i < n; i++)
		call_i64(call, priorities[i]);
	struct priorities_call *counts = xcalloc(1, sizeof(*counts));
	*counts = (struct priorities_call){ fn, ctx };
	enum hs_err err = call_send(call, &queue_script_priorities,
				    on_priorities, counts);
	if (err != HS_OK)
		free(counts);
	return err;
}

enum hs_err
admin_dedup_owner(struct queue *queue, struct span dedup_id, admin_owner_fn fn,
		  void *ctx)
{
	struct buf key;
	buf_init(&key, BOUNDS_BODY_BYTES);
	enum hs_err err = buf_add_text(&key, keys_base(queue->keys));
	if (err == HS_OK)
		err = buf_add_text(&key, DEDUP_PART);
	if (err == HS_OK)
		err = buf_add_span(&key, dedup_id);
	if (err == HS_OK) {
		const struct span args[] = { span_text("GET"), buf_span(&key) };
		struct owner_call *owner = xcalloc(1, sizeof(*owner));
		*owner = (struct owner_call){ fn, ctx };
		err = rconn_send(queue->conn, args, 2, queue->timeout_ms,
				 on_owner, owner);
		if (err != HS_OK)
			free(owner);
	}
	buf_fini(&key);
	return err;
}
