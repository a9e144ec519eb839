/*
 * cmd: the table of options, and what is read off it and that of the verbs.
 *
 * To add an option: a bit in cmd.h, a row in option_rows that says where its
 * value goes. Help, usage lines and the refusal of options that a verb does not
 * take follow.
 */
#include "ctl/cmd.h"

#include <getopt.h>
#include <string.h>

#include "base/num.h"
#include "conf/nearest.h"

struct option_row {
	int letter; /* above 255: it has only a long name */
	const char *name;
	const char *arg; /* NULL: none */
	unsigned bit;    /* 0: for all verbs */
	size_t offset;   /* in struct cmd_line: a bool, or a text with arg */
	const char *help;
};

enum { LETTER_LONG = 256 }; /* long names only; plus the row */

#define FIELD(member) offsetof(struct cmd_line, member)
#define NO_FIELD ((size_t)-1) /* take_option() knows */

static const struct option_row option_rows[] = {
	{ 0, "json", NULL, CMD_JSON, FIELD(is_json), "answer in JSON" },
	{ 0, "queue", "NAME", CMD_QUEUE, FIELD(queue),
	  "this queue (default: those of the configuration)" },
	{ 0, "state", "STATE,...", CMD_STATE, FIELD(state),
	  "jobs in one of these states" },
	{ 0, "name", "PATTERN", CMD_FILTER, FIELD(name),
	  "jobs with such a name: crm-*" },
	{ 0, "entity", "[FIELD=]ID", CMD_FILTER, FIELD(entity),
	  "jobs of this object: 42, identity=42" },
	{ 0, "error", "TEXT", CMD_FILTER, FIELD(error),
	  "jobs whose reason has this text in it" },
	{ 0, "older", "AGE", CMD_FILTER, FIELD(older),
	  "jobs of at least this age: 30s, 5m, 2h, 3d" },
	{ 0, "newer", "AGE", CMD_FILTER, FIELD(newer),
	  "jobs that are not as old as this" },
	{ 'n', "number", "N", CMD_NUMBER, NO_FIELD, "at most N jobs" },
	{ 0, "limit", "N", CMD_NUMBER, NO_FIELD, "the same" },
	{ 0, "all", NULL, CMD_ALL, FIELD(is_all), "every one of them" },
	{ 0, "failed", NULL, CMD_FINISHED, FIELD(is_failed),
	  "those that failed (the default)" },
	{ 0, "completed", NULL, CMD_FINISHED, FIELD(is_completed),
	  "those that completed" },
	{ 0, "delayed", NULL, CMD_DELAYED, FIELD(with_delayed),
	  "delayed jobs as well" },
	{ 0, "children", NULL, CMD_CHILDREN, FIELD(with_children),
	  "the children of a job as well" },
	{ 0, "force", NULL, CMD_FORCE, FIELD(is_forced),
	  "also while workers have jobs of it" },
	{ 0, "repair", NULL, CMD_REPAIR, FIELD(is_repair),
	  "put right what can be; asks, or takes --yes" },
	{ 0, "yes", NULL, CMD_YES, FIELD(is_sure),
	  "do it; without, only say what would be done" },
	{ 0, "data", NULL, CMD_DATA, FIELD(with_data),
	  "show what the jobs carry" },
	{ 0, "since", "AGE", CMD_SINCE, FIELD(since),
	  "begin with what happened then: 10m; 0: with all there is" },
	{ 0, "table", NULL, CMD_TABLE, FIELD(is_table),
	  "every option there is: type, default, reloadable" },
	{ 0, "url", "URL", CMD_URL, FIELD(url),
	  "post to URL; the endpoint's path is added if it is not there" },
	{ 0, "id", "ID", CMD_ID, FIELD(id),
	  "the delivery's id (default: a new one)" },
	{ 'c', "config", "FILE", 0, FIELD(conf_path),
	  "another configuration file" },
	{ 'o', "option", "OPTION=VALUE", 0, NO_FIELD,
	  "set one option, above the file" },
	{ 'h', "help", NULL, 0, FIELD(wants_help),
	  "this text; after a verb, the verb's own" },
	{ 'V', "version", NULL, 0, FIELD(wants_version), "the version" },
};
#define N_OPTION_ROWS (sizeof option_rows / sizeof option_rows[0])
#define ROW_BIT(i) (UINT64_C(1) << (i)) /* there are fewer than 64 */

static int
row_letter(size_t i)
{
	return option_rows[i].letter ? option_rows[i].letter
				     : LETTER_LONG + (int)i;
}

static const struct cmd_verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < cmd_n_verbs; i++)
		if (strcmp(cmd_verbs[i].name, name) == 0)
			return &cmd_verbs[i];
	return NULL;
}

static void
say_unknown_verb(const char *word, char *why, size_t why_size)
{
	struct nearest nearest = { .word = word };
	for (size_t i = 0; i < cmd_n_verbs; i++)
		nearest_offer(&nearest, cmd_verbs[i].name);
	if (nearest.best)
		snprintf(why, why_size, "unknown verb %s; \"%s\" is one", word,
			 nearest.best);
	else
		snprintf(why, why_size, "unknown verb %s", word);
}

static const struct option_row *
option_find(int letter)
{
	for (size_t i = 0; i < N_OPTION_ROWS; i++)
		if (row_letter(i) == letter)
			return &option_rows[i];
	return NULL;
}

static enum hs_err
take_flag(struct cmd_line *line, char *text, char *why, size_t why_size)
{
	char *equals = strchr(text, '=');
	if (!equals || equals == text) {
		snprintf(
			why, why_size,
			"-o takes OPTION=VALUE, as in -o worker.concurrency=5");
		return HS_INVALID;
	}
	if (line->n_flags == CMD_MAX_FLAGS) {
		snprintf(why, why_size, "more than %d times -o", CMD_MAX_FLAGS);
		return HS_INVALID;
	}
	*equals = '\0';
	line->flags[line->n_flags].option = text;
	line->flags[line->n_flags].value = equals + 1;
	line->n_flags++;
	return HS_OK;
}

static enum hs_err
take_number(struct cmd_line *line, const char *text, char *why, size_t why_size)
{
	uint64_t number;
	if (num_u64(span_text(text), CMD_MAX_NUMBER, &number) != HS_OK ||
	    number == 0) {
		snprintf(why, why_size,
			 "-n takes a number of jobs from 1 to %d",
			 CMD_MAX_NUMBER);
		return HS_INVALID;
	}
	line->number = (size_t)number;
	return HS_OK;
}

static enum hs_err
take_option(struct cmd_line *line, const struct option_row *row, char *value,
	    char *why, size_t why_size)
{
	char *place = (char *)line + row->offset;

	if (row->bit == CMD_NUMBER)
		return take_number(line, value, why, why_size);
	if (row->letter == 'o')
		return take_flag(line, value, why, why_size);
	if (row->arg)
		*(const char **)(void *)place = value;
	else
		*(bool *)place = true;
	return HS_OK;
}

/* Ids, or all, or a filter: what is meant must be said, and only once. */
static enum hs_err
check_choice(const struct cmd_line *line, char *why, size_t why_size)
{
	const struct cmd_verb *verb = line->verb;
	bool takes_all = (verb->options & CMD_ALL) != 0;
	bool conditions = line->state || line->name || line->entity ||
			  line->error || line->older || line->newer;

	if (line->n_args > 0 && (line->is_all || conditions)) {
		snprintf(why, why_size, "%s takes ids, or %sfilters, not both",
			 verb->name, takes_all ? "--all, or " : "");
		return HS_INVALID;
	}
	if (line->n_args > 0 && line->number > 0) {
		snprintf(why, why_size,
			 "-n goes with --all and filters, not with ids");
		return HS_INVALID;
	}
	if (line->n_args == 0 && !line->is_all && !conditions) {
		snprintf(why, why_size,
			 "say which jobs: ids, %sor a filter such as --name",
			 takes_all ? "--all, " : "");
		return HS_INVALID;
	}
	return HS_OK;
}

static enum hs_err
check_verb(const struct cmd_line *line, uint64_t given, char *why,
	   size_t why_size)
{
	const struct cmd_verb *verb = line->verb;
	for (size_t i = 0; i < N_OPTION_ROWS; i++) {
		unsigned bit = option_rows[i].bit;
		if (!(given & ROW_BIT(i)) || !bit || (verb->options & bit))
			continue;
		snprintf(why, why_size, "%s does not take --%s", verb->name,
			 option_rows[i].name);
		return HS_INVALID;
	}
	if (line->n_args < verb->min_args ||
	    (verb->max_args >= 0 && line->n_args > verb->max_args)) {
		if (verb->max_args == 0)
			snprintf(why, why_size, "%s takes no argument",
				 verb->name);
		else
			snprintf(why, why_size, "%s takes: %s", verb->name,
				 verb->args);
		return HS_INVALID;
	}
	if ((verb->options & CMD_REPAIR) && line->is_sure && !line->is_repair) {
		snprintf(why, why_size, "--yes goes with --repair");
		return HS_INVALID;
	}
	if (verb->options & CMD_CHOICE)
		return check_choice(line, why, why_size);
	return HS_OK;
}

static void
fill_getopt(struct option *longs, char *shorts)
{
	*shorts++ = ':'; /* a missing value is not an unknown option */
	for (size_t i = 0; i < N_OPTION_ROWS; i++) {
		const struct option_row *row = &option_rows[i];
		longs[i].name = row->name;
		longs[i].has_arg = row->arg ? required_argument : no_argument;
		longs[i].flag = NULL;
		longs[i].val = row_letter(i);
		if (!row->letter)
			continue;
		*shorts++ = (char)row->letter;
		if (row->arg)
			*shorts++ = ':';
	}
	memset(&longs[N_OPTION_ROWS], 0, sizeof longs[0]);
	*shorts = '\0';
}

/* The verb of a line that is wrong, so that its own usage is shown. */
static const struct cmd_verb *
verb_behind(int argc, char **argv, const char *shorts,
	    const struct option *longs)
{
	while (getopt_long(argc, argv, shorts, longs, NULL) != -1)
		;
	return optind < argc ? verb_find(argv[optind]) : NULL;
}

static void
say_unknown_option(const char *word, char *why, size_t why_size)
{
	char name[64]; /* without dashes and value */
	struct nearest nearest = { .word = name };

	if (optopt > 0 && optopt < 256) {
		snprintf(why, why_size, "unknown option -%c", optopt);
		return;
	}
	word += strspn(word, "-");
	snprintf(name, sizeof name, "%s", word);
	name[strcspn(name, "=")] = '\0';
	if (optopt >= LETTER_LONG) {
		snprintf(why, why_size, "--%s takes no value", name);
		return;
	}
	for (size_t i = 0; i < N_OPTION_ROWS; i++)
		nearest_offer(&nearest, option_rows[i].name);
	if (nearest.best)
		snprintf(why, why_size, "unknown option --%s; \"--%s\" is one",
			 name, nearest.best);
	else
		snprintf(why, why_size, "unknown option --%s", name);
}

enum hs_err
cmd_parse(int argc, char **argv, struct cmd_line *line, char *why,
	  size_t why_size)
{
	struct option longs[N_OPTION_ROWS + 1];
	char shorts[2 * N_OPTION_ROWS + 2];
	uint64_t given = 0; /* rows */

	memset(line, 0, sizeof *line);
	why[0] = '\0';
	fill_getopt(longs, shorts);
	optind = 0; /* glibc: start anew */
	opterr = 0;
	for (;;) {
		int letter = getopt_long(argc, argv, shorts, longs, NULL);
		if (letter == -1)
			break;
		const char *word = argv[optind - 1];
		enum hs_err err = HS_INVALID;
		if (letter == ':') {
			snprintf(why, why_size, "%s needs a value", word);
		} else if (letter == '?') {
			say_unknown_option(word, why, why_size);
		} else {
			const struct option_row *row = option_find(letter);
			given |= ROW_BIT(row - option_rows);
			err = take_option(line, row, optarg, why, why_size);
		}
		if (err == HS_OK)
			continue;
		line->verb = verb_behind(argc, argv, shorts, longs);
		return err;
	}
	if (optind == argc) {
		if (line->wants_help || line->wants_version)
			return HS_OK;
		snprintf(why, why_size, "say what to do");
		return HS_INVALID;
	}
	line->args = argv + optind + 1;
	line->n_args = argc - optind - 1;
	if (strcmp(argv[optind], "help") == 0) { /* so it is called elsewhere */
		line->wants_help = true;
		if (line->n_args == 0)
			return HS_OK;
		optind++;
	}
	line->verb = verb_find(argv[optind]);
	if (!line->verb) {
		say_unknown_verb(argv[optind], why, why_size);
		return HS_INVALID;
	}
	if (line->wants_help || line->wants_version)
		return HS_OK;
	return check_verb(line, given, why, why_size);
}

void
cmd_usage(FILE *out, const struct cmd_verb *verb)
{
	if (!verb) {
		fprintf(out, "usage: hooksync [options] VERB ...\n");
		return;
	}
	fprintf(out, "usage: hooksync %s [options]%s%s\n", verb->name,
		*verb->args ? " " : "", verb->args);
}

static void
help_options(FILE *out, unsigned bits)
{
	for (size_t i = 0; i < N_OPTION_ROWS; i++) {
		const struct option_row *row = &option_rows[i];
		char left[64];
		if (row->bit ? !(row->bit & bits) : bits && row->letter == 'V')
			continue;
		if (row->letter)
			snprintf(left, sizeof left, "-%c, --%s%s%s",
				 row->letter, row->name, row->arg ? " " : "",
				 row->arg ? row->arg : "");
		else
			snprintf(left, sizeof left, "    --%s%s%s", row->name,
				 row->arg ? " " : "", row->arg ? row->arg : "");
		fprintf(out, "  %-27s %s\n", left, row->help);
	}
}

void
cmd_help(FILE *out, const struct cmd_verb *verb)
{
	cmd_usage(out, verb);
	if (verb) {
		fprintf(out, "\n%s\n", verb->about);
		help_options(out, verb->options);
		return;
	}
	fprintf(out, "\nLooks after hooksync's queues and settings.\n\n");
	for (size_t i = 0; i < cmd_n_verbs; i++) {
		char left[64];
		if (i == 0 || cmd_verbs[i].group != cmd_verbs[i - 1].group)
			fprintf(out, "%s%s:\n", i > 0 ? "\n" : "",
				cmd_verbs[i].group);
		snprintf(left, sizeof left, "%s %s", cmd_verbs[i].name,
			 cmd_verbs[i].args);
		fprintf(out, "  %-27s %s\n", left, cmd_verbs[i].summary);
	}
	fprintf(out, "\n");
	help_options(out, 0);
	fprintf(out,
		"\nThe configuration is %s.\n"
		"\"hooksync VERB --help\" tells more; so does hooksync(1).\n",
		CONF_DEFAULT_PATH);
}
