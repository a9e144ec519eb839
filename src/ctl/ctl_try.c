/*
 * ctl_try: a route without a queue. The worker's program knows how to fetch and
 * map; this only hands over to it, with the same configuration.
 */
#include <errno.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/sibling.h"

int
ctl_try(const struct cmd_line *line)
{
	const char *more[SIBLING_MORE + 1] = { NULL };
	size_t n = 0;

	if (line->is_json)
		more[n++] = "--json";
	more[n++] = "--try";
	more[n++] = line->args[0];
	more[n++] = line->args[1];

	char **words = sibling_words("hooksync-worker", line, more);

	if (!words) {
		ctl_complain("hooksync-worker is not installed here; only it "
			     "can run a route");
		return CTL_UNAVAILABLE;
	}
	sibling_exec(words);
	ctl_complain("%s: %s", words[0], strerror(errno));
	sibling_words_free(words);
	return CTL_OS;
}
