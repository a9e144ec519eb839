/*
 * events: queues' streams, followed.
 *
 * First each stream is asked where it ends (unless a time is given): "$" in
 * XREAD would mean "from when this command arrives" at each new wait, and drop
 * what comes between two waits. Then one XREAD waits on all of them.
 *
 * A call's answer may come after events_free(): the calls under way hold the
 * object, and the last one frees it.
 */
#include "queue/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/num.h"
#include "queue/call.h"

enum {
	ID_SIZE = 48,    /* two numbers of 20 digits, '-', NUL */
	BLOCK_MS = 5000, /* a wait; then a sign of life is due */
	COUNT = 500,     /* entries of each stream in one answer */
	FIELDS_MAX = 64, /* of an entry; BullMQ's own have four */
	FIXED_ARGS = 6,  /* XREAD COUNT n BLOCK ms STREAMS */
};

struct events {
	struct rconn *conn;
	const struct keys *const *keys;
	size_t n;
	int64_t timeout_ms;
	events_fn fn;
	events_end_fn end_fn;
	void *ctx;
	char (*places)[ID_SIZE]; /* "": to be asked for */
	bool is_ended;
	bool is_waiting; /* an XREAD is under way */
	size_t n_calls;
	bool is_freed;
};

struct place_call {
	struct events *events;
	size_t stream;
};

static void go(struct events *events);

static void
events_end(struct events *events, const char *text)
{
	if (events->is_ended || events->is_freed)
		return;
	events->is_ended = true;
	events->end_fn(events->ctx, text);
}

/* At the end of each answer; false: nobody is interested any more. */
static bool
call_done(struct events *events)
{
	log_assert(events->n_calls > 0);
	events->n_calls--;
	if (events->is_freed && events->n_calls == 0) {
		free(events->places);
		free(events);
		return false;
	}
	return !events->is_freed;
}

/* ---- what an answer holds ---- */

static bool
read_id(struct span text, char place[ID_SIZE], int64_t *at_ms)
{
	const unsigned char *dash =
		text.len > 0 ? memchr(text.ptr, '-', text.len) : NULL;

	if (!dash || text.len >= ID_SIZE ||
	    num_i64(span_of(text.ptr, (size_t)(dash - text.ptr)), 0, INT64_MAX,
		    at_ms) != HS_OK)
		return false;
	memcpy(place, text.ptr, text.len);
	place[text.len] = '\0';
	return true;
}

/* [id, [name, value, ...]] */
static void
tell_entry(struct events *events, size_t stream, const struct reply *reply)
{
	struct event_field fields[FIELDS_MAX];
	struct event_entry entry = { .stream = stream, .fields = fields };

	if (reply->type != REPLY_ARRAY || reply->n_items != 2 ||
	    reply->items[0]->type != REPLY_TEXT ||
	    !read_id(reply->items[0]->text, events->places[stream],
		     &entry.at_ms) ||
	    reply->items[1]->type != REPLY_ARRAY)
		return;
	const struct reply *pairs = reply->items[1];
	for (size_t i = 0; i + 1 < pairs->n_items; i += 2) {
		struct span name = pairs->items[i]->text;
		struct span value = pairs->items[i + 1]->text;
		if (span_is(name, "event") && entry.event.len == 0)
			entry.event = value;
		else if (span_is(name, "jobId") && entry.job_id.len == 0)
			entry.job_id = value;
		else if (entry.n_fields < FIELDS_MAX)
			fields[entry.n_fields++] =
				(struct event_field){ name, value };
	}
	entry.id = events->places[stream];
	events->fn(events->ctx, &entry);
}

/* [[key, [entry, ...]], ...] */
static void
tell_streams(struct events *events, const struct reply *reply)
{
	for (size_t i = 0; i < reply->n_items; i++) {
		const struct reply *part = reply->items[i];
		if (part->type != REPLY_ARRAY || part->n_items != 2 ||
		    part->items[1]->type != REPLY_ARRAY)
			continue;
		size_t k = 0;
		while (k < events->n &&
		       !span_is(part->items[0]->text,
				keys_of(events->keys[k], "events")))
			k++;
		for (size_t e = 0; k < events->n && !events->is_freed &&
				   e < part->items[1]->n_items;
		     e++)
			tell_entry(events, k, part->items[1]->items[e]);
	}
}

/* ---- calls ---- */

static void
on_read(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct events *events = ctx;

	events->is_waiting = false;
	/* lost: who has the connection says events_go() when it is back */
	if (err == HS_OK && reply->type == REPLY_ERROR)
		events_end(events, (const char *)reply->text.ptr);
	else if (err == HS_OK && reply->type == REPLY_ARRAY &&
		 !events->is_freed)
		tell_streams(events, reply);
	if (call_done(events) && err == HS_OK)
		go(events);
}

static void
send_read(struct events *events)
{
	size_t n_args = FIXED_ARGS + 2 * events->n;
	struct span *args = xcalloc(n_args, sizeof(*args));
	char count[24];
	char block[24];

	snprintf(count, sizeof(count), "%d", COUNT);
	snprintf(block, sizeof(block), "%d", BLOCK_MS);
	args[0] = span_text("XREAD");
	args[1] = span_text("COUNT");
	args[2] = span_text(count);
	args[3] = span_text("BLOCK");
	args[4] = span_text(block);
	args[5] = span_text("STREAMS");
	for (size_t i = 0; i < events->n; i++) {
		args[FIXED_ARGS + i] =
			span_text(keys_of(events->keys[i], "events"));
		args[FIXED_ARGS + events->n + i] = span_text(events->places[i]);
	}
	events->n_calls++;
	events->is_waiting = true;
	enum hs_err err =
		rconn_send(events->conn, args, n_args,
			   BLOCK_MS + events->timeout_ms, on_read, events);
	free(args);
	if (err == HS_OK)
		return;
	events->n_calls--; /* down: events_go() will come */
	events->is_waiting = false;
	if (err != HS_UNAVAILABLE)
		events_end(events, hs_err_text(err));
}

static void
on_place(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct place_call *call = ctx;
	struct events *events = call->events;
	int64_t at_ms;

	if (err == HS_OK && reply->type == REPLY_ERROR) {
		events_end(events, (const char *)reply->text.ptr);
	} else if (err == HS_OK && reply->type == REPLY_ARRAY) {
		bool is_read = reply->n_items > 0 &&
			       reply->items[0]->type == REPLY_ARRAY &&
			       reply->items[0]->n_items > 0 &&
			       read_id(reply->items[0]->items[0]->text,
				       events->places[call->stream], &at_ms);
		if (!is_read) /* no stream yet: all that will be in it is new */
			snprintf(events->places[call->stream], ID_SIZE, "0-0");
	}
	free(call);
	if (call_done(events) && err == HS_OK && events->n_calls == 0)
		go(events);
}

/* Where does it end? */
static void
send_place(struct events *events, size_t stream)
{
	struct place_call *call = xcalloc(1, sizeof(*call));

	*call = (struct place_call){ events, stream };
	events->n_calls++;
	enum hs_err err = rconn_send_texts(
		events->conn, events->timeout_ms, on_place, call, "XREVRANGE",
		keys_of(events->keys[stream], "events"), "+", "-", "COUNT", "1",
		NULL);
	if (err == HS_OK)
		return;
	events->n_calls--;
	free(call);
}

static void
go(struct events *events)
{
	bool is_placed = true;

	if (events->is_ended || events->is_freed || events->is_waiting)
		return;
	for (size_t i = 0; i < events->n; i++) {
		if (events->places[i][0] != '\0')
			continue;
		is_placed = false;
		send_place(events, i);
	}
	if (is_placed)
		send_read(events);
}

/* ---- public ---- */

struct events *
events_new(struct rconn *conn, const struct keys *const *keys, size_t n,
	   int64_t since_ms, int64_t timeout_ms, events_fn fn,
	   events_end_fn end_fn, void *ctx)
{
	struct events *events = xcalloc(1, sizeof(*events));

	events->conn = conn;
	events->keys = keys;
	events->n = n;
	events->timeout_ms = timeout_ms;
	events->fn = fn;
	events->end_fn = end_fn;
	events->ctx = ctx;
	events->places = xcalloc(n, sizeof(*events->places));
	for (size_t i = 0; since_ms >= 0 && i < n; i++) {
		if (since_ms == 0) /* XREAD begins behind its place */
			snprintf(events->places[i], ID_SIZE, "0-0");
		else
			snprintf(events->places[i], ID_SIZE,
				 "%" PRId64 "-%" PRIu64, since_ms - 1,
				 UINT64_MAX);
	}
	return events;
}

void
events_free(struct events *events)
{
	if (!events)
		return;
	events->is_freed = true;
	events->n_calls++; /* one that has just been answered */
	(void)call_done(events);
}

void
events_go(struct events *events)
{
	if (events->n_calls == 0)
		go(events);
}
