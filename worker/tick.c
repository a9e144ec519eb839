/*
 * tick: see tick.h. A scheduler's job whose own options do not say when it is
 * due would never be due again: it fails, with that reason. One whose time zone
 * is not known here, or for which Redis refuses, is put off: another worker may
 * do better, and nothing is lost.
 */
#include "worker/tick.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/schedule.h"
#include "worker/quote.h"

#define PUT_OFF_MS 30000 /* what a job that stalls in BullMQ's hands waits */

struct tick {
	struct roster *roster;
	tick_fn on_ready;
	void *ctx;
};

struct question {
	struct tick *tick;
	int64_t taken_us; /* with the id: this attempt, and no later one */
	struct span id;   /* owned */
};

/* The attempt that asked, if it still waits. */
static struct attempt *
asker(const struct question *question)
{
	struct attempt *attempt =
		roster_find(question->tick->roster, question->id);

	if (!attempt || attempt->taken_us != question->taken_us ||
	    attempt->state != ATTEMPT_NEW)
		return NULL;
	return attempt;
}

static void
put_off(struct tick *tick, struct attempt *attempt, const char *why)
{
	struct quote_id id;

	log_error("scheduler not continued, its job is put off queue=%s job=%s "
		  "delay_ms=%d reason=\"%s\"",
		  tick->roster->name, quote_id(&id, attempt->job->id_bytes),
		  PUT_OFF_MS, why);
	attempt_postpone(attempt, PUT_OFF_MS, why);
	roster_move(&tick->roster->ended, attempt);
}

static void
on_advanced(void *ctx, enum hs_err err, const char *text, enum code code,
	    struct span job_id, int64_t delay_ms)
{
	struct question *question = ctx;
	struct tick *tick = question->tick;
	struct attempt *attempt = asker(question);
	struct quote_id id;

	(void)job_id;
	(void)delay_ms;
	free((void *)question->id.ptr);
	free(question);
	/* a lost connection is rconn's to report; tick_again() will come */
	if (!attempt || err == HS_UNAVAILABLE || err == HS_TIMEOUT)
		return;
	if (err) {
		put_off(tick, attempt, text);
		return;
	}
	if (code == CODE_MISSING)
		log_warn("scheduler not continued queue=%s job=%s "
			 "reason=\"it has no record, or is a repeatable job of "
			 "version 5\"",
			 tick->roster->name,
			 quote_id(&id, attempt->job->id_bytes));
	tick->on_ready(tick->ctx, attempt);
}

/* What schedule_advance() says. */
static enum hs_err
ask(struct tick *tick, const struct attempt *attempt, const char **why)
{
	const struct job *job = attempt->job;
	struct question *question = xcalloc(1, sizeof(*question));
	enum hs_err err;

	*question = (struct question){
		.tick = tick,
		.taken_us = attempt->taken_us,
		.id = span_of(xstrndup((const char *)job->id_bytes.ptr,
				       job->id_bytes.len),
			      job->id_bytes.len),
	};
	err = schedule_advance(tick->roster->queue, job, clock_wall_ms(),
			       on_advanced, question, why);
	if (err) {
		free((void *)question->id.ptr);
		free(question);
	}
	return err;
}

struct tick *
tick_new(struct roster *roster, tick_fn on_ready, void *ctx)
{
	struct tick *tick = xcalloc(1, sizeof(*tick));

	*tick = (struct tick){ roster, on_ready, ctx };
	return tick;
}

void
tick_free(struct tick *tick)
{
	free(tick);
}

/* What came of asking; true: it waits, or is put off. */
static bool
settle(struct tick *tick, struct attempt *attempt, enum hs_err err,
       const char *why)
{
	struct job *job = attempt->job;

	switch (err) {
	case HS_OK:
	case HS_UNAVAILABLE: /* asked again when the connection is back */
		return true;
	case HS_NOT_FOUND: /* this was the last one */
		return false;
	case HS_INVALID:
		if (!job->poison)
			job->poison = xasprintf(
				"the scheduler cannot continue: %s", why);
		return false;
	default:
		put_off(tick, attempt, why);
		return true;
	}
}

bool
tick_begin(struct tick *tick, struct attempt *attempt)
{
	const char *why = "";
	enum hs_err err;

	if (!attempt->job->scheduler)
		return false;
	err = ask(tick, attempt, &why);
	return settle(tick, attempt, err, why);
}

void
tick_again(struct tick *tick)
{
	list_each_safe(node, &tick->roster->active) {
		struct attempt *attempt = roster_attempt(node);
		const char *why = "";
		enum hs_err err;

		if (attempt->state != ATTEMPT_NEW || !attempt->job->scheduler)
			continue;
		err = ask(tick, attempt, &why);
		if (err == HS_UNAVAILABLE) /* gone again */
			return;
		if (!settle(tick, attempt, err, why)) /* over by now */
			tick->on_ready(tick->ctx, attempt);
	}
}
