/*
 * view: how one job looks: its age, its reason, its members in JSON. Lists,
 * filters and the page of a single job agree because they all ask here.
 */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include <stdbool.h>

#include "queue/job.h"

/* Since when it is what it is: when it ended, or began to run, or was made. */
int64_t view_since_ms(const struct job *job, enum job_state state);
/* Why it failed, or cannot run; NULL: nothing is wrong. Borrowed. A job that
 * completed has no reason, though an attempt of it may have failed. */
const char *view_reason(const struct job *job, enum job_state state);

/* What both a list and a single job say, to standard output: members, without
 * the braces. */
void view_json(const struct job *job, const char *queue, enum job_state state);

/* One member each, a comma behind it: of a text (NULL is null), a time (0 is
 * null), a number, raw JSON (what is none is null). */
void view_json_text(const char *name, const char *text);
void view_json_ms(const char *name, int64_t ms);
void view_json_i64(const char *name, int64_t value);
void view_json_raw(const char *name, struct span json);

#endif
