/*
 * walk: through the jobs of a queue that a filter means, page by page: any
 * number of them in the memory of one page, with a bar where it takes long.
 *
 * What jobs that move meanwhile mean for it is said in queue/admin.h. Jobs that
 * change their state may be met in both, or in neither.
 */
#ifndef CTL_WALK_H
#define CTL_WALK_H

#include "ctl/filter.h"
#include "ctl/progress.h"
#include "ctl/session.h"

struct walk {
	struct session *session;
	const struct filter *filter;
	const char *label; /* of the bar: "looking" */
};

/* Some that match, freed by walk_queue(). May use the session. Returns CTL_OK
 * to go on, else what walk_queue() shall return. progress is to be hidden
 * before something is printed. */
typedef int (*walk_fn)(void *ctx, struct job *const *jobs, size_t n,
		       enum job_state state, struct progress *progress);

/* CTL_OK, or CTL_UNAVAILABLE, or CTL_INTERRUPTED where the session catches
 * that. At most filter->limit jobs. */
int walk_queue(const struct walk *walk, struct queue *queue, walk_fn fn,
	       void *ctx);

#endif
