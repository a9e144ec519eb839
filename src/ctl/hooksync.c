/*
 * hooksync: the command. It looks at queues, repairs them, checks settings and
 * tries things out; no program needs it to run.
 *
 * Read the line, find the verb, run it, and make sure that what it said has
 * reached its reader.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"

/* A full disk behind "> file" must not look like success. A reader who left
 * early (head) has seen what he wanted. */
static int
close_output(int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	/* the reason may have been met, and forgotten, in the middle */
	if (errno == EPIPE || !ctl_is_read())
		return code;
	ctl_complain("the answer could not be written%s%s", errno ? ": " : "",
		     errno ? strerror(errno) : "");
	return CTL_IO;
}

int
main(int argc, char **argv)
{
	struct cmd_line line;
	char why[256];

	log_open("hooksync", LOG_LEVEL_WARN);
	/* a connection that Redis closes is an error to tell, not a death */
	signal(SIGPIPE, SIG_IGN);

	if (cmd_parse(argc, argv, &line, why, sizeof why) != HS_OK) {
		ctl_complain("%s", why);
		cmd_usage(stderr, line.verb);
		fprintf(stderr, "\"hooksync%s%s --help\" tells more.\n",
			line.verb ? " " : "", line.verb ? line.verb->name : "");
		return CTL_USAGE;
	}
	if (line.wants_help) {
		cmd_help(stdout, line.verb);
		return close_output(CTL_OK);
	}
	if (line.wants_version) {
		printf("hooksync %s\n", PACKAGE_VERSION);
		return close_output(CTL_OK);
	}
	return close_output(line.verb->run(&line));
}
