/*
 * peer_add: adding jobs, as requests.
 *
 * "items" are objects: id, name, data (JSON text), attempts, backoff, delay,
 * priority, lifo, timestamp, retriesFailed. Or they are as BullMQ's own classes
 * have prepared them: opts (JSON text, stored as it is, and read for de, delay,
 * priority and lifo), parent (JSON text as in the hash), timestamp, scheduler,
 * base (of another queue), children, flow. Such ids have been checked by BullMQ.
 */
#include "queue/add.h"

#include <stdio.h>

#include "tests/lib/peer.h"

/* An item, and the trees its spans point into. */
struct asked {
	struct doc *opts;
	struct doc *parent;
};

static void
push_result(struct doc *array, enum add_result result)
{
	static const char *const names[] = { "new", "duplicate", "retried",
					     "deduplicated" };
	char code[16];
	snprintf(code, sizeof(code), "%d", (int)result);
	doc_push_text(array, span_text(result < 0 ? code : names[result]));
}

static void
on_added(void *ctx, enum hs_err err, const char *why,
	 const enum add_result *results, const struct span *ids, size_t n)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	struct doc *codes = doc_new_array();
	for (size_t i = 0; i < n; i++) {
		push_result(codes, results[i]);
		if (results[i] == ADD_REFUSED)
			peer_set_text(call->answer, "text", why);
	}
	doc_set(call->answer, "results", codes);
	peer_set_ids(call->answer, "ids", ids, n);
	peer_done(call);
}

static enum job_backoff
backoff_of(const struct doc *item)
{
	struct span type = peer_text(doc_get(item, "backoff"), "type");
	if (span_is(type, "fixed"))
		return JOB_BACKOFF_FIXED;
	return span_is(type, "exponential") ? JOB_BACKOFF_EXPONENTIAL
					    : JOB_BACKOFF_NONE;
}

static void
read_options(const struct doc *item, struct job_options *options)
{
	*options = (struct job_options){
		.attempts = peer_number(item, "attempts", 0),
		.backoff = backoff_of(item),
		.backoff_delay_ms =
			peer_number(doc_get(item, "backoff"), "delay", 0),
		.delay_ms = peer_number(item, "delay", 0),
		.priority = peer_number(item, "priority", 0),
		.is_lifo = peer_is_true(item, "lifo"),
		.timestamp_ms = peer_number(item, "timestamp", 0),
	};
}

static void
read_dedup(const struct doc *de, struct add_dedup *dedup)
{
	*dedup = (struct add_dedup){
		.id = peer_text(de, "id"),
		.ttl_ms = peer_number(de, "ttl", 0),
		.extends = peer_is_true(de, "extend"),
		.replaces = peer_is_true(de, "replace"),
		.keeps_last_if_active = peer_is_true(de, "keepLastIfActive"),
		.reschedules = peer_is_true(de, "reschedule"),
	};
}

static enum add_on_failure
on_failure_of(const struct doc *parent)
{
	if (peer_is_true(parent, "fpof"))
		return ADD_FAILURE_FAILS_PARENT;
	if (peer_is_true(parent, "cpof"))
		return ADD_FAILURE_CONTINUES;
	if (peer_is_true(parent, "idof"))
		return ADD_FAILURE_IGNORED;
	return peer_is_true(parent, "rdof") ? ADD_FAILURE_REMOVED
					    : ADD_FAILURE_HOLDS;
}

static enum hs_err
parse(struct span text, struct doc **out)
{
	return text.len > 0 ? doc_parse(text, out) : HS_OK;
}

static enum hs_err
read_item(const struct doc *from, struct asked *asked, struct add_item *item)
{
	*item = (struct add_item){
		.id = peer_text(from, "id"),
		.name = peer_text(from, "name"),
		.data = peer_text(from, "data"),
		.opts = peer_text(from, "opts"),
		.base = peer_text(from, "base"),
		.scheduler = peer_text(from, "scheduler"),
		.has_children = peer_is_true(from, "children"),
		.is_in_flow = peer_is_true(from, "flow"),
		.retries_failed = peer_is_true(from, "retriesFailed"),
	};
	read_options(from, &item->options);
	read_dedup(doc_get(from, "de"), &item->dedup);
	enum hs_err err = parse(item->opts, &asked->opts);
	if (err == HS_OK)
		err = parse(peer_text(from, "parent"), &asked->parent);
	if (err != HS_OK)
		return err;
	if (asked->opts) {
		struct job_options *options = &item->options;
		item->is_checked = true;
		read_dedup(doc_get(asked->opts, "de"), &item->dedup);
		options->delay_ms = peer_number(asked->opts, "delay", 0);
		options->priority = peer_number(asked->opts, "priority", 0);
		options->is_lifo = peer_is_true(asked->opts, "lifo");
	}
	item->parent = (struct add_parent){
		.base = peer_text(asked->parent, "queueKey"),
		.id = peer_text(asked->parent, "id"),
		.on_failure = on_failure_of(asked->parent),
	};
	return HS_OK;
}

static enum hs_err
op_add(struct peer_call *call)
{
	const struct doc *list = doc_get(call->request, "items");
	size_t n = doc_len(list);
	struct add_item *items = xcalloc(n + 1, sizeof(*items));
	struct asked *asked = xcalloc(n + 1, sizeof(*asked));
	enum hs_err err = HS_OK;
	for (size_t i = 0; i < n && err == HS_OK; i++)
		err = read_item(doc_at(list, i), &asked[i], &items[i]);
	if (err == HS_OK)
		err = add_jobs(call->queue, items, n, peer_now(call), on_added,
			       call);
	for (size_t i = 0; i < n; i++) {
		doc_free(asked[i].opts);
		doc_free(asked[i].parent);
	}
	free(asked);
	free(items);
	return err;
}

const struct peer_op peer_add_ops[] = { { "add", op_add, false }, { 0 } };
