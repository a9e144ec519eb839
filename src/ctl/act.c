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
#include "ctl/ask.h"
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

	if (err == HS_OK)
		call->result =
			call->act->read ? call->act->read(n) : read_code(n);
	session_end(call->session, err, text);
}

static void
call_start(struct call *call, const struct act *act, struct session *session,
	   struct queue *queue, struct span id)
{
	*call = (struct call){ act, session, ACT_UNANSWERED };
	session_begin(session);
	enum hs_err err = act->start(act, queue, id, on_number, call);
	if (err != HS_OK)
		session_end(session, err, NULL);
}

/* ---- by id ---- */

struct target {
	const char *id;
	const char *where; /* the queue; NULL: none has it */
	struct queue *queue;
	enum job_state state; /* JOB_UNKNOWN where it was not asked */
	enum act_result result;
};

static int
ask_whether(const struct act *act, struct session *session, struct queue *queue,
	    struct target *target, bool *is_there)
{
	struct job *job;
	int code;

	if (act->ask)
		return act->ask(session, queue, target->id, is_there);
	code = ask_job(session, queue, target->id, &job, &target->state);
	*is_there = job != NULL;
	job_free(job);
	return code;
}

/* Ids that are numbers are in many queues: a guess would hit a stranger. */
static int
target_find(const struct act *act, struct session *session,
	    struct queue *const *queues, const char **names,
	    struct target *target)
{
	for (size_t i = 0; names[i]; i++) {
		struct target seen = { .id = target->id };
		bool is_there = false;
		int code =
			ask_whether(act, session, queues[i], &seen, &is_there);
		if (code != CTL_OK)
			return code;
		if (!is_there)
			continue;
		if (target->where) {
			ctl_complain("%s: is in the queues %s and %s: say "
				     "which with --queue",
				     target->id, target->where, names[i]);
			target->result = ACT_DOUBTFUL;
			return CTL_OK;
		}
		target->where = names[i];
		target->queue = queues[i];
		target->state = seen.state;
	}
	return CTL_OK;
}

static int
act_on_id(const struct act *act, struct session *session,
	  struct queue *const *queues, const char **names,
	  struct target *target)
{
	struct call call;
	int code = target_find(act, session, queues, names, target);

	if (code != CTL_OK || !target->where || target->result == ACT_DOUBTFUL)
		return code;
	call_start(&call, act, session, target->queue, span_text(target->id));
	code = session_wait(session);
	target->result = call.result;
	if (target->result == ACT_GONE)
		target->where = NULL;
	return code;
}

static void
print_done(const struct act *act, const struct target *target)
{
	show_text(stdout, span_text(target->id));
	printf(": %s ", act->done);
	show_text(stdout, span_text(target->where));
	if (act->tells_state)
		printf("; it was %s", target->state == JOB_UNKNOWN
					      ? "in none of its lists"
				      : target->state == JOB_WAIT
					      ? "waiting"
					      : job_state_text(target->state));
	putchar('\n');
}

static void
print_id(const struct act *act, const struct target *target)
{
	const char *id = target->id;
	const char *where = target->where;

	switch (target->result) {
	case ACT_DONE:
		print_done(act, target);
		break;
	case ACT_DOUBTFUL:
		break; /* that was told */
	case ACT_ELSEWHERE:
		ctl_complain("%s: is not in %s (in queue %s); \"hooksync job "
			     "%s\" tells more",
			     id, act->state, where, id);
		break;
	case ACT_BUSY:
		ctl_complain("%s: is in a worker's hands (in queue %s)", id,
			     where);
		break;
	case ACT_SCHEDULED:
		ctl_complain("%s: is the next job of a scheduler (in queue "
			     "%s), which would be lost with it",
			     id, where);
		break;
	default:
		ctl_complain("%s: there is no such %s", id,
			     act->what ? act->what : "job");
		break;
	}
}

static void
print_reason_json(const struct act *act, enum act_result result)
{
	switch (result) {
	case ACT_DONE:
		fputs("null}", stdout);
		break;
	case ACT_DOUBTFUL:
		fputs("\"in several queues\"}", stdout);
		break;
	case ACT_ELSEWHERE:
		printf("\"not in %s\"}", act->state);
		break;
	case ACT_BUSY:
		fputs("\"in a worker's hands\"}", stdout);
		break;
	case ACT_SCHEDULED:
		fputs("\"next of a scheduler\"}", stdout);
		break;
	default:
		printf("\"no such %s\"}", act->what ? act->what : "job");
		break;
	}
}

static void
print_id_json(const struct act *act, const struct target *target, bool is_first)
{
	fputs(is_first ? "{\"id\":" : ",\n {\"id\":", stdout);
	show_json_text(stdout, span_text(target->id));
	fputs(",\"queue\":", stdout);
	if (target->where && target->result != ACT_DOUBTFUL)
		show_json_text(stdout, span_text(target->where));
	else
		fputs("null", stdout);
	printf(",\"is_%s\":%s,\"reason\":", act->member,
	       target->result == ACT_DONE ? "true" : "false");
	print_reason_json(act, target->result);
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
		struct target target = { .id = ids[i],
					 .state = JOB_UNKNOWN,
					 .result = ACT_GONE };
		code = act_on_id(act, session, queues, names, &target);
		if (code != CTL_OK)
			break;
		is_complete = is_complete && target.result == ACT_DONE;
		if (is_json)
			print_id_json(act, &target, i == 0);
		else
			print_id(act, &target);
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
enum { REST_SIZE = 320 };
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
	if (tally->n[ACT_UNANSWERED] > 0)
		buf_notef(&text, "; not known, for want of an answer: %s",
			  show_count(tally->n[ACT_UNANSWERED], n));
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
	       ",\"n_scheduled\":%" PRId64 ",\"n_unanswered\":%" PRId64 "}",
	       act->member, tally->n[ACT_DONE], tally->n[ACT_GONE],
	       tally->n[ACT_ELSEWHERE], tally->n[ACT_BUSY],
	       tally->n[ACT_SCHEDULED], tally->n[ACT_UNANSWERED]);
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
