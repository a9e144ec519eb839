/*
 * attempt: the state machine of a job, from taken to outcome.
 *
 *	 NEW --checks fail--------------------------------------------> ENDED
 *	  |                                                               ^
 *	  | route has a fetch                                             |
 *	  v                                                               |
 *	WAITS_FETCH --gate shut: postpone-------------------------------->|
 *	  | slot                                                          |
 *	  v                                                               |
 *	FETCHING --retry, fail------------------------------------------->|
 *	  |        \--gone, no gone call: done--------------------------->|
 *	  |         \--gone, believed--> WAITS_PUSH (gone call)           |
 *	  v                                                               |
 *	MAPPING --error: fail; empty or no push: done-------------------->|
 *	  v                                                               |
 *	WAITS_PUSH --gate shut: postpone--------------------------------->|
 *	  | slot                                                          |
 *	  v                                                               |
 *	PUSHING --done, retry, fail-------------------------------------->|
 *
 *	before any request --lock run out: given back------------------> ENDED
 *	any but ENDED --attempt_cancel()--> CANCELLED (nobody hears of it)
 *	any but ENDED --attempt_give_back()--> ENDED (waits again)
 *
 * MAPPING is passed through at once by a route without a map. Attempts never
 * call Redis; they leave an end, and tell env->on_end.
 *
 * Thread: the loop's.
 */
#ifndef WORKER_ATTEMPT_H
#define WORKER_ATTEMPT_H

#include "http/http.h"
#include "queue/finish.h"
#include "queue/job.h"
#include "worker/gate.h"
#include "worker/map.h"
#include "worker/outcome.h"
#include "worker/plan.h"

enum attempt_state {
	ATTEMPT_NEW,
	ATTEMPT_WAITS_FETCH, /* its ticket is in the gate's line */
	ATTEMPT_FETCHING,    /* its ticket is inside */
	ATTEMPT_MAPPING,     /* with the map thread */
	ATTEMPT_WAITS_PUSH,
	ATTEMPT_PUSHING,
	ATTEMPT_ENDED, /* `end` is set */
	ATTEMPT_CANCELLED,
};

struct attempt;

struct attempt_env {       /* what all attempts of a worker share; borrowed */
	struct plan *plan; /* of those that start from now on */
	struct http *http;
	struct map *map;
	/* From the loop, also from inside attempt_start(): do not free the
	 * attempt in it. */
	void (*on_end)(void *ctx, struct attempt *attempt);
	void *ctx;
};

struct attempt_end {
	enum finish_kind kind;
	struct buf value;    /* returnvalue as JSON, or the reason */
	const char *outcome; /* of a completed one: a word; else NULL */
	int status;          /* HTTP's that led to it, 0: none */
	struct buf stack; /* more words for `stacktrace`; empty: the reason */
	int64_t delay_ms;
	bool is_private; /* the reason may quote data: not for the log */
};

struct attempt {
	/* the roster's */
	struct list node;
	struct list bucket_node;
	int64_t lock_due_ms; /* monotonic: the lock is ours until then */
	bool is_lost;        /* the lock is not ours any more */
	bool is_told; /* a finish was sent and nobody knows if it arrived */
	/* our own; to be read by others */
	struct job *job;
	enum attempt_state state;
	struct attempt_end end;
	int64_t taken_us; /* monotonic */
	int64_t moved_ms; /* monotonic: when it came into its state */
	/* private */
	const struct attempt_env *env;
	struct plan *plan; /* the one it began with */
	struct plan_route *route;
	enum outcome_step step; /* of the request to come or under way */
	struct gate_ticket ticket;
	struct http_transfer *transfer;
	struct map_work *work;
	struct buf source; /* the fetched object */
	struct buf body;   /* what will be pushed */
};

/* Keeps job. */
struct attempt *attempt_new(const struct attempt_env *env, struct job *job);
/* Cancels what runs. */
void attempt_free(struct attempt *attempt);

/* NEW -> ... */
void attempt_start(struct attempt *attempt);
/* What gate_next() said of its ticket. */
void attempt_admit(struct attempt *attempt, enum gate_answer answer);
/* Stops what runs; on_end is not called. Not from an HTTP callback. */
void attempt_cancel(struct attempt *attempt);
/* Stops what runs and ends it as FINISH_GIVE_BACK, without on_end. */
void attempt_give_back(struct attempt *attempt);
/* By when (monotonic ms) the request under way must have ended: INT64_MAX: none
 * is. */
int64_t attempt_due_ms(const struct attempt *attempt);
/* Ends one that has not started, as FINISH_POSTPONE, without on_end. */
void attempt_postpone(struct attempt *attempt, int64_t delay_ms,
		      const char *why);

static inline struct attempt *
attempt_of_ticket(struct gate_ticket *ticket)
{
	return list_owner(ticket, struct attempt, ticket);
}

/* "fetching", "waits to push": for logs and people. */
const char *attempt_state_text(enum attempt_state state);

/* Of a job's data: what a route without a map pushes when it has no fetch:
 * rawPayload, raw. HS_NOT_FOUND. */
enum hs_err attempt_raw_payload(struct span data,
				struct span *out) HS_MUST_CHECK;

#endif
