/*
 * ctl_remove: taking single jobs away: those named by id at once, those that a
 * filter finds only with --yes.
 */
#include "ctl/ctl.h"
#include "ctl/preview.h"
#include "ctl/removal.h"
#include "ctl/session.h"
#include "ctl/visit.h"

static int
remove_found(struct session *session, const char **queues,
	     const struct cmd_line *line)
{
	const struct act act = removal_act(&line->with_children);
	struct filter filter;
	struct preview preview;
	char why[256];

	if (filter_read(line, NULL, 0, &filter, why, sizeof why) != HS_OK)
		return CTL_USAGE; /* ctl_remove() has looked */
	if (!ctl_is_one_queue(queues))
		return CTL_USAGE;
	if (line->is_sure)
		return act_on_queues(&act, session, queues, &filter,
				     line->is_json);
	int code = preview_walk(session, queues[0], &filter, &preview);
	return code == CTL_OK ? preview_tell(&preview, queues[0], line->is_json)
			      : code;
}

static int
remove_visit(struct session *session, const char **queues,
	     const struct cmd_line *line)
{
	const struct act act = removal_act(&line->with_children);

	if (line->n_args > 0)
		return act_on_ids(&act, session, queues, line->args,
				  (size_t)line->n_args, line->is_json);
	return remove_found(session, queues, line);
}

int
ctl_remove(const struct cmd_line *line)
{
	struct filter filter;
	char why[256];

	if (filter_read(line, NULL, 0, &filter, why, sizeof why) != HS_OK) {
		ctl_complain("%s", why);
		return CTL_USAGE;
	}
	return visit_queues(line, CTL_QUEUES_ALL, remove_visit);
}
