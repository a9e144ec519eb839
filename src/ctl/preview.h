/*
 * preview: what a verb that destroys would do, before it does it: how many
 * jobs, in which states, how old.
 */
#ifndef CTL_PREVIEW_H
#define CTL_PREVIEW_H

#include "queue/admin.h"
#include "ctl/filter.h"
#include "ctl/session.h"

struct preview {
	int64_t n[JOB_N_STATES];
	int64_t n_total;
	int64_t oldest_ms; /* 0: not known */
	int64_t next_ms;   /* of the one that would run next; 0: not known */
};

void preview_add(struct preview *preview, enum job_state state, int64_t n);

/* By looking at each job. An exit code. */
int preview_walk(struct session *session, const char *name,
		 const struct filter *filter, struct preview *preview);

/* "would remove 1,234 failed jobs of queue sync, the oldest from ..." or, as
 * JSON, an array of one object; and on standard error that nothing was done.
 * CTL_UNCONFIRMED, or CTL_NO_MATCH when there is no job. */
int preview_tell(const struct preview *preview, const char *name, bool is_json);

#endif
