/*
 * finding: what is wrong with a configuration, said in one form.
 *
 * A reader mends several mistakes in one go, so a load does not stop at the
 * first; but a wrong file may hold thousands, so only the first hundred of
 * each kind are told and the rest counted.
 */
#include "conf/finding.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	TOLD = 100,        /* more than anybody mends at once */
	TEXT_BYTES = 1024, /* one finding; longer ones are cut */
};

static void
tell(struct findings *findings, enum conf_severity severity, const char *origin,
     const char *setting, const char *fmt, va_list args)
{
	unsigned *n = severity == CONF_ERROR ? &findings->n_errors
					     : &findings->n_warnings;
	if ((*n)++ >= TOLD || !findings->fn)
		return;

	char what[TEXT_BYTES];
	char text[2 * TEXT_BYTES];
	vsnprintf(what, sizeof(what), fmt, args);
	if (setting)
		snprintf(text, sizeof(text), "%s: %s: %s", origin, setting,
			 what);
	else
		snprintf(text, sizeof(text), "%s: %s", origin, what);
	findings->fn(findings->ctx, severity, text);
}

void
finding_error(struct findings *findings, const char *origin,
	      const char *setting, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	tell(findings, CONF_ERROR, origin, setting, fmt, args);
	va_end(args);
}

void
finding_warn(struct findings *findings, const char *origin, const char *setting,
	     const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	tell(findings, CONF_WARNING, origin, setting, fmt, args);
	va_end(args);
}

void
finding_end(struct findings *findings)
{
	char text[TEXT_BYTES];
	if (findings->n_errors <= TOLD || !findings->fn)
		return;
	snprintf(text, sizeof(text), "and %u more mistakes",
		 findings->n_errors - TOLD);
	findings->fn(findings->ctx, CONF_ERROR, text);
}
