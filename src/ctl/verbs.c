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
static const char switching[] = "Switches of a queue";
static const char removing[] = "Removing, most of it only with --yes";
static const char settings[] = "Settings";
static const char trying[] = "Trying out";

const struct cmd_verb cmd_verbs[] = {
	{ "stats", "", looking, "how many jobs are in which state",
	  "Counts the jobs of each queue and tells how long the next one has\n"
	  "been waiting; and which limits are in force, if there are any.\n",
	  CMD_JSON | CMD_QUEUE, 0, 0, ctl_stats },
	{ "jobs", "[STATE...]", looking, "the jobs of a state, or of an object",
	  "STATE is wait, prioritized, delayed, active, completed, failed,\n"
	  "waiting-children or paused; without one, all are looked through\n"
	  "for what the filters say. Finished jobs are listed newest first,\n"
	  "others next in turn first: 20 of each queue, or -n, or --all. Exit\n"
	  "code 1 when there are none.\n",
	  CMD_JSON | CMD_QUEUE | CMD_NUMBER | CMD_ALL | CMD_STATE | CMD_FILTER |
		  CMD_DATA,
	  0, -1, ctl_jobs },
	{ "job", "ID", looking, "all that is known of one job",
	  "Prints state, attempts, times, options, reason, stack trace and\n"
	  "data. Exit code 1 when there is no such job.\n",
	  CMD_JSON | CMD_QUEUE, 1, 1, ctl_job },
	{ "logs", "ID", looking, "what a job's worker wrote down",
	  "Prints the rows of a job's log, the oldest first; -n: the newest\n"
	  "N. Exit code 1 when there is no such job, or no row.\n",
	  CMD_JSON | CMD_QUEUE | CMD_NUMBER, 1, 1, ctl_logs },
	{ "events", "", looking, "what happens, as it happens",
	  "Follows the events of the queues, one a line, until Ctrl-C or -n\n"
	  "of them; --since begins in the past. With --json each line is an\n"
	  "object. Return values and progress are shown with --data only.\n",
	  CMD_JSON | CMD_QUEUE | CMD_NUMBER | CMD_SINCE | CMD_DATA, 0, 0,
	  ctl_events },
	{ "workers", "", looking, "who works on a queue, and from where",
	  "Lists the workers connected to Redis, ours and Node's, as BullMQ's\n"
	  "getWorkers() finds them. Exit code 1 when there is none.\n",
	  CMD_JSON | CMD_QUEUE, 0, 0, ctl_workers },
	{ "schedulers", "", looking, "jobs that come again and again",
	  "Lists the job schedulers: what they add, by which interval or cron\n"
	  "pattern, when the next job is due, and how many there were. Exit\n"
	  "code 1 when there is none.\n",
	  CMD_JSON | CMD_QUEUE | CMD_DATA, 0, 0, ctl_schedulers },
	{ "doctor", "", looking, "is all in place, are the queues whole?",
	  "Goes the way of a webhook: settings, Redis, the socket, the\n"
	  "responder, the queues and their workers; and tells what is wrong\n"
	  "and what to type. In the queues: jobs in no state or in two, ids\n"
	  "without jobs, lost locks, keys of a wrong type, parents that wait\n"
	  "for nobody. Changes nothing; with --repair it puts right what it\n"
	  "can there. With --queue it looks at that one alone. Exit code 1 "
	  "when\n"
	  "there is an error or a warning (left).\n",
	  CMD_JSON | CMD_QUEUE | CMD_REPAIR | CMD_YES, 0, 0, ctl_doctor },

	{ "retry", "ID...|--all|FILTER", repairing, "let failed jobs run again",
	  "Failed jobs wait again, their attempts counted anew. With --all,\n"
	  "or with filters, those that have failed by now. --completed: jobs\n"
	  "that completed run once more. Exit code 1 when a job is unknown or\n"
	  "is not in that state, or when there was none. Without --queue, the\n"
	  "queues of worker.queues are meant.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE | CMD_ALL | CMD_NUMBER |
		  CMD_FILTER | CMD_FINISHED | CMD_CHOICE,
	  0, -1, ctl_retry },
	{ "promote", "ID...|--all|FILTER", repairing,
	  "let delayed jobs run now",
	  "Delayed jobs wait no longer for their time. Exit code 1 when a job\n"
	  "is unknown or not delayed, or when there was none. Without\n"
	  "--queue, the queues of worker.queues are meant.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE | CMD_ALL | CMD_NUMBER |
		  CMD_FILTER | CMD_CHOICE,
	  0, -1, ctl_promote },
	{ "delay", "ID AGE", repairing, "let a delayed job run in 30s, 2h, 3d",
	  "A delayed job runs so long from now. Exit code 1 when it is\n"
	  "unknown or not delayed.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE, 2, 2, ctl_delay },
	{ "priority", "ID N", repairing,
	  "let a waiting job run sooner or later",
	  "Jobs without a priority (0) run first, then those of 1, 2 ...\n"
	  "2097151. Exit code 1 when there is no such job.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE, 2, 2, ctl_priority },

	{ "pause", "", switching, "let no worker take jobs",
	  "No worker, ours or Node's, takes another job of the queue; what is\n"
	  "under way goes on, and new jobs wait. Without --queue, the queues\n"
	  "of worker.queues are meant.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE, 0, 0, ctl_pause },
	{ "resume", "", switching, "let workers take jobs again",
	  "Ends a pause. It never loses what BullMQ 5 had set aside. Without\n"
	  "--queue, the queues of worker.queues are meant.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE, 0, 0, ctl_resume },
	{ "unschedule", "ID...", switching, "end a scheduler",
	  "Removes job schedulers, and the next job of each. Exit code 1 when\n"
	  "there is no such scheduler.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE, 1, -1, ctl_unschedule },

	{ "remove", "ID...|FILTER", removing, "single jobs, or what is found",
	  "Jobs named by id are removed at once. With filters the number of\n"
	  "jobs is printed, and they are removed with --yes only (else exit\n"
	  "code 2). Without --state, all states are looked through. What a\n"
	  "worker has in hand stays. Exit code 1 when a job is unknown or\n"
	  "stays.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE | CMD_NUMBER | CMD_STATE |
		  CMD_FILTER | CMD_YES | CMD_CHILDREN | CMD_CHOICE,
	  0, -1, ctl_remove },
	{ "clean", "STATE", removing, "the jobs of a state that are old",
	  "Prints how many jobs of the state there are, as old as --older\n"
	  "says, and removes them with --yes only (else exit code 2). What a\n"
	  "worker has in hand stays, and so does the next job of a "
	  "scheduler.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE | CMD_NUMBER | CMD_FILTER | CMD_YES,
	  1, 1, ctl_clean },
	{ "drain", "", removing, "all that waits",
	  "Prints how many jobs wait, and removes them with --yes only (else\n"
	  "exit code 2). Delayed jobs stay, unless --delayed is given.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE | CMD_DELAYED | CMD_YES, 0, 0,
	  ctl_drain },
	{ "obliterate", "", removing, "a queue with all that is in it",
	  "Removes every job of --queue, its events, schedulers and settings,\n"
	  "with --yes only (else exit code 2). The queue is paused first, and\n"
	  "while workers have jobs of it --force is needed. There is no way\n"
	  "back.\n",
	  CMD_WRITES | CMD_JSON | CMD_QUEUE | CMD_FORCE | CMD_YES, 0, 0,
	  ctl_obliterate },

	{ "check", "", settings, "is the configuration right?",
	  "Reads the configuration as the programs do and tells what is\n"
	  "wrong, with file, line and what to write instead; then lets\n"
	  "hooksync-worker compile the jq maps. Where nothing is configured\n"
	  "yet it shows how to begin. Exit code 78 when something must be\n"
	  "changed.\n",
	  CMD_JSON, 0, 0, ctl_check },
	{ "config", "", settings, "the values in force, and their origins",
	  "Prints every setting with its value and its origin: default, file\n"
	  "and line, environment or flag. Secrets appear by name only.\n",
	  CMD_JSON | CMD_TABLE, 0, 0, ctl_config },

	{ "send", "ENDPOINT FILE", trying, "post a signed test webhook",
	  "Signs FILE (- is standard input) with the endpoint's first secret\n"
	  "and posts it to --url, else to responder.public_url, else straight\n"
	  "to the FastCGI socket. Exit code 0 for an answer of 2xx, 1 for\n"
	  "another, 69 when there was none.\n",
	  CMD_JSON | CMD_URL | CMD_ID, 2, 2, ctl_send },
	{ "try", "ROUTE FILE", trying, "what would this route send?",
	  "Runs a route on a job's data in FILE (- is standard input):\n"
	  "fetches and maps, then prints the request it would push, and sends\n"
	  "none.\n",
	  CMD_JSON, 2, 2, ctl_try },
};
const size_t cmd_n_verbs = sizeof cmd_verbs / sizeof cmd_verbs[0];
