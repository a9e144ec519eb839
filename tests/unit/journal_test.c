/*
 * journal: a socket of our own plays the journal: what an entry holds, what it
 * cannot hold, and what becomes of lines when nobody reads.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/journal.h"
#include "base/log.h"

static char folder[] = "/tmp/hooksync-journal-XXXXXX";
static char path[64];
static int journal = -1;
static char heard[16384];

static void
open_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(journal >= 0);
	assert_int_equal(bind(journal, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void
close_socket(void)
{
	if (journal >= 0)
		(void)close(journal);
	journal = -1;
	(void)unlink(path);
}

/* The next entry; the sender has returned, so it is there. "" when none is. */
static const char *
hear(void)
{
	ssize_t n = recv(journal, heard, sizeof(heard) - 1, MSG_DONTWAIT);
	heard[n > 0 ? n : 0] = '\0';
	return heard;
}

static int
set_up(void **state)
{
	(void)state;
	open_socket();
	return journal_open(path) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	journal_close();
	close_socket();
	return 0;
}

static bool HS_PRINTF(2, 3) say(enum message message, const char *fmt, ...)
{
	struct line line;
	va_list args;

	va_start(args, fmt);
	line_format(&line, fmt, args);
	va_end(args);
	return journal_write("hooksync-worker", 4, message, &line);
}

static void
an_entry_has_fields(void **state)
{
	(void)state;
	assert_true(say(MESSAGE_JOB_FAILED,
			"job failed queue=%s job=%s route=%s attempt=%d "
			"ran_ms=%d reason=\"%s\"",
			"sync", "crm-1", "identity", 3, 17, "503 from erp"));
	assert_string_equal(hear(),
			    "MESSAGE=job failed queue=sync job=crm-1 "
			    "route=identity attempt=3 ran_ms=17 "
			    "reason=\"503 from erp\"\n"
			    "PRIORITY=4\n"
			    "SYSLOG_FACILITY=3\n"
			    "SYSLOG_IDENTIFIER=hooksync-worker\n"
			    "MESSAGE_ID=09307d8a8e234759bee13df86a97ee06\n"
			    "HOOKSYNC_QUEUE=sync\n"
			    "HOOKSYNC_JOB_ID=crm-1\n"
			    "HOOKSYNC_ROUTE=identity\n"
			    "HOOKSYNC_ATTEMPT=3\n"
			    "HOOKSYNC_REASON=503 from erp\n");
	assert_true(say(MESSAGE_NONE,
			"x endpoint=%s request=%s service=%s "
			"outcome=%s status=%d address=%s",
			"crm", "r-1", "erp", "pushed", 201, "unix:/r.sock"));
	assert_string_equal(hear(),
			    "MESSAGE=x endpoint=crm request=r-1 service=erp "
			    "outcome=pushed status=201 address=unix:/r.sock\n"
			    "PRIORITY=4\n"
			    "SYSLOG_FACILITY=3\n"
			    "SYSLOG_IDENTIFIER=hooksync-worker\n"
			    "HOOKSYNC_ENDPOINT=crm\n"
			    "HOOKSYNC_REQUEST=r-1\n"
			    "HOOKSYNC_SERVICE=erp\n"
			    "HOOKSYNC_OUTCOME=pushed\n"
			    "HOOKSYNC_STATUS=201\n"
			    "HOOKSYNC_ADDRESS=unix:/r.sock\n");
	assert_string_equal(hear(), "");
}

static void
a_field_cannot_be_forged(void **state)
{
	(void)state;
	assert_true(say(MESSAGE_NONE, "%s job=%s reason=\"%s\"",
			"a\nPRIORITY=0\nx", "1\nHOOKSYNC_QUEUE=evil",
			"\" queue=evil MESSAGE_ID=evil\n\nHOOKSYNC_QUEUE\n"));
	(void)hear();
	assert_non_null(
		strstr(heard, "\nHOOKSYNC_JOB_ID=1\\nHOOKSYNC_QUEUE=evil\n"));
	assert_null(strstr(heard, "\nHOOKSYNC_QUEUE"));
	assert_null(strstr(heard, "\nMESSAGE_ID"));
	assert_null(strstr(heard, "\nPRIORITY=0"));
	assert_null(strstr(heard, "\n\n"));
}

/* The longest line with the most pairs: an entry is never cut short. */
static void
the_longest_fits(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 1, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(say(MESSAGE_BUG,
			"x queue=%.300s job=%.300s attempt=%.300s "
			"endpoint=%.300s request=%.300s route=%.300s "
			"service=%.300s outcome=%.300s status=%.300s "
			"reason=%.300s address=%.300s option=%.300s "
			"what=%.300s next_probe=%.300s",
			text, text, text, text, text, text, text, text, text,
			text, text, text, text, text));
	(void)hear();
	assert_int_equal(heard[strlen(heard) - 1], '\n');
	assert_non_null(strstr(heard, "\nMESSAGE_ID="));
	assert_non_null(strstr(heard, "\nHOOKSYNC_QUEUE=\\x01"));
}

static void
nobody_there_is_said(void **state)
{
	char long_path[300];

	(void)state;
	journal_close();
	assert_false(say(MESSAGE_NONE, "x"));
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_false(journal_open(long_path));
	assert_false(journal_open("/nonexistent/socket"));
	assert_false(say(MESSAGE_NONE, "x"));
	assert_true(journal_open(path));
	assert_true(say(MESSAGE_NONE, "x"));
	close_socket();
	assert_false(say(MESSAGE_NONE, "x"));
}

static void
a_new_socket_is_found(void **state)
{
	(void)state;
	close_socket();
	assert_false(say(MESSAGE_NONE, "one"));
	open_socket();
	assert_true(say(MESSAGE_NONE, "two"));
	assert_non_null(strstr(hear(), "MESSAGE=two\n"));
}

static void
who_does_not_read_stops_nobody(void **state)
{
	const int64_t start_ms = clock_mono_ms();
	unsigned n = 0;
	unsigned n_heard = 0;

	(void)state;
	/* far more than any socket holds */
	for (; n < 20000; n++)
		assert_true(say(MESSAGE_NONE, "line n=%u", n));
	/* one of them waited, the others did not: generous for valgrind */
	assert_true(clock_mono_ms() - start_ms < 200 * JOURNAL_PATIENCE_MS);
	assert_true(clock_mono_ms() - start_ms >= JOURNAL_PATIENCE_MS);
	while (*hear() != '\0')
		n_heard++;
	assert_true(n_heard > 0 && n_heard < n);
	/* then it reads again, and hears how many it has missed */
	assert_true(say(MESSAGE_NONE, "back"));
	char expected[96];
	(void)snprintf(expected, sizeof(expected),
		       "MESSAGE=the journal did not keep up: lines lost n=%u\n"
		       "PRIORITY=4\n",
		       n - n_heard);
	assert_non_null(strstr(hear(), expected));
	assert_non_null(strstr(
		heard, "\nMESSAGE_ID=a2378dda46054bafa3a7692ed9d5d425\n"));
	assert_non_null(strstr(hear(), "MESSAGE=back\n"));
	assert_true(say(MESSAGE_NONE, "on"));
	assert_non_null(strstr(hear(), "MESSAGE=on\n"));
	assert_string_equal(hear(), "");
}

/* In a child: reads up to the entry "end"; 0 when all before it are the n. */
static int
read_slowly(unsigned n)
{
	unsigned n_right = 0;
	unsigned n_read = 0;

	for (;; n_read++) {
		char expected[32];
		ssize_t len = recv(journal, heard, sizeof(heard) - 1, 0);
		if (len <= 0)
			return 2;
		heard[len] = '\0';
		if (strcmp(heard, "end") == 0)
			break;
		(void)snprintf(expected, sizeof(expected),
			       "MESSAGE=line n=%u\n", n_read);
		if (strncmp(heard, expected, strlen(expected)) == 0)
			n_right++;
	}
	return n_read == n && n_right == n ? 0 : 3;
}

static bool
slow_reader_gets_all(void)
{
	const unsigned n = 2000;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int status = 0;

	assert_true(journal_open(path)); /* with nothing lost so far */
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(read_slowly(n));
	for (unsigned i = 0; i < n; i++)
		assert_true(say(MESSAGE_NONE, "line n=%u", i));
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		sendto(fd, "end", 3, 0, (struct sockaddr *)&at, sizeof(at)), 3);
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* A journal that is only slow gets all: the writer waits for it. On a busy host
 * the reader may be kept from its turn for longer than the patience; not each
 * time. Without patience it never gets all. */
static void
who_reads_slowly_gets_all(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		if (slow_reader_gets_all())
			return;
	fail_msg("lines are lost each time");
}

/* ---- under log ---- */

/* Runs fn in a child whose standard error is out, or is the journal. */
static void
run_child(void (*fn)(void), bool is_journal, char *out, size_t out_size)
{
	int ends[2];
	int status = 0;
	struct stat st;
	char stream[64];

	assert_int_equal(pipe(ends), 0);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		if (fstat(STDERR_FILENO, &st) != 0)
			_exit(99);
		(void)snprintf(stream, sizeof(stream), "%ju:%ju",
			       (uintmax_t)st.st_dev,
			       (uintmax_t)st.st_ino + (is_journal ? 0 : 1));
		(void)setenv("JOURNAL_STREAM", stream, 1);
		log_open("hooksync-fcgi", LOG_LEVEL_INFO);
		if (is_journal)
			(void)journal_open(path);
		fn();
		_exit(0);
	}
	(void)close(ends[1]);
	size_t len = 0;
	for (;;) {
		ssize_t n = read(ends[0], out + len, out_size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
speak(void)
{
	log_debug("not said");
	log_event(LOG_LEVEL_NOTICE, MESSAGE_STARTED, "started");
	log_error("x queue=%s", "sync");
}

static void
the_log_uses_it(void **state)
{
	char out[256];

	(void)state;
	run_child(speak, true, out, sizeof(out));
	assert_string_equal(out, "");
	assert_string_equal(hear(),
			    "MESSAGE=started\nPRIORITY=5\n"
			    "SYSLOG_FACILITY=3\n"
			    "SYSLOG_IDENTIFIER=hooksync-fcgi\n"
			    "MESSAGE_ID=0036b623771c4cc18c0829c644c61f7b\n");
	assert_string_equal(hear(), "MESSAGE=x queue=sync\nPRIORITY=3\n"
				    "SYSLOG_FACILITY=3\n"
				    "SYSLOG_IDENTIFIER=hooksync-fcgi\n"
				    "HOOKSYNC_QUEUE=sync\n");
	assert_string_equal(hear(), "");
}

static void
speak_after_a_reload(void)
{
	log_set_level(LOG_LEVEL_NOTICE);
	log_info("not said");
	speak();
}

/* Others may be writing; and lines that were lost are still to be told. */
static void
another_level_opens_nothing_anew(void **state)
{
	char out[256];

	(void)state;
	run_child(speak_after_a_reload, true, out, sizeof(out));
	assert_string_equal(out, "");
	assert_non_null(strstr(hear(), "MESSAGE=started\n"));
	assert_non_null(strstr(hear(), "MESSAGE=x queue=sync\n"));
	assert_string_equal(hear(), "");
}

static void
elsewhere_it_does_not(void **state)
{
	char out[256];

	(void)state;
	run_child(speak, false, out, sizeof(out));
	assert_string_equal(out, "notice hooksync-fcgi: started\n"
				 "error hooksync-fcgi: x queue=sync\n");
	assert_string_equal(hear(), "");
}

static void
speak_to_nobody(void)
{
	(void)journal_open("/nonexistent/socket");
	speak();
}

static void
standard_error_takes_over(void **state)
{
	char out[256];

	(void)state;
	run_child(speak_to_nobody, true, out, sizeof(out));
	assert_string_equal(out, "<5>started\n<3>x queue=sync\n");
}

static void
ids_are_unlike(void **state)
{
	(void)state;
	assert_null(message_id(MESSAGE_NONE));
	assert_null(message_id(MESSAGE_N));
	for (int i = MESSAGE_NONE + 1; i < MESSAGE_N; i++) {
		const char *id = message_id((enum message)i);
		assert_non_null(id);
		assert_int_equal(strlen(id), 32);
		assert_int_equal(strspn(id, "0123456789abcdef"), 32);
		for (int j = MESSAGE_NONE + 1; j < i; j++)
			assert_string_not_equal(id,
						message_id((enum message)j));
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_entry_has_fields),
		CASE(a_field_cannot_be_forged),
		CASE(the_longest_fits),
		CASE(nobody_there_is_said),
		CASE(a_new_socket_is_found),
		CASE(who_does_not_read_stops_nobody),
		CASE(who_reads_slowly_gets_all),
		CASE(the_log_uses_it),
		CASE(another_level_opens_nothing_anew),
		CASE(elsewhere_it_does_not),
		CASE(standard_error_takes_over),
		cmocka_unit_test(ids_are_unlike),
	};

	if (mkdtemp(folder) == NULL)
		return 99;
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
	int code = cmocka_run_group_tests_name("journal", tests, NULL, NULL);
	(void)rmdir(folder);
	return code;
}
