/*
 * gate: the door to one service: how many requests may be inside at once, and
 * whether the service may be bothered at all just now.
 *
 * A gate is open, or paused until a time. What paused it decides what happens
 * then: after a Retry-After it is simply open; after a refusal of our
 * credentials, too many `gone` in a row, or an outage, one request is let
 * through as a probe, and only its success opens the gate; else the pause grows
 * (60 s to 5 min; in an outage 5 s to 1 min). After reopening, the requests at
 * once grow from one.
 *
 *	OPEN --- Retry-After ---> PAUSED (RETRY_AFTER) --- time ---> OPEN
 *	OPEN --- n in trouble --> PAUSED (OUTAGE) --- time ---> probe --+-> OPEN
 *	OPEN --- 401, 403, TLS -> PAUSED (DENIED) --- time ---> probe --+
 *	OPEN --- n gone --------> PAUSED (GONE) ----- time ---> probe --+
 *	               PAUSED, longer <--- probe fails or says nothing -+
 *
 * Pure: no loop, no I/O; the caller brings the time (monotonic ms) and calls
 * gate_next() once per turn until it returns NULL. Thread: one.
 */
#ifndef WORKER_GATE_H
#define WORKER_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"

enum gate_cause {
	GATE_OPEN,
	GATE_RETRY_AFTER,
	GATE_OUTAGE,
	GATE_DENIED,
	GATE_GONE,
};

enum gate_answer {
	GATE_GO,   /* the ticket holds a slot */
	GATE_WAIT, /* it stands in line; gate_next() will name it */
	GATE_SHUT, /* not now: come back in gate_wait_ms() */
};

enum gate_verdict {
	GATE_SAYS_FOUND,   /* a fetch found its object */
	GATE_SAYS_GONE,    /* a fetch did not */
	GATE_SAYS_FINE,    /* another answer of a working service */
	GATE_SAYS_BROKEN,  /* 500 and the like: it may be the request's fault */
	GATE_SAYS_TROUBLE, /* no answer, or nobody at home: 503 and the like */
	GATE_SAYS_DENIED,  /* credentials or certificate */
};

struct gate;

struct gate_ticket { /* embedded in an attempt; gate's own while in use */
	struct list node;
	struct gate *gate; /* NULL: not at a gate */
	bool is_inside;    /* holds a slot; else it waits in line */
	bool is_probe;
	bool is_fetch;
};

/* name is copied. gone_limit 0: never shuts for `gone`. Born with one
 * reference: a service that a new configuration leaves as it was keeps its gate,
 * and what the gate has learned. */
struct gate *gate_new(const char *name, int64_t concurrency,
		      int64_t gone_limit);
struct gate *gate_ref(struct gate *gate);
void gate_unref(struct gate *gate); /* the last: no ticket may be left */
const char *gate_name(const struct gate *gate);
/* A person has done something: where a probe is what opens the gate for a
 * refusal or for `gone`, it may go now. An outage and a Retry-After last. */
void gate_probe_now(struct gate *gate);
/* Others from now on. Who is inside stays; what the gate has learned, too. */
void gate_set_limits(struct gate *gate, int64_t concurrency,
		     int64_t gone_limit);

void gate_ticket_init(struct gate_ticket *ticket);
enum gate_answer gate_enter(struct gate *gate, struct gate_ticket *ticket,
			    bool is_fetch, int64_t now_ms);
/* Out of the line, or out of the house; nothing for a ticket that is at no
 * gate. */
void gate_leave(struct gate_ticket *ticket);
/* The next in line that may go (it then holds a slot) or must be sent away
 * (it is out of the line); NULL: nobody can move now. */
struct gate_ticket *gate_next(struct gate *gate, int64_t now_ms,
			      enum gate_answer *answer);

/* What became of the request of a ticket that is inside. false: it is not the
 * job's affair but the service's (a `gone` that is not believed, trouble in an
 * outage, a refusal that is known already), and the job must be postponed.
 * job_id tells the jobs in trouble apart. */
bool gate_report(struct gate_ticket *ticket, enum gate_verdict verdict,
		 struct span job_id, int64_t now_ms);
/* The service asked to be left alone for that long: to be told before the
 * report of the same answer. */
void gate_pause(struct gate *gate, int64_t pause_ms, int64_t now_ms);

/* Since when (monotonic ms) nobody came in though tickets wait in line; -1: no
 * ticket waits. One inside must be done before long. */
int64_t gate_waits_since_ms(const struct gate *gate);
/* Would a request be sent away now? (So that a job need not fetch what it
 * could not push.) */
bool gate_is_shut(const struct gate *gate, bool is_fetch, int64_t now_ms);
enum gate_cause gate_cause(const struct gate *gate);
/* "its answer 401 or 403 ...": for reasons and logs; static text. */
const char *gate_cause_text(enum gate_cause cause);
/* How long a job that was sent away should wait: until the next opening, with
 * some jitter so that not all come back at once. */
int64_t gate_wait_ms(const struct gate *gate, int64_t now_ms);

#endif
