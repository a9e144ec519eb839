/*
 * add: N jobs, one script call. The options are printed as JSON here; Lua gets
 * beside them the few numbers it needs, so it never parses what we send.
 */
#include "queue/add.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "queue/call.h"
#include "queue/scripts.h"

#define N_FIELDS 9 /* arguments for each job, as in lua/add.lua */
/* an id of BOUNDS_JOB_ID_BYTES may sixfold when escaped; the rest is < 256 */
#define OPTS_MAX (BOUNDS_ADD_BATCH * (6 * BOUNDS_JOB_ID_BYTES + 256))
/* 2^41 ms, in 2039: later due times do not fit the scores of `delayed` */
#define DUE_END_MS (INT64_C(1) << 41)
#define PRIORITY_MAX 2097151 /* 2^21 - 1: BullMQ's limit */

struct add_call {
	add_fn fn;
	void *ctx;
	size_t n;
};

static bool
item_is_valid(const struct add_item *item, int64_t now_ms)
{
	const struct job_options *options = &item->options;
	int64_t from_ms =
		options->timestamp_ms ? options->timestamp_ms : now_ms;
	if (item->id.len > 0 && !keys_job_id_is_valid(item->id))
		return false;
	if (item->name.len > BOUNDS_JOB_ID_BYTES || !doc_is_utf8(item->name) ||
	    (item->name.len > 0 && memchr(item->name.ptr, 0, item->name.len)))
		return false;
	if (item->data.len == 0 || options->attempts < 0)
		return false;
	if (from_ms < 0 || from_ms >= DUE_END_MS || options->delay_ms < 0 ||
	    options->delay_ms >= DUE_END_MS - from_ms)
		return false;
	return options->priority >= 0 && options->priority <= PRIORITY_MAX;
}

static void
put_item(struct call *call, const struct add_item *item, struct span opts,
	 int64_t now_ms)
{
	const struct job_options *options = &item->options;
	call_span(call, item->id);
	call_span(call, item->name);
	call_span(call, item->data);
	call_span(call, opts);
	call_i64(call, options->timestamp_ms ? options->timestamp_ms : now_ms);
	call_i64(call, options->delay_ms);
	call_i64(call, options->priority);
	call_i64(call, options->is_lifo);
	call_i64(call, item->retries_failed);
}

/* A code and an id for each item. */
static bool
results_read(const struct reply *reply, size_t n, enum add_result *results,
	     struct span *ids)
{
	if (reply->n_items != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct reply *code = reply->items[2 * i];
		const struct reply *id = reply->items[2 * i + 1];
		if (code->type != REPLY_INTEGER || code->integer < ADD_NEW ||
		    code->integer > ADD_RETRIED || id->type != REPLY_TEXT)
			return false;
		results[i] = (enum add_result)code->integer;
		ids[i] = id->text;
	}
	return true;
}

static void
on_added(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct add_call *add = ctx;
	enum add_result *results = xcalloc(add->n, sizeof(*results));
	struct span *ids = xcalloc(add->n, sizeof(*ids));
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK && !results_read(reply, add->n, results, ids)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of add";
	}
	if (err == HS_OK)
		add->fn(add->ctx, err, text, results, ids, add->n);
	else
		add->fn(add->ctx, err, text, NULL, NULL, 0);
	free(ids);
	free(results);
	free(add);
}

enum hs_err
add_jobs(struct queue *queue, const struct add_item *items, size_t n,
	 int64_t now_ms, add_fn fn, void *ctx)
{
	if (n == 0)
		return HS_INVALID;
	if (n > BOUNDS_ADD_BATCH)
		return HS_TOO_BIG;
	struct call *call = NULL;
	struct add_call *add = NULL;
	size_t *ends = xcalloc(n, sizeof(*ends));
	struct buf opts;
	buf_init(&opts, OPTS_MAX);
	enum hs_err err = HS_OK;
	for (size_t i = 0; i < n; i++) {
		struct job_options options = items[i].options;
		options.id = items[i].id;
		err = item_is_valid(&items[i], now_ms) ? HS_OK : HS_INVALID;
		if (err == HS_OK)
			err = job_options_print(&options, &opts);
		if (err != HS_OK)
			goto out;
		ends[i] = opts.len;
	}

	/* opts does not move any more: spans into it hold */
	call = call_new(queue, n * N_FIELDS);
	for (size_t i = 0; i < n; i++) {
		size_t start = i > 0 ? ends[i - 1] : 0;
		put_item(call, &items[i],
			 span_of(opts.data + start, ends[i] - start), now_ms);
	}
	add = xcalloc(1, sizeof(*add));
	*add = (struct add_call){ .fn = fn, .ctx = ctx, .n = n };
	err = call_send(call, &queue_script_add, on_added, add);
	if (err == HS_OK)
		add = NULL; /* on_added has it */
out:
	free(add);
	buf_fini(&opts);
	free(ends);
	return err;
}
