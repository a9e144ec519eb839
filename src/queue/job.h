/*
 * job: one job hash of BullMQ as a struct, and options as JSON.
 *
 * A job's data is bytes to this floor. A hash that no worker could run (no
 * name, data or opts that are no JSON) still becomes a struct job, with
 * `poison` saying why, so that it can be failed once with a reason.
 */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/doc.h"
#include "redis/resp.h"

enum job_state {
	JOB_WAIT,
	JOB_PRIORITIZED,
	JOB_DELAYED,
	JOB_ACTIVE,
	JOB_COMPLETED,
	JOB_FAILED,
	JOB_WAITING_CHILDREN,
	JOB_PAUSED,  /* v5's list of a paused queue */
	JOB_UNKNOWN, /* in none of them */
};
#define JOB_N_STATES 8

#define JOB_PRIORITY_MAX 2097151 /* 2^21 - 1: BullMQ's limit */
/* 2^41 ms, in 2039: later due times do not fit the scores of `delayed` */
#define JOB_DUE_END_MS (INT64_C(1) << 41)

/* BullMQ's key suffix: "wait", "waiting-children". */
const char *job_state_text(enum job_state state);
/* Also takes "waiting". */
enum hs_err job_state_parse(const char *text,
			    enum job_state *out) HS_MUST_CHECK;

enum job_backoff {
	JOB_BACKOFF_NONE,
	JOB_BACKOFF_FIXED,
	JOB_BACKOFF_EXPONENTIAL,
	JOB_BACKOFF_UNKNOWN, /* a custom one of Node's: we fail instead */
};

struct job_keep {      /* removeOnComplete, removeOnFail */
	bool is_set;   /* the job has its own; else the worker's rule counts */
	int64_t count; /* -1 no limit, 0 remove at once */
	int64_t age_s; /* 0 no limit */
	int64_t limit; /* 0 none */
};

struct job {
	char *id;
	struct span id_bytes; /* as Redis has it, a NUL inside included */
	char *name;           /* "" when missing */
	struct span data;     /* JSON text */
	struct span opts;     /* JSON text as stored */
	int64_t timestamp_ms;
	int64_t delay_ms;
	int64_t priority;
	int64_t attempts;        /* opts.attempts; 0 means one run */
	int64_t made;            /* atm: attempts ended before this one */
	int64_t started;         /* ats */
	int64_t n_stalled;       /* stc */
	int64_t processed_on_ms; /* 0: never */
	int64_t finished_on_ms;
	enum job_backoff backoff;
	int64_t backoff_delay_ms;
	double backoff_jitter; /* 0..1 */
	struct job_keep keep_completed;
	struct job_keep keep_failed;
	int64_t stacktrace_limit; /* -1: none */
	bool is_lifo; /* opts.lifo: next in turn when it waits again */
	char *worker; /* pb; NULL */
	char *deferred; /* defa: must be failed with this, without running; NULL */
	char *scheduler;          /* rjk; NULL */
	char *failed_reason;      /* NULL */
	struct span return_value; /* JSON; len 0: none */
	struct span progress;
	struct span stacktrace; /* JSON array; len 0: none */
	struct span parent;     /* JSON, as stored; len 0: none */
	char *parent_key;       /* the key of its hash, "bull:q:7"; NULL */
	char *dedup_id;         /* deid; NULL */
	char *poison;           /* why no worker can run it; NULL */
	void *storage;          /* (private: the bytes of all texts above) */
};

/* From a reply of HGETALL (flat array). HS_NOT_FOUND when the hash is empty,
 * HS_PROTOCOL when the reply is none. Returned owned: job_free(). */
enum hs_err job_from_hash(struct span id, const struct reply *hash,
			  struct job **out) HS_MUST_CHECK;
void job_free(struct job *job);

/* The delay before attempt `made + 2`, in ms, by BullMQ's formulas (fixed d;
 * exponential round(2^(n-1) * d) for the n-th failed attempt; jitter). -1: no
 * further attempt (attempts exhausted, or an unknown backoff). */
int64_t job_backoff_delay(const struct job *job);

struct job_options {      /* what a producer may say of a job; becomes opts */
	int64_t attempts; /* 0 */
	enum job_backoff backoff;
	int64_t backoff_delay_ms;
	struct span id; /* jobId; len 0: none */
	int64_t delay_ms;
	int64_t priority;
	bool is_lifo;
	int64_t timestamp_ms;  /* written to opts only when not 0 */
	double backoff_jitter; /* 0..1; 0: none */
	struct job_keep keep_completed;
	struct job_keep keep_failed;
	int64_t keep_logs; /* 0: all */
	bool has_stacktrace_limit;
	int64_t stacktrace_limit;
	int64_t size_limit; /* of data, in bytes; 0: none */
};
/* As a tree, for those who have more to say. Returned owned: doc_free(). */
struct doc *job_options_doc(const struct job_options *options);
/* {"attempts":3,"backoff":{"type":"exponential","delay":2000},"jobId":"..."},
 * parsed equal to what Node leaves for the same options. */
enum hs_err job_options_print(const struct job_options *options,
			      struct buf *out) HS_MUST_CHECK;

#endif
