/*
 * diagnosis: what the troubles of a queue and the state of its server mean to a
 * person: a sentence, how grave it is, what can be done. Pure: facts in,
 * sentences out.
 */
#ifndef QUEUE_DIAGNOSIS_H
#define QUEUE_DIAGNOSIS_H

#include "queue/doctor.h"
#include "queue/server.h"

enum diagnosis_severity {
	DIAGNOSIS_INFO,    /* good to know; nothing is wrong */
	DIAGNOSIS_WARNING, /* may do harm, or waits for a person */
	DIAGNOSIS_ERROR,   /* jobs are lost, stuck, or cannot come in */
};
const char *diagnosis_severity_text(enum diagnosis_severity severity);

struct diagnosis { /* borrowed for the call */
	enum diagnosis_severity severity;
	const char *kind;   /* a word for scripts: "orphan", "persistence" */
	int64_t n;          /* jobs, keys; 0: it is about the whole */
	const char *text;   /* may hold what others wrote: escape it */
	const char *remedy; /* "": none is needed */
	bool is_repairable; /* by doctor_repair() */
	/* some of those meant, whose id and detail are shown */
	const struct doctor_trouble *examples;
	size_t n_examples;
};
typedef void (*diagnosis_fn)(void *ctx, const struct diagnosis *diagnosis);

struct diagnosis_facts {
	const struct doctor_report *report;
	bool is_asleep;
	int64_t n_workers;           /* connected; -1: not known */
	int64_t stalled_interval_ms; /* of the workers' check */
	int64_t lock_duration_ms;
	bool has_no_route; /* hooksync-worker takes no job: none is known */
};

#define DIAGNOSIS_EXAMPLES 5

void diagnosis_of_server(const struct server *server, diagnosis_fn fn,
			 void *ctx);
void diagnosis_of_queue(const struct diagnosis_facts *facts, diagnosis_fn fn,
			void *ctx);

/* "119s", "119m", "47h", "3d". */
#define DIAGNOSIS_AGE_BYTES 24
const char *diagnosis_age(int64_t ms, char out[DIAGNOSIS_AGE_BYTES]);

#endif
