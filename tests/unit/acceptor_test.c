/*
 * acceptor: no more connections than it may have, only those that are welcome,
 * and at the end those that wait already.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/acceptor.h"

static struct event_base *base;
static int listen_fd;
static struct sockaddr_in address;
#define MANY 200 /* more than one event takes */

static int taken[MANY];
static size_t n_taken;

static void
on_accepted(void *ctx, int fd)
{
	(void)ctx;
	assert_true(n_taken < MANY);
	taken[n_taken++] = fd;
}

static int
knock(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Runs the loop until that many are taken, or, when it is as many already, a
 * little: nothing more may come. */
static void
run_until(size_t n)
{
	int64_t due_ms = clock_mono_ms() + 10000;
	while (n_taken < n) {
		assert_true(clock_mono_ms() < due_ms);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(n_taken, n);
}

static void
test_max_and_stop(void **state)
{
	struct acceptor *acceptor = acceptor_new(base, listen_fd, "127.0.0.1",
						 2, on_accepted, NULL);
	int peers[6];
	(void)state;
	for (int i = 0; i < 4; i++)
		peers[i] = knock();
	run_until(2);
	acceptor_release(acceptor);
	run_until(3);
	acceptor_release(acceptor);
	run_until(4);
	acceptor_release(acceptor);
	peers[4] = knock();
	acceptor_stop(acceptor);
	assert_int_equal(n_taken, 5); /* it waited */
	acceptor_stop(acceptor);
	acceptor_release(acceptor);
	peers[5] = knock();
	run_until(5);
	acceptor_free(acceptor);
	for (int i = 0; i < 6; i++)
		close(peers[i]);
}

/* Who waits when we stop is taken, however many they are. */
static void
test_stop_takes_all(void **state)
{
	struct acceptor *acceptor =
		acceptor_new(base, listen_fd, NULL, MANY, on_accepted, NULL);
	int peers[MANY];
	(void)state;
	for (int i = 0; i < MANY; i++)
		peers[i] = knock();
	acceptor_stop(acceptor);
	assert_int_equal(n_taken, MANY);
	acceptor_free(acceptor);
	for (int i = 0; i < MANY; i++)
		close(peers[i]);
}

static void
test_unwelcome(void **state)
{
	struct acceptor *acceptor =
		acceptor_new(base, listen_fd, "192.0.2.1, 2001:db8::1", 2,
			     on_accepted, NULL);
	char byte;
	(void)state;
	int peer = knock();
	run_until(0);
	assert_int_equal(recv(peer, &byte, 1, 0), 0); /* closed */
	close(peer);
	acceptor_free(acceptor);
}

static void
test_list(void **state)
{
	(void)state;
	assert_true(acceptor_list_has("127.0.0.1", "127.0.0.1"));
	assert_true(acceptor_list_has("10.0.0.1,127.0.0.1", "127.0.0.1"));
	assert_true(acceptor_list_has(" ::1 , 10.0.0.1 ,", "10.0.0.1"));
	assert_true(acceptor_list_has("::1", "::1"));
	assert_false(acceptor_list_has("127.0.0.11", "127.0.0.1"));
	assert_false(acceptor_list_has("127.0.0.1", "127.0.0.11"));
	assert_false(acceptor_list_has("", "127.0.0.1"));
	assert_false(acceptor_list_has(",,", ""));
}

static int
setup(void **state)
{
	socklen_t len = sizeof(address);
	(void)state;
	base = event_base_new();
	n_taken = 0;
	address = (struct sockaddr_in){ .sin_family = AF_INET };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(listen_fd, (struct sockaddr *)&address, len) != 0 ||
	       listen(listen_fd, MANY) != 0 ||
	       getsockname(listen_fd, (struct sockaddr *)&address, &len) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_taken; i++)
		close(taken[i]);
	close(listen_fd);
	event_base_free(base);
	return 0;
}

static void
swallow(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_max_and_stop, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_stop_takes_all, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_unwelcome, setup,
						teardown),
		cmocka_unit_test(test_list),
	};
	log_set_sink(swallow);
	return cmocka_run_group_tests_name("acceptor", tests, NULL, NULL);
}
