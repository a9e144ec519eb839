/*
 * ctl_try: a route without a queue. The worker's program knows how to fetch and
 * map; this only hands over to it, with the same configuration.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/sibling.h"

/* argv wants char *; nobody writes through it. */
static char *
word(const char *text)
{
	return (char *)(uintptr_t)text;
}

int
ctl_try(const struct cmd_line *line)
{
	char *argv[2 * CMD_MAX_FLAGS + 8] = { 0 };
	char *flags[CMD_MAX_FLAGS];
	size_t n = 0;
	char *program = sibling_find("hooksync-worker");

	if (!program) {
		ctl_complain("hooksync-worker is not installed here; only it "
			     "can run a route");
		return CTL_UNAVAILABLE;
	}
	argv[n++] = program;
	if (line->conf_path) {
		argv[n++] = word("-c");
		argv[n++] = word(line->conf_path);
	}
	for (size_t i = 0; i < line->n_flags; i++) {
		flags[i] = xasprintf("%s=%s", line->flags[i].option,
				     line->flags[i].value);
		argv[n++] = word("-o");
		argv[n++] = flags[i];
	}
	if (line->is_json)
		argv[n++] = word("--json");
	argv[n++] = word("--try");
	argv[n++] = word(line->args[0]);
	argv[n++] = word(line->args[1]);
	sibling_exec(argv);
	ctl_complain("%s: %s", program, strerror(errno));
	for (size_t i = 0; i < line->n_flags; i++)
		free(flags[i]);
	free(program);
	return CTL_OS;
}
