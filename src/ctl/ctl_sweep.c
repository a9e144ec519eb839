/*
 * ctl_sweep: taking many jobs away: clean, drain, obliterate.
 *
 * Without --yes each only says what it would do. With it the work goes in
 * bounded steps; Ctrl-C ends it between two of them, and what was done is told.
 */
#include <inttypes.h>
#include <stdio.h>

#include "queue/sweep.h"
#include "ctl/act.h"
#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/preview.h"
#include "ctl/progress.h"
#include "ctl/removal.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"

enum { STEP = SWEEP_MAX };

/* What both kinds of sweeping report. */
static const struct act swept = {
	.many = "jobs are removed",
	.single = "job is removed",
	.member = "removed",
};

static int
report(const char *name, int64_t n_removed, int code,
       const struct cmd_line *line)
{
	const struct act_tally tally = { .n = { [ACT_DONE] = n_removed } };

	fputs(line->is_json ? "[" : "", stdout);
	act_report(&swept, name, &tally, code == CTL_INTERRUPTED, line->is_json,
		   true);
	fputs(line->is_json ? "]\n" : "", stdout);
	return code == CTL_OK && n_removed == 0 ? CTL_NO_MATCH : code;
}

/* ---- clean ---- */

struct clean_step {
	struct session *session;
	size_t n;
	size_t n_seen;
};

static void
on_cleaned(void *ctx, enum hs_err err, const char *text, const struct span *ids,
	   size_t n, int64_t n_seen)
{
	struct clean_step *step = ctx;
	(void)ids;
	step->n = err == HS_OK ? n : 0;
	step->n_seen = err == HS_OK ? (size_t)n_seen : 0;
	session_end(step->session, err, text);
}

/* Nothing is asked but the age: Redis can answer that itself. */
static int
clean_by_age(struct session *session, const char *name,
	     const struct filter *filter, int64_t *n_removed)
{
	struct queue *queue = session_queue(session, name);
	const enum job_state state = filter->states[0];
	int64_t before_ms = filter->now_ms;
	struct admin_counts counts;
	size_t skip = 0;
	int code = ask_counts(session, queue, &counts);

	*n_removed = 0;
	if (code != CTL_OK)
		return code;
	if (filter->older_ms > 0)
		before_ms -= filter->older_ms;
	struct progress *progress = progress_new("removing", counts.n[state]);
	while (code == CTL_OK && (size_t)*n_removed < filter->limit) {
		size_t left = filter->limit - (size_t)*n_removed;
		size_t limit = left < STEP ? left : STEP;
		struct clean_step step = { .session = session };
		session_begin(session);
		enum hs_err err = sweep_clean(queue, state, before_ms, skip,
					      limit, on_cleaned, &step);
		if (err != HS_OK)
			session_end(session, err, NULL);
		code = session_wait(session);
		*n_removed += (int64_t)step.n;
		skip += step.n_seen - step.n;
		progress_set(progress, *n_removed + (int64_t)skip);
		if (step.n_seen < limit)
			break;
		if (code == CTL_OK && session_is_interrupted(session))
			code = CTL_INTERRUPTED;
	}
	progress_free(progress);
	return code;
}

/* Redis takes the oldest first; a walk may meet those last. */
static int
clean_preview(struct session *session, const char *name,
	      const struct filter *filter, struct preview *preview)
{
	struct filter all = *filter;
	const enum job_state state = filter->states[0];

	if (!filter_asks_job(filter))
		all.limit = SIZE_MAX;
	int code = preview_walk(session, name, &all, preview);
	if ((uint64_t)preview->n_total > filter->limit) {
		preview->n_total = (int64_t)filter->limit;
		preview->n[state] = preview->n_total;
	}
	return code;
}

static int
clean_visit(struct session *session, const char **queues,
	    const struct cmd_line *line)
{
	struct filter filter;
	struct preview preview;
	char why[256];
	int64_t n_removed;

	if (filter_read(line, line->args, 1, &filter, why, sizeof why) != HS_OK)
		return CTL_USAGE; /* ctl_clean() has looked */
	if (!ctl_is_one_queue(queues))
		return CTL_USAGE;
	if (!line->is_sure) {
		int code = clean_preview(session, queues[0], &filter, &preview);
		return code == CTL_OK ? preview_tell(&preview, queues[0],
						     line->is_json)
				      : code;
	}
	if (filter_asks_job(&filter)) {
		const struct act removal = removal_act(&line->with_children);
		return act_on_queues(&removal, session, queues, &filter,
				     line->is_json);
	}
	session_catch_interrupt(session);
	int code = clean_by_age(session, queues[0], &filter, &n_removed);
	return report(queues[0], n_removed, code, line);
}

int
ctl_clean(const struct cmd_line *line)
{
	struct filter filter;
	char why[256];

	if (filter_read(line, line->args, 1, &filter, why, sizeof why) !=
	    HS_OK) {
		ctl_complain("%s", why);
		return CTL_USAGE;
	}
	if (filter.n_states > 1 || filter.states[0] == JOB_WAITING_CHILDREN) {
		ctl_complain("clean takes one state: wait, prioritized, "
			     "delayed, active, completed, failed, paused");
		return CTL_USAGE;
	}
	return visit_queues(line, CTL_QUEUES_ALL, clean_visit);
}

/* ---- drain ---- */

static int
drain_preview(struct session *session, const char *name, bool with_delayed,
	      struct preview *preview)
{
	static const enum job_state waiting[] = { JOB_WAIT, JOB_PAUSED,
						  JOB_PRIORITIZED };
	struct admin_counts counts;
	int code = ask_counts(session, session_queue(session, name), &counts);

	*preview = (struct preview){ 0 };
	for (size_t i = 0; i < sizeof waiting / sizeof waiting[0]; i++)
		preview_add(preview, waiting[i], counts.n[waiting[i]]);
	if (with_delayed)
		preview_add(preview, JOB_DELAYED, counts.n[JOB_DELAYED]);
	preview->next_ms = counts.oldest_waiting_ms;
	return code;
}

/* It ends also where jobs are added as fast as they are removed. */
static int
drain_all(struct session *session, const char *name, bool with_delayed,
	  int64_t total, int64_t *n_removed)
{
	struct queue *queue = session_queue(session, name);
	struct progress *progress = progress_new("removing", total);
	const int64_t enough = total + 10 * (int64_t)SWEEP_MAX;
	int code = CTL_OK;

	*n_removed = 0;
	while (code == CTL_OK && *n_removed < enough) {
		struct ask ask = ask_begin(session);
		code = ask_end(&ask, sweep_drain(queue, with_delayed,
						 ask_number, &ask));
		*n_removed += code == CTL_OK ? ask.n : 0;
		progress_set(progress, *n_removed);
		if (code != CTL_OK || ask.n < SWEEP_MAX)
			break;
		if (session_is_interrupted(session))
			code = CTL_INTERRUPTED;
	}
	progress_free(progress);
	return code;
}

static int
drain_visit(struct session *session, const char **queues,
	    const struct cmd_line *line)
{
	struct preview preview;
	int64_t n_removed;

	if (!ctl_is_one_queue(queues))
		return CTL_USAGE;
	int code =
		drain_preview(session, queues[0], line->with_delayed, &preview);
	if (code != CTL_OK)
		return code;
	if (!line->is_sure)
		return preview_tell(&preview, queues[0], line->is_json);
	session_catch_interrupt(session);
	code = drain_all(session, queues[0], line->with_delayed,
			 preview.n_total, &n_removed);
	return report(queues[0], n_removed, code, line);
}

int
ctl_drain(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_ALL, drain_visit);
}

/* ---- obliterate ---- */

static int64_t
n_jobs(const struct admin_counts *counts)
{
	int64_t n = 0;
	for (int k = 0; k < JOB_N_STATES; k++)
		n += counts->n[k];
	return n;
}

static void
obliterate_warn(const char *name, const struct admin_counts *counts)
{
	char n[SHOW_COUNT_SIZE];
	bool has_none = true;

	fputs("would OBLITERATE queue ", stdout);
	show_text(stdout, span_text(name));
	fputs(", for good:\n", stdout);
	for (int k = 0; k < JOB_N_STATES; k++) {
		if (counts->n[k] == 0)
			continue;
		has_none = false;
		printf("  %-16s  %s\n", job_state_text((enum job_state)k),
		       show_count(counts->n[k], n));
	}
	printf("%s", has_none ? "  no job\n" : "");
	fputs("and its events, schedulers, metrics and settings.\n", stdout);
}

static void
obliterate_warn_json(const char *name, const struct admin_counts *counts)
{
	struct preview preview = { 0 };

	for (int k = 0; k < JOB_N_STATES; k++)
		preview_add(&preview, (enum job_state)k, counts->n[k]);
	fputs("[{\"queue\":", stdout);
	show_json_text(stdout, span_text(name));
	printf(",\"n_matched\":%" PRId64 ",\"is_removed\":false}]\n",
	       preview.n_total);
}

/* In steps. CTL_UNCONFIRMED: it is in use. */
static int
obliterate_all(struct session *session, struct queue *queue, bool is_forced,
	       int64_t total)
{
	struct progress *progress = progress_new("removing", total);
	int64_t n_removed = 0;
	int64_t n = 1;
	int code = CTL_OK;

	while (code == CTL_OK && n == 1) {
		struct ask ask = ask_begin(session);
		code = ask_end(&ask, sweep_obliterate(queue, is_forced, STEP,
						      ask_number, &ask));
		n = ask.n;
		n_removed += STEP;
		progress_set(progress, n_removed);
		if (code == CTL_OK && n == 1 && session_is_interrupted(session))
			code = CTL_INTERRUPTED;
	}
	progress_free(progress);
	return code == CTL_OK && n < 0 ? CTL_UNCONFIRMED : code;
}

static int
obliterate_do(struct session *session, const char *name,
	      const struct cmd_line *line, const struct admin_counts *counts)
{
	struct queue *queue = session_queue(session, name);
	char n[SHOW_COUNT_SIZE];
	struct ask ask = ask_begin(session);
	int code = ask_end(&ask, control_pause(queue, ask_number, &ask));

	if (code != CTL_OK)
		return code;
	session_catch_interrupt(session);
	code = obliterate_all(session, queue, line->is_forced, n_jobs(counts));
	if (code == CTL_UNCONFIRMED)
		ctl_complain("workers have jobs of queue %s: stop them, or say "
			     "--force; it stays paused meanwhile",
			     name);
	else if (code == CTL_INTERRUPTED)
		ctl_complain("interrupted: what is left of queue %s stays "
			     "paused",
			     name);
	if (code != CTL_OK)
		return code;
	if (line->is_json) {
		fputs("[{\"queue\":", stdout);
		show_json_text(stdout, span_text(name));
		printf(",\"n_matched\":%" PRId64 ",\"is_removed\":true}]\n",
		       n_jobs(counts));
		return CTL_OK;
	}
	show_text(stdout, span_text(name));
	printf(": obliterated, with %s %s\n", show_count(n_jobs(counts), n),
	       n_jobs(counts) == 1 ? "job" : "jobs");
	return CTL_OK;
}

static int
obliterate_visit(struct session *session, const char **queues,
		 const struct cmd_line *line)
{
	struct admin_counts counts;
	struct control_settings settings;
	const char *name = queues[0];
	struct queue *queue = session_queue(session, name);
	int code = ask_counts(session, queue, &counts);

	if (code == CTL_OK)
		code = ask_settings(session, queue, &settings);
	if (code != CTL_OK)
		return code;
	if (ask_is_unused(&settings, &counts))
		ctl_complain("queue %s was never used before; is that its "
			     "name?",
			     name);
	if (line->is_sure)
		return obliterate_do(session, name, line, &counts);
	if (line->is_json)
		obliterate_warn_json(name, &counts);
	else
		obliterate_warn(name, &counts);
	if (counts.n[JOB_ACTIVE] > 0 && !line->is_forced)
		ctl_complain("workers have jobs of it: stop them first, or say "
			     "--force as well");
	ctl_complain("nothing was removed; with --yes it would be");
	return CTL_UNCONFIRMED;
}

int
ctl_obliterate(const struct cmd_line *line)
{
	if (!line->queue) {
		ctl_complain("obliterate wants the queue's name: --queue NAME");
		return CTL_USAGE;
	}
	return visit_queues(line, CTL_QUEUES_ALL, obliterate_visit);
}
