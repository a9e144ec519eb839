/*
 * cmd: the command's grammar: verbs and options are two tables, and both the
 * parser and every help text are read from them.
 *
 * The verbs' table is verbs.c, that of the options is cmd.c.
 *
 * Options may stand before or after the verb. Nothing is done here: a command
 * line becomes a struct, or a sentence that says what is wrong with it.
 */
#ifndef CTL_CMD_H
#define CTL_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/conf.h"

enum cmd_option { /* what a verb takes beside -c, -o and -h */
		  CMD_JSON = 1 << 0,
		  CMD_QUEUE = 1 << 1,
		  CMD_NUMBER = 1 << 2,
		  CMD_ALL = 1 << 3,
		  CMD_TABLE = 1 << 4,
		  CMD_URL = 1 << 5,
		  CMD_ID = 1 << 6,
		  CMD_STATE = 1 << 7,
		  CMD_FILTER = 1 << 8, /* name, entity, error, older, newer */
		  CMD_YES = 1 << 9,
		  CMD_DELAYED = 1 << 10,
		  CMD_FORCE = 1 << 11,
		  CMD_CHILDREN = 1 << 12,
		  CMD_FINISHED = 1 << 13, /* --failed, --completed */
		  CMD_SINCE = 1 << 14,
		  CMD_DATA = 1 << 15,
		  /* no options, but what the verb is like: it changes queues; */
		  CMD_WRITES = 1 << 18,
		  /* ids, or all, or those that a filter finds, never mixed */
		  CMD_CHOICE = 1 << 16,
		  CMD_REPAIR = 1 << 17,
};

#define CMD_MAX_FLAGS 64
#define CMD_MAX_NUMBER 1000000000 /* jobs: what a queue may hold and more */

struct cmd_line;

struct cmd_verb {
	const char *name;
	const char *args;    /* as in the usage line: "ENDPOINT FILE" */
	const char *group;   /* its heading in the list of verbs */
	const char *summary; /* one line, for the list of verbs */
	const char *about;   /* the verb's own help */
	unsigned options;    /* enum cmd_option, joined */
	int min_args;
	int max_args;                            /* -1: any number */
	int (*run)(const struct cmd_line *line); /* an exit code */
};

/* Verbs of a group stand together. */
extern const struct cmd_verb cmd_verbs[];
extern const size_t cmd_n_verbs;

struct cmd_line {                    /* all texts borrowed from argv */
	const struct cmd_verb *verb; /* NULL: none was given */
	bool wants_help;
	bool wants_version;
	const char *conf_path; /* NULL: the default */
	struct conf_flag flags[CMD_MAX_FLAGS];
	size_t n_flags;
	bool is_json;
	bool is_all;
	bool is_table;
	bool is_sure; /* --yes */
	bool is_repair;
	bool is_forced;
	bool is_failed;
	bool is_completed;
	bool with_delayed;
	bool with_children;
	bool with_data;
	const char *queue; /* NULL: those of the configuration */
	const char *url;
	const char *id;
	const char *state; /* the filters as written; filter.h reads them */
	const char *name;
	const char *entity;
	const char *error;
	const char *older;
	const char *newer;
	const char *since;
	size_t number; /* -n; 0: not given */
	char *const *args;
	int n_args;
};

/* Reads argv (which getopt reorders). On HS_INVALID *why is a sentence for the
 * person who typed, in why_size bytes; line->verb is set when it was known.
 * The '=' of each -o in argv is overwritten. Not for threads. */
enum hs_err cmd_parse(int argc, char **argv, struct cmd_line *line, char *why,
		      size_t why_size) HS_MUST_CHECK;

/* Help of one verb, or of all for NULL. */
void cmd_help(FILE *out, const struct cmd_verb *verb);
/* The "usage: hooksync jobs [options] STATE" line. */
void cmd_usage(FILE *out, const struct cmd_verb *verb);

#endif
