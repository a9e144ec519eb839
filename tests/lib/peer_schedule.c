/*
 * peer_schedule: job schedulers, as requests. Those with long names are what
 * BullMQ asks of its backend.
 */
#include "queue/schedule.h"

#include "tests/lib/peer.h"

static void
on_scheduled(void *ctx, enum hs_err err, const char *why, enum code code,
	     struct span job_id, int64_t delay_ms)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	doc_set_i64(call->answer, "code", code);
	if (job_id.len > 0) {
		doc_set_text(call->answer, "jobId", job_id);
		doc_set_i64(call->answer, "delay", delay_ms);
	}
	peer_done(call);
}

/* What needs no answer of Redis's. */
static enum hs_err
answer_early(struct peer_call *call, enum hs_err err, const char *why)
{
	if (err != HS_NOT_FOUND && err != HS_INVALID && err != HS_DENIED)
		return err;
	if (peer_failed(call, HS_OK, NULL))
		return HS_OK;
	doc_set_text(call->answer, "over", span_text(hs_err_text(err)));
	peer_set_text(call->answer, "why", why);
	peer_done(call);
	return HS_OK;
}

static struct schedule_item
item_of(const struct doc *request)
{
	return (struct schedule_item){
		.id = peer_text(request, "id"),
		.name = peer_text(request, "name"),
		.data = peer_text(request, "data"),
		.opts = peer_text(request, "opts"),
		.repeat = {
			.every_ms = peer_number(request, "every", 0),
			.pattern = peer_text(request, "pattern"),
			.zone = peer_text(request, "tz"),
			.seed = peer_text(request, "hashSeed"),
			.offset_ms = peer_number(request, "offset", 0),
			.limit = peer_number(request, "limit", 0),
			.count = peer_number(request, "count", 0),
			.start_at_ms = peer_number(request, "startDate", 0),
			.end_at_ms = peer_number(request, "endDate", 0),
			.is_immediate = peer_is_true(request, "immediately"),
		},
	};
}

static enum hs_err
op_upsert(struct peer_call *call)
{
	const struct schedule_item item = item_of(call->request);
	const char *why = NULL;
	return answer_early(call,
			    schedule_upsert(call->queue, &item, peer_now(call),
					    on_scheduled, call, &why),
			    why);
}

static enum hs_err
op_advance(struct peer_call *call)
{
	const struct job *job =
		peer_recall(call, peer_text(call->request, "id"));
	const char *why = NULL;
	if (!job)
		return HS_NOT_FOUND;
	return answer_early(call,
			    schedule_advance(call->queue, job, peer_now(call),
					     on_scheduled, call, &why),
			    why);
}

/* {"id", "next", "data", "template": JSON, "scheduler": {...}, "jobOpts": JSON} */
static enum hs_err
op_add(struct peer_call *call)
{
	struct schedule_item item =
		item_of(doc_get(call->request, "scheduler"));
	item.id = peer_text(call->request, "id");
	item.data = peer_text(call->request, "data");
	item.opts = peer_text(call->request, "template");
	return schedule_put(call->queue, &item,
			    peer_text(call->request, "jobOpts"),
			    peer_number(call->request, "next", 0),
			    peer_now(call), on_scheduled, call);
}

static enum hs_err
op_update_next(struct peer_call *call)
{
	return schedule_follow(call->queue, peer_text(call->request, "id"),
			       peer_text(call->request, "producerId"),
			       peer_text(call->request, "data"),
			       peer_text(call->request, "jobOpts"),
			       peer_number(call->request, "every", 0),
			       peer_number(call->request, "next", 0),
			       peer_now(call), on_scheduled, call);
}

static enum hs_err
op_remove(struct peer_call *call)
{
	return schedule_remove(call->queue, peer_text(call->request, "id"),
			       peer_on_number, call);
}

static struct doc *
entry_doc(const struct schedule_entry *entry)
{
	struct doc *doc = doc_new_object();
	struct doc *hash = doc_new_array();
	doc_set_text(doc, "id", entry->id);
	doc_set_i64(doc, "next", entry->next_ms);
	doc_set_i64(doc, "iterations", entry->iterations);
	doc_set_text(doc, "name", entry->name);
	doc_set_i64(doc, "every", entry->repeat.every_ms);
	doc_set_i64(doc, "offset", entry->repeat.offset_ms);
	doc_set_i64(doc, "limit", entry->repeat.limit);
	peer_set_span(doc, "pattern", entry->repeat.pattern);
	peer_set_span(doc, "tz", entry->repeat.zone);
	doc_set_bool(doc, "legacy", entry->is_legacy);
	for (size_t i = 0; i < entry->hash->n_items; i++)
		doc_push_text(hash, entry->hash->items[i]->text);
	doc_set(doc, "hash", hash);
	return doc;
}

static void
on_listed(void *ctx, enum hs_err err, const char *why,
	  const struct schedule_entry *entries, size_t n, size_t n_seen)
{
	struct peer_call *call = ctx;
	if (err == HS_NOT_FOUND)
		err = HS_OK; /* an empty list says so */
	if (peer_failed(call, err, why))
		return;
	struct doc *list = doc_new_array();
	for (size_t i = 0; i < n; i++)
		doc_push(list, entry_doc(&entries[i]));
	doc_set(call->answer, "schedulers", list);
	doc_set_i64(call->answer, "seen", (int64_t)n_seen);
	peer_done(call);
}

static enum hs_err
op_list(struct peer_call *call)
{
	return schedule_list(
		call->queue, (size_t)peer_number(call->request, "offset", 0),
		(size_t)peer_number(call->request, "n", 1000),
		peer_is_true(call->request, "reverse"), on_listed, call);
}

static enum hs_err
op_get(struct peer_call *call)
{
	return schedule_get(call->queue, peer_text(call->request, "id"),
			    on_listed, call);
}

static enum hs_err
op_count(struct peer_call *call)
{
	return schedule_count(call->queue, peer_on_number, call);
}

const struct peer_op peer_schedule_ops[] = {
	{ .name = "schedule-upsert", .run = op_upsert },
	{ .name = "schedule-advance", .run = op_advance },
	{ .name = "schedule-remove", .run = op_remove },
	{ .name = "schedule-list", .run = op_list },
	{ .name = "schedule-get", .run = op_get },
	{ .name = "schedule-count", .run = op_count },
	{ .name = "addJobScheduler", .run = op_add },
	{ .name = "updateJobSchedulerNextMillis", .run = op_update_next },
	{ 0 },
};
