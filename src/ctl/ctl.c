/*
 * ctl: what the verbs share.
 */
#include "ctl/ctl.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bounds.h"
#include "queue/keys.h"
#include "ctl/show.h"

void
ctl_complain(const char *fmt, ...)
{
	char text[BOUNDS_LOG_LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	/* answer first, complaint second, also where both go to one place */
	fflush(stdout);
	fputs("hooksync: ", stderr);
	show_text(stderr, span_text(text));
	fputc('\n', stderr);
}

bool
ctl_is_read(void)
{
	struct pollfd output = { .fd = STDOUT_FILENO };
	return poll(&output, 1, 0) <= 0 || !(output.revents & POLLERR);
}

/* Warnings are for "hooksync check": who looks at a queue knows them. */
static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	(void)ctx;
	if (severity == CONF_ERROR)
		ctl_complain("%s", text);
}

int
ctl_load(const struct cmd_line *line, enum conf_role role, struct conf **out)
{
	struct conf_source source = {
		.path = line->conf_path,
		.role = role,
		.flags = line->flags,
		.n_flags = line->n_flags,
	};
	enum hs_err err = conf_load(&source, on_finding, NULL, out);
	return err == HS_OK ? CTL_OK : CTL_CONFIG;
}

static bool
has_name(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

const char **
ctl_queues(const struct cmd_line *line, const struct conf *conf,
	   enum ctl_which which)
{
	size_t n_max = 1;
	size_t n = 0;

	if (line->queue && !keys_queue_name_is_valid(span_text(line->queue))) {
		ctl_complain("\"%s\" is no queue's name: no ':', not empty",
			     line->queue);
		return NULL;
	}
	for (size_t i = 0; conf->worker.queues[i]; i++)
		n_max++;
	for (size_t i = 0; conf->endpoints[i]; i++)
		n_max++;
	const char **names = xcalloc(n_max + 1, sizeof *names);
	if (line->queue) {
		names[0] = line->queue;
		return names;
	}
	for (size_t i = 0; conf->worker.queues[i]; i++)
		if (!has_name(names, n, conf->worker.queues[i]))
			names[n++] = conf->worker.queues[i];
	for (size_t i = 0; which == CTL_QUEUES_ALL && conf->endpoints[i]; i++)
		if (!has_name(names, n, conf->endpoints[i]->queue))
			names[n++] = conf->endpoints[i]->queue;
	return names;
}

bool
ctl_is_one_queue(const char **queues)
{
	struct buf names;

	if (!queues[1])
		return true;
	buf_init(&names, BOUNDS_REASON_BYTES);
	for (size_t i = 0; queues[i]; i++)
		buf_notef(&names, "%s%s", i > 0 ? ", " : "", queues[i]);
	ctl_complain("there are several queues (%s): say which with --queue",
		     buf_text(&names));
	buf_fini(&names);
	return false;
}
