/*
 * ctl_jobs: the list of the jobs that are in a state, or that a filter finds.
 *
 * Rows are printed as they come, so that a list of any length needs the memory
 * of one page; the first ones decide how wide the columns are. Everything in a
 * job may have been written by a stranger, so all of it goes through show. What
 * jobs carry is shown with --data only.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/filter.h"
#include "ctl/grid.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"
#include "ctl/view.h"
#include "ctl/walk.h"

enum {
	DEFAULT_NUMBER = 20, /* fits a terminal */
	DATA_SHOWN = 512,    /* bytes of a job's data in a row */
	HELD_ROWS = 250,     /* a page's: more are not kept in memory */
	HELD_MS = 500,
};

enum column {
	COLUMN_QUEUE,
	COLUMN_STATE,
	COLUMN_ID,
	COLUMN_NAME,
	COLUMN_ATTEMPTS,
	COLUMN_AGE,
	COLUMN_REASON,
	COLUMN_DATA,
	N_COLUMNS,
};

static const struct grid_column all_columns[N_COLUMNS] = {
	[COLUMN_QUEUE] = { .head = "QUEUE" },
	[COLUMN_STATE] = { .head = "STATE" },
	[COLUMN_ID] = { .head = "ID" },
	[COLUMN_NAME] = { .head = "NAME", .may_shrink = true },
	[COLUMN_ATTEMPTS] = { .head = "ATTEMPTS", .is_right = true },
	[COLUMN_AGE] = { .head = "AGE", .is_right = true },
	[COLUMN_REASON] = { .head = "REASON",
			    .may_shrink = true,
			    .may_hide = true },
	[COLUMN_DATA] = { .head = "DATA", .may_shrink = true },
};

struct listing {
	const struct cmd_line *line;
	const struct filter *filter;
	struct grid *table; /* NULL with --json */
	struct grid_column columns[N_COLUMNS];
	bool has_column[N_COLUMNS];
	const char *queue;
	size_t width;
	size_t n_total;
	size_t n_held;      /* rows that are not printed yet */
	int64_t flushed_ms; /* monotonic */
	bool is_left;       /* who read it has gone: that ends it well */
};

static void
list_choose_columns(struct listing *list, bool has_queues)
{
	size_t n = 0;

	for (size_t k = 0; k < N_COLUMNS; k++) {
		list->has_column[k] = true;
		if (k == COLUMN_QUEUE)
			list->has_column[k] = has_queues;
		else if (k == COLUMN_STATE)
			list->has_column[k] = list->filter->n_states > 1;
		else if (k == COLUMN_DATA)
			list->has_column[k] = list->line->with_data;
		if (list->has_column[k])
			list->columns[n++] = all_columns[k];
	}
	list->table = grid_new(list->columns, n);
	list->width = show_terminal_width();
}

static char *
cell(const struct listing *list, enum column column, const struct job *job,
     enum job_state state)
{
	char age[SHOW_AGE_SIZE];
	const char *reason;

	switch (column) {
	case COLUMN_QUEUE:
		return show_text_dup(span_text(list->queue), BOUNDS_NAME_BYTES);
	case COLUMN_STATE:
		return xstrdup(job_state_text(state));
	case COLUMN_ID:
		return show_text_dup(span_text(job->id), BOUNDS_JOB_ID_BYTES);
	case COLUMN_NAME:
		return show_text_dup(span_text(job->name), BOUNDS_NAME_BYTES);
	case COLUMN_ATTEMPTS:
		return xasprintf("%" PRId64 "/%" PRId64, job->made,
				 job->attempts > 0 ? job->attempts : 1);
	case COLUMN_AGE:
		return xstrdup(show_age(
			list->filter->now_ms - view_since_ms(job, state), age));
	case COLUMN_REASON:
		reason = view_reason(job, state);
		return reason ? show_text_dup(span_text(reason),
					      BOUNDS_REASON_BYTES)
			      : NULL;
	case COLUMN_DATA:
		return show_text_dup(job->data, DATA_SHOWN);
	default:
		return NULL;
	}
}

static void
list_add_row(struct listing *list, const struct job *job, enum job_state state)
{
	char *cells[N_COLUMNS];
	size_t n = 0;

	for (size_t k = 0; k < N_COLUMNS; k++)
		if (list->has_column[k])
			cells[n++] = cell(list, (enum column)k, job, state);
	grid_add(list->table, cells);
}

static void
list_print_json(struct listing *list, const struct job *job,
		enum job_state state)
{
	fputs(list->n_total > 0 ? ",\n {" : "{", stdout);
	view_json(job, list->queue, state);
	if (list->line->with_data) {
		fputs(",\"data\":", stdout);
		show_json_raw(stdout, job->data);
	}
	fputs("}", stdout);
}

static int
on_page(void *ctx, struct job *const *jobs, size_t n, enum job_state state,
	struct progress *progress)
{
	struct listing *list = ctx;

	progress_hide(progress);
	/* Rows that come quickly line up with each other; one who has to wait
	 * sees those that are there. The last page may yet hide a column. */
	if (list->table && list->n_held > 0 &&
	    (list->n_held >= HELD_ROWS ||
	     clock_mono_ms() - list->flushed_ms >= HELD_MS)) {
		grid_flush(list->table, stdout, list->width);
		list->n_held = 0;
		list->flushed_ms = clock_mono_ms();
	}
	for (size_t i = 0; i < n; i++) {
		if (list->table)
			list_add_row(list, jobs[i], state);
		else
			list_print_json(list, jobs[i], state);
		list->n_total++;
		list->n_held++;
	}
	if (fflush(stdout) == 0)
		return CTL_OK;
	list->is_left = errno == EPIPE;
	return CTL_IO;
}

static void
complain_none(const struct listing *list)
{
	const struct filter *filter = list->filter;
	char states[128];

	filter_states_text(filter, states, sizeof states);
	if (filter_asks_job(filter) || filter->older_ms >= 0)
		ctl_complain("there is no such job%s%s", *states ? " in " : "",
			     states);
	else
		ctl_complain("no job is in %s", states);
}

static int
jobs_visit(struct session *session, const char **queues,
	   const struct cmd_line *line)
{
	struct filter filter;
	char why[256];

	if (filter_read(line, line->args, line->n_args, &filter, why,
			sizeof why) != HS_OK)
		return CTL_USAGE; /* ctl_jobs() has looked */
	if (line->number == 0 && !line->is_all)
		filter.limit = DEFAULT_NUMBER;
	struct listing list = { .line = line,
				.filter = &filter,
				.flushed_ms = clock_mono_ms() };
	const struct walk walk = { session, &filter, "looking" };
	int code = CTL_OK;

	session_catch_interrupt(session); /* what was found is shown */
	if (line->is_json)
		fputs("[", stdout);
	else
		list_choose_columns(&list, queues[1] != NULL);
	for (size_t i = 0; code == CTL_OK && queues[i]; i++) {
		list.queue = queues[i];
		code = walk_queue(&walk, session_queue(session, queues[i]),
				  on_page, &list);
	}
	if (line->is_json)
		fputs("]\n", stdout);
	else if (list.n_total > 0)
		grid_print(list.table, stdout, list.width);
	else if (code == CTL_OK)
		complain_none(&list);
	grid_free(list.table);
	if (list.is_left)
		return CTL_OK;
	return code == CTL_OK && list.n_total == 0 ? CTL_NO_MATCH : code;
}

int
ctl_jobs(const struct cmd_line *line)
{
	struct filter filter;
	char why[256];

	if (filter_read(line, line->args, line->n_args, &filter, why,
			sizeof why) != HS_OK) {
		ctl_complain("%s", why);
		return CTL_USAGE;
	}
	if (filter.n_states == JOB_N_STATES && line->n_args == 0 &&
	    !line->state && !filter_asks_job(&filter) && !line->older) {
		ctl_complain("say which jobs: a state, as in \"hooksync jobs "
			     "failed\", or a filter such as --name");
		return CTL_USAGE;
	}
	return visit_queues(line, CTL_QUEUES_ALL, jobs_visit);
}
