/*
 * add: N jobs, one script call. The options are printed as JSON here; Lua gets
 * beside them the few numbers it needs, so it never parses what we send. Most
 * jobs are plain: what only some have travels in pairs of a name and a value.
 */
#include "queue/add.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "queue/call.h"
#include "queue/scripts.h"

#define N_FIELDS 10 /* arguments of each job, and pairs of more: lua/add.lua */
/* ids may sixfold when escaped: the job's, its parent's, its deduplication's; the
 * base of the parent's queue comes twice, the rest is < 1024 */
#define OPTS_MAX (BOUNDS_ADD_BATCH * (6 * 6 * BOUNDS_JOB_ID_BYTES + 1024))

struct add_call {
	add_fn fn;
	void *ctx;
	size_t n;
};

/* What is printed for an item, as ends in one buffer of them all. */
struct printed {
	size_t opts_end;
	size_t parent_end;
};

/* In opts and in the hash's `parent`. */
static const char *const flags[] = {
	[ADD_FAILURE_HOLDS] = NULL,       [ADD_FAILURE_FAILS_PARENT] = "fpof",
	[ADD_FAILURE_CONTINUES] = "cpof", [ADD_FAILURE_IGNORED] = "idof",
	[ADD_FAILURE_REMOVED] = "rdof",
};

/* ---- what may be added ---- */

static bool
is_text(struct span text)
{
	return text.len <= BOUNDS_JOB_ID_BYTES && doc_is_utf8(text) &&
	       (text.len == 0 || !memchr(text.ptr, 0, text.len));
}

static bool
has_parent(const struct add_item *item)
{
	return item->parent.base.len > 0;
}

static bool
dedup_is_valid(const struct add_item *item)
{
	const struct add_dedup *dedup = &item->dedup;
	if (dedup->id.len == 0)
		return true;
	/* a child that is not added would never be waited for; a parent that
	 * is not leaves its children without one */
	if (has_parent(item) || (item->has_children && !item->is_checked))
		return false;
	return is_text(dedup->id) && dedup->ttl_ms >= 0 &&
	       dedup->ttl_ms < JOB_DUE_END_MS;
}

static bool
parent_is_valid(const struct add_parent *parent)
{
	if (parent->base.len == 0)
		return parent->id.len == 0;
	return parent->id.len > 0 && is_text(parent->base) &&
	       is_text(parent->id) &&
	       (unsigned)parent->on_failure <= ADD_FAILURE_REMOVED;
}

static bool
texts_are_valid(const struct add_item *item)
{
	struct span id = item->id;
	if (id.len > 0 &&
	    !(item->is_checked ? is_text(id) : keys_job_id_is_valid(id)))
		return false;
	if (item->opts.len > 0 && item->opts.ptr[0] != '{')
		return false;
	return is_text(item->name) && item->data.len > 0 &&
	       is_text(item->base) && is_text(item->scheduler);
}

static bool
item_is_valid(const struct add_item *item, int64_t now_ms)
{
	const struct job_options *options = &item->options;
	int64_t from_ms =
		options->timestamp_ms ? options->timestamp_ms : now_ms;
	if (!texts_are_valid(item) || !dedup_is_valid(item) ||
	    !parent_is_valid(&item->parent) || options->attempts < 0)
		return false;
	if (from_ms < 0 || from_ms >= JOB_DUE_END_MS || options->delay_ms < 0 ||
	    options->delay_ms >= JOB_DUE_END_MS - from_ms)
		return false;
	return options->priority >= 0 && options->priority <= JOB_PRIORITY_MAX;
}

/* ---- JSON ---- */

static void
set_flag(struct doc *doc, const char *name, bool value)
{
	if (value)
		doc_set_bool(doc, name, true);
}

static struct doc *
dedup_doc(const struct add_dedup *dedup)
{
	struct doc *doc = doc_new_object();
	doc_set_text(doc, "id", dedup->id);
	if (dedup->ttl_ms > 0)
		doc_set_i64(doc, "ttl", dedup->ttl_ms);
	set_flag(doc, "extend", dedup->extends);
	set_flag(doc, "replace", dedup->replaces);
	set_flag(doc, "keepLastIfActive", dedup->keeps_last_if_active);
	set_flag(doc, "reschedule", dedup->reschedules);
	return doc;
}

static struct doc *
parent_doc(const struct add_parent *parent, const char *base_name)
{
	struct doc *doc = doc_new_object();
	doc_set_text(doc, "id", parent->id);
	doc_set_text(doc, base_name, parent->base);
	return doc;
}

static enum hs_err
print_and_free(struct doc *doc, struct buf *out)
{
	enum hs_err err = doc_print(doc, false, out);
	doc_free(doc);
	return err;
}

static enum hs_err
print_opts(const struct add_item *item, struct buf *out)
{
	struct job_options options = item->options;
	const char *flag = flags[item->parent.on_failure];
	options.id = item->id;
	struct doc *opts = job_options_doc(&options);
	if (item->dedup.id.len > 0)
		doc_set(opts, "de", dedup_doc(&item->dedup));
	if (has_parent(item))
		doc_set(opts, "parent", parent_doc(&item->parent, "queue"));
	if (flag)
		doc_set_bool(opts, flag, true);
	return print_and_free(opts, out);
}

static enum hs_err
print_parent(const struct add_parent *parent, struct buf *out)
{
	const char *flag = flags[parent->on_failure];
	struct doc *doc = parent_doc(parent, "queueKey");
	if (flag)
		doc_set_bool(doc, flag, true);
	return print_and_free(doc, out);
}

static enum hs_err
print_item(const struct add_item *item, struct buf *out,
	   struct printed *printed)
{
	enum hs_err err = HS_OK;
	if (item->opts.len == 0)
		err = print_opts(item, out);
	printed->opts_end = out->len;
	if (err == HS_OK && has_parent(item))
		err = print_parent(&item->parent, out);
	printed->parent_end = out->len;
	return err;
}

/* ---- arguments ---- */

/* The pairs behind an item's own arguments. With no call they are counted. */
struct pairs {
	struct call *call;
	size_t n;
};

static void
pair(struct pairs *pairs, const char *name, struct span value)
{
	if (value.len == 0)
		return;
	pairs->n++;
	if (pairs->call) {
		call_text(pairs->call, name);
		call_span(pairs->call, value);
	}
}

static void
pair_flag(struct pairs *pairs, const char *name, bool value)
{
	pair(pairs, name, value ? span_text("1") : span_of("", 0));
}

static size_t
put_pairs(struct call *call, const struct add_item *item, struct span parent)
{
	struct pairs pairs = { .call = call };
	const struct add_dedup *dedup = &item->dedup;
	pair(&pairs, "base", item->base);
	pair(&pairs, "rjk", item->scheduler);
	pair_flag(&pairs, "children", item->has_children);
	pair_flag(&pairs, "flow", item->is_in_flow);
	if (has_parent(item)) {
		pair(&pairs, "parent_base", item->parent.base);
		pair(&pairs, "parent_id", item->parent.id);
		pair(&pairs, "parent", parent);
	}
	if (dedup->id.len == 0)
		return pairs.n;
	pair(&pairs, "dedup", dedup->id);
	pair_flag(&pairs, "extends", dedup->extends);
	pair_flag(&pairs, "replaces", dedup->replaces);
	pair_flag(&pairs, "keeps", dedup->keeps_last_if_active);
	pair_flag(&pairs, "reschedules", dedup->reschedules);
	if (dedup->ttl_ms > 0) {
		pairs.n++;
		if (call) {
			call_text(call, "ttl");
			call_i64(call, dedup->ttl_ms);
		}
	}
	return pairs.n;
}

static void
put_item(struct call *call, const struct add_item *item,
	 const struct printed *printed, const unsigned char *texts,
	 size_t start, int64_t now_ms)
{
	const struct job_options *options = &item->options;
	struct span opts = span_of(texts + start, printed->opts_end - start);
	struct span parent = span_of(texts + printed->opts_end,
				     printed->parent_end - printed->opts_end);
	call_span(call, item->id);
	call_span(call, item->name);
	call_span(call, item->data);
	call_span(call, item->opts.len > 0 ? item->opts : opts);
	call_i64(call, options->timestamp_ms ? options->timestamp_ms : now_ms);
	call_i64(call, options->delay_ms);
	call_i64(call, options->priority);
	call_i64(call, options->is_lifo);
	call_i64(call, item->retries_failed);
	call_i64(call, (int64_t)(2 * put_pairs(NULL, item, parent)));
	put_pairs(call, item, parent);
}

/* ---- answers ---- */

static bool
result_is_known(long long code)
{
	return (code >= ADD_NEW && code <= ADD_DEDUPLICATED) ||
	       code == ADD_NO_PARENT || code == ADD_OTHER_PARENT ||
	       code == ADD_REFUSED;
}

/* A code and an id for each item; *refusal is what Redis said to the first it
 * refused. */
static bool
results_read(const struct reply *reply, size_t n, enum add_result *results,
	     struct span *ids, const char **refusal)
{
	if (reply->n_items != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct reply *code = reply->items[2 * i];
		const struct reply *id = reply->items[2 * i + 1];
		if (code->type != REPLY_INTEGER ||
		    !result_is_known(code->integer) || id->type != REPLY_TEXT)
			return false;
		results[i] = (enum add_result)code->integer;
		if (results[i] >= 0)
			ids[i] = id->text;
		if (results[i] == ADD_REFUSED && !*refusal)
			*refusal = (const char *)id->text.ptr;
	}
	return true;
}

static void
on_added(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct add_call *add = ctx;
	enum add_result *results = xcalloc(add->n, sizeof(*results));
	struct span *ids = xcalloc(add->n, sizeof(*ids));
	const char *refusal = NULL;
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	if (err == HS_OK &&
	    !results_read(reply, add->n, results, ids, &refusal)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of add";
	}
	if (err == HS_OK)
		add->fn(add->ctx, err, refusal ? refusal : text, results, ids,
			add->n);
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
	struct printed *printed = xcalloc(n, sizeof(*printed));
	struct buf texts;
	size_t n_args = 1; /* now */
	enum hs_err err = HS_OK;
	buf_init(&texts, OPTS_MAX);
	for (size_t i = 0; i < n; i++) {
		err = item_is_valid(&items[i], now_ms) ? HS_OK : HS_INVALID;
		if (err == HS_OK)
			err = print_item(&items[i], &texts, &printed[i]);
		if (err != HS_OK)
			goto out;
		/* any text stands for the parent's here */
		n_args += N_FIELDS +
			  2 * put_pairs(NULL, &items[i], span_text("{}"));
	}

	/* texts does not move any more: spans into it hold */
	call = call_new(queue, n_args);
	call_i64(call, now_ms);
	for (size_t i = 0; i < n; i++)
		put_item(call, &items[i], &printed[i], texts.data,
			 i > 0 ? printed[i - 1].parent_end : 0, now_ms);
	add = xcalloc(1, sizeof(*add));
	*add = (struct add_call){ .fn = fn, .ctx = ctx, .n = n };
	err = call_send(call, &queue_script_add, on_added, add);
	if (err == HS_OK)
		add = NULL; /* on_added has it */
out:
	free(add);
	buf_fini(&texts);
	free(printed);
	return err;
}
