/*
 * cmd: command lines, right and wrong, and the help that is made of the tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/cmd.h"

enum { MAX_WORDS = 160 };

/* Parses "hooksync <words>"; words are split at spaces. argv stays alive until
 * the next call, as line borrows from it. */
static enum hs_err
parse(const char *words, struct cmd_line *line, char why[256])
{
	static char text[4096];
	static char *argv[MAX_WORDS + 1];
	int argc = 0;

	snprintf(text, sizeof text, "hooksync %s", words);
	for (char *at = text; *at && argc < MAX_WORDS;) {
		while (*at == ' ')
			*at++ = '\0';
		if (!*at)
			break;
		argv[argc++] = at;
		while (*at && *at != ' ')
			at++;
	}
	argv[argc] = NULL;
	return cmd_parse(argc, argv, line, why, 256);
}

static void
assert_wrong(const char *words, const char *expected)
{
	struct cmd_line line;
	char why[256];

	assert_int_equal(parse(words, &line, why), HS_INVALID);
	assert_string_equal(why, expected);
}

static void
test_verb_and_args(void **state)
{
	struct cmd_line line;
	char why[256];
	(void)state;

	assert_int_equal(parse("jobs failed", &line, why), HS_OK);
	assert_string_equal(line.verb->name, "jobs");
	assert_int_equal(line.n_args, 1);
	assert_string_equal(line.args[0], "failed");
	assert_int_equal(line.number, 0); /* each verb has its own */
	assert_null(line.conf_path);
	assert_false(line.is_json);

	assert_int_equal(parse("send identity -", &line, why), HS_OK);
	assert_string_equal(line.args[1], "-");

	assert_int_equal(parse("retry a b c", &line, why), HS_OK);
	assert_int_equal(line.n_args, 3);
	assert_int_equal(parse("job -- -x", &line, why), HS_OK);
	assert_string_equal(line.args[0], "-x");
}

static void
test_options_anywhere(void **state)
{
	struct cmd_line line;
	char why[256];
	(void)state;

	assert_int_equal(parse("-c a.conf jobs --json failed -n 7 --queue=q2 "
			       "-o worker.concurrency=5 -o x=a=b",
			       &line, why),
			 HS_OK);
	assert_string_equal(line.conf_path, "a.conf");
	assert_true(line.is_json);
	assert_int_equal(line.number, 7);
	assert_string_equal(line.queue, "q2");
	assert_int_equal(line.n_flags, 2);
	assert_string_equal(line.flags[0].option, "worker.concurrency");
	assert_string_equal(line.flags[0].value, "5");
	assert_string_equal(line.flags[1].value, "a=b");
	assert_string_equal(line.args[0], "failed");

	/* nothing of the line before is left */
	assert_int_equal(parse("stats", &line, why), HS_OK);
	assert_false(line.is_json);
	assert_int_equal(line.n_flags, 0);
}

/* The usage that is shown is that of the verb, wherever it stands. */
static void
test_wrong_knows_its_verb(void **state)
{
	static const char *const lines[] = { "jobs -n 0 failed", "jobs --dance",
					     "-n many jobs failed", "jobs -n" };
	struct cmd_line line;
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		assert_int_equal(parse(lines[i], &line, why), HS_INVALID);
		assert_non_null(line.verb);
		assert_string_equal(line.verb->name, "jobs");
	}
	assert_int_equal(parse("dance -n 0", &line, why), HS_INVALID);
	assert_null(line.verb);
}

static void
test_help_as_a_verb(void **state)
{
	struct cmd_line line;
	char why[256];

	(void)state;
	assert_int_equal(parse("help", &line, why), HS_OK);
	assert_true(line.wants_help);
	assert_null(line.verb);
	assert_int_equal(parse("help clean", &line, why), HS_OK);
	assert_true(line.wants_help);
	assert_string_equal(line.verb->name, "clean");
}

static void
test_wrong_lines(void **state)
{
	(void)state;
	assert_wrong("", "say what to do");
	assert_wrong("dance", "unknown verb dance");
	assert_wrong("job", "job takes: ID");
	assert_wrong("job a b", "job takes: ID");
	assert_wrong("stats x", "stats takes no argument");
	assert_wrong("job -- -x --", "job takes: ID");
	assert_wrong("retyr a", "unknown verb retyr; \"retry\" is one");
	assert_wrong("retry",
		     "say which jobs: ids, --all, or a filter such as --name");
	assert_wrong("retry --all a",
		     "retry takes ids, or --all, or filters, not both");
	assert_wrong("retry a --older 5m",
		     "retry takes ids, or --all, or filters, not both");
	assert_wrong("retry a -n 5",
		     "-n goes with --all and filters, not with ids");
	assert_wrong("retry -n 5",
		     "say which jobs: ids, --all, or a filter such as --name");
	assert_wrong("retry --failed",
		     "say which jobs: ids, --all, or a filter such as --name");
	assert_wrong("retry --quue q --all",
		     "unknown option --quue; \"--queue\" is one");
	assert_wrong("stats --dance=now", "unknown option --dance");
	assert_wrong("stats --json=5", "--json takes no value");
	assert_wrong("doctor --yes", "--yes goes with --repair");
	assert_wrong("help dance", "unknown verb dance");
	assert_wrong("stats --older 5m", "stats does not take --older");
	assert_wrong("stats --limit 5", "stats does not take --limit");
	assert_wrong("jobs --yes failed", "jobs does not take --yes");
	assert_wrong("stats --url http://x", "stats does not take --url");
	assert_wrong("check --all", "check does not take --all");
	assert_wrong("stats --dance", "unknown option --dance");
	assert_wrong("stats -z", "unknown option -z");
	assert_wrong("stats -c", "-c needs a value");
	assert_wrong("stats --queue", "--queue needs a value");
	assert_wrong("stats -o x", "-o takes OPTION=VALUE, as in -o "
				   "worker.concurrency=5");
	assert_wrong("stats -o =x", "-o takes OPTION=VALUE, as in -o "
				    "worker.concurrency=5");
}

static void
test_numbers(void **state)
{
	static const char *const bad[] = {
		"0", "-1", "1x", "", "1000000001", "0x1", "99999999999999999999"
	};
	struct cmd_line line;
	char words[64];
	char why[256];
	(void)state;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(words, sizeof words, "jobs failed -n%s%s",
			 *bad[i] ? "" : " ", bad[i]);
		assert_int_equal(parse(words, &line, why), HS_INVALID);
	}
	assert_int_equal(parse("jobs failed -n100000", &line, why), HS_OK);
	assert_int_equal(line.number, 100000);
	assert_int_equal(parse("jobs failed --limit 7", &line, why), HS_OK);
	assert_int_equal(line.number, 7);
}

static void
test_filters(void **state)
{
	struct cmd_line line;
	char why[256];
	(void)state;

	assert_int_equal(parse("jobs --state failed,delayed --name crm-* "
			       "--entity identity=42 --error timeout --older "
			       "2h --newer=3d --data --all",
			       &line, why),
			 HS_OK);
	assert_string_equal(line.state, "failed,delayed");
	assert_string_equal(line.name, "crm-*");
	assert_string_equal(line.entity, "identity=42");
	assert_string_equal(line.error, "timeout");
	assert_string_equal(line.older, "2h");
	assert_string_equal(line.newer, "3d");
	assert_true(line.with_data);
	assert_true(line.is_all);
	assert_int_equal(line.n_args, 0);
	assert_int_equal(parse("retry --completed --name x", &line, why),
			 HS_OK);
	assert_true(line.is_completed);
	assert_false(line.is_failed);
}

static void
test_too_many_flags(void **state)
{
	struct cmd_line line;
	char words[CMD_MAX_FLAGS * 8 + 32] = "stats";
	char why[256];
	(void)state;

	for (int i = 0; i < CMD_MAX_FLAGS; i++)
		memcpy(words + 5 + 7 * i, " -o a=b", 8);
	assert_int_equal(parse(words, &line, why), HS_OK);
	assert_int_equal(line.n_flags, CMD_MAX_FLAGS);
	memcpy(words + 5 + 7 * CMD_MAX_FLAGS, " -o a=b", 8);
	assert_int_equal(parse(words, &line, why), HS_INVALID);
}

/* Help is asked for by people who do not know the arguments yet. */
static void
test_help_wins(void **state)
{
	struct cmd_line line;
	char why[256];
	(void)state;

	assert_int_equal(parse("--help", &line, why), HS_OK);
	assert_null(line.verb);
	assert_true(line.wants_help);
	assert_int_equal(parse("job --help", &line, why), HS_OK);
	assert_true(line.wants_help);
	assert_string_equal(line.verb->name, "job");
	assert_int_equal(parse("-V", &line, why), HS_OK);
	assert_true(line.wants_version);
}

static char *
help_of(const struct cmd_verb *verb)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	cmd_help(out, verb);
	fclose(out);
	return text;
}

static void
test_help_names_all(void **state)
{
	char *all = help_of(NULL);
	(void)state;

	for (size_t i = 0; i < cmd_n_verbs; i++) {
		assert_non_null(strstr(all, cmd_verbs[i].name));
		assert_non_null(strstr(all, cmd_verbs[i].summary));
		char *one = help_of(&cmd_verbs[i]);
		assert_non_null(strstr(one, cmd_verbs[i].about));
		assert_non_null(strstr(one, "--config FILE"));
		assert_int_equal(!!strstr(one, "--json"),
				 !!(cmd_verbs[i].options & CMD_JSON));
		assert_int_equal(!!strstr(one, "--url"),
				 !!(cmd_verbs[i].options & CMD_URL));
		free(one);
	}
	for (const char *at = all; *at;) { /* fits 80 columns */
		const char *end = strchr(at, '\n');
		assert_non_null(end);
		size_t len = (size_t)(end - at);
		assert_true(len <= 80 || strncmp(at, "The conf", 8) == 0);
		at = end + 1;
	}
	free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verb_and_args),
		cmocka_unit_test(test_options_anywhere),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_wrong_knows_its_verb),
		cmocka_unit_test(test_help_as_a_verb),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_too_many_flags),
		cmocka_unit_test(test_help_wins),
		cmocka_unit_test(test_help_names_all),
	};
	return cmocka_run_group_tests_name("cmd", tests, NULL, NULL);
}
