/*
 * doctor: finds what is wrong with a queue's keys, and puts it right. What it
 * means to a person is diagnosis.h's.
 *
 * A look reads every state page by page, then all of the queue's keys by
 * SCAN; one bounded call at a time, so that Redis serves the others between
 * two of them. Workers go on meanwhile, and what a walk saw may be
 * wrong a moment later. So a walk yields suspects only; each is judged by a
 * script, in which nothing can move, and judged again by the one that repairs it.
 *
 * Known limits: to know that an id is in no list a script walks along all of
 * them, once for all ids it is asked about, and Redis serves nobody meanwhile:
 * some 0.3 s for a million members (measured; 10000 orphans cost it one or two
 * such walks to find and five to repair). What a look keeps of the troubles has a
 * ceiling (their number is right beyond it): repair, and look again. A job
 * whose add was refused half-way is an orphan like any other, and is put back:
 * what its producer was told nobody knows here.
 */
#ifndef QUEUE_DOCTOR_H
#define QUEUE_DOCTOR_H

#include "queue/job.h"
#include "queue/queue.h"

enum doctor_kind {
	DOCTOR_WRONGTYPE, /* a key of the queue is of another type; id: suffix */
	DOCTOR_COUNTER,   /* the next number belongs to a job that exists */
	DOCTOR_GHOST,     /* listed in a state, but there is no such job */
	DOCTOR_DOUBLE,    /* in two states, or twice in one */
	DOCTOR_LOCKLESS,  /* active, but nobody holds the lock */
	DOCTOR_PROTO,     /* what came last for a deduplication id, and its
	                     owner is gone */
	DOCTOR_DEDUP,     /* a deduplication id whose owner is gone */
	DOCTOR_PARENT,    /* waits for children, of which none is left */
	DOCTOR_ORPHAN,    /* a job in no state */
	DOCTOR_LOCK,      /* a lock without end, and its job is not active */
	DOCTOR_MARKER,    /* jobs wait, and nothing wakes a worker */
	DOCTOR_FADING_LOCK, /* the same with an end: no trouble for long */
	DOCTOR_SCHEDULER,   /* the job it has planned is gone, or has ended */
	DOCTOR_FRAGMENT,    /* a hash that is no job */
};
#define DOCTOR_N_KINDS 14

const char *doctor_kind_text(enum doctor_kind kind);
/* Can doctor_repair() do something about it? In this order it should. */
bool doctor_is_repairable(enum doctor_kind kind);

struct doctor_trouble {
	enum doctor_kind kind;
	char *id; /* NUL-terminated; may hold others */
	size_t id_len;
	char *detail; /* as the script says it */
	int64_t order;
};

#define DOCTOR_TEXT_BYTES 64

struct doctor_vitals {
	int64_t redis_at_ms;
	char version[DOCTOR_TEXT_BYTES]; /* meta's; "": none */
	bool is_whole; /* else a key is of a wrong type, and all below is 0 */
	int64_t n[JOB_N_STATES];
	int64_t n_schedulers;
	bool is_paused;
	int64_t paused_at_ms; /* 0: not known */
	bool is_maxed;        /* as many jobs active as it may have */
	int64_t limited_ms;   /* of a rate limit that may hold */
	bool has_marker;
	char next_id[DOCTOR_TEXT_BYTES]; /* the job next in turn; "": none */
	int64_t next_timestamp_ms;
	int64_t next_due_ms; /* of the first delayed job; 0: none */
	int64_t counter;
};

struct doctor_report {
	struct doctor_vitals first;
	struct doctor_vitals last;
	int64_t n_of[DOCTOR_N_KINDS];
	struct doctor_trouble *troubles; /* in order of kind, then order */
	size_t n_troubles;               /* kept */
	int64_t max_number;              /* the highest id that is a number */
	int64_t n_jobs;
	int64_t n_keys;
};

struct doctor; /* one look at one queue */

struct doctor *doctor_new(struct queue *queue /* borrowed */);
/* Not while a look is under way. */
void doctor_free(struct doctor *doctor);

/* How far it is: of what it will have to read, as far as it knows. */
typedef void (*doctor_progress_fn)(void *ctx, int64_t n_done, int64_t total);
/* report belongs to the doctor; NULL with an err. */
typedef void (*doctor_look_fn)(void *ctx, enum hs_err err, const char *text,
			       const struct doctor_report *report);
enum hs_err doctor_look(struct doctor *doctor, doctor_progress_fn progress_fn,
			doctor_look_fn fn, void *ctx) HS_MUST_CHECK;

typedef void (*doctor_vitals_fn)(void *ctx, enum hs_err err, const char *text,
				 const struct doctor_vitals *vitals);
/* A look of a moment. */
enum hs_err doctor_read_vitals(struct queue *queue, doctor_vitals_fn fn,
			       void *ctx) HS_MUST_CHECK;

/* Has nobody woken a worker for the jobs that wait, at both times and in all
 * the time between? They should lie a second apart: whoever took the
 * marker is about to take a job. */
bool doctor_is_asleep(const struct doctor_vitals *before,
		      const struct doctor_vitals *after);

#define DOCTOR_BATCH 2000
#define DOCTOR_VISITS 50000 /* members of lists for one script: ms */

enum doctor_repaired {
	DOCTOR_REFUSED = -1,
	DOCTOR_NOT_NEEDED = 0,
	DOCTOR_DONE = 1,
};
struct doctor_repair {
	const struct doctor_trouble *troubles;
	size_t n;                  /* at most DOCTOR_BATCH */
	int64_t now_ms;            /* Redis's: vitals' */
	int64_t max_stalled_count; /* as workers are set */
	int64_t max_number;        /* the report's */
};
/* Of the first n troubles (at least one): what came of them, and where they
 * went or why not. */
typedef void (*doctor_repair_fn)(void *ctx, enum hs_err err, const char *text,
				 const enum doctor_repaired *results,
				 const struct span *texts, size_t n);
enum hs_err doctor_repair(struct queue *queue,
			  const struct doctor_repair *repair,
			  doctor_repair_fn fn, void *ctx) HS_MUST_CHECK;

#endif
