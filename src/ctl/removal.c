/*
 * removal: taking a single job away.
 */
#include "ctl/removal.h"

#include "queue/sweep.h"

static enum hs_err
start_remove(const struct act *act, struct queue *queue, struct span id,
	     queue_number_fn fn, void *ctx)
{
	const bool *with_children = act->options;
	return sweep_remove(queue, id, *with_children, fn, ctx);
}

static enum act_result
read_removed(int64_t n)
{
	if (n == CODE_SCHEDULED)
		return ACT_SCHEDULED;
	if (n == 2)
		return ACT_GONE;
	return n == 1 ? ACT_DONE : ACT_BUSY;
}

struct act
removal_act(const bool *with_children)
{
	return (struct act){
		.label = "removing",
		.done = "removed from",
		.many = "jobs are removed",
		.single = "job is removed",
		.member = "removed",
		.start = start_remove,
		.tells_state = true,
		.read = read_removed,
		.options = with_children,
	};
}
