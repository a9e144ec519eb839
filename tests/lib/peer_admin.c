/*
 * peer_admin: looking at a queue and its jobs and changing them by hand, as
 * requests.
 */
#include "queue/admin.h"

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

static void
on_retried(void *ctx, enum hs_err err, const char *why)
{
	struct peer_call *call = ctx;
	if (!peer_failed(call, err, why))
		peer_done(call);
}

static enum hs_err
op_retry(struct peer_call *call)
{
	return admin_retry(call->queue, peer_text(call->request, "id"),
			   state_of(call->request, "from"), peer_now(call),
			   on_retried, call);
}

static enum hs_err
op_announce(struct peer_call *call)
{
	queue_announce(call->queue);
	/* a further command's answer says that those before it are done */
	return admin_count(call->queue, on_counted, call);
}

const struct peer_op peer_admin_ops[] = {
	{ "count", op_count, false },       { "list", op_list, false },
	{ "get", op_get, false },           { "retry", op_retry, false },
	{ "announce", op_announce, false }, { 0 },
};
