/*
 * front: management records, which libfcgi answers, and requests that are there
 * when it stops.
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
#include "base/log.h"
#include "fcgi/front.h"
#include "tests/lib/fcgi_peer.h"

#define MAX 65536
#define MANY 100 /* more than one turn of the loop takes */
#define PATIENCE_MS 10000

static const char *const params[] = { "REQUEST_METHOD=POST", "REQUEST_URI=/x",
				      NULL };

static struct event_base *base;
static struct front *front;
static int listen_fd;
static char path[64];
static size_t n_calls;

static void
on_call(void *ctx, struct front_call *call)
{
	(void)ctx;
	n_calls++;
	front_answer(call, span_text("Status: 200 OK\r\n\r\n"));
}

static int64_t
limit(void *ctx, const char *const *env)
{
	(void)ctx;
	(void)env;
	return 0;
}

static int
open_peer(void)
{
	int fd = fcgi_peer_connect(path);
	assert_true(fd >= 0);
	return fd;
}

static void
run_until_called(size_t n)
{
	int64_t due_ms = clock_mono_ms() + PATIENCE_MS;
	while (n_calls < n) {
		assert_true(clock_mono_ms() < due_ms);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

/* Runs the loop until the peer may read; how much it read, 0: closed. */
static size_t
read_some(int fd, unsigned char *out, size_t size)
{
	int64_t due_ms = clock_mono_ms() + PATIENCE_MS;
	ssize_t n;
	while ((n = recv(fd, out, size, MSG_DONTWAIT)) < 0 &&
	       clock_mono_ms() < due_ms)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(n >= 0);
	return (size_t)n;
}

/* Whatever padding it has, or none, and whatever is behind it. */
static void
test_management(void **state)
{
	struct buf pair;
	struct buf bytes;
	(void)state;
	buf_init(&pair, MAX);
	buf_init(&bytes, MAX);
	fcgi_peer_pair(&pair, span_text("FCGI_MPXS_CONNS"), span_text(""));
	for (size_t padding = 0; padding < 16; padding++) {
		unsigned char answer[64];
		int fd = open_peer();
		buf_reset(&bytes);
		fcgi_peer_record(&bytes, FCGI_PEER_GET_VALUES, 0,
				 buf_span(&pair), padding);
		fcgi_peer_request(&bytes, 1, FCGI_PEER_KEEP, params,
				  span_text("hello"));
		assert_true(fcgi_peer_send(fd, buf_span(&bytes)));
		assert_true(read_some(fd, answer, sizeof(answer)) >= 26);
		assert_int_equal(answer[1], 10); /* FCGI_GET_VALUES_RESULT */
		assert_memory_equal(answer + 8,
				    "\x0f\x01"
				    "FCGI_MPXS_CONNS0",
				    18);
		run_until_called(padding + 1);
		close(fd);
	}
	buf_fini(&pair);
	buf_fini(&bytes);
}

/* libfcgi would allocate what its lengths say. */
static void
test_broken_management(void **state)
{
	struct buf bytes;
	unsigned char byte;
	(void)state;
	buf_init(&bytes, MAX);
	int fd = open_peer();
	fcgi_peer_record(&bytes, FCGI_PEER_GET_VALUES, 0,
			 span_text("\xff\xff\xff\xff\xff\xff\xff\xffxxxx"), 4);
	assert_true(fcgi_peer_send(fd, buf_span(&bytes)));
	assert_int_equal(read_some(fd, &byte, 1), 0);
	close(fd);
	/* and life goes on */
	fd = open_peer();
	buf_reset(&bytes);
	fcgi_peer_request(&bytes, 1, 0, params, span_text(""));
	assert_true(fcgi_peer_send(fd, buf_span(&bytes)));
	run_until_called(1);
	close(fd);
	buf_fini(&bytes);
}

/* Nobody who has sent a request is left alone. */
static void
test_stop(void **state)
{
	struct buf bytes;
	int fds[MANY];
	(void)state;
	buf_init(&bytes, MAX);
	fcgi_peer_request(&bytes, 1, FCGI_PEER_KEEP, params, span_text(""));
	fds[0] = open_peer();
	assert_true(fcgi_peer_send(fds[0], buf_span(&bytes)));
	run_until_called(1);
	/* again on the same connection, and on many that wait, one of which
	 * has said nothing and one only half */
	assert_true(fcgi_peer_send(fds[0], buf_span(&bytes)));
	for (size_t i = 1; i < MANY; i++) {
		fds[i] = open_peer();
		if (i == 1)
			continue;
		assert_true(fcgi_peer_send(
			fds[i], span_of(bytes.data,
					i == 2 ? bytes.len / 2 : bytes.len)));
	}
	front_stop(front);
	assert_int_equal(n_calls, MANY - 1);
	assert_int_equal(front_n_inside(front), 1);
	for (size_t i = 0; i < MANY; i++)
		close(fds[i]);
	buf_fini(&bytes);
}

static int
setup(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)state;
	n_calls = 0;
	base = event_base_new();
	snprintf(path, sizeof(path), "/tmp/front_test.%d.sock", (int)getpid());
	memcpy(address.sun_path, path, strlen(path));
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) !=
		    0 ||
	    listen(listen_fd, MANY) != 0)
		return -1;
	const struct front_settings settings = {
		.listen_fd = listen_fd,
		.max_connections = MANY,
		.request_timeout_ms = PATIENCE_MS,
		.fn = on_call,
		.limit = limit,
	};
	front = front_new(base, &settings);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	front_free(front);
	event_base_free(base);
	close(listen_fd);
	unlink(path);
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
		cmocka_unit_test_setup_teardown(test_management, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_broken_management, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
	};
	log_set_sink(swallow);
	return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
