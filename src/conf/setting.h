/*
 * setting: the values of a configuration by full name, before they mean
 * anything: which option, what text, from where.
 *
 * Values are put in the order of precedence (defaults, files, environment,
 * flags); a later one replaces an earlier one whole, so that merging key by
 * key is what happens by itself. Each is checked against the table when put:
 * known name, right type, within limits. Groups are settings too, for an
 * endpoint is one even when it is empty.
 */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include "conf/finding.h"
#include "conf/table.h"

enum setting_level {
	SETTING_DEFAULT,
	SETTING_FILE,
	SETTING_ENV,
	SETTING_FLAG,
};

struct setting {
	char *name;
	const struct option *option; /* NULL: a group */
	char **texts;   /* as written; one, or the members of a list */
	size_t n_texts; /* 0 for a group, or when only wrong ones were given */
	int64_t number; /* integers, ms, bytes, true; index of the choice */
	char *origin;
	enum setting_level level;
	bool is_masked;   /* texts hold a secret: never shown */
	size_t place;     /* in settings.all */
	size_t hash_next; /* of the index; 1-based, 0: none */
};

struct settings {
	struct setting **all; /* in order of first appearance */
	size_t n;
	size_t *buckets; /* 1-based places in `all` */
	size_t n_buckets;
};

/* What a source says, in its own types. */
enum setting_kind {
	SETTING_GROUP,
	SETTING_TEXT,    /* "in quotes" */
	SETTING_INTEGER, /* 5 */
	SETTING_FRACTION,
	SETTING_BOOL, /* true */
	SETTING_LIST, /* of texts */
	SETTING_ODD,  /* a list with other things in it */
	SETTING_WORD, /* environment and flags: any scalar; lists with commas */
};
struct setting_value {
	enum setting_kind kind;
	int64_t number;
	const char *const *texts; /* borrowed */
	size_t n_texts;
};

void settings_init(struct settings *settings);
void settings_fini(struct settings *settings);

/* Each default of the table without a '*' in its name. */
void settings_put_defaults(struct settings *settings,
			   struct findings *findings);
/* Checks and keeps; what is wrong becomes a finding, and then an earlier value
 * stays. False for what the table does not know as a group: do not go in. */
bool settings_put(struct settings *settings, const char *name,
		  const struct setting_value *value, enum setting_level level,
		  const char *origin, struct findings *findings);
/* Keeps a text that was made, not read ("secret" texts: is_masked). */
void settings_put_made(struct settings *settings, const char *name,
		       const char *text, enum setting_level level,
		       const char *origin, bool is_masked);

/* NULL when nothing was said. Borrowed until the next put. */
struct setting *settings_find(const struct settings *settings,
			      const char *name);
/* Value as a file would say it, secrets as "********". Appended. */
void setting_show(const struct setting *setting, struct buf *out);
/* A number, duration, size, truth or choice out of its text; 0 for texts. */
enum hs_err setting_parse_number(const struct option *option, const char *text,
				 int64_t *number) HS_MUST_CHECK;

#endif
