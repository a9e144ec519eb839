/*
 * gate: concurrency, pauses and probes of one service.
 *
 * Why `gone` shuts it: a wrong base URL answers 404 for everything, and each
 * 404 on fetch is the order to delete the object from the target. So the
 * answers are counted; after gone_limit in a row without one object found
 * nobody is believed any more, those already under way included, until a
 * fetch finds its object. A mass deletion in the source looks the same: then
 * the operator raises the limit.
 *
 * Why an outage shuts it: three attempts of a job are over in seconds, an outage
 * is not. One job in trouble says nothing of the service: the job may be at
 * fault, and must use up its attempts and fail. So jobs are counted, each once:
 * when OUTAGE_JOBS different ones in a row met trouble and no request did well
 * in between, it is the service, and whoever meets trouble from then on, the
 * last of these included, is postponed instead of burning an attempt. A 500 is
 * not counted: it is what a service says that broke over one object, and many
 * such objects must not hold up the others.
 *
 * Known limits: state is per process; each worker learns on its own. A queue
 * with fewer jobs than OUTAGE_JOBS does not show an outage.
 */
#include "worker/gate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/log.h"
#include "base/num.h"

#define PAUSE_MIN_MS 60000   /* first pause before a probe: a minute */
#define PAUSE_MAX_MS 300000  /* ... doubling up to five */
#define OUTAGE_MIN_MS 5000   /* it may be back soon */
#define OUTAGE_MAX_MS 60000  /* ... and must not be missed for long */
#define OUTAGE_JOBS 5        /* Envoy's consecutive_gateway_failure */
#define PROBING_WAIT_MS 5000 /* a probe is answered by then, mostly */
#define JITTER_MIN_MS 50
#define STORM_MS 10000

struct gate {
	size_t n_refs;
	char *name;
	int64_t concurrency;
	int64_t gone_limit;
	int64_t window; /* requests at once now; 1 ... concurrency */
	int64_t n_inside;
	struct list line; /* tickets that wait, the first in front */
	int64_t moved_ms; /* when one came in, or the line began */
	enum gate_cause cause;
	int64_t open_due_ms; /* while cause is not GATE_OPEN */
	int64_t pause_ms;    /* the present pause, for growing */
	bool is_probing;
	int64_t n_gone;                   /* in a row */
	struct buf troubled[OUTAGE_JOBS]; /* ids of jobs, in a row */
	size_t n_troubled;
	struct log_storm storm;
};

struct gate *
gate_new(const char *name, int64_t concurrency, int64_t gone_limit)
{
	struct gate *gate = xcalloc(1, sizeof(*gate));

	gate->n_refs = 1;
	gate->name = xstrdup(name);
	gate->concurrency = concurrency > 0 ? concurrency : 1;
	gate->window = gate->concurrency;
	gate->gone_limit = gone_limit;
	list_init(&gate->line);
	for (size_t i = 0; i < OUTAGE_JOBS; i++)
		buf_init(&gate->troubled[i], BOUNDS_JOB_ID_BYTES);
	return gate;
}

struct gate *
gate_ref(struct gate *gate)
{
	gate->n_refs++;
	return gate;
}

void
gate_unref(struct gate *gate)
{
	if (!gate || --gate->n_refs > 0)
		return;
	log_assert(list_is_empty(&gate->line) && gate->n_inside == 0);
	for (size_t i = 0; i < OUTAGE_JOBS; i++)
		buf_fini(&gate->troubled[i]);
	free(gate->name);
	free(gate);
}

const char *
gate_name(const struct gate *gate)
{
	return gate->name;
}

void
gate_set_limits(struct gate *gate, int64_t concurrency, int64_t gone_limit)
{
	const bool was_wide = gate->window == gate->concurrency;

	gate->concurrency = concurrency > 0 ? concurrency : 1;
	gate->gone_limit = gone_limit;
	if (was_wide || gate->window > gate->concurrency)
		gate->window = gate->concurrency;
}

void
gate_probe_now(struct gate *gate)
{
	if (gate->cause == GATE_DENIED || gate->cause == GATE_GONE)
		gate->open_due_ms = 0;
}

void
gate_ticket_init(struct gate_ticket *ticket)
{
	list_init(&ticket->node);
	ticket->gate = NULL;
	ticket->is_inside = false;
	ticket->is_probe = false;
	ticket->is_fetch = false;
}

const char *
gate_cause_text(enum gate_cause cause)
{
	switch (cause) {
	case GATE_OPEN:
		break;
	case GATE_RETRY_AFTER:
		return "it asked for a pause (Retry-After)";
	case GATE_OUTAGE:
		return "several jobs in a row got no answer from it, or 429, "
		       "502, 503 or 504";
	case GATE_DENIED:
		return "it refuses our credentials or its certificate is not "
		       "trusted";
	case GATE_GONE:
		return "it has none of the objects asked for: check the "
		       "service's url";
	}
	return "it is open";
}

/* ---- changes of state ---- */

static void
gate_open(struct gate *gate)
{
	if (gate->cause != GATE_RETRY_AFTER)
		log_event(LOG_LEVEL_NOTICE, MESSAGE_GATE_OPEN,
			  "gate open again service=%s", gate->name);
	gate->cause = GATE_OPEN;
	gate->open_due_ms = 0;
	gate->is_probing = false;
	gate->n_gone = 0;
	gate->n_troubled = 0;
	gate->pause_ms = 0;
	gate->window = 1;
}

static void
gate_shut(struct gate *gate, enum gate_cause cause, int64_t now_ms)
{
	const bool is_new = gate->cause != cause;
	const bool is_outage = cause == GATE_OUTAGE;
	const int64_t max_ms = is_outage ? OUTAGE_MAX_MS : PAUSE_MAX_MS;
	int64_t due_ms;
	char text[32];

	if (is_new || gate->pause_ms <= 0)
		gate->pause_ms = is_outage ? OUTAGE_MIN_MS : PAUSE_MIN_MS;
	else if (gate->pause_ms < max_ms / 2)
		gate->pause_ms *= 2;
	else
		gate->pause_ms = max_ms;
	/* what the service asked for is never cut short; and at first it knows
	 * better than we how long an outage lasts */
	due_ms = now_ms + gate->pause_ms;
	if (gate->open_due_ms < due_ms &&
	    !(is_outage && is_new && gate->open_due_ms > now_ms))
		gate->open_due_ms = due_ms;
	gate->cause = cause;
	gate->is_probing = false;
	gate->n_troubled = 0;

	num_duration_text(gate->open_due_ms - now_ms, text, sizeof(text));
	if (!is_new)
		log_event(LOG_LEVEL_WARN, MESSAGE_GATE_SHUT,
			  "gate stays shut service=%s next_probe=%s "
			  "reason=\"%s\"",
			  gate->name, text, gate_cause_text(cause));
	else if (cause == GATE_GONE)
		log_event(
			LOG_LEVEL_ERROR, MESSAGE_GATE_SHUT,
			"gate shut service=%s next_probe=%s reason=\"%" PRId64
			" objects in a row were not found: is services.%s.url "
			"right? nothing more is deleted until a fetch finds "
			"its object (limit: services.%s.gone_limit)\"",
			gate->name, text, gate->n_gone, gate->name, gate->name);
	else if (is_outage) /* nobody need act: it opens by itself */
		log_event(LOG_LEVEL_WARN, MESSAGE_GATE_SHUT,
			  "gate shut service=%s next_probe=%s reason=\"%s\"",
			  gate->name, text, gate_cause_text(cause));
	else
		log_event(LOG_LEVEL_ERROR, MESSAGE_GATE_SHUT,
			  "gate shut service=%s next_probe=%s reason=\"%s\"",
			  gate->name, text, gate_cause_text(cause));
}

/* A pause that needs no probe is over when its time is. */
static void
gate_tick(struct gate *gate, int64_t now_ms)
{
	if (gate->cause == GATE_RETRY_AFTER && now_ms >= gate->open_due_ms)
		gate_open(gate);
}

void
gate_pause(struct gate *gate, int64_t pause_ms, int64_t now_ms)
{
	unsigned n_suppressed;
	char text[32];

	if (pause_ms <= 0)
		return;
	if (pause_ms > BOUNDS_RETRY_AFTER_MS)
		pause_ms = BOUNDS_RETRY_AFTER_MS;
	if (gate->cause != GATE_OPEN && gate->cause != GATE_RETRY_AFTER) {
		/* a probe decides there; it must not come before this time */
		if (gate->open_due_ms < now_ms + pause_ms)
			gate->open_due_ms = now_ms + pause_ms;
		return;
	}
	if (gate->cause == GATE_OPEN &&
	    log_storm_ok(&gate->storm, STORM_MS, &n_suppressed)) {
		num_duration_text(pause_ms, text, sizeof(text));
		log_notice("gate paused service=%s for=%s reason=\"%s\"",
			   gate->name, text, gate_cause_text(GATE_RETRY_AFTER));
	}
	if (gate->cause == GATE_OPEN || gate->open_due_ms < now_ms + pause_ms)
		gate->open_due_ms = now_ms + pause_ms;
	gate->cause = GATE_RETRY_AFTER;
}

/* ---- in and out ---- */

bool
gate_is_shut(const struct gate *gate, bool is_fetch, int64_t now_ms)
{
	if (gate->cause == GATE_OPEN)
		return false;
	if (now_ms < gate->open_due_ms)
		return true;
	if (gate->cause == GATE_RETRY_AFTER)
		return false;
	/* only a fetch can show that objects are found again */
	return gate->is_probing || (gate->cause == GATE_GONE && !is_fetch);
}

static void
go_in(struct gate *gate, struct gate_ticket *ticket, int64_t now_ms)
{
	gate->moved_ms = now_ms;
	ticket->gate = gate;
	ticket->is_inside = true;
	gate->n_inside++;
	if (gate->cause != GATE_OPEN) {
		ticket->is_probe = true;
		gate->is_probing = true;
	}
}

enum gate_answer
gate_enter(struct gate *gate, struct gate_ticket *ticket, bool is_fetch,
	   int64_t now_ms)
{
	log_assert(!ticket->gate);
	gate_tick(gate, now_ms);
	if (gate_is_shut(gate, is_fetch, now_ms))
		return GATE_SHUT;
	ticket->is_fetch = is_fetch;
	ticket->is_probe = false;
	if (gate->cause != GATE_OPEN ||
	    (list_is_empty(&gate->line) && gate->n_inside < gate->window)) {
		go_in(gate, ticket, now_ms);
		return GATE_GO;
	}
	ticket->gate = gate;
	ticket->is_inside = false;
	if (list_is_empty(&gate->line))
		gate->moved_ms = now_ms;
	list_push_back(&gate->line, &ticket->node);
	return GATE_WAIT;
}

void
gate_leave(struct gate_ticket *ticket)
{
	struct gate *gate = ticket->gate;

	if (!gate)
		return;
	if (ticket->is_inside)
		gate->n_inside--;
	else
		list_remove(&ticket->node);
	if (ticket->is_probe) /* left without a verdict: let another try */
		gate->is_probing = false;
	gate_ticket_init(ticket);
}

struct gate_ticket *
gate_next(struct gate *gate, int64_t now_ms, enum gate_answer *answer)
{
	struct gate_ticket *ticket;

	if (list_is_empty(&gate->line))
		return NULL;
	gate_tick(gate, now_ms);
	ticket = list_owner(gate->line.next, struct gate_ticket, node);
	if (gate_is_shut(gate, ticket->is_fetch, now_ms)) {
		list_remove(&ticket->node);
		gate_ticket_init(ticket);
		*answer = GATE_SHUT;
		return ticket;
	}
	if (gate->cause == GATE_OPEN && gate->n_inside >= gate->window)
		return NULL;
	list_remove(&ticket->node);
	go_in(gate, ticket, now_ms);
	*answer = GATE_GO;
	return ticket;
}

/* ---- what was learned inside ---- */

/* One more job in trouble. */
static void
count_trouble(struct gate *gate, struct span job_id, int64_t now_ms)
{
	struct buf *id = &gate->troubled[gate->n_troubled];

	for (size_t i = 0; i < gate->n_troubled; i++)
		if (span_equal(buf_span(&gate->troubled[i]), job_id))
			return;
	buf_reset(id);
	if (buf_add_span(id, job_id))
		return; /* no id of a job is that long */
	if (++gate->n_troubled == OUTAGE_JOBS)
		gate_shut(gate, GATE_OUTAGE, now_ms);
}

bool
gate_report(struct gate_ticket *ticket, enum gate_verdict verdict,
	    struct span job_id, int64_t now_ms)
{
	struct gate *gate = ticket->gate;
	/* another may have opened the gate meanwhile */
	bool is_probe = ticket->is_probe && gate->is_probing;

	log_assert(gate && ticket->is_inside);
	ticket->is_probe = false;
	/* somebody is at home again, probe or not */
	if (gate->cause == GATE_OUTAGE && verdict != GATE_SAYS_TROUBLE &&
	    verdict != GATE_SAYS_DENIED) {
		gate_open(gate);
		is_probe = false;
	}
	switch (verdict) {
	case GATE_SAYS_DENIED:
		/* of many under way only the first tells us something new; the
		 * others are not at fault and may try again */
		if (!is_probe && gate->cause == GATE_DENIED)
			return false;
		gate_shut(gate, GATE_DENIED, now_ms);
		return true;
	case GATE_SAYS_GONE:
		gate->n_gone++;
		if (gate->cause == GATE_GONE) {
			if (is_probe)
				gate_shut(gate, GATE_GONE, now_ms);
			return false;
		}
		if (is_probe) { /* our credentials are taken again */
			gate_open(gate);
			gate->n_gone = 1;
		}
		if (gate->gone_limit > 0 && gate->n_gone >= gate->gone_limit)
			gate_shut(gate, GATE_GONE, now_ms);
		break;
	case GATE_SAYS_FOUND:
		gate->n_gone = 0;
		if (is_probe || gate->cause == GATE_GONE)
			gate_open(gate);
		break;
	case GATE_SAYS_FINE:
		if (is_probe && gate->cause == GATE_GONE)
			gate_shut(gate, GATE_GONE, now_ms);
		else if (is_probe)
			gate_open(gate);
		break;
	case GATE_SAYS_BROKEN:
		if (is_probe)
			gate_shut(gate, gate->cause, now_ms);
		return true;
	case GATE_SAYS_TROUBLE:
		if (is_probe) /* proves nothing either way */
			gate_shut(gate, gate->cause, now_ms);
		else if (gate->cause == GATE_OPEN ||
			 gate->cause == GATE_RETRY_AFTER)
			count_trouble(gate, job_id, now_ms);
		return gate->cause != GATE_OUTAGE;
	}
	gate->n_troubled = 0;
	if (gate->window < gate->concurrency)
		gate->window++;
	return true;
}

int64_t
gate_waits_since_ms(const struct gate *gate)
{
	return list_is_empty(&gate->line) ? -1 : gate->moved_ms;
}

enum gate_cause
gate_cause(const struct gate *gate)
{
	return gate->cause;
}

int64_t
gate_wait_ms(const struct gate *gate, int64_t now_ms)
{
	int64_t wait_ms = PROBING_WAIT_MS;
	int64_t jitter_ms;

	if (gate->open_due_ms > now_ms)
		wait_ms = gate->open_due_ms - now_ms;
	jitter_ms = wait_ms / 10;
	if (jitter_ms < JITTER_MIN_MS)
		jitter_ms = JITTER_MIN_MS;
	return wait_ms + (int64_t)digest_random_below((uint64_t)jitter_ms);
}
