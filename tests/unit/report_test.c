/*
 * report_test: the status line: what it says, and how often.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "worker/report.h"

static struct report_facts facts;
static char line[512];

static const char *
print(void)
{
	report_print(&facts, line, sizeof(line));
	return line;
}

static void
says_what_is(void **state)
{
	char wanted[512];
	char when[32];
	time_t now = time(NULL);
	struct tm tm;

	(void)state;
	facts = (struct report_facts){
		.n_active = 12,
		.n_done = 3401,
		.n_failed = 5,
		.is_up = true,
		.why_away = "",
		.refused = "",
		.reload_failed = "",
	};
	assert_string_equal(print(),
			    "12 active, 3401 done, 5 failed; Redis up");
	facts.refused = "NOPERM no";
	assert_string_equal(print(), "12 active, 3401 done, 5 failed; Redis "
				     "refuses our commands: NOPERM no");
	facts.refused = "";
	facts.is_stopping = true;
	assert_string_equal(print(), "stopping, 12 jobs under way; Redis up");
	facts.is_stopping = false;
	facts.reload_failed = "/etc/x:3: no";
	assert_string_equal(print(), "12 active, 3401 done, 5 failed; Redis "
				     "up; reload failed: /etc/x:3: no");
	facts.reload_failed = "";
	facts.n_shut = 1;
	facts.shut_service = "erp";
	facts.why_shut = "it refuses";
	assert_string_equal(print(), "12 active, 3401 done, 5 failed; Redis "
				     "up; service erp is shut: it refuses");
	facts.n_shut = 2;
	assert_string_equal(print(), "12 active, 3401 done, 5 failed; Redis "
				     "up; 2 services are shut, among them "
				     "erp: it refuses");
	facts.n_shut = 0;
	/* since a reload; those of before still run */
	facts.is_idle = true;
	assert_string_equal(print(),
			    "12 active, 3401 done, 5 failed; Redis up");
	facts.n_active = 0;
	assert_string_equal(
		print(), "no route is configured, no job is taken; Redis up");
	facts.n_active = 12;
	facts.is_idle = false;
	facts.is_up = false;
	facts.why_away = "Connection refused";
	facts.away_at_ms = (int64_t)now * 1000;
	assert_non_null(localtime_r(&now, &tm));
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	snprintf(wanted, sizeof(wanted),
		 "12 active, 3401 done, 5 failed; Redis away since %s: "
		 "Connection refused",
		 when);
	assert_string_equal(print(), wanted);
	/* long ago: with its day */
	now -= 30 * 86400;
	facts.away_at_ms = (int64_t)now * 1000;
	assert_non_null(localtime_r(&now, &tm));
	strftime(when, sizeof(when), "since %F %H:%M:", &tm);
	assert_non_null(strstr(print(), when));
}

static void
long_words_are_cut(void **state)
{
	char words[2000];

	(void)state;
	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	facts = (struct report_facts){ .why_away = words,
				       .refused = words,
				       .reload_failed = words };
	assert_int_equal(strlen(print()), sizeof(line) - 1);
}

static void
gather(void *ctx, struct report_facts *out)
{
	(void)ctx;
	*out = facts;
}

/* How many status lines were told since the last call. */
static int
n_told(int fd)
{
	char heard[1024];
	int n = 0;

	while (recv(fd, heard, sizeof(heard), MSG_DONTWAIT) > 0)
		n++;
	return n;
}

static void
tells_once_a_second_and_the_last(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct event_base *base = event_base_new();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct report *report;
	char path[] = "/tmp/report_test.XXXXXX";
	int64_t begun_ms;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	facts = (struct report_facts){ .why_away = "",
				       .refused = "",
				       .reload_failed = "" };
	report = report_new(base, gather, NULL);
	begun_ms = clock_mono_ms();
	for (int i = 0; i < 1000; i++) {
		facts.n_done++;
		report_turn(report);
	}
	assert_int_equal(n_told(fd), 1);
	/* the bell tells the last of it */
	while (event_base_loop(base, EVLOOP_ONCE) == 0)
		continue;
	assert_true(clock_mono_ms() - begun_ms >= 950);
	assert_int_equal(n_told(fd), 1);
	/* what is the same is not told again */
	report_now(report);
	assert_int_equal(n_told(fd), 0);
	facts.is_stopping = true;
	report_now(report);
	assert_int_equal(n_told(fd), 1);
	report_free(report);
	event_base_free(base);
	unsetenv("NOTIFY_SOCKET");
	close(fd);
	unlink(address.sun_path);
	rmdir(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is),
		cmocka_unit_test(long_words_are_cut),
		cmocka_unit_test(tells_once_a_second_and_the_last),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
