/*
 * visit: a verb's whole visit to Redis, from the command line to the exit code.
 * A verb that writes is sent away from queues of BullMQ Pro.
 */
#ifndef CTL_VISIT_H
#define CTL_VISIT_H

#include "ctl/session.h"

/* The configuration, the queues it works on (NULL-terminated names), the
 * connection; then `run`, whose exit code it returns, as it does that of what
 * went wrong before. */
typedef int (*visit_fn)(struct session *session, const char **queues,
			const struct cmd_line *line);
int visit_queues(const struct cmd_line *line, enum ctl_which which,
		 visit_fn run);

#endif
