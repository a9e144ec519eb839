/*
 * act: doing one thing to single jobs.
 *
 * A page of them goes out at once and is waited for: as many calls as a page
 * has jobs, far below what a connection may have under way.
 */
#include "ctl/act.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "queue/code.h"
#include "ctl/ctl.h"
#include "ctl/show.h"
#include "ctl/walk.h"

struct call {
	const struct act *act;
	struct session *session;
	enum act_result result;
};

static enum act_result
read_code(int64_t n)
{
	switch (n) {
	case CODE_MISSING:
		return ACT_GONE;
	case CODE_SCHEDULED:
		return ACT_SCHEDULED;
	default:
		return n < 0 ? ACT_ELSEWHERE : ACT_DONE;
	}
}

static void
on_number(void *ctx, enum hs_err err, const char *text, int64_t n)
{
	struct call *call = ctx;

	call->result = ACT_GONE; /* unless it was answered */
	if (err == HS_OK)
		call->result =
			call->act->read ? call->act->read(n) : read_code(n);
	session_end(call->session, err, text);
}

static void
call_start(struct call *call, const struct act *act, struct session *session,
	   struct queue *queue, struct span id)
{
	*call = (struct call){ act, session, ACT_GONE };
	session_begin(session);
	enum hs_err err = act->start(act, queue, id, on_number, call);
	if (err != HS_OK)
		session_end(session, err, NULL);
}

/* ---- by id ---- */

/* In the first of the queues that knows it. */
static int
act_on_id(const struct act *act, struct session *session,
	  struct queue *const *queues, size_t n, const char *id,
	  const char **where, enum act_result *result)
{
	*result = ACT_GONE;
	*where = NULL;
	for (size_t i = 0; i < n; i++) {
		struct call call;
		call_start(&call, act, session, queues[i], span_text(id));
		int code = session_wait(session);
		if (code != CTL_OK)
			return code;
		*result = call.result;
		if (call.result == ACT_GONE)
			continue;
		*where = keys_queue(queues[i]->keys);
		return CTL_OK;
	}
	return CTL_OK;
}

static void
print_id(const struct act *act, const char *id, const char *where,
	 enum act_result result)
{
	switch (result) {
	case ACT_DONE:
		show_text(stdout, span_text(id));
		printf(": %s ", act->done);
		show_text(stdout, span_text(where));
		putchar('\n');
		break;
	case ACT_GONE:
		ctl_complain("%s: there is no such %s", id,
			     act->what ? act->what : "job");
		break;
	case ACT_ELSEWHERE:
		ctl_complain("%s: is not in %s (in queue %s); \"hooksync job "
			     "%s\" tells more",
			     id, act->state, where, id);
		break;
	case ACT_BUSY:
		ctl_complain("%s: is in a worker's hands (in queue %s)", id,
			     where);
		break;
	default:
		ctl_complain("%s: is the next job of a scheduler (in queue "
			     "%s), which would be lost with it",
			     id, where);
		break;
	}
}

static void
print_id_json(const struct act *act, const char *id, const char *where,
	      enum act_result result, bool is_first)
{
	fputs(is_first ? "{\"id\":" : ",\n {\"id\":", stdout);
	show_json_text(stdout, span_text(id));
	fputs(",\"queue\":", stdout);
	if (where)
		show_json_text(stdout, span_text(where));
	else
		fputs("null", stdout);
	printf(",\"is_%s\":%s,\"reason\":", act->member,
	       result == ACT_DONE ? "true" : "false");
	switch (result) {
	case ACT_DONE:
		fputs("null}", stdout);
		break;
	case ACT_GONE:
		printf("\"no such %s\"}", act->what ? act->what : "job");
		break;
	case ACT_ELSEWHERE:
		printf("\"not in %s\"}", act->state);
		break;
	case ACT_BUSY:
		fputs("\"in a worker's hands\"}", stdout);
		break;
	default:
		fputs("\"next of a scheduler\"}", stdout);
		break;
	}
}

int
act_on_ids(const struct act *act, struct session *session, const char **names,
	   char *const *ids, size_t n_ids, bool is_json)
{
	struct queue **queues;
	size_t n = 0;
	int code = CTL_OK;
	bool is_complete = true;

	while (names[n])
		n++;
	queues = xcalloc(n, sizeof *queues);
	for (size_t i = 0; i < n; i++)
		queues[i] = session_queue(session, names[i]);
	if (is_json)
		fputs("[", stdout);
	for (size_t i = 0; code == CTL_OK && i < n_ids; i++) {
		const char *where;
		enum act_result result;
		code = act_on_id(act, session, queues, n, ids[i], &where,
				 &result);
		if (code != CTL_OK)
			break;
		is_complete = is_complete && result == ACT_DONE;
		if (is_json)
			print_id_json(act, ids[i], where, result, i == 0);
		else
			print_id(act, ids[i], where, result);
	}
	if (is_json)
		fputs("]\n", stdout);
	free(queues);
	return code == CTL_OK && !is_complete ? CTL_NO_MATCH : code;
}

/* ---- by filter ---- */

struct sweep {
	const struct act *act;
	struct session *session;
	struct queue *queue;
	struct act_tally *tally;
};

static int
on_jobs(void *ctx, struct job *const *jobs, size_t n, enum job_state state,
	struct progress *progress)
{
	struct sweep *sweep = ctx;
	struct call *calls = xcalloc(n, sizeof *calls);

	const bool is_finished = state == JOB_FAILED || state == JOB_COMPLETED;

	(void)progress;
	/* finished ones come newest first; what waits again does so in turn */
	for (size_t i = 0; i < n; i++) {
		const struct job *job = jobs[is_finished ? n - 1 - i : i];
		call_start(&calls[i], sweep->act, sweep->session, sweep->queue,
			   job->id_bytes);
	}
	int code = session_wait(sweep->session);
	for (size_t i = 0; i < n; i++)
		sweep->tally->n[calls[i].result]++;
	free(calls);
	return code;
}

int
act_on_queue(const struct act *act, struct session *session, const char *name,
	     struct filter *filter, struct act_tally *tally)
{
	struct queue *queue = session_queue(session, name);
	struct sweep sweep = { act, session, queue, tally };
	struct walk walk = { session, filter, act->label };

	*tally = (struct act_tally){ 0 };
	filter->is_closed = true;
	return walk_queue(&walk, queue, on_jobs, &sweep);
}

/* "; gone by then: 2": what was not done, or "". */
enum { REST_SIZE = 200 };
static void
print_rest(const struct act *act, const struct act_tally *tally,
	   char out[REST_SIZE])
{
	char n[SHOW_COUNT_SIZE];
	struct buf text;

	buf_init(&text, REST_SIZE - 1);
	if (tally->n[ACT_GONE] > 0)
		buf_notef(&text, "; gone by then: %s",
			  show_count(tally->n[ACT_GONE], n));
	if (tally->n[ACT_ELSEWHERE] > 0)
		buf_notef(&text, "; not in %s any more: %s", act->state,
			  show_count(tally->n[ACT_ELSEWHERE], n));
	if (tally->n[ACT_BUSY] > 0)
		buf_notef(&text, "; in a worker's hands: %s",
			  show_count(tally->n[ACT_BUSY], n));
	if (tally->n[ACT_SCHEDULED] > 0)
		buf_notef(&text, "; next of a scheduler: %s",
			  show_count(tally->n[ACT_SCHEDULED], n));
	snprintf(out, REST_SIZE, "%s", buf_text(&text));
	buf_fini(&text);
}

static void
report_json(const struct act *act, const char *name,
	    const struct act_tally *tally, bool is_first)
{
	fputs(is_first ? "{\"queue\":" : ",\n {\"queue\":", stdout);
	show_json_text(stdout, span_text(name));
	printf(",\"n_%s\":%" PRId64 ",\"n_gone\":%" PRId64
	       ",\"n_not_in_state\":%" PRId64 ",\"n_busy\":%" PRId64
	       ",\"n_scheduled\":%" PRId64 "}",
	       act->member, tally->n[ACT_DONE], tally->n[ACT_GONE],
	       tally->n[ACT_ELSEWHERE], tally->n[ACT_BUSY],
	       tally->n[ACT_SCHEDULED]);
}

void
act_report(const struct act *act, const char *name,
	   const struct act_tally *tally, bool is_interrupted, bool is_json,
	   bool is_first)
{
	char n[SHOW_COUNT_SIZE];
	char rest[REST_SIZE];

	if (is_json) {
		report_json(act, name, tally, is_first);
		return;
	}
	print_rest(act, tally, rest);
	show_text(stdout, span_text(name));
	printf(": %s %s%s%s\n", show_count(tally->n[ACT_DONE], n),
	       tally->n[ACT_DONE] == 1 ? act->single : act->many, rest,
	       is_interrupted ? "; then interrupted" : "");
}

int
act_on_queues(const struct act *act, struct session *session,
	      const char **names, struct filter *filter, bool is_json)
{
	int64_t n_total = 0;
	int code = CTL_OK;

	session_catch_interrupt(session);
	if (is_json)
		fputs("[", stdout);
	for (size_t i = 0; code == CTL_OK && names[i]; i++) {
		struct act_tally tally;
		code = act_on_queue(act, session, names[i], filter, &tally);
		n_total += tally.n[ACT_DONE];
		/* what came before trouble is done all the same */
		act_report(act, names[i], &tally, code == CTL_INTERRUPTED,
			   is_json, i == 0);
	}
	if (is_json)
		fputs("]\n", stdout);
	return code == CTL_OK && n_total == 0 ? CTL_NO_MATCH : code;
}
