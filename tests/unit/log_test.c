/*
 * log_test: what a line looks like, what it cannot contain, and how the two
 * last words of a process are spoken.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/journal.h"
#include "base/log.h"

static char last_line[BOUNDS_LOG_LINE_BYTES + 1];
static enum log_level last_level;
static int n_lines;

static void
remember(enum log_level level, const char *line)
{
	n_lines++;
	last_level = level;
	assert_true(strlen(line) < sizeof(last_line));
	(void)snprintf(last_line, sizeof(last_line), "%s", line);
}

static int
listen_in(void **state)
{
	(void)state;
	n_lines = 0;
	last_line[0] = '\0';
	log_open("test", LOG_LEVEL_INFO);
	log_set_sink(remember);
	return 0;
}

static int
hang_up(void **state)
{
	(void)state;
	log_set_sink(NULL);
	clock_set_source(NULL, NULL);
	return 0;
}

/* Runs fn in a child; returns what it wrote to standard error. */
static int
run_child(void (*fn)(void), char *out, size_t out_size)
{
	int ends[2];
	int status = 0;
	size_t len = 0;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(ends[1], STDERR_FILENO);
		log_set_sink(NULL);
		fn();
		_exit(0);
	}
	(void)close(ends[1]);
	for (;;) {
		ssize_t n = read(ends[0], out + len, out_size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
open_without_descriptors(void)
{
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	(void)close(STDERR_FILENO);
	log_open("test", LOG_LEVEL_INFO);
	/* the next descriptor is not the one that lines go to */
	_exit(dup(STDERR_FILENO) > STDERR_FILENO ? 0 : 1);
}

static void
closed_descriptors_are_filled(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(run_child(open_without_descriptors, out, sizeof(out)),
			 0);
	assert_string_equal(out, "");
}

static void
levels_have_names(void **state)
{
	(void)state;
	enum log_level level = LOG_LEVEL_ERROR;
	assert_int_equal(log_level_parse("debug", &level), HS_OK);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("warn", &level), HS_OK);
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_int_equal(log_level_parse("fatal", &level), HS_INVALID);
	assert_int_equal(log_level_parse("Info", &level), HS_INVALID);
	assert_int_equal(log_level_parse("", &level), HS_INVALID);
	assert_int_equal(level, LOG_LEVEL_WARN);
}

static void
lower_levels_are_silent(void **state)
{
	(void)state;
	log_open("test", LOG_LEVEL_NOTICE);
	log_info("not said");
	assert_int_equal(n_lines, 0);
	assert_false(log_is_on(LOG_LEVEL_INFO));
	assert_true(log_is_on(LOG_LEVEL_NOTICE));
	log_notice("said queue=%s", "sync");
	assert_int_equal(n_lines, 1);
	assert_int_equal(last_level, LOG_LEVEL_NOTICE);
	assert_string_equal(last_line, "said queue=sync");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("said, too");
	assert_int_equal(n_lines, 2);
}

static void
a_line_cannot_be_forged(void **state)
{
	(void)state;
	log_warn("x=%s", "1\nerror test: the disk is on fire\r\t");
	assert_string_equal(last_line,
			    "x=\"1\\nerror test: the disk is on fire\\r\\t\"");
	log_warn("x=%s", "\x1b[2J\x7f\x01");
	assert_string_equal(last_line, "x=\\x1b[2J\\x7f\\x01");
}

static void
utf8_is_shown_and_other_bytes_are_escaped(void **state)
{
	(void)state;
	log_info("%s", "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_string_equal(last_line,
			    "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80");
	log_info("%s", "\xff\xc3");
	assert_string_equal(last_line, "\\xff\\xc3");
	log_info("%s", "\xc2\x9b"); /* a C1 control: CSI */
	assert_string_equal(last_line, "\\xc2\\x9b");
	log_info("%s", "\xe2\x80\xa8"); /* U+2028, line separator */
	assert_string_equal(last_line, "\\xe2\\x80\\xa8");
	log_info("%s", "\xed\xa0\x80"); /* a surrogate */
	assert_string_equal(last_line, "\\xed\\xa0\\x80");
	log_info("%s", "\xe0\x80\x80\xf0\x80\x80\x80\xf4\x90\x80\x80");
	assert_string_equal(last_line, "\\xe0\\x80\\x80\\xf0\\x80\\x80\\x80"
				       "\\xf4\\x90\\x80\\x80");
}

static void
long_lines_are_cut(void **state)
{
	(void)state;
	char text[3 * BOUNDS_LOG_LINE_BYTES];
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	assert_true(strlen(last_line) < BOUNDS_LOG_LINE_BYTES);
	assert_string_equal(last_line + strlen(last_line) - 4, "a...");

	/* escapes are longer than what they stand for */
	memset(text, 1, BOUNDS_LOG_LINE_BYTES - 10);
	text[BOUNDS_LOG_LINE_BYTES - 10] = '\0';
	log_info("%s", text);
	assert_true(strlen(last_line) < BOUNDS_LOG_LINE_BYTES);
	assert_string_equal(last_line + strlen(last_line) - 7, "\\x01...");
}

static void
errno_survives(void **state)
{
	(void)state;
	errno = ENOSPC;
	log_warn("disk full");
	assert_int_equal(errno, ENOSPC);
}

static void
say_everything(void)
{
	log_open("hooksync-worker", LOG_LEVEL_DEBUG);
	log_debug("one");
	log_info("two");
	log_notice("three");
	log_warn("four");
	log_error("five");
	log_fatal(78, "six");
}

static void
on_a_terminal_a_line_starts_with_its_level(void **state)
{
	(void)state;
	char out[1024];
	int status = run_child(say_everything, out, sizeof(out));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 78);
	assert_string_equal(out, "debug hooksync-worker: one\n"
				 "info hooksync-worker: two\n"
				 "notice hooksync-worker: three\n"
				 "warn hooksync-worker: four\n"
				 "error hooksync-worker: five\n"
				 "fatal hooksync-worker: six\n");
}

static void
say_everything_to_the_journal(void)
{
	struct stat st;
	char stream[64];
	if (fstat(STDERR_FILENO, &st) != 0)
		_exit(99);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_open("hooksync-worker", LOG_LEVEL_DEBUG);
	journal_close(); /* where there is one, it must not hear this */
	log_debug("one");
	log_info("two");
	log_notice("three");
	log_warn("four");
	log_error("five");
	log_bug("six");
}

static void
in_the_journal_a_line_starts_with_its_priority(void **state)
{
	(void)state;
	char out[1024];
	int status = run_child(say_everything_to_the_journal, out, sizeof(out));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_string_equal(out, "<7>one\n<6>two\n<5>three\n<4>four\n"
				 "<3>five\n<1>six\n");
}

static void
say_elsewhere(void)
{
	(void)setenv("JOURNAL_STREAM", "1:1", 1);
	log_open("hooksync", LOG_LEVEL_INFO);
	log_info("redirected");
}

static void
an_inherited_journal_stream_is_not_believed(void **state)
{
	(void)state;
	char out[256];
	(void)run_child(say_elsewhere, out, sizeof(out));
	assert_string_equal(out, "info hooksync: redirected\n");
}

static void
break_an_invariant(void)
{
	int n = 3;
	log_open("hooksync", LOG_LEVEL_INFO);
	log_assert(n < 4);
	log_assert(n < 3);
}

static void
a_broken_invariant_names_itself(void **state)
{
	(void)state;
	char out[512];
	int status = run_child(break_an_invariant, out, sizeof(out));
	assert_true(WIFSIGNALED(status));
	assert_non_null(
		strstr(out, "bug hooksync: assertion failed: n < 3 at "));
	assert_non_null(strstr(out, "log_test.c:"));
}

static int64_t fake_mono_us;

static int64_t
fake_mono(void)
{
	return fake_mono_us;
}

static void
a_storm_is_one_line_per_interval(void **state)
{
	(void)state;
	struct log_storm storm = { 0 };
	unsigned n_suppressed = 77;
	clock_set_source(NULL, fake_mono);
	fake_mono_us = 0;
	assert_true(log_storm_ok(&storm, 1000, &n_suppressed));
	assert_int_equal(n_suppressed, 0);
	for (int i = 0; i < 5; i++)
		assert_false(log_storm_ok(&storm, 1000, &n_suppressed));
	fake_mono_us = 999000;
	assert_false(log_storm_ok(&storm, 1000, NULL));
	fake_mono_us = 1000000;
	assert_true(log_storm_ok(&storm, 1000, &n_suppressed));
	assert_int_equal(n_suppressed, 6);
	fake_mono_us = 5000000;
	assert_true(log_storm_ok(&storm, 1000, &n_suppressed));
	assert_int_equal(n_suppressed, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, listen_in, hang_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(levels_have_names),
		CASE(lower_levels_are_silent),
		CASE(a_line_cannot_be_forged),
		CASE(utf8_is_shown_and_other_bytes_are_escaped),
		CASE(long_lines_are_cut),
		CASE(errno_survives),
		CASE(on_a_terminal_a_line_starts_with_its_level),
		CASE(in_the_journal_a_line_starts_with_its_priority),
		CASE(an_inherited_journal_stream_is_not_believed),
		CASE(closed_descriptors_are_filled),
		CASE(a_broken_invariant_names_itself),
		CASE(a_storm_is_one_line_per_interval),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
