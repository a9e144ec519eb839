/*
 * notify_test: a socket of our own plays systemd and hears what is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/notify.h"

static int manager_fd = -1;
static char heard[1024];

/* The next datagram; the sender has returned, so it is there. */
static const char *
hear(void)
{
	ssize_t n = recv(manager_fd, heard, sizeof(heard) - 1, MSG_DONTWAIT);
	heard[n > 0 ? n : 0] = '\0';
	return heard;
}

static int
play_manager(void **state)
{
	(void)state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char name[64];
	/* abstract: nothing to clean up */
	int len = snprintf(name, sizeof(name), "hooksync-notify-%ld",
			   (long)getpid());
	memcpy(addr.sun_path + 1, name, (size_t)len);
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager_fd < 0 ||
	    bind(manager_fd, (struct sockaddr *)&addr,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     (size_t)len)) != 0)
		return -1;
	char at_name[80];
	(void)snprintf(at_name, sizeof(at_name), "@%s", name);
	return setenv("NOTIFY_SOCKET", at_name, 1);
}

static int
leave(void **state)
{
	(void)state;
	(void)close(manager_fd);
	manager_fd = -1;
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	return 0;
}

static long long
monotonic_us(void)
{
	struct timespec now;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
the_manager_hears_us(void **state)
{
	(void)state;
	assert_true(notify_is_heard());
	notify_ready();
	assert_string_equal(hear(), "READY=1");
	notify_watchdog();
	assert_string_equal(hear(), "WATCHDOG=1");
	notify_status("active=%d waiting=%d", 3, 5);
	assert_string_equal(hear(), "STATUS=active=3 waiting=5");
	long long before_us = monotonic_us();
	long long at_us = 0;
	notify_reloading();
	assert_int_equal(
		sscanf(hear(), "RELOADING=1\nMONOTONIC_USEC=%lld", &at_us), 1);
	assert_in_range(at_us, before_us, monotonic_us());
	notify_stopping();
	assert_string_equal(hear(), "STOPPING=1");
	notify_grace(90000);
	assert_string_equal(hear(), "EXTEND_TIMEOUT_USEC=90000000");
	notify_grace(0);
	assert_string_equal(hear(), "");
}

static void
a_status_is_one_line(void **state)
{
	(void)state;
	notify_status("bad\nMAINPID=1\n%s", "x");
	assert_string_equal(hear(), "STATUS=bad MAINPID=1 x");
	char text[2000];
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	notify_status("%s", text);
	assert_true(strlen(hear()) < 300);
	/* systemd takes nothing but UTF-8 */
	notify_status("Zo\xc3\xab \xe2\x82\xac \xff\xe2\x82 %.*s", 1,
		      "\xc3\xab");
	assert_string_equal(hear(), "STATUS=Zo\xc3\xab \xe2\x82\xac ??? ?");
	(void)memset(text, ' ', sizeof(text) - 1);
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xab", 2);
	notify_status("%s", text);
	assert_int_equal(hear()[strlen(heard) - 1], '?');
}

static void
without_a_manager_nothing_happens(void **state)
{
	(void)state;
	(void)unsetenv("NOTIFY_SOCKET");
	assert_false(notify_is_heard());
	notify_ready();
	notify_status("x");
	notify_watchdog();
	notify_stopping();
	notify_grace(1);
	assert_string_equal(hear(), "");
	assert_int_equal(notify_watchdog_interval_ms(), 0);
	assert_int_equal(notify_listen_fd(), -1);
}

static void
the_watchdog_hears_us_four_times_in_its_limit(void **state)
{
	(void)state;
	(void)setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_interval_ms(), 7500);
	(void)setenv("WATCHDOG_USEC", "100", 1);
	assert_int_equal(notify_watchdog_interval_ms(), 1);
	(void)setenv("WATCHDOG_USEC", "9000000000000000000", 1);
	assert_int_equal(notify_watchdog_interval_ms(), INT32_MAX);
	(void)setenv("WATCHDOG_USEC", "rubbish", 1);
	assert_int_equal(notify_watchdog_interval_ms(), 0);
	(void)setenv("WATCHDOG_USEC", "30000000", 1);
	(void)setenv("WATCHDOG_PID", "1", 1); /* meant for another */
	assert_int_equal(notify_watchdog_interval_ms(), 0);
}

/* Runs in a child, which may shuffle its descriptors. 3 is a datagram socket
 * in the first case, a listening one in the second. */
static int
inherited_fd(int type, bool is_listening, const char *pid_text)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sockaddr_un addr = { .sun_family = AF_UNIX };
		char own_pid[32];
		(void)snprintf(own_pid, sizeof(own_pid), "%ld", (long)getpid());
		int fd = socket(AF_UNIX, type, 0);
		/* autobind: an abstract name of the kernel's choice */
		if (bind(fd, (struct sockaddr *)&addr,
			 sizeof(addr.sun_family)) != 0)
			_exit(98);
		if (is_listening && listen(fd, 1) != 0)
			_exit(97);
		if (fd != 3 && dup2(fd, 3) != 3)
			_exit(96);
		(void)setenv("LISTEN_FDS", "1", 1);
		(void)setenv("LISTEN_PID",
			     pid_text != NULL ? pid_text : own_pid, 1);
		_exit(notify_listen_fd() + 10);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) - 10;
}

static void
only_a_listening_stream_is_taken(void **state)
{
	(void)state;
	assert_int_equal(inherited_fd(SOCK_STREAM, true, NULL), 3);
	assert_int_equal(inherited_fd(SOCK_STREAM, false, NULL), -1);
	assert_int_equal(inherited_fd(SOCK_DGRAM, false, NULL), -1);
	assert_int_equal(inherited_fd(SOCK_STREAM, true, "1"), -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, play_manager, leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_manager_hears_us),
		CASE(a_status_is_one_line),
		CASE(without_a_manager_nothing_happens),
		CASE(the_watchdog_hears_us_four_times_in_its_limit),
		CASE(only_a_listening_stream_is_taken),
	};
	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
