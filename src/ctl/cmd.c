/*
 * cmd: two tables, of verbs and of options, and what is read off them.
 *
 * To add a verb: a row in cmd_verbs, a function in ctl.h. To add an option: a
 * bit in cmd.h, a row in option_rows, a case in take_option(). Help, usage
 * lines and the refusal of options that a verb does not take follow.
 */
#include "ctl/cmd.h"

#include <getopt.h>
#include <string.h>

#include "base/num.h"
#include "ctl/ctl.h"

const struct cmd_verb cmd_verbs[] = {
	{ "check", "", "is the configuration right?",
	  "Reads the configuration as the programs do and tells what is "
	  "wrong,\n"
	  "with file, line and what to write instead; then lets "
	  "hooksync-worker\n"
	  "compile the jq maps. Exit code 78 when something must be changed.\n",
	  CMD_JSON, 0, 0, ctl_check },
	{ "config", "", "the values in force, and where each comes from",
	  "Prints every setting with its value and its origin: default, file "
	  "and\n"
	  "line, environment or flag. Secrets appear by name only.\n",
	  CMD_JSON | CMD_TABLE, 0, 0, ctl_config },
	{ "stats", "", "how many jobs are in which state",
	  "Counts the jobs of each queue and tells how long the next one has\n"
	  "been waiting.\n",
	  CMD_JSON | CMD_QUEUE, 0, 0, ctl_stats },
	{ "jobs", "STATE", "the jobs that are in a state",
	  "STATE is wait, prioritized, delayed, active, completed, failed,\n"
	  "waiting-children or paused. Finished jobs are listed newest first,\n"
	  "others next in turn first. Exit code 1 when there are none.\n",
	  CMD_JSON | CMD_QUEUE | CMD_NUMBER, 1, 1, ctl_jobs },
	{ "job", "ID", "all that is known of one job",
	  "Prints state, attempts, times, options, reason, stack trace and "
	  "data.\n"
	  "Exit code 1 when there is no such job.\n",
	  CMD_JSON | CMD_QUEUE, 1, 1, ctl_job },
	{ "retry", "ID...|--all", "let failed jobs run again",
	  "Failed jobs wait again, their attempts counted anew. With --all, "
	  "all\n"
	  "that have failed by now in the worker's queues. Exit code 1 when a "
	  "job\n"
	  "is unknown or has not failed, or when there was none.\n",
	  CMD_JSON | CMD_QUEUE | CMD_ALL, 0, -1, ctl_retry },
	{ "send", "ENDPOINT FILE", "post a signed test webhook",
	  "Signs FILE (- is standard input) with the endpoint's first secret "
	  "and\n"
	  "posts it to --url, else to responder.public_url, else straight to "
	  "the\n"
	  "FastCGI socket. Exit code 0 for an answer of 2xx, 1 for another, "
	  "69\n"
	  "when there was none.\n",
	  CMD_JSON | CMD_URL | CMD_ID, 2, 2, ctl_send },
	{ "try", "ROUTE FILE", "what would this route send?",
	  "Runs a route on a job's data in FILE (- is standard input): "
	  "fetches\n"
	  "and maps, then prints the request it would push, and sends none.\n",
	  CMD_JSON, 2, 2, ctl_try },
};
const size_t cmd_n_verbs = sizeof cmd_verbs / sizeof cmd_verbs[0];

struct option_row {
	int letter; /* above 255: it has only a long name */
	const char *name;
	const char *arg; /* NULL: none */
	unsigned bit;    /* 0: for all verbs */
	const char *help;
};

enum { /* long names only */
       LETTER_JSON = 256,
       LETTER_QUEUE,
       LETTER_ALL,
       LETTER_TABLE,
       LETTER_URL,
       LETTER_ID,
};

static const struct option_row option_rows[] = {
	{ LETTER_JSON, "json", NULL, CMD_JSON, "answer in JSON" },
	{ LETTER_QUEUE, "queue", "NAME", CMD_QUEUE,
	  "this queue (default: those of the configuration)" },
	{ 'n', "number", "N", CMD_NUMBER, "at most N jobs (default: 20)" },
	{ LETTER_ALL, "all", NULL, CMD_ALL, "every failed job" },
	{ LETTER_TABLE, "table", NULL, CMD_TABLE,
	  "every option there is: type, default, reloadable" },
	{ LETTER_URL, "url", "URL", CMD_URL,
	  "post to URL; the endpoint's path is added if it is not there" },
	{ LETTER_ID, "id", "ID", CMD_ID,
	  "the delivery's id (default: a new one)" },
	{ 'c', "config", "FILE", 0, "another configuration file" },
	{ 'o', "option", "OPTION=VALUE", 0, "set one option, above the file" },
	{ 'h', "help", NULL, 0, "this text; after a verb, the verb's own" },
	{ 'V', "version", NULL, 0, "the version" },
};
#define N_OPTION_ROWS (sizeof option_rows / sizeof option_rows[0])

static const struct cmd_verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < cmd_n_verbs; i++)
		if (strcmp(cmd_verbs[i].name, name) == 0)
			return &cmd_verbs[i];
	return NULL;
}

static const struct option_row *
option_find(int letter)
{
	for (size_t i = 0; i < N_OPTION_ROWS; i++)
		if (option_rows[i].letter == letter)
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
take_option(struct cmd_line *line, int letter, char *value, char *why,
	    size_t why_size)
{
	switch (letter) {
	case LETTER_JSON:
		line->is_json = true;
		return HS_OK;
	case LETTER_QUEUE:
		line->queue = value;
		return HS_OK;
	case LETTER_ALL:
		line->is_all = true;
		return HS_OK;
	case LETTER_TABLE:
		line->is_table = true;
		return HS_OK;
	case LETTER_URL:
		line->url = value;
		return HS_OK;
	case LETTER_ID:
		line->id = value;
		return HS_OK;
	case 'n':
		return take_number(line, value, why, why_size);
	case 'c':
		line->conf_path = value;
		return HS_OK;
	case 'o':
		return take_flag(line, value, why, why_size);
	case 'h':
		line->wants_help = true;
		return HS_OK;
	default:
		line->wants_version = true;
		return HS_OK;
	}
}

static enum hs_err
check_verb(const struct cmd_line *line, unsigned given, char *why,
	   size_t why_size)
{
	const struct cmd_verb *verb = line->verb;
	for (size_t i = 0; i < N_OPTION_ROWS; i++) {
		unsigned bit = option_rows[i].bit;
		if (!(given & bit) || (verb->options & bit))
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
	if ((verb->options & CMD_ALL) && line->is_all == (line->n_args > 0)) {
		snprintf(why, why_size, "%s takes ids, or --all", verb->name);
		return HS_INVALID;
	}
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
		longs[i].val = row->letter;
		if (row->letter > 255)
			continue;
		*shorts++ = (char)row->letter;
		if (row->arg)
			*shorts++ = ':';
	}
	memset(&longs[N_OPTION_ROWS], 0, sizeof longs[0]);
	*shorts = '\0';
}

enum hs_err
cmd_parse(int argc, char **argv, struct cmd_line *line, char *why,
	  size_t why_size)
{
	struct option longs[N_OPTION_ROWS + 1];
	char shorts[2 * N_OPTION_ROWS + 2];
	unsigned given = 0;

	memset(line, 0, sizeof *line);
	line->number = 20; /* fits a terminal */
	why[0] = '\0';
	fill_getopt(longs, shorts);
	optind = 0; /* glibc: start anew */
	opterr = 0;
	for (;;) {
		int letter = getopt_long(argc, argv, shorts, longs, NULL);
		if (letter == -1)
			break;
		const char *word = argv[optind - 1];
		if (letter == ':') {
			snprintf(why, why_size, "%s needs a value", word);
			return HS_INVALID;
		}
		if (letter == '?') {
			if (optopt > 0 && optopt < 256)
				snprintf(why, why_size, "unknown option -%c",
					 optopt);
			else
				snprintf(why, why_size, "unknown option %s",
					 word);
			return HS_INVALID;
		}
		given |= option_find(letter)->bit;
		enum hs_err err =
			take_option(line, letter, optarg, why, why_size);
		if (err != HS_OK)
			return err;
	}
	if (optind == argc) {
		if (line->wants_help || line->wants_version)
			return HS_OK;
		snprintf(why, why_size, "say what to do");
		return HS_INVALID;
	}
	line->verb = verb_find(argv[optind]);
	if (!line->verb) {
		snprintf(why, why_size, "unknown verb %s", argv[optind]);
		return HS_INVALID;
	}
	line->args = argv + optind + 1;
	line->n_args = argc - optind - 1;
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
		if (row->letter < 256)
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
