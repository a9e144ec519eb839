/*
 * ctl_workers: who works on a queue: its connections to Redis, and how many jobs
 * each has in hand.
 *
 * A job says who took it by the worker's own name, if it has one; so workers
 * without a name, or with the same, cannot be told apart there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "queue/workers.h"
#include "ctl/ctl.h"
#include "ctl/grid.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"
#include "ctl/view.h"
#include "ctl/walk.h"

struct row {
	char *name; /* NULL: none */
	char *addr;
	int64_t age_s;
	int64_t n_active;
};

struct roll {
	struct session *session;
	struct row *rows;
	size_t n;
};

static void
on_workers(void *ctx, enum hs_err err, const char *text,
	   const struct worker *workers, size_t n)
{
	struct roll *roll = ctx;

	if (err == HS_OK && n > 0) {
		roll->rows = xcalloc(n, sizeof *roll->rows);
		roll->n = n;
	}
	for (size_t i = 0; i < roll->n; i++) {
		const struct worker *worker = &workers[i];
		if (worker->name.len > 0)
			roll->rows[i].name =
				xstrndup((const char *)worker->name.ptr,
					 worker->name.len);
		roll->rows[i].addr =
			worker->addr.len > 0
				? xstrndup((const char *)worker->addr.ptr,
					   worker->addr.len)
				: xstrdup("");
		roll->rows[i].age_s = worker->age_s;
	}
	session_end(roll->session, err, text);
}

static void
roll_free(struct roll *roll)
{
	for (size_t i = 0; i < roll->n; i++) {
		free(roll->rows[i].name);
		free(roll->rows[i].addr);
	}
	free(roll->rows);
}

static int
on_active(void *ctx, struct job *const *jobs, size_t n, enum job_state state,
	  struct progress *progress)
{
	struct roll *roll = ctx;

	(void)state;
	(void)progress;
	for (size_t i = 0; i < n; i++) {
		const char *worker = jobs[i]->worker ? jobs[i]->worker : "";
		for (size_t k = 0; k < roll->n; k++) {
			const char *name = roll->rows[k].name;
			if (strcmp(name ? name : "", worker) != 0)
				continue;
			roll->rows[k].n_active++;
			break;
		}
	}
	return CTL_OK;
}

static int
roll_read(struct roll *roll, struct queue *queue)
{
	const struct filter filter = { .states = { JOB_ACTIVE },
				       .n_states = 1,
				       .older_ms = -1,
				       .newer_ms = -1,
				       .limit = SIZE_MAX };
	const struct walk walk = { roll->session, &filter, "looking" };

	session_begin(roll->session);
	enum hs_err err = workers_list(queue, on_workers, roll);
	if (err != HS_OK)
		session_end(roll->session, err, NULL);
	int code = session_wait(roll->session);
	if (code == CTL_OK && roll->n > 0)
		code = walk_queue(&walk, queue, on_active, roll);
	return code;
}

static void
row_add(const struct row *row, const char *queue, struct grid *table,
	int64_t now_ms)
{
	char age[SHOW_AGE_SIZE];
	char since[SHOW_TIME_SIZE];
	bool has_age = row->age_s >= 0;
	char *cells[] = {
		show_text_dup(span_text(queue), BOUNDS_NAME_BYTES),
		row->name
			? show_text_dup(span_text(row->name), BOUNDS_NAME_BYTES)
			: NULL,
		*row->addr
			? show_text_dup(span_text(row->addr), BOUNDS_NAME_BYTES)
			: NULL,
		xasprintf("%" PRId64, row->n_active),
		has_age ? xstrdup(show_age(row->age_s * 1000, age)) : NULL,
		NULL,
	};

	if (has_age) {
		show_time(now_ms - row->age_s * 1000, since);
		cells[5] = xasprintf("%.19sZ", since); /* CLIENT LIST rounds */
	}
	grid_add(table, cells);
}

static void
row_print_json(const struct row *row, const char *queue, bool is_first,
	       int64_t now_ms)
{
	fputs(is_first ? "{" : ",\n {", stdout);
	view_json_text("queue", queue);
	view_json_text("name", row->name);
	view_json_text("addr", row->addr);
	view_json_i64("n_active", row->n_active);
	if (row->age_s >= 0)
		printf("\"age_ms\":%" PRId64 ",\"connected_at_ms\":%" PRId64
		       "}",
		       row->age_s * 1000, now_ms - row->age_s * 1000);
	else
		fputs("\"age_ms\":null,\"connected_at_ms\":null}", stdout);
}

static int
workers_visit(struct session *session, const char **queues,
	      const struct cmd_line *line)
{
	static const struct grid_column columns[] = {
		{ .head = "QUEUE" },
		{ .head = "NAME", .may_shrink = true },
		{ .head = "ADDRESS", .may_shrink = true },
		{ .head = "ACTIVE", .is_right = true },
		{ .head = "AGE", .is_right = true },
		{ .head = "SINCE" },
	};
	struct grid *table = grid_new(columns, 6);
	const int64_t now_ms = clock_wall_ms();
	size_t n_total = 0;
	int code = CTL_OK;

	if (line->is_json)
		fputs("[", stdout);
	for (size_t i = 0; code == CTL_OK && queues[i]; i++) {
		struct roll roll = { .session = session };
		code = roll_read(&roll, session_queue(session, queues[i]));
		for (size_t k = 0; code == CTL_OK && k < roll.n; k++) {
			if (line->is_json)
				row_print_json(&roll.rows[k], queues[i],
					       n_total == 0, now_ms);
			else
				row_add(&roll.rows[k], queues[i], table,
					now_ms);
			n_total++;
		}
		if (code == CTL_OK && roll.n == 0 && !line->is_json)
			ctl_complain("nobody works on queue %s", queues[i]);
		roll_free(&roll);
	}
	if (line->is_json)
		fputs("]\n", stdout);
	else if (n_total > 0)
		grid_print(table, stdout, show_terminal_width());
	grid_free(table);
	return code == CTL_OK && n_total == 0 ? CTL_NO_MATCH : code;
}

int
ctl_workers(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_ALL, workers_visit);
}
