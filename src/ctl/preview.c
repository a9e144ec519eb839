/*
 * preview: what a verb that destroys would do.
 */
#include "ctl/preview.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/show.h"
#include "ctl/view.h"
#include "ctl/walk.h"

void
preview_add(struct preview *preview, enum job_state state, int64_t n)
{
	preview->n[state] += n;
	preview->n_total += n;
}

static int
on_jobs(void *ctx, struct job *const *jobs, size_t n, enum job_state state,
	struct progress *progress)
{
	struct preview *preview = ctx;

	(void)progress;
	preview_add(preview, state, (int64_t)n);
	for (size_t i = 0; i < n; i++) {
		int64_t since_ms = view_since_ms(jobs[i], state);
		if (since_ms > 0 &&
		    (preview->oldest_ms == 0 || since_ms < preview->oldest_ms))
			preview->oldest_ms = since_ms;
	}
	return CTL_OK;
}

int
preview_walk(struct session *session, const char *name,
	     const struct filter *filter, struct preview *preview)
{
	const struct walk walk = { session, filter, "counting" };

	*preview = (struct preview){ 0 };
	session_catch_interrupt(session);
	return walk_queue(&walk, session_queue(session, name), on_jobs,
			  preview);
}

/* The only state that has some; JOB_UNKNOWN: there are several. */
static enum job_state
only_state(const struct preview *preview)
{
	for (int k = 0; k < JOB_N_STATES; k++)
		if (preview->n[k] > 0 && preview->n[k] == preview->n_total)
			return (enum job_state)k;
	return JOB_UNKNOWN;
}

static void
tell_text(const struct preview *preview, const char *name)
{
	enum job_state only = only_state(preview);
	char n[SHOW_COUNT_SIZE];
	char time[SHOW_TIME_SIZE];
	char age[SHOW_AGE_SIZE];

	printf("would remove %s %s%s%s of queue ",
	       show_count(preview->n_total, n),
	       only == JOB_UNKNOWN ? ""
	       : only == JOB_WAIT  ? "waiting"
				   : job_state_text(only),
	       only == JOB_UNKNOWN ? "" : " ",
	       preview->n_total == 1 ? "job" : "jobs");
	show_text(stdout, span_text(name));
	if (only == JOB_UNKNOWN) {
		const char *before = " (";
		for (int k = 0; k < JOB_N_STATES; k++) {
			if (preview->n[k] == 0)
				continue;
			printf("%s%s: %s", before,
			       job_state_text((enum job_state)k),
			       show_count(preview->n[k], n));
			before = ", ";
		}
		fputs(")", stdout);
	}
	const int64_t at_ms =
		preview->oldest_ms > 0 ? preview->oldest_ms : preview->next_ms;
	if (at_ms > 0)
		printf(", %s %s (%s ago)",
		       preview->n_total == 1    ? "from"
		       : preview->oldest_ms > 0 ? "the oldest from"
						: "the next in turn from",
		       show_time(at_ms, time),
		       show_age(clock_wall_ms() - at_ms, age));
	putchar('\n');
}

static void
tell_json(const struct preview *preview, const char *name)
{
	fputs("[{\"queue\":", stdout);
	show_json_text(stdout, span_text(name));
	printf(",\"n_matched\":%" PRId64 ",\"counts\":{", preview->n_total);
	for (int k = 0; k < JOB_N_STATES; k++)
		printf("%s\"%s\":%" PRId64, k > 0 ? "," : "",
		       job_state_text((enum job_state)k), preview->n[k]);
	fputs("},", stdout);
	view_json_ms("oldest_at_ms", preview->oldest_ms);
	view_json_ms("next_at_ms", preview->next_ms);
	fputs("\"is_removed\":false}]\n", stdout);
}

int
preview_tell(const struct preview *preview, const char *name, bool is_json)
{
	if (is_json)
		tell_json(preview, name);
	else if (preview->n_total > 0)
		tell_text(preview, name);
	if (preview->n_total == 0) {
		ctl_complain("there is no such job in queue %s", name);
		return CTL_NO_MATCH;
	}
	ctl_complain("nothing was removed; with --yes it would be");
	return CTL_UNCONFIRMED;
}
