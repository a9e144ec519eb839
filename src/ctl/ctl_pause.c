/*
 * ctl_pause: pausing queues and ending that.
 *
 * Both are done whether or not it seems needed: what one has read a moment ago
 * may have changed, and resume also brings back what BullMQ 5 had set aside.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"

struct turn { /* of one queue's switch */
	const char *name;
	struct control_settings before;
	int64_t n_moved; /* of those set aside */
	struct admin_counts after;
};

static int
turn_switch(struct turn *turn, struct session *session, bool pauses)
{
	struct queue *queue = session_queue(session, turn->name);
	int code = ask_settings(session, queue, &turn->before);

	if (code != CTL_OK)
		return code;
	struct ask ask = ask_begin(session);
	code = ask_end(&ask, pauses ? control_pause(queue, ask_number, &ask)
				    : control_resume(queue, ask_number, &ask));
	if (code != CTL_OK)
		return code;
	turn->n_moved = ask.n;
	return ask_counts(session, queue, &turn->after);
}

static void
turn_print(const struct turn *turn, bool pauses)
{
	char waiting[SHOW_COUNT_SIZE];
	char active[SHOW_COUNT_SIZE];

	show_text(stdout, span_text(turn->name));
	if (pauses)
		printf(": %s", turn->before.is_paused ? "was paused already"
						      : "paused");
	else
		printf(": %s",
		       turn->before.is_paused ? "resumed" : "was not paused");
	printf("; waiting: %s, active: %s\n",
	       show_count(ask_n_waiting(&turn->after), waiting),
	       show_count(turn->after.n[JOB_ACTIVE], active));
}

static void
turn_print_json(const struct turn *turn, bool is_first)
{
	fputs(is_first ? "{\"queue\":" : ",\n {\"queue\":", stdout);
	show_json_text(stdout, span_text(turn->name));
	printf(",\"is_paused\":%s,\"was_paused\":%s,\"n_waiting\":%" PRId64
	       ",\"n_active\":%" PRId64 "}",
	       turn->after.is_paused ? "true" : "false",
	       turn->before.is_paused ? "true" : "false",
	       ask_n_waiting(&turn->after), turn->after.n[JOB_ACTIVE]);
}

static int
switch_queues(struct session *session, const char **queues,
	      const struct cmd_line *line, bool pauses)
{
	int code = CTL_OK;

	if (line->is_json)
		fputs("[", stdout);
	for (size_t i = 0; queues[i]; i++) {
		struct turn turn = { .name = queues[i] };
		code = turn_switch(&turn, session, pauses);
		if (code != CTL_OK)
			break;
		if (line->is_json)
			turn_print_json(&turn, i == 0);
		else
			turn_print(&turn, pauses);
		if (ask_is_unused(&turn.before, &turn.after))
			ctl_complain("queue %s was never used before; is that "
				     "its name?",
				     queues[i]);
	}
	if (line->is_json)
		fputs("]\n", stdout);
	return code;
}

static int
pause_visit(struct session *session, const char **queues,
	    const struct cmd_line *line)
{
	return switch_queues(session, queues, line, true);
}

static int
resume_visit(struct session *session, const char **queues,
	     const struct cmd_line *line)
{
	return switch_queues(session, queues, line, false);
}

int
ctl_pause(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_WORKER, pause_visit);
}

int
ctl_resume(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_WORKER, resume_visit);
}
