/*
 * table: every option, once: name, type, unit, default, reloadable.
 *
 * Parsing, defaults, `hooksync config`, and the check that the manual page and
 * the sample file name every option (tests/options.sh) all read this table. A
 * '*' in a name stands for a name of the operator's: "services.*.url".
 */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

enum option_type {
	OPTION_TEXT,
	OPTION_INTEGER,
	OPTION_DURATION, /* "2s" */
	OPTION_SIZE,     /* "64KiB" */
	OPTION_BOOL,
	OPTION_ENUM,    /* one of choices */
	OPTION_SECRET,  /* "secret:NAME" */
	OPTION_SECRETS, /* a list of them */
	OPTION_TEXTS,   /* a list of texts */
};

struct option {
	const char *name;
	enum option_type type;
	const char *fallback; /* default as text, parsed like the environment's;
			       * NULL: none, or made from other options */
	int64_t min, max;     /* integers, ms, bytes */
	const char *choices;  /* OPTION_ENUM: "fixed exponential" */
	bool is_reloadable;
	const char *example; /* what to write instead, in messages */
	const char *env;     /* its variable; NULL: HOOKSYNC_<SECTION>_<NAME> */
};

extern const struct option option_table[];
extern const size_t option_table_len;

/* The option that a full name ("services.crm.url") stands for; NULL: none. */
const struct option *option_find(const char *name);
/* Is the full name that of a group with options in it ("services.crm")? */
bool option_is_group(const char *name);
/* Does the name fit the pattern, a '*' standing for one part? */
bool option_name_fits(const char *pattern, const char *name);
/* Does that program's running depend on the option? */
bool option_is_for(const char *name, enum conf_role role);
/* "HOOKSYNC_WORKER_CONCURRENCY"; NULL for what has no variable (named groups).
 * The caller frees. */
char *option_env_name(const struct option *option);
/* What was probably meant: a full name near to an unknown one, or NULL. The
 * caller frees. */
char *option_suggest(const char *name);
#endif
