/*
 * finding: what is wrong with a configuration, said in one form:
 * "FILE:LINE: setting: what is wrong and what to write instead".
 */
#ifndef CONF_FINDING_H
#define CONF_FINDING_H

#include "conf/conf.h"

struct findings {
	conf_finding_fn fn;
	void *ctx;
	unsigned n_errors;   /* told or not */
	unsigned n_warnings; /* told or not */
};

/* origin: "FILE:LINE", "environment X", "flag"; setting: its full name, or NULL
 * where none is to blame. */
void finding_error(struct findings *findings, const char *origin,
		   const char *setting, const char *fmt, ...) HS_PRINTF(4, 5);
void finding_warn(struct findings *findings, const char *origin,
		  const char *setting, const char *fmt, ...) HS_PRINTF(4, 5);
/* Says how many were counted only. */
void finding_end(struct findings *findings);

#endif
