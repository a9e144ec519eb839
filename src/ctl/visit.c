/*
 * visit: see visit.h.
 */
#include "ctl/visit.h"

#include <stdlib.h>

#include "ctl/ask.h"

/* What we know of keys is not true in the queues of BullMQ Pro. */
static int
check_owners(struct session *session, const struct conf *conf,
	     const char **queues)
{
	if (conf->worker.force_pro)
		return CTL_OK;
	for (size_t i = 0; queues[i]; i++) {
		struct control_settings settings;
		int code = ask_settings(
			session, session_queue(session, queues[i]), &settings);
		if (code != CTL_OK)
			return code;
		if (!settings.is_pro)
			continue;
		ctl_complain("queue %s was made by BullMQ Pro, whose keys are "
			     "its own; it is left alone unless "
			     "worker.force_pro says otherwise",
			     queues[i]);
		return CTL_CONFIG;
	}
	return CTL_OK;
}

int
visit_queues(const struct cmd_line *line, enum ctl_which which, visit_fn run)
{
	struct conf *conf = NULL;
	struct session *session = NULL;
	const char **queues = NULL;
	int code = ctl_load(line, CONF_ROLE_COMMAND, &conf);

	if (code != CTL_OK)
		goto out;
	queues = ctl_queues(line, conf, which);
	code = CTL_USAGE;
	if (!queues)
		goto out;
	code = CTL_UNAVAILABLE;
	session = session_open(conf);
	if (!session)
		goto out;
	code = line->verb->options & CMD_WRITES
		       ? check_owners(session, conf, queues)
		       : CTL_OK;
	if (code == CTL_OK)
		code = run(session, queues, line);
out:
	session_close(session);
	free(queues);
	conf_unref(conf);
	return code;
}
