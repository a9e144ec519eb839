/*
 * act: doing one thing to single jobs (retry, promote, remove ...): to those
 * that are named by id, or to all that a walk finds; and telling what came of
 * it.
 *
 * A job may have gone, or moved on, since it was seen: that is an answer and
 * not a trouble, and is counted. An id that is in several queues is left alone
 * in all of them.
 */
#ifndef CTL_ACT_H
#define CTL_ACT_H

#include "ctl/filter.h"
#include "ctl/session.h"

enum act_result {
	ACT_DONE,
	ACT_GONE,       /* no such job */
	ACT_ELSEWHERE,  /* not in a state for that */
	ACT_BUSY,       /* a worker has it */
	ACT_SCHEDULED,  /* a scheduler's next */
	ACT_UNANSWERED, /* Redis was lost: done, or not */
	ACT_DOUBTFUL,   /* several queues have such an id */
	ACT_N_RESULTS,
};

struct act {
	const char *what;   /* NULL: "job" */
	const char *label;  /* of a bar: "retrying" */
	const char *done;   /* of one: "waits again in", then the queue */
	const char *many;   /* of several: "failed jobs wait again" */
	const char *single; /* "failed job waits again" */
	const char *state;  /* where it must be: "failed"; NULL: anywhere */
	const char *member; /* in JSON: "retried", as in is_, n_retried */
	/* Sends; n of fn as the queue's floor gives it. */
	enum hs_err (*start)(const struct act *act, struct queue *queue,
			     struct span id, queue_number_fn fn, void *ctx);
	/* Does a queue have it? NULL: it is a job. An exit code. */
	int (*ask)(struct session *session, struct queue *queue, const char *id,
		   bool *is_there);
	bool tells_state; /* behind `done`: what it was */
	/* What that number means; NULL: negative ones are enum code. */
	enum act_result (*read)(int64_t n);
	const void *options; /* start's own */
};

/* The ids of the command line, each in the one queue that knows it: prints a
 * line each. CTL_NO_MATCH when one could not be done. */
int act_on_ids(const struct act *act, struct session *session,
	       const char **names, char *const *ids, size_t n_ids,
	       bool is_json);

struct act_tally {
	int64_t n[ACT_N_RESULTS];
};
/* Those of one queue that a filter means, without a word but the bar's. Ctrl-C
 * ends it with CTL_INTERRUPTED; the tally is right all the same. */
int act_on_queue(const struct act *act, struct session *session,
		 const char *name, struct filter *filter,
		 struct act_tally *tally);

/* The same in all queues, a line for each. CTL_NO_MATCH when nothing was. */
int act_on_queues(const struct act *act, struct session *session,
		  const char **names, struct filter *filter, bool is_json);

/* The line, or the object, of one queue; the array's brackets are the
 * caller's. */
void act_report(const struct act *act, const char *name,
		const struct act_tally *tally, bool is_interrupted,
		bool is_json, bool is_first);

#endif
