/*
 * ctl_events: what happens in the queues, one line for each event, as it
 * happens.
 *
 * It is made to be left: Ctrl-C, a reader that goes away (head), -n events, all
 * end it well. A Redis that goes away does not: it is told, waited for, and
 * what was missed follows, as far as the streams still have it.
 *
 * Return values and progress are what jobs carry, so they are shown with
 * --data only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "queue/events.h"
#include "ctl/ctl.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/visit.h"
#include "ctl/view.h"

enum {
	TURN_MS = 500,      /* then look whether anybody reads */
	PATIENCE_MS = 5000, /* with a connection that does not come up */
	VALUE_BYTES = 512   /* of a field, in a line */
};

struct follower {
	struct session *session;
	const struct cmd_line *line;
	const char **queues;
	struct events *events;
	size_t width;
	size_t n_printed;
	bool has_queues; /* more than one: each line names its own */
	bool is_left;    /* nobody reads, or enough was read */
	bool is_refused;
	bool is_away; /* that was told */
};

/* ---- lines ---- */

static bool
is_payload(const struct event_entry *entry, const struct event_field *field)
{
	return span_is(field->name, "returnvalue") ||
	       (span_is(field->name, "data") &&
		span_is(entry->event, "progress"));
}

static struct span
cut(struct span value)
{
	if (value.len > VALUE_BYTES)
		value.len = VALUE_BYTES;
	return value;
}

/* A value that is more than one word stands in quotes. */
static void
put_value(FILE *out, struct span value)
{
	bool is_word = value.len > 0 && !memchr(value.ptr, ' ', value.len);

	fputs(is_word ? "" : "\"", out);
	show_text(out, cut(value));
	fputs(is_word ? "" : "\"", out);
}

static void
put_field(FILE *out, const struct event_entry *entry,
	  const struct event_field *field)
{
	char time[SHOW_TIME_SIZE];
	int64_t due_ms;

	/* BullMQ calls it delay, but it is a point in time */
	if (span_is(entry->event, "delayed") && span_is(field->name, "delay") &&
	    num_i64(field->value, 0, INT64_MAX, &due_ms) == HS_OK) {
		fprintf(out, "  due=%s", show_time(due_ms, time));
		return;
	}
	fputs("  ", out);
	show_text(out, cut(field->name));
	fputc('=', out);
	put_value(out, field->value);
}

static void
print_line(const struct follower *follower, const struct event_entry *entry)
{
	char time[SHOW_TIME_SIZE];
	char *text = NULL;
	size_t text_len = 0;
	FILE *out = open_memstream(&text, &text_len);
	char *event = show_text_dup(entry->event, BOUNDS_NAME_BYTES);

	if (!out)
		log_fatal(CTL_OS, "out of memory");
	fprintf(out, "%s  ", show_time(entry->at_ms, time));
	if (follower->has_queues) {
		const char *name = follower->queues[entry->stream];
		show_text(out, span_text(name));
		fputs("  ", out);
	}
	fprintf(out, entry->job_id.len + entry->n_fields > 0 ? "%-16s" : "%s",
		event);
	if (entry->job_id.len > 0) {
		fputs("  ", out);
		show_text(out, entry->job_id);
	}
	for (size_t i = 0; i < entry->n_fields; i++)
		if (follower->line->with_data ||
		    !is_payload(entry, &entry->fields[i]))
			put_field(out, entry, &entry->fields[i]);
	fclose(out);
	free(event);
	show_cut(stdout, text, follower->width);
	putchar('\n');
	free(text);
}

static void
print_json(const struct follower *follower, const struct event_entry *entry)
{
	const char *before = "";

	putchar('{');
	view_json_ms("at_ms", entry->at_ms);
	view_json_text("id", entry->id);
	view_json_text("queue", follower->queues[entry->stream]);
	fputs("\"event\":", stdout);
	show_json_text(stdout, entry->event);
	fputs(",\"job_id\":", stdout);
	if (entry->job_id.len > 0)
		show_json_text(stdout, entry->job_id);
	else
		fputs("null", stdout);
	fputs(",\"fields\":{", stdout);
	for (size_t i = 0; i < entry->n_fields; i++) {
		const struct event_field *field = &entry->fields[i];
		bool is_json = is_payload(entry, field);
		if (is_json && !follower->line->with_data)
			continue;
		fputs(before, stdout);
		before = ",";
		show_json_text(stdout, field->name);
		putchar(':');
		if (is_json)
			show_json_raw(stdout, field->value);
		else
			show_json_text(stdout, field->value);
	}
	fputs("}}\n", stdout);
}

static void
on_event(void *ctx, const struct event_entry *entry)
{
	struct follower *follower = ctx;
	const size_t limit = follower->line->number;

	if (follower->is_left)
		return;
	if (follower->line->is_json)
		print_json(follower, entry);
	else
		print_line(follower, entry);
	follower->n_printed++;
	if (fflush(stdout) != 0 || (limit > 0 && follower->n_printed >= limit))
		follower->is_left = true;
}

/* ---- following ---- */

static void
on_end(void *ctx, const char *text)
{
	struct follower *follower = ctx;
	follower->is_refused = true;
	ctl_complain("Redis at %s refused: %s",
		     session_address(follower->session), text);
}

static void
on_state(void *ctx, struct rconn *conn, bool is_up)
{
	struct follower *follower = ctx;

	if (!is_up) {
		ctl_complain("Redis at %s is lost: %s; waiting for it",
			     session_address(follower->session),
			     rconn_error(conn));
		follower->is_away = true;
		return;
	}
	if (follower->is_away)
		ctl_complain("Redis is back");
	follower->is_away = false;
	events_go(follower->events);
}

/* The session's own connection is up, so this one will be, too, as a rule. */
static void
complain_late(struct follower *follower, const struct rconn *conn,
	      int64_t due_ms)
{
	if (follower->is_away || rconn_is_up(conn) || clock_mono_ms() < due_ms)
		return;
	follower->is_away = true;
	ctl_complain("Redis at %s lets no second connection in: %s; waiting "
		     "for it",
		     session_address(follower->session), rconn_error(conn));
}

static bool
read_since(const char *text, int64_t *since_ms)
{
	int64_t age_ms;

	*since_ms = EVENTS_FROM_NOW;
	if (!text)
		return true;
	if (num_duration_ms(span_text(text), &age_ms) != HS_OK)
		return false;
	*since_ms = age_ms == 0 ? 0 : clock_wall_ms() - age_ms;
	if (*since_ms < 0)
		*since_ms = 0; /* longer ago than 1970 */
	return true;
}

static int
events_visit(struct session *session, const char **queues,
	     const struct cmd_line *line)
{
	struct follower follower = { .session = session,
				     .line = line,
				     .queues = queues,
				     .has_queues = queues[1] != NULL,
				     .width = show_terminal_width() };
	const struct keys **keys;
	int64_t timeout_ms = 0;
	int64_t since_ms;
	size_t n = 0;

	if (!read_since(line->since, &since_ms))
		return CTL_USAGE; /* ctl_events() has looked */
	while (queues[n])
		n++;
	keys = xcalloc(n, sizeof *keys);
	for (size_t i = 0; i < n; i++) {
		const struct queue *queue = session_queue(session, queues[i]);
		keys[i] = queue->keys;
		timeout_ms = queue->timeout_ms;
	}
	session_catch_interrupt(session);
	struct rconn *conn =
		session_connection(session, "events", on_state, &follower);
	follower.events = events_new(conn, keys, n, since_ms, timeout_ms,
				     on_event, on_end, &follower);
	const int64_t due_ms = clock_mono_ms() + PATIENCE_MS;
	rconn_start(conn);
	while (!follower.is_left && !follower.is_refused &&
	       !session_is_interrupted(session) && ctl_is_read()) {
		session_turn(session, TURN_MS);
		complain_late(&follower, conn, due_ms);
	}
	events_free(follower.events);
	session_close_connections(session); /* they call into follower */
	free(keys);
	return follower.is_refused ? CTL_UNAVAILABLE : CTL_OK;
}

int
ctl_events(const struct cmd_line *line)
{
	int64_t since_ms;

	if (!read_since(line->since, &since_ms)) {
		ctl_complain("--since takes an age: 30s, 5m, 2h, 3d, or 0 for "
			     "all there is");
		return CTL_USAGE;
	}
	return visit_queues(line, CTL_QUEUES_ALL, events_visit);
}
