/*
 * ctl_remove: taking single jobs away: those named by id at once, those that a
 * filter finds only with --yes.
 *
 * An id may be in several queues, and a wrong job is gone for good: then the
 * queue must be named.
 */
#include <stdio.h>
#include <stdlib.h>

#include "queue/sweep.h"
#include "ctl/act.h"
#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/preview.h"
#include "ctl/session.h"
#include "ctl/show.h"

static enum hs_err
start_remove(const struct act *act, struct queue *queue, struct span id,
	     queue_number_fn fn, void *ctx)
{
	const struct cmd_line *line = act->options;
	return sweep_remove(queue, id, line->with_children, fn, ctx);
}

static enum act_result
read_removed(int64_t n)
{
	if (n == CODE_SCHEDULED)
		return ACT_SCHEDULED;
	return n == 1 ? ACT_DONE : ACT_BUSY;
}

static struct act
removal(const struct cmd_line *line)
{
	return (struct act){
		.label = "removing",
		.many = "jobs are removed",
		.single = "job is removed",
		.member = "removed",
		.start = start_remove,
		.read = read_removed,
		.options = line,
	};
}

/* ---- by id ---- */

struct target {
	const char *id;
	const char *where; /* the queue; NULL: none has it */
	struct queue *queue;
	enum job_state state;
	bool is_doubtful; /* several have it */
};

static int
target_find(struct target *target, struct session *session,
	    struct queue *const *queues, const char **names)
{
	for (size_t i = 0; names[i]; i++) {
		struct job *job;
		enum job_state state;
		int code =
			ask_job(session, queues[i], target->id, &job, &state);
		if (code != CTL_OK)
			return code;
		if (!job)
			continue;
		job_free(job);
		if (target->where) {
			ctl_complain("%s: is in the queues %s and %s: say "
				     "which with --queue",
				     target->id, target->where, names[i]);
			target->is_doubtful = true;
			return CTL_OK;
		}
		target->where = names[i];
		target->queue = queues[i];
		target->state = state;
	}
	return CTL_OK;
}

static const char *
target_reason(const struct target *target, enum act_result result)
{
	if (target->is_doubtful)
		return "in several queues";
	switch (result) {
	case ACT_DONE:
		return NULL;
	case ACT_GONE:
		return "no such job";
	case ACT_SCHEDULED:
		return "next of a scheduler";
	default:
		return "in a worker's hands";
	}
}

static void
target_print_json(const struct target *target, enum act_result result,
		  bool is_first)
{
	const char *reason = target_reason(target, result);

	fputs(is_first ? "{\"id\":" : ",\n {\"id\":", stdout);
	show_json_text(stdout, span_text(target->id));
	fputs(",\"queue\":", stdout);
	if (target->where && !target->is_doubtful)
		show_json_text(stdout, span_text(target->where));
	else
		fputs("null", stdout);
	printf(",\"is_removed\":%s,\"reason\":", reason ? "false" : "true");
	if (reason)
		show_json_text(stdout, span_text(reason));
	else
		fputs("null", stdout);
	fputs("}", stdout);
}

static void
target_print(const struct target *target, enum act_result result)
{
	if (target->is_doubtful)
		return; /* that was told */
	if (result != ACT_DONE) {
		const char *reason = target_reason(target, result);
		ctl_complain("%s: stays: %s%s%s", target->id, reason,
			     target->where ? ", in queue " : "",
			     target->where ? target->where : "");
		return;
	}
	show_text(stdout, span_text(target->id));
	fputs(": removed from ", stdout);
	show_text(stdout, span_text(target->where));
	printf("; it was %s\n",
	       target->state == JOB_UNKNOWN ? "in none of its lists"
	       : target->state == JOB_WAIT  ? "waiting"
					    : job_state_text(target->state));
}

static int
target_remove(const struct target *target, struct session *session,
	      const struct cmd_line *line, enum act_result *result)
{
	*result = ACT_GONE;
	if (!target->where || target->is_doubtful)
		return CTL_OK;
	struct ask ask = ask_begin(session);
	int code = ask_end(&ask,
			   sweep_remove(target->queue, span_text(target->id),
					line->with_children, ask_number, &ask));
	if (code == CTL_OK)
		*result = read_removed(ask.n);
	return code;
}

static int
remove_ids(struct session *session, const char **names,
	   const struct cmd_line *line)
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
	if (line->is_json)
		fputs("[", stdout);
	for (int i = 0; code == CTL_OK && i < line->n_args; i++) {
		struct target target = { .id = line->args[i] };
		enum act_result result = ACT_GONE;
		code = target_find(&target, session, queues, names);
		if (code == CTL_OK)
			code = target_remove(&target, session, line, &result);
		if (code != CTL_OK)
			break;
		is_complete = is_complete && result == ACT_DONE;
		if (line->is_json)
			target_print_json(&target, result, i == 0);
		else
			target_print(&target, result);
	}
	if (line->is_json)
		fputs("]\n", stdout);
	free(queues);
	return code == CTL_OK && !is_complete ? CTL_NO_MATCH : code;
}

/* ---- by filter ---- */

static int
remove_found(struct session *session, const char **queues,
	     const struct cmd_line *line)
{
	const struct act act = removal(line);
	struct filter filter;
	struct preview preview;
	char why[256];

	if (filter_read(line, NULL, 0, &filter, why, sizeof why) != HS_OK)
		return CTL_USAGE; /* ctl_remove() has looked */
	if (!ctl_is_one_queue(queues))
		return CTL_USAGE;
	if (line->is_sure)
		return act_on_queues(&act, session, queues, &filter,
				     line->is_json);
	int code = preview_walk(session, queues[0], &filter, &preview);
	return code == CTL_OK ? preview_tell(&preview, queues[0], line->is_json)
			      : code;
}

static int
remove_visit(struct session *session, const char **queues,
	     const struct cmd_line *line)
{
	if (line->n_args > 0)
		return remove_ids(session, queues, line);
	return remove_found(session, queues, line);
}

int
ctl_remove(const struct cmd_line *line)
{
	struct filter filter;
	char why[256];

	if (filter_read(line, NULL, 0, &filter, why, sizeof why) != HS_OK) {
		ctl_complain("%s", why);
		return CTL_USAGE;
	}
	return session_visit(line, CTL_QUEUES_ALL, remove_visit);
}
