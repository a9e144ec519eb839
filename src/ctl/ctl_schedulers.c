/*
 * ctl_schedulers: jobs that come again and again: which there are and when the
 * next of each is due; and ending one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/num.h"
#include "queue/schedule.h"
#include "ctl/act.h"
#include "ctl/ctl.h"
#include "ctl/grid.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"
#include "ctl/view.h"

enum { PAGE = 100 };

struct listing {
	struct session *session;
	const struct cmd_line *line;
	const char *queue;
	struct grid *table;
	int64_t now_ms;
	size_t n_total;
	size_t n_seen; /* of the last page */
};

/* "every 5m", "0 9 * * 1 Europe/Berlin". Returned owned. */
static char *
when_text(const struct schedule_repeat *repeat)
{
	char *when = NULL;
	char every[32];
	struct buf text;

	if (repeat->pattern.len == 0) {
		num_duration_text(repeat->every_ms, every, sizeof every);
		return xasprintf("every %s", every);
	}
	buf_init(&text, 2 * BOUNDS_FIELD_BYTES);
	if (buf_add_span(&text, repeat->pattern) == HS_OK &&
	    repeat->zone.len > 0 && buf_add_byte(&text, ' ') == HS_OK &&
	    buf_add_span(&text, repeat->zone) != HS_OK)
		buf_notef(&text, "?");
	when = show_text_dup(buf_span(&text), BOUNDS_FIELD_BYTES);
	buf_fini(&text);
	return when;
}

static char *
next_text(int64_t next_ms, int64_t now_ms)
{
	char age[SHOW_AGE_SIZE];

	if (next_ms <= 0)
		return NULL;
	if (next_ms >= now_ms)
		return xasprintf("in %s", show_age(next_ms - now_ms, age));
	return xasprintf("%s ago", show_age(now_ms - next_ms, age));
}

static void
add_row(struct listing *list, const struct schedule_entry *entry)
{
	char *cells[] = {
		show_text_dup(span_text(list->queue), BOUNDS_NAME_BYTES),
		show_text_dup(entry->id, BOUNDS_JOB_ID_BYTES),
		show_text_dup(entry->name, BOUNDS_NAME_BYTES),
		when_text(&entry->repeat),
		next_text(entry->next_ms, list->now_ms),
		xasprintf("%" PRId64, entry->iterations),
		entry->is_legacy ? xstrdup("of BullMQ 5, not continued") : NULL,
	};
	grid_add(list->table, cells);
}

static void
put_span(const char *name, struct span text)
{
	printf("\"%s\":", name);
	if (text.len > 0)
		show_json_text(stdout, text);
	else
		fputs("null", stdout);
	putchar(',');
}

static void
print_json(struct listing *list, const struct schedule_entry *entry)
{
	const struct schedule_repeat *repeat = &entry->repeat;

	fputs(list->n_total > 0 ? ",\n {" : "{", stdout);
	view_json_text("queue", list->queue);
	put_span("id", entry->id);
	put_span("name", entry->name);
	view_json_ms("every_ms", repeat->every_ms);
	put_span("pattern", repeat->pattern);
	put_span("zone", repeat->zone);
	view_json_ms("next_at_ms", entry->next_ms);
	view_json_i64("n_iterations", entry->iterations);
	view_json_ms("limit", repeat->limit);
	view_json_ms("start_at_ms", repeat->start_at_ms);
	view_json_ms("end_at_ms", repeat->end_at_ms);
	if (list->line->with_data) {
		view_json_raw("data", entry->data);
		view_json_raw("opts", entry->opts);
	}
	printf("\"is_legacy\":%s}", entry->is_legacy ? "true" : "false");
}

static void
on_entries(void *ctx, enum hs_err err, const char *text,
	   const struct schedule_entry *entries, size_t n, size_t n_seen)
{
	struct listing *list = ctx;

	list->n_seen = err == HS_OK ? n_seen : 0;
	for (size_t i = 0; err == HS_OK && i < n; i++) {
		if (list->table)
			add_row(list, &entries[i]);
		else
			print_json(list, &entries[i]);
		list->n_total++;
	}
	session_end(list->session, err, text);
}

static int
list_queue(struct listing *list, const char *name)
{
	struct queue *queue = session_queue(list->session, name);
	size_t offset = 0;
	int code = CTL_OK;

	list->queue = name;
	do {
		list->n_seen = 0;
		session_begin(list->session);
		enum hs_err err = schedule_list(queue, offset, PAGE, false,
						on_entries, list);
		if (err != HS_OK)
			session_end(list->session, err, NULL);
		code = session_wait(list->session);
		offset += list->n_seen;
	} while (code == CTL_OK && list->n_seen > 0);
	return code;
}

static int
schedulers_visit(struct session *session, const char **queues,
		 const struct cmd_line *line)
{
	static const struct grid_column columns[] = {
		{ .head = "QUEUE" },
		{ .head = "ID" },
		{ .head = "NAME", .may_shrink = true },
		{ .head = "WHEN", .may_shrink = true },
		{ .head = "NEXT", .is_right = true },
		{ .head = "RUNS", .is_right = true },
		{ .head = "NOTE", .may_shrink = true, .may_hide = true },
	};
	struct listing list = { .session = session,
				.line = line,
				.now_ms = clock_wall_ms() };
	int code = CTL_OK;

	if (line->is_json)
		fputs("[", stdout);
	else
		list.table = grid_new(columns, 7);
	for (size_t i = 0; code == CTL_OK && queues[i]; i++)
		code = list_queue(&list, queues[i]);
	if (line->is_json)
		fputs("]\n", stdout);
	else if (list.n_total > 0)
		grid_print(list.table, stdout, show_terminal_width());
	else if (code == CTL_OK)
		ctl_complain("there is no scheduler");
	grid_free(list.table);
	return code == CTL_OK && list.n_total == 0 ? CTL_NO_MATCH : code;
}

int
ctl_schedulers(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_ALL, schedulers_visit);
}

/* ---- unschedule ---- */

static enum hs_err
start_unschedule(const struct act *act, struct queue *queue, struct span id,
		 queue_number_fn fn, void *ctx)
{
	(void)act;
	return schedule_remove(queue, id, fn, ctx);
}

static enum act_result
read_unscheduled(int64_t n)
{
	return n == 0 ? ACT_DONE : ACT_GONE;
}

struct presence {
	struct session *session;
	bool is_there;
};

static void
on_presence(void *ctx, enum hs_err err, const char *text,
	    const struct schedule_entry *entries, size_t n, size_t n_seen)
{
	struct presence *presence = ctx;
	(void)entries;
	(void)n_seen;
	presence->is_there = err == HS_OK && n > 0;
	session_end(presence->session, err == HS_NOT_FOUND ? HS_OK : err, text);
}

static int
ask_scheduler(struct session *session, struct queue *queue, const char *id,
	      bool *is_there)
{
	struct presence presence = { .session = session };

	session_begin(session);
	enum hs_err err =
		schedule_get(queue, span_text(id), on_presence, &presence);
	if (err != HS_OK)
		session_end(session, err, NULL);
	int code = session_wait(session);
	*is_there = presence.is_there;
	return code;
}

static int
unschedule_visit(struct session *session, const char **queues,
		 const struct cmd_line *line)
{
	static const struct act unschedule = {
		.what = "scheduler",
		.done = "makes no more jobs in",
		.member = "removed",
		.ask = ask_scheduler,
		.start = start_unschedule,
		.read = read_unscheduled,
	};
	return act_on_ids(&unschedule, session, queues, line->args,
			  (size_t)line->n_args, line->is_json);
}

int
ctl_unschedule(const struct cmd_line *line)
{
	return visit_queues(line, CTL_QUEUES_ALL, unschedule_visit);
}
