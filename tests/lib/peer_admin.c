/*
 * peer_admin: looking at a queue and its jobs and changing them by hand, as
 * requests.
 */
#include "base/codec.h"
#include "queue/admin.h"
#include "queue/amend.h"
#include "queue/control.h"
#include "queue/requeue.h"
#include "queue/sweep.h"

#include "tests/lib/peer.h"

static void
on_counted(void *ctx, enum hs_err err, const char *why,
	   const struct admin_counts *counts)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	struct doc *states = doc_new_object();
	for (int i = 0; i < JOB_N_STATES; i++)
		doc_set_i64(states, job_state_text((enum job_state)i),
			    counts->n[i]);
	doc_set(call->answer, "counts", states);
	doc_set_bool(call->answer, "paused", counts->is_paused);
	doc_set_i64(call->answer, "oldest", counts->oldest_waiting_ms);
	peer_done(call);
}

static enum hs_err
op_count(struct peer_call *call)
{
	return admin_count(call->queue, on_counted, call);
}

static void
on_listed(void *ctx, enum hs_err err, const char *why, struct job **jobs,
	  size_t n, size_t n_seen)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	struct doc *list = doc_new_array();
	for (size_t i = 0; i < n; i++) {
		doc_push(list, peer_job_doc(jobs[i]));
		job_free(jobs[i]);
	}
	doc_set(call->answer, "jobs", list);
	doc_set_i64(call->answer, "seen", (int64_t)n_seen);
	peer_done(call);
}

static enum job_state
state_of(const struct doc *request, const char *name)
{
	enum job_state state = JOB_UNKNOWN;
	char *copy = peer_text_dup(request, name);
	if (job_state_parse(copy, &state) != HS_OK)
		state = JOB_UNKNOWN;
	free(copy);
	return state;
}

static enum hs_err
op_list(struct peer_call *call)
{
	return admin_list(call->queue, state_of(call->request, "state"),
			  (size_t)peer_number(call->request, "offset", 0),
			  (size_t)peer_number(call->request, "n", 100),
			  on_listed, call);
}

static void
on_got(void *ctx, enum hs_err err, const char *why, struct job *job,
       enum job_state state)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	doc_set(call->answer, "job", peer_job_doc(job));
	peer_set_text(call->answer, "state", job_state_text(state));
	job_free(job);
	peer_done(call);
}

static enum hs_err
op_get(struct peer_call *call)
{
	return admin_get(call->queue, peer_text(call->request, "id"), on_got,
			 call);
}

static enum hs_err
op_retry(struct peer_call *call)
{
	const struct doc *request = call->request;
	const struct requeue_options options = {
		.from = state_of(request, "from"),
		.resets_attempts = !peer_is_true(request, "keepsAttempts"),
		.resets_starts = !peer_is_true(request, "keepsStarts"),
	};
	return requeue_retry(call->queue, peer_text(request, "id"), &options,
			     peer_on_number, call);
}

static enum hs_err
op_promote(struct peer_call *call)
{
	return requeue_promote(call->queue, peer_text(call->request, "id"),
			       peer_on_number, call);
}

static size_t
limit_of(const struct peer_call *call, const char *name, size_t absent)
{
	return (size_t)peer_number(call->request, name, (int64_t)absent);
}

static enum hs_err
op_retry_all(struct peer_call *call)
{
	return requeue_retry_all(
		call->queue, state_of(call->request, "from"),
		peer_number(call->request, "before", peer_now(call)),
		limit_of(call, "count", REQUEUE_MAX), peer_on_number, call);
}

static enum hs_err
op_promote_all(struct peer_call *call)
{
	return requeue_promote_all(call->queue,
				   limit_of(call, "count", REQUEUE_MAX),
				   peer_on_number, call);
}

/* ---- looking ---- */

static void
on_page(void *ctx, enum hs_err err, const char *why, struct job **jobs,
	size_t n, struct span next)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	struct doc *list = doc_new_array();
	for (size_t i = 0; i < n; i++) {
		doc_push(list, peer_job_doc(jobs[i]));
		job_free(jobs[i]);
	}
	doc_set(call->answer, "jobs", list);
	/* bytes, which JSON has no word for */
	struct buf hex;
	buf_init(&hex, 2 * ADMIN_PLACE_BYTES + 1);
	if (codec_hex_encode(next, &hex) == HS_OK)
		doc_set_text(call->answer, "next", buf_span(&hex));
	buf_fini(&hex);
	peer_done(call);
}

static enum hs_err
op_page(struct peer_call *call)
{
	struct buf after;
	buf_init(&after, ADMIN_PLACE_BYTES + 1);
	enum hs_err err =
		codec_hex_decode(peer_text(call->request, "after"), &after);
	if (err == HS_OK)
		err = admin_page(call->queue, state_of(call->request, "state"),
				 buf_span(&after), limit_of(call, "n", 100),
				 on_page, call);
	buf_fini(&after);
	return err;
}

static void
on_state(void *ctx, enum hs_err err, const char *why, enum job_state state)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	peer_set_text(call->answer, "state", job_state_text(state));
	peer_done(call);
}

static enum hs_err
op_state(struct peer_call *call)
{
	return admin_state(call->queue, peer_text(call->request, "id"),
			   on_state, call);
}

static void
on_end(void *ctx, enum hs_err err, const char *why, enum admin_end end,
       struct span value)
{
	struct peer_call *call = ctx;
	bool is_missing = err == HS_NOT_FOUND; /* an answer, as upstream's */
	if (peer_failed(call, is_missing ? HS_OK : err, why))
		return;
	doc_set_i64(call->answer, "end", is_missing ? -1 : (int64_t)end);
	peer_set_span(call->answer, "value", value);
	peer_done(call);
}

static enum hs_err
op_end(struct peer_call *call)
{
	return admin_end(call->queue, peer_text(call->request, "id"), on_end,
			 call);
}

static void
on_priorities(void *ctx, enum hs_err err, const char *why,
	      const int64_t *counts, size_t n)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	struct doc *list = doc_new_array();
	for (size_t i = 0; i < n; i++) {
		struct doc *holder = doc_new_object();
		doc_set_i64(holder, "n", counts[i]);
		doc_push(list, holder);
	}
	doc_set(call->answer, "counts", list);
	peer_done(call);
}

static enum hs_err
op_priorities(struct peer_call *call)
{
	int64_t priorities[ADMIN_PRIORITIES];
	const struct doc *list = doc_get(call->request, "priorities");
	size_t n = doc_len(list);
	for (size_t i = 0; i < n && i < ADMIN_PRIORITIES; i++) {
		if (doc_i64(doc_at(list, i), &priorities[i]) != HS_OK)
			return HS_INVALID;
	}
	return admin_priorities(call->queue, priorities, n, on_priorities,
				call);
}

static void
on_owner(void *ctx, enum hs_err err, const char *why, struct span id)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	if (id.len > 0)
		peer_set_span(call->answer, "id", id);
	peer_done(call);
}

static enum hs_err
op_dedup_owner(struct peer_call *call)
{
	return admin_dedup_owner(call->queue,
				 peer_text(call->request, "dedupId"), on_owner,
				 call);
}

/* ---- the switches ---- */

static enum hs_err
op_pause(struct peer_call *call)
{
	return control_pause(call->queue, peer_on_number, call);
}

static enum hs_err
op_resume(struct peer_call *call)
{
	return control_resume(call->queue, peer_on_number, call);
}

static enum hs_err
op_concurrency(struct peer_call *call)
{
	return control_concurrency(
		call->queue,
		peer_number(call->request, "concurrency", CONTROL_NONE),
		peer_on_number, call);
}

static enum hs_err
op_limit(struct peer_call *call)
{
	return control_limit(call->queue, peer_number(call->request, "max", 0),
			     peer_number(call->request, "duration", 0),
			     peer_on_number, call);
}

static enum hs_err
op_rate_limit(struct peer_call *call)
{
	return control_rate_limit(call->queue,
				  peer_number(call->request, "for", 0),
				  peer_on_number, call);
}

static enum hs_err
op_remove_rate_limit(struct peer_call *call)
{
	return control_remove_rate_limit(call->queue, peer_on_number, call);
}

static enum hs_err
op_limit_ttl(struct peer_call *call)
{
	return control_limit_ttl(call->queue,
				 peer_number(call->request, "max", 0),
				 peer_on_number, call);
}

static void
on_settings(void *ctx, enum hs_err err, const char *why,
	    const struct control_settings *settings)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	doc_set_bool(call->answer, "paused", settings->is_paused);
	doc_set_bool(call->answer, "maxed", settings->is_maxed);
	doc_set_bool(call->answer, "pro", settings->is_pro);
	doc_set_i64(call->answer, "concurrency", settings->concurrency);
	doc_set_i64(call->answer, "max", settings->max);
	doc_set_i64(call->answer, "duration", settings->duration_ms);
	doc_set_i64(call->answer, "active", settings->n_active);
	doc_set_i64(call->answer, "maxEvents", settings->max_events);
	peer_set_text(call->answer, "version", settings->version);
	peer_done(call);
}

static enum hs_err
op_settings(struct peer_call *call)
{
	return control_read(call->queue, on_settings, call);
}

/* ---- removing ---- */

/* BullMQ does not tell apart what was removed and what never was. */
static void
on_removed(void *ctx, enum hs_err err, const char *why, int64_t n)
{
	peer_on_number(ctx, err, why, n == 2 ? 1 : n);
}

static enum hs_err
op_remove(struct peer_call *call)
{
	return sweep_remove(call->queue, peer_text(call->request, "id"),
			    peer_is_true(call->request, "children"), on_removed,
			    call);
}

static enum hs_err
op_remove_children(struct peer_call *call)
{
	return sweep_remove_children(call->queue,
				     peer_text(call->request, "id"),
				     peer_on_number, call);
}

static enum hs_err
op_leave_parent(struct peer_call *call)
{
	return sweep_leave_parent(call->queue, peer_text(call->request, "id"),
				  peer_on_number, call);
}

/* One step: "number" of SWEEP_MAX says there may be more. */
static enum hs_err
op_drain(struct peer_call *call)
{
	return sweep_drain(call->queue, peer_is_true(call->request, "delayed"),
			   peer_on_number, call);
}

static void
on_cleaned(void *ctx, enum hs_err err, const char *why, const struct span *ids,
	   size_t n, int64_t n_seen)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	peer_set_ids(call->answer, "ids", ids, n);
	doc_set_i64(call->answer, "seen", n_seen);
	peer_done(call);
}

static enum hs_err
op_clean(struct peer_call *call)
{
	return sweep_clean(call->queue, state_of(call->request, "state"),
			   peer_number(call->request, "before", 0),
			   limit_of(call, "skip", 0),
			   limit_of(call, "limit", SWEEP_CLEAN_MAX), on_cleaned,
			   call);
}

static enum hs_err
op_obliterate(struct peer_call *call)
{
	return sweep_obliterate(
		call->queue, peer_is_true(call->request, "force"),
		limit_of(call, "count", SWEEP_MAX), peer_on_number, call);
}

/* ---- changing one job ---- */

static enum hs_err
op_data(struct peer_call *call)
{
	return amend_data(call->queue, peer_text(call->request, "id"),
			  peer_text(call->request, "data"), peer_on_number,
			  call);
}

static enum hs_err
op_progress(struct peer_call *call)
{
	return amend_progress(call->queue, peer_text(call->request, "id"),
			      peer_text(call->request, "progress"),
			      peer_on_number, call);
}

static enum hs_err
op_log(struct peer_call *call)
{
	return amend_log(call->queue, peer_text(call->request, "id"),
			 peer_text(call->request, "row"),
			 peer_number(call->request, "keep", 0), peer_on_number,
			 call);
}

static void
on_rows(void *ctx, enum hs_err err, const char *why, const struct span *rows,
	size_t n, int64_t n_total)
{
	struct peer_call *call = ctx;
	if (peer_failed(call, err, why))
		return;
	peer_set_ids(call->answer, "rows", rows, n);
	doc_set_i64(call->answer, "total", n_total);
	peer_done(call);
}

static enum hs_err
op_read_log(struct peer_call *call)
{
	return amend_read_log(call->queue, peer_text(call->request, "id"),
			      peer_number(call->request, "first", 0),
			      peer_number(call->request, "last", -1), on_rows,
			      call);
}

static enum hs_err
op_clear_log(struct peer_call *call)
{
	return amend_clear_log(call->queue, peer_text(call->request, "id"),
			       peer_number(call->request, "keep", 0),
			       peer_on_number, call);
}

static enum hs_err
op_delay(struct peer_call *call)
{
	return amend_delay(call->queue, peer_text(call->request, "id"),
			   peer_number(call->request, "delay", 0),
			   peer_now(call), peer_on_number, call);
}

static enum hs_err
op_priority(struct peer_call *call)
{
	return amend_priority(call->queue, peer_text(call->request, "id"),
			      peer_number(call->request, "priority", 0),
			      peer_is_true(call->request, "lifo"),
			      peer_on_number, call);
}

static enum hs_err
op_free_dedup(struct peer_call *call)
{
	return amend_free_dedup(
		call->queue, peer_text(call->request, "dedupId"),
		peer_text(call->request, "id"), peer_on_number, call);
}

static enum hs_err
op_announce(struct peer_call *call)
{
	queue_announce(call->queue);
	/* a further command's answer says that those before it are done */
	return admin_count(call->queue, on_counted, call);
}

const struct peer_op peer_admin_ops[] = {
	{ "count", op_count, false },
	{ "list", op_list, false },
	{ "get", op_get, false },
	{ "announce", op_announce, false },
	{ "page", op_page, false },
	{ "state", op_state, false },
	{ "end", op_end, false },
	{ "priorities", op_priorities, false },
	{ "dedupOwner", op_dedup_owner, false },
	{ "retry", op_retry, false },
	{ "promote", op_promote, false },
	{ "retryAll", op_retry_all, false },
	{ "promoteAll", op_promote_all, false },
	{ "pause", op_pause, false },
	{ "resume", op_resume, false },
	{ "concurrency", op_concurrency, false },
	{ "limit", op_limit, false },
	{ "rateLimit", op_rate_limit, false },
	{ "removeRateLimit", op_remove_rate_limit, false },
	{ "limitTtl", op_limit_ttl, false },
	{ "settings", op_settings, false },
	{ "remove", op_remove, false },
	{ "removeChildren", op_remove_children, false },
	{ "leaveParent", op_leave_parent, false },
	{ "drain", op_drain, false },
	{ "clean", op_clean, false },
	{ "obliterate", op_obliterate, false },
	{ "data", op_data, false },
	{ "progress", op_progress, false },
	{ "log", op_log, false },
	{ "readLog", op_read_log, false },
	{ "clearLog", op_clear_log, false },
	{ "delay", op_delay, false },
	{ "priority", op_priority, false },
	{ "freeDedup", op_free_dedup, false },
	{ 0 },
};
