/*
 * verbs: all that the command can do, and its help.
 *
 * To add a verb: a row here, a function in ctl.h, and its place in hooksync(1),
 * which a test compares with this table. Lines of help fit 80 columns.
 */
#include "ctl/cmd.h"

#include "ctl/ctl.h"

static const char looking[] = "Looking";
static const char repairing[] = "Repairing jobs";
static const char settings[] = "Settings";
static const char trying[] = "Trying out";

/* Which queues a verb means by itself. */
#define QUEUES_OF_WORKER \
	"Without --queue, the queues of worker.queues are meant.\n"

const struct cmd_verb cmd_verbs[] = {
	{ "stats", "", looking, "how many jobs are in which state",
	  "Counts the jobs of each queue and tells how long the next one has\n"
	  "been waiting; and which limits are in force, if there are any.\n",
	  CMD_JSON | CMD_QUEUE, 0, 0, ctl_stats },
	{ "jobs", "[STATE...]", looking, "the jobs of a state, or of an object",
	  "STATE is wait, prioritized, delayed, active, completed, failed,\n"
	  "waiting-children or paused; without one, all are looked through "
	  "for\n"
	  "what the filters say. Finished jobs are listed newest first, "
	  "others\n"
	  "next in turn first: 20 of each queue, or -n, or --all. Exit code 1\n"
	  "when there are none.\n",
	  CMD_JSON | CMD_QUEUE | CMD_NUMBER | CMD_ALL | CMD_STATE | CMD_FILTER |
		  CMD_DATA,
	  0, -1, ctl_jobs },
	{ "job", "ID", looking, "all that is known of one job",
	  "Prints state, attempts, times, options, reason, stack trace and "
	  "data.\n"
	  "Exit code 1 when there is no such job.\n",
	  CMD_JSON | CMD_QUEUE, 1, 1, ctl_job },
	{ "doctor", "", looking, "is Redis right, are the queues whole?",
	  "Looks for what keeps jobs from running: a Redis that may lose "
	  "them,\n"
	  "jobs in no state or in two, ids without jobs, lost locks, keys of "
	  "a\n"
	  "wrong type, parents that wait for nobody. Changes nothing; with\n"
	  "--repair it puts right what it can. Exit code 1 when there is an\n"
	  "error or a warning (left).\n",
	  CMD_JSON | CMD_QUEUE | CMD_REPAIR | CMD_YES, 0, 0, ctl_doctor },
	{ "retry", "ID...|--all|FILTER", repairing, "let failed jobs run again",
	  "Failed jobs wait again, their attempts counted anew. With --all, "
	  "or\n"
	  "with filters, those that have failed by now. --completed: jobs "
	  "that\n"
	  "completed run once more. Exit code 1 when a job is unknown or is "
	  "not\n"
	  "in that state, or when there was none.\n" QUEUES_OF_WORKER,
	  CMD_JSON | CMD_QUEUE | CMD_ALL | CMD_NUMBER | CMD_FILTER |
		  CMD_FINISHED | CMD_CHOICE,
	  0, -1, ctl_retry },
	{ "check", "", settings, "is the configuration right?",
	  "Reads the configuration as the programs do and tells what is "
	  "wrong,\n"
	  "with file, line and what to write instead; then lets "
	  "hooksync-worker\n"
	  "compile the jq maps. Exit code 78 when something must be changed.\n",
	  CMD_JSON, 0, 0, ctl_check },
	{ "config", "", settings, "the values in force, and their origins",
	  "Prints every setting with its value and its origin: default, file "
	  "and\n"
	  "line, environment or flag. Secrets appear by name only.\n",
	  CMD_JSON | CMD_TABLE, 0, 0, ctl_config },
	{ "send", "ENDPOINT FILE", trying, "post a signed test webhook",
	  "Signs FILE (- is standard input) with the endpoint's first secret "
	  "and\n"
	  "posts it to --url, else to responder.public_url, else straight to "
	  "the\n"
	  "FastCGI socket. Exit code 0 for an answer of 2xx, 1 for another, "
	  "69\n"
	  "when there was none.\n",
	  CMD_JSON | CMD_URL | CMD_ID, 2, 2, ctl_send },
	{ "try", "ROUTE FILE", trying, "what would this route send?",
	  "Runs a route on a job's data in FILE (- is standard input): "
	  "fetches\n"
	  "and maps, then prints the request it would push, and sends none.\n",
	  CMD_JSON, 2, 2, ctl_try },
};
const size_t cmd_n_verbs = sizeof cmd_verbs / sizeof cmd_verbs[0];
