/*
 * ctl: the verbs of the command hooksync, and what they share: loading the
 * configuration, and knowing which queues are meant.
 *
 * A verb takes the parsed command line, writes its answer to standard output
 * and its troubles to standard error, and returns an exit code.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "conf/conf.h"
#include "ctl/cmd.h"

/* Exit codes: sysexits, 1 for "nothing matched", so that a script can tell
 * empty from broken, 2 for what was only said and not done, and the shell's
 * for Ctrl-C. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_NO_MATCH = 1,
	CTL_UNCONFIRMED = 2,
	CTL_USAGE = 64,
	CTL_DATA = 65,
	CTL_NO_INPUT = 66,
	CTL_UNAVAILABLE = 69,
	CTL_INTERNAL = 70,
	CTL_OS = 71,
	CTL_IO = 74,
	CTL_CONFIG = 78,
	CTL_INTERRUPTED = 130,
};

int ctl_check(const struct cmd_line *line);
int ctl_config(const struct cmd_line *line);
int ctl_stats(const struct cmd_line *line);
int ctl_jobs(const struct cmd_line *line);
int ctl_job(const struct cmd_line *line);
int ctl_logs(const struct cmd_line *line);
int ctl_events(const struct cmd_line *line);
int ctl_workers(const struct cmd_line *line);
int ctl_schedulers(const struct cmd_line *line);
int ctl_unschedule(const struct cmd_line *line);
int ctl_retry(const struct cmd_line *line);
int ctl_promote(const struct cmd_line *line);
int ctl_delay(const struct cmd_line *line);
int ctl_priority(const struct cmd_line *line);
int ctl_pause(const struct cmd_line *line);
int ctl_resume(const struct cmd_line *line);
int ctl_remove(const struct cmd_line *line);
int ctl_clean(const struct cmd_line *line);
int ctl_drain(const struct cmd_line *line);
int ctl_obliterate(const struct cmd_line *line);
int ctl_doctor(const struct cmd_line *line);
int ctl_send(const struct cmd_line *line);
int ctl_try(const struct cmd_line *line);

/* "hooksync: ..." on standard error, one line, control characters escaped. */
void ctl_complain(const char *fmt, ...) HS_PRINTF(1, 2);

/* False: standard output is a pipe whose reader has gone. */
bool ctl_is_read(void);

/* CTL_OK and a configuration (conf_unref), or CTL_CONFIG after its errors were
 * told. */
int ctl_load(const struct cmd_line *line, enum conf_role role,
	     struct conf **out) HS_MUST_CHECK;

enum ctl_which {
	CTL_QUEUES_WORKER, /* worker.queues */
	CTL_QUEUES_ALL,    /* and those only endpoints name: Node's, perhaps */
};
/* The names of the queues a verb works on, NULL-terminated: --queue alone if
 * it was given. Free the array, not the names: they belong to conf and line.
 * NULL after a complaint when --queue is no queue's name. */
const char **ctl_queues(const struct cmd_line *line, const struct conf *conf,
			enum ctl_which which);

/* For verbs that destroy: one queue, by name if there are several. False after
 * a complaint. */
bool ctl_is_one_queue(const char **queues);

#endif
