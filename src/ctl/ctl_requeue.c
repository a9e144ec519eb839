/*
 * ctl_requeue: letting jobs run again, or sooner: retry, promote, delay,
 * priority.
 *
 * "retry --all" walks the failed jobs while workers may be failing more of them.
 * It ends: what failed after it began is passed over, and it never retries more
 * jobs than had failed when it began.
 *
 * Known limit: the newest page of failed jobs waits again before the older
 * ones; within a page the oldest is first.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "queue/amend.h"
#include "queue/requeue.h"
#include "ctl/act.h"
#include "ctl/ctl.h"
#include "ctl/session.h"
#include "ctl/visit.h"

/* 2^21 - 1: BullMQ's own ceiling */

/* ---- retry ---- */

static enum hs_err
start_retry(const struct act *act, struct queue *queue, struct span id,
	    queue_number_fn fn, void *ctx)
{
	return requeue_retry(queue, id, act->options, fn, ctx);
}

static const struct requeue_options retry_failed_options = {
	.from = JOB_FAILED,
	.resets_attempts = true,
	.resets_starts = true,
};
static const struct requeue_options retry_completed_options = {
	.from = JOB_COMPLETED,
	.resets_attempts = true,
	.resets_starts = true,
};

static const struct act retry_failed = {
	.label = "retrying",
	.done = "waits again in",
	.many = "failed jobs wait again",
	.single = "failed job waits again",
	.state = "failed",
	.member = "retried",
	.start = start_retry,
	.options = &retry_failed_options,
};
static const struct act retry_completed = {
	.label = "retrying",
	.done = "waits again in",
	.many = "completed jobs wait again",
	.single = "completed job waits again",
	.state = "completed",
	.member = "retried",
	.start = start_retry,
	.options = &retry_completed_options,
};

static int
retry_visit(struct session *session, const char **queues,
	    const struct cmd_line *line)
{
	const struct act *act =
		line->is_completed ? &retry_completed : &retry_failed;
	struct filter filter;
	char why[256];

	if (line->n_args > 0)
		return act_on_ids(act, session, queues, line->args,
				  (size_t)line->n_args, line->is_json);
	if (filter_read_in(line,
			   line->is_completed ? JOB_COMPLETED : JOB_FAILED,
			   &filter, why, sizeof why) != HS_OK)
		return CTL_USAGE; /* looked at before the visit */
	return act_on_queues(act, session, queues, &filter, line->is_json);
}

static bool
is_usable(const struct cmd_line *line, enum job_state state)
{
	struct filter filter;
	char why[256];

	if (filter_read_in(line, state, &filter, why, sizeof why) == HS_OK)
		return true;
	ctl_complain("%s", why);
	return false;
}

int
ctl_retry(const struct cmd_line *line)
{
	if (line->is_failed && line->is_completed) {
		ctl_complain("--failed and --completed: say which of them");
		return CTL_USAGE;
	}
	if (!is_usable(line, JOB_FAILED))
		return CTL_USAGE;
	/* All of the worker's; what only Node works on is named or left. */
	return visit_queues(
		line, line->n_args > 0 ? CTL_QUEUES_ALL : CTL_QUEUES_WORKER,
		retry_visit);
}

/* ---- promote ---- */

static enum hs_err
start_promote(const struct act *act, struct queue *queue, struct span id,
	      queue_number_fn fn, void *ctx)
{
	(void)act;
	return requeue_promote(queue, id, fn, ctx);
}

static const struct act promote = {
	.label = "promoting",
	.done = "waits no longer for its time in",
	.many = "delayed jobs wait no longer for their time",
	.single = "delayed job waits no longer for its time",
	.state = "delayed",
	.member = "promoted",
	.start = start_promote,
};

static int
promote_visit(struct session *session, const char **queues,
	      const struct cmd_line *line)
{
	struct filter filter;
	char why[256];

	if (line->n_args > 0)
		return act_on_ids(&promote, session, queues, line->args,
				  (size_t)line->n_args, line->is_json);
	if (filter_read_in(line, JOB_DELAYED, &filter, why, sizeof why) !=
	    HS_OK)
		return CTL_USAGE;
	return act_on_queues(&promote, session, queues, &filter, line->is_json);
}

int
ctl_promote(const struct cmd_line *line)
{
	if (!is_usable(line, JOB_DELAYED))
		return CTL_USAGE;
	return visit_queues(
		line, line->n_args > 0 ? CTL_QUEUES_ALL : CTL_QUEUES_WORKER,
		promote_visit);
}

/* ---- delay, priority ---- */

static enum hs_err
start_delay(const struct act *act, struct queue *queue, struct span id,
	    queue_number_fn fn, void *ctx)
{
	const int64_t *delay_ms = act->options;
	return amend_delay(queue, id, *delay_ms, clock_wall_ms(), fn, ctx);
}

static int
delay_visit(struct session *session, const char **queues,
	    const struct cmd_line *line)
{
	int64_t delay_ms;
	if (num_duration_ms(span_text(line->args[1]), &delay_ms) != HS_OK)
		return CTL_USAGE; /* ctl_delay() has looked */
	char time[32];
	char done[64];
	num_duration_text(delay_ms, time, sizeof time);
	snprintf(done, sizeof done, "is due in %s in", time);
	const struct act delay = {
		.done = done,
		.state = "delayed",
		.member = "delayed",
		.start = start_delay,
		.options = &delay_ms,
	};
	return act_on_ids(&delay, session, queues, line->args, 1,
			  line->is_json);
}

int
ctl_delay(const struct cmd_line *line)
{
	int64_t delay_ms;
	if (num_duration_ms(span_text(line->args[1]), &delay_ms) != HS_OK) {
		ctl_complain("\"%s\" is no time: a number and a unit, as in "
			     "30s, 5m, 2h, 3d",
			     line->args[1]);
		return CTL_USAGE;
	}
	return visit_queues(line, CTL_QUEUES_ALL, delay_visit);
}

static enum hs_err
start_priority(const struct act *act, struct queue *queue, struct span id,
	       queue_number_fn fn, void *ctx)
{
	const uint64_t *priority = act->options;
	return amend_priority(queue, id, (int64_t)*priority, false, fn, ctx);
}

static int
priority_visit(struct session *session, const char **queues,
	       const struct cmd_line *line)
{
	uint64_t priority;
	if (num_u64(span_text(line->args[1]), JOB_PRIORITY_MAX, &priority) !=
	    HS_OK)
		return CTL_USAGE; /* ctl_priority() has looked */
	char done[64];
	snprintf(done, sizeof done, "has priority %" PRIu64 " in", priority);
	const struct act act = {
		.done = done,
		.state = "wait",
		.member = "changed",
		.start = start_priority,
		.options = &priority,
	};
	return act_on_ids(&act, session, queues, line->args, 1, line->is_json);
}

int
ctl_priority(const struct cmd_line *line)
{
	uint64_t priority;
	if (num_u64(span_text(line->args[1]), JOB_PRIORITY_MAX, &priority) !=
	    HS_OK) {
		ctl_complain("\"%s\" is no priority: 0 for none (first), 1 to "
			     "%d (last)",
			     line->args[1], JOB_PRIORITY_MAX);
		return CTL_USAGE;
	}
	return visit_queues(line, CTL_QUEUES_ALL, priority_visit);
}
