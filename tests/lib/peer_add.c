/*
 * peer_add: adding jobs, as requests. "items" are objects with the names of
 * struct add_item's fields, data and opts being JSON text.
 */
#include "queue/add.h"

#include <stdio.h>

#include "tests/lib/peer.h"

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
	for (size_t i = 0; i < n; i++)
		push_result(codes, results[i]);
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

static enum hs_err
op_add(struct peer_call *call)
{
	const struct doc *list = doc_get(call->request, "items");
	size_t n = doc_len(list);
	struct add_item *items = xcalloc(n + 1, sizeof(*items));
	for (size_t i = 0; i < n; i++) {
		const struct doc *item = doc_at(list, i);
		items[i] = (struct add_item){
			.id = peer_text(item, "id"),
			.name = peer_text(item, "name"),
			.data = peer_text(item, "data"),
			.retries_failed = peer_is_true(item, "retriesFailed"),
			.options = {
				.attempts = peer_number(item, "attempts", 0),
				.backoff = backoff_of(item),
				.backoff_delay_ms = peer_number(doc_get(item, "backoff"), "delay", 0),
				.delay_ms = peer_number(item, "delay", 0),
				.priority = peer_number(item, "priority", 0),
				.is_lifo = peer_is_true(item, "lifo"),
				.timestamp_ms = peer_number(item, "timestamp", 0),
			},
		};
	}
	enum hs_err err =
		add_jobs(call->queue, items, n, peer_now(call), on_added, call);
	free(items);
	return err;
}

const struct peer_op peer_add_ops[] = { { "add", op_add, false }, { 0 } };
