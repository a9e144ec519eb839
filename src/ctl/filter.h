/*
 * filter: which jobs are meant: --state, --name, --entity, --error, --older and
 * --newer of a command line, read once, then asked of each job.
 *
 * What a filter does not say it does not ask. A job matches when it fits all
 * that is said.
 */
#ifndef CTL_FILTER_H
#define CTL_FILTER_H

#include "queue/job.h"
#include "ctl/cmd.h"

struct filter { /* texts are borrowed from the command line */
	enum job_state states[JOB_N_STATES]; /* in the order to go through */
	size_t n_states;
	const char *name; /* a pattern as of files: crm-*; NULL: any */
	/* a member of the job's data; len 0: any but rawPayload */
	struct span entity_field;
	const char *entity; /* its value as text; NULL: any */
	const char *error;  /* in its reason, whatever the case; NULL: any */
	int64_t older_ms;   /* at least so old; -1: any */
	int64_t newer_ms;   /* not so old; -1: any */
	int64_t now_ms;     /* ages count from here, wall time */
	/* What came into its state after now_ms is passed over: those who act
	 * on what they find must not meet their own work again. */
	bool is_closed;
	size_t limit; /* SIZE_MAX: none */
};

/* From --state and the states in states_text (NULL: none); none at all: all
 * states, what runs and waits first. HS_INVALID: *why is a sentence for the
 * person who typed. */
enum hs_err filter_read(const struct cmd_line *line, char *const *states,
			int n_states, struct filter *filter, char *why,
			size_t why_size) HS_MUST_CHECK;
/* The same for one state that the verb knows. */
enum hs_err filter_read_in(const struct cmd_line *line, enum job_state state,
			   struct filter *filter, char *why,
			   size_t why_size) HS_MUST_CHECK;

bool filter_matches(const struct filter *filter, const struct job *job,
		    enum job_state state);
/* Does it ask anything that only the job itself can answer, its age apart? */
bool filter_asks_job(const struct filter *filter);
/* "failed", "failed or delayed"; "" for all states. out_size: 128 will do. */
void filter_states_text(const struct filter *filter, char *out,
			size_t out_size);

#endif
