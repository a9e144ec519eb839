/*
 * settle: from the list of ended attempts into finish calls, and what their
 * results mean.
 *
 * A call that is lost on the way (the connection went, a deadline passed) may
 * have been done by Redis. It is simply sent again: the script compares the
 * lock first, so that a second time finds no lock, or no such active job, and
 * changes nothing; that answer to a repeat is no trouble, and says so only at
 * info. The end of a job is logged when Redis has it, not before.
 *
 * Group commit without a timer: while MAX_CALLS are under way the next batch
 * gathers, so that a busy worker tells many at once and an idle one at once.
 *
 * Known limit: a finish that Redis keeps refusing (out of memory, read-only) is
 * repeated for REFUSED_MAX seconds and then let go; the lock runs out and the
 * job runs again. Beam 1 pays for that.
 */
#include "worker/settle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/quote.h"
#include "worker/refusal.h"

#define RETRY_MS 1000  /* after a refusal; BullMQ waits 15 s */
#define REFUSED_MAX 60 /* repeats of a refused call: about a minute */
#define MAX_CALLS 2    /* under way; the next batch gathers meanwhile */

struct settle {
	struct roster *roster;
	const struct conf *conf;
	int64_t retry_due_ms; /* monotonic */
	unsigned n_refused;   /* in a row */
	unsigned n_calls;     /* under way */
	uint64_t n_told;
	struct settle_counts counts;
	int64_t acted_ms; /* monotonic: a call was sent, or answered */
	take_fn on_taken; /* the pump's */
	void *taken_ctx;
	struct log_storm storm;
};

struct batch { /* one finish call under way */
	struct settle *settle;
	bool is_sent;
	bool has_take; /* jobs were asked for, too */
	size_t n;
	struct attempt *attempts[BOUNDS_TAKE_BATCH];
};

struct settle *
settle_new(struct roster *roster, const struct conf *conf, take_fn on_taken,
	   void *ctx)
{
	struct settle *settle = xcalloc(1, sizeof(*settle));

	settle->roster = roster;
	settle->conf = conf;
	settle->on_taken = on_taken;
	settle->taken_ctx = ctx;
	return settle;
}

void
settle_free(struct settle *settle)
{
	free(settle);
}

uint64_t
settle_n_told(const struct settle *settle)
{
	return settle->n_told;
}

struct settle_counts
settle_counts(const struct settle *settle)
{
	return settle->counts;
}

void
settle_set_conf(struct settle *settle, const struct conf *conf)
{
	settle->conf = conf;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
settle_due_ms(const struct settle *settle, int64_t connected_ms)
{
	const struct roster *roster = settle->roster;
	int64_t since_ms = later(settle->acted_ms, connected_ms);

	if (!rconn_is_up(roster->queue->conn) ||
	    (list_is_empty(&roster->ended) && list_is_empty(&roster->telling)))
		return INT64_MAX;
	since_ms = later(since_ms, settle->retry_due_ms);
	if (!list_is_empty(&roster->ended))
		since_ms = later(since_ms,
				 roster_attempt(roster->ended.next)->moved_ms);
	return since_ms + roster->queue->timeout_ms;
}

/* ---- what is said of it ---- */

static const char *
kind_text(enum finish_kind kind)
{
	switch (kind) {
	case FINISH_COMPLETED:
		return "completed";
	case FINISH_FAILED:
		return "failed";
	case FINISH_RETRY:
		return "delayed for another attempt";
	case FINISH_POSTPONE:
		return "postponed";
	case FINISH_WAIT_CHILDREN: /* no attempt of ours ends so */
	case FINISH_GIVE_BACK:
		break;
	}
	return "given back";
}

static enum message
kind_message(enum finish_kind kind)
{
	switch (kind) {
	case FINISH_COMPLETED:
		return MESSAGE_JOB_COMPLETED;
	case FINISH_FAILED:
		return MESSAGE_JOB_FAILED;
	case FINISH_RETRY:
		return MESSAGE_JOB_RETRIED;
	case FINISH_POSTPONE:
	case FINISH_GIVE_BACK:
		return MESSAGE_JOB_POSTPONED;
	case FINISH_WAIT_CHILDREN:
		break;
	}
	return MESSAGE_NONE;
}

/* What does not belong to this end is NULL and left out of the line. A job that
 * failed for good wants somebody's eye. */
static void
log_end(const struct settle *settle, const struct attempt *attempt)
{
	const struct attempt_end *end = &attempt->end;
	const char *reason = end->is_private
				     ? "the map failed; see failedReason"
				     : buf_text(&end->value);
	const int64_t ran_ms = (clock_mono_us() - attempt->taken_us) / 1000;
	const bool is_completed = end->kind == FINISH_COMPLETED;
	const bool is_delayed =
		end->kind == FINISH_RETRY || end->kind == FINISH_POSTPONE;
	struct quote_id id;
	char delay_ms[24];
	char status[12];

	(void)snprintf(delay_ms, sizeof(delay_ms), "%" PRId64, end->delay_ms);
	(void)snprintf(status, sizeof(status), "%d", end->status);
	log_event(end->kind == FINISH_FAILED ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		  kind_message(end->kind),
		  "job %s queue=%s job=%s route=%s attempt=%" PRId64
		  " delay_ms=%s ran_ms=%" PRId64
		  " outcome=%s status=%s reason=\"%s\"",
		  kind_text(end->kind), settle->roster->name,
		  quote_id(&id, attempt->job->id_bytes),
		  attempt->route ? attempt->route->route->name : NULL,
		  attempt->job->made + 1, is_delayed ? delay_ms : NULL, ran_ms,
		  is_completed ? end->outcome : NULL,
		  is_completed && end->status ? status : NULL,
		  !is_completed && end->value.len > 0 ? reason : NULL);
}

static void
log_dropped(const struct settle *settle, const struct attempt *attempt,
	    enum code result)
{
	const char *why = code_text(result);
	struct quote_id id;

	(void)quote_id(&id, attempt->job->id_bytes);
	if (attempt->is_told && result != CODE_LOCK_FOREIGN)
		log_info("job was told twice queue=%s job=%s end=\"%s\" "
			 "reason=\"%s; the first time may have counted\"",
			 settle->roster->name, id.text,
			 kind_text(attempt->end.kind), why);
	else if (result == CODE_MISSING)
		log_info("job is gone queue=%s job=%s reason=\"%s meanwhile\"",
			 settle->roster->name, id.text, why);
	else
		log_event(LOG_LEVEL_WARN, MESSAGE_JOB_LOST,
			  "job lost queue=%s job=%s reason=\"%s; its outcome "
			  "(%s) is dropped\"",
			  settle->roster->name, id.text, why,
			  kind_text(attempt->end.kind));
}

/* ---- telling ---- */

static struct job_keep
keep_of(const struct settle *settle, const struct attempt *attempt)
{
	const bool is_completed = attempt->end.kind == FINISH_COMPLETED;
	const struct job_keep *own = is_completed
					     ? &attempt->job->keep_completed
					     : &attempt->job->keep_failed;
	const struct conf_keep *rule =
		is_completed ? &settle->conf->queue.keep_completed
			     : &settle->conf->queue.keep_failed;

	if (own->is_set)
		return *own;
	return (struct job_keep){ .is_set = true,
				  .count = rule->count,
				  .age_s = rule->age_s };
}

static struct finish_item
item_of(const struct settle *settle, const struct attempt *attempt)
{
	const struct attempt_end *end = &attempt->end;
	struct finish_item item = { .job = attempt->job, .kind = end->kind };

	switch (end->kind) {
	case FINISH_COMPLETED:
		item.value = buf_span(&end->value);
		item.keep = keep_of(settle, attempt);
		break;
	case FINISH_FAILED:
		item.keep = keep_of(settle, attempt);
		/* fall through */
	case FINISH_RETRY:
		item.value = buf_span(&end->value);
		item.stack =
			buf_span(end->stack.len ? &end->stack : &end->value);
		item.delay_ms = end->delay_ms;
		break;
	case FINISH_POSTPONE:
		item.delay_ms = end->delay_ms;
		break;
	case FINISH_WAIT_CHILDREN:
	case FINISH_GIVE_BACK:
		break;
	}
	if (item.kind == FINISH_FAILED)
		item.delay_ms = 0;
	return item;
}

/* A parent that may not complete while its children are not done with. */
static void
fail_instead(struct settle *settle, struct attempt *attempt, enum code result)
{
	struct attempt_end *end = &attempt->end;

	end->kind = FINISH_FAILED;
	buf_reset(&end->value);
	buf_notef(&end->value, "cannot be completed: %s", code_text(result));
	roster_move(&settle->roster->ended, attempt);
}

static void
on_result(struct settle *settle, struct attempt *attempt, enum code result)
{
	struct quote_id id;

	switch (result) {
	case CODE_DONE:
		log_end(settle, attempt);
		if (attempt->end.kind == FINISH_COMPLETED)
			settle->counts.n_done++;
		else if (attempt->end.kind == FINISH_FAILED)
			settle->counts.n_failed++;
		break;
	case CODE_HAS_CHILDREN:
	case CODE_FAILED_CHILDREN:
	case CODE_INVALID:
		if (attempt->end.kind == FINISH_COMPLETED) {
			fail_instead(settle, attempt, result);
			return;
		}
		/* fall through */
	case CODE_MISSING:
	case CODE_LOCK_MISSING:
	case CODE_NOT_IN_STATE:
	case CODE_LOCK_FOREIGN:
		log_dropped(settle, attempt, result);
		break;
	default:
		log_error("job in doubt queue=%s job=%s reason=\"%s\"",
			  settle->roster->name,
			  quote_id(&id, attempt->job->id_bytes),
			  code_text(result));
		break;
	}
	settle->n_told++;
	roster_drop(settle->roster, attempt);
}

/* Nobody knows (lost on the way), or nothing was done (refused). */
static void
on_failure(struct settle *settle, struct batch *batch, enum hs_err err,
	   const char *text)
{
	const bool is_refused = err != HS_UNAVAILABLE && err != HS_TIMEOUT;

	if (is_refused) {
		settle->retry_due_ms = clock_mono_ms() + RETRY_MS;
		settle->n_refused++;
		refusal_log(LOG_LEVEL_ERROR, &settle->storm,
			    "cannot finish jobs", settle->roster->name,
			    batch->n, err, text);
	}
	for (size_t i = 0; i < batch->n; i++) {
		struct attempt *attempt = batch->attempts[i];
		struct quote_id id;

		if (!is_refused)
			attempt->is_told = true;
		if (attempt->is_lost) {
			roster_drop(settle->roster, attempt);
		} else if (is_refused && settle->n_refused > REFUSED_MAX) {
			log_event(LOG_LEVEL_ERROR, MESSAGE_JOB_LOST,
				  "job let go queue=%s job=%s reason=\"%s is "
				  "refused; it will run again\"",
				  settle->roster->name,
				  quote_id(&id, attempt->job->id_bytes),
				  kind_text(attempt->end.kind));
			roster_drop(settle->roster, attempt);
		} else {
			roster_move(&settle->roster->ended, attempt);
		}
	}
}

static void
on_told(void *ctx, enum hs_err err, const char *text,
	const struct finish_result *results, size_t n,
	struct take_result *taken)
{
	struct batch *batch = ctx;
	struct settle *settle = batch->settle;
	struct take_result none = { 0 };

	settle->acted_ms = clock_mono_ms();
	if (batch->is_sent)
		settle->n_calls--;
	if (err || n != batch->n) {
		on_failure(settle, batch, err ? err : HS_PROTOCOL, text);
	} else {
		settle->n_refused = 0;
		for (size_t i = 0; i < n; i++)
			on_result(settle, batch->attempts[i], results[i].code);
	}
	/* the slots of what has ended are free now */
	if (batch->has_take)
		settle->on_taken(settle->taken_ctx, err, text,
				 taken ? taken : &none);
	free(batch);
}

/* false: not now. *next becomes NULL when it was sent along. */
static bool
tell_some(struct settle *settle, struct take_options **next)
{
	struct roster *roster = settle->roster;
	struct batch *batch = xcalloc(1, sizeof(*batch));
	struct finish_item items[BOUNDS_TAKE_BATCH];
	enum hs_err err;

	batch->settle = settle;
	list_each(node, &roster->ended) {
		struct attempt *attempt = roster_attempt(node);

		items[batch->n] = item_of(settle, attempt);
		batch->attempts[batch->n++] = attempt;
		if (batch->n == BOUNDS_TAKE_BATCH)
			break;
	}
	if (*next) {
		(*next)->n += batch->n;
		if ((*next)->n > BOUNDS_TAKE_BATCH)
			(*next)->n = BOUNDS_TAKE_BATCH;
	}
	const struct finish_options options = {
		.token = roster->token,
		.now_ms = clock_wall_ms(),
		.metrics_points = settle->conf->queue.metrics_points,
		.next = *next,
	};

	err = finish_jobs(roster->queue, &options, items, batch->n, on_told,
			  batch);
	if (err == HS_OK) {
		batch->is_sent = true;
		batch->has_take = *next != NULL;
		*next = NULL;
		settle->n_calls++;
		settle->acted_ms = clock_mono_ms();
		for (size_t i = 0; i < batch->n; i++)
			roster_move(&roster->telling, batch->attempts[i]);
		return true;
	}
	if (err == HS_UNAVAILABLE || err == HS_AGAIN)
		free(batch); /* nothing was sent; the next turns try again */
	else
		on_told(batch, err, NULL, NULL, 0, NULL);
	return false;
}

bool
settle_turn(struct settle *settle, struct take_options *next)
{
	struct roster *roster = settle->roster;
	const bool has_next = next != NULL;

	while (!list_is_empty(&roster->ended) && settle->n_calls < MAX_CALLS) {
		if (!rconn_is_up(roster->queue->conn) ||
		    clock_mono_ms() < settle->retry_due_ms)
			break;
		if (!tell_some(settle, &next))
			break;
	}
	return has_next && !next;
}

void
settle_lost(struct settle *settle, struct attempt *attempt, const char *how)
{
	struct quote_id id;

	log_event(LOG_LEVEL_WARN, MESSAGE_JOB_LOST,
		  "lock lost queue=%s job=%s state=\"%s\" reason=\"%s; the job "
		  "will run again\"",
		  settle->roster->name, quote_id(&id, attempt->job->id_bytes),
		  attempt_state_text(attempt->state), how);
	attempt->is_lost = true;
	list_each(node, &settle->roster->telling) {
		/* a call with it is under way: its reply drops it */
		if (node == &attempt->node)
			return;
	}
	attempt_cancel(attempt);
	roster_drop(settle->roster, attempt);
}
