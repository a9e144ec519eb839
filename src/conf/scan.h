/*
 * scan: a look at a settings file before libconfig reads it, for what
 * libconfig would take silently and wrongly.
 */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H

#include "conf/finding.h"

/* Looks at the text of a file, and at the files it includes (from `folder`).
 * Each thing that is wrong is a finding. False when it is better not to show
 * the text to libconfig at all. */
bool scan_text(struct span text, const char *path, const char *folder,
	       struct findings *findings);

/* What a syntax error in a line should say beside "syntax error": the line
 * without anything that may be secret, and a guess at the reason (static,
 * NULL: none). Appended to out. */
void scan_show_line(struct span text, unsigned line, struct buf *out,
		    const char **hint);

#endif
