/*
 * front: management records, which libfcgi answers, and requests that are there
 * when it stops, or come just then.
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
#include <sys/wait.h>
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
	assert_int_equal(front_n_inside(front), 2); /* the two */
	/* both go on in time */
	assert_true(fcgi_peer_send(fds[1], buf_span(&bytes)));
	assert_true(fcgi_peer_send(fds[2], span_of(bytes.data + bytes.len / 2,
						   bytes.len - bytes.len / 2)));
	run_until_called(MANY + 1);
	assert_int_equal(front_n_inside(front), 0);
	for (size_t i = 0; i < MANY; i++)
		close(fds[i]);
	buf_fini(&bytes);
}

static void
run_until_empty(void)
{
	int64_t due_ms = clock_mono_ms() + PATIENCE_MS;
	while (front_n_inside(front) > 0) {
		assert_true(clock_mono_ms() < due_ms);
		event_base_loop(base, EVLOOP_ONCE);
	}
}

/* A connection without a request is waited for, not for ever; one that has had
 * its answer is closed at once, and what is written on it then is refused to
 * the writer. */
static void
test_stop_idle(void **state)
{
	struct buf bytes;
	unsigned char rest[64];
	(void)state;
	buf_init(&bytes, MAX);
	fcgi_peer_request(&bytes, 1, FCGI_PEER_KEEP, params, span_text(""));
	int kept = open_peer();
	assert_true(fcgi_peer_send(kept, buf_span(&bytes)));
	run_until_called(1);
	assert_true(read_some(kept, rest, sizeof(rest)) > 0);
	int silent = open_peer();
	int64_t start_ms = clock_mono_ms();
	front_stop(front);
	assert_false(fcgi_peer_send(kept, buf_span(&bytes)));
	assert_int_equal(read_some(kept, rest, sizeof(rest)), 0);
	assert_int_equal(front_n_inside(front), 1);
	run_until_empty();
	assert_in_range(clock_mono_ms() - start_ms, 900, PATIENCE_MS - 1);
	assert_int_equal(read_some(silent, rest, sizeof(rest)), 0);
	assert_int_equal(n_calls, 1);
	close(kept);
	close(silent);
	buf_fini(&bytes);
}

static struct front_call *held;

static void
on_held_call(void *ctx, struct front_call *call)
{
	(void)ctx;
	n_calls++;
	held = call;
}

/* Under way when it stops, answered later, and then the connection is over. */
static void
test_stop_inside(void **state)
{
	struct buf bytes;
	struct fcgi_answer answer;
	(void)state;
	buf_init(&bytes, MAX);
	fcgi_peer_request(&bytes, 1, FCGI_PEER_KEEP, params, span_text(""));
	int fd = open_peer();
	assert_true(fcgi_peer_send(fd, buf_span(&bytes)));
	run_until_called(1);
	front_stop(front);
	assert_int_equal(front_n_inside(front), 1);
	front_answer(held, span_text("Status: 200 OK\r\n\r\n"));
	assert_int_equal(front_n_inside(front), 0);
	fcgi_peer_read(fd, PATIENCE_MS, &answer);
	assert_int_equal(answer.status, 200);
	assert_true(answer.is_open); /* it was ended properly ... */
	fcgi_answer_fini(&answer);
	assert_true(fcgi_peer_is_closed(fd, PATIENCE_MS)); /* ... and closed */
	assert_false(fcgi_peer_send(fd, buf_span(&bytes)));
	close(fd);
	buf_fini(&bytes);
}

/* A web server that writes request after request on a kept connection, until
 * one is not taken. Exits with 1 when one was taken and not answered; the first
 * may go down with the listening socket. */
static void
play_web_server(void)
{
	struct buf bytes;
	size_t n_answers = 0;
	close(listen_fd);
	buf_init(&bytes, MAX);
	fcgi_peer_request(&bytes, 1, FCGI_PEER_KEEP, params, span_text(""));
	int fd = fcgi_peer_connect(path);
	while (fd >= 0 && fcgi_peer_send(fd, buf_span(&bytes))) {
		struct fcgi_answer answer;
		fcgi_peer_read(fd, PATIENCE_MS, &answer);
		if (answer.status != 200)
			_exit(n_answers > 0);
		n_answers++;
		fcgi_answer_fini(&answer);
	}
	_exit(0);
}

static void
test_stop_swallows_nothing(void **state)
{
	enum { N_SERVERS = 4 };
	pid_t pids[N_SERVERS];
	(void)state;
	fflush(stdout);
	for (size_t i = 0; i < N_SERVERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			play_web_server();
	}
	run_until_called(N_SERVERS * 20);
	front_stop(front);
	run_until_empty();
	front_free(front);
	front = NULL;
	close(listen_fd); /* for those who would come now */
	for (size_t i = 0; i < N_SERVERS; i++) {
		int status = 0;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static int setup(void **state);
static int teardown(void **state);

static void
test_stop_many_times(void **state)
{
	for (int i = 0; i < 50; i++) {
		assert_int_equal(setup(state), 0);
		test_stop_swallows_nothing(state);
		assert_int_equal(teardown(state), 0);
	}
}

static int
setup_with(front_fn fn)

{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
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
		.fn = fn,
		.limit = limit,
	};
	front = front_new(base, &settings);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	return setup_with(on_call);
}

static int
setup_held(void **state)
{
	(void)state;
	return setup_with(on_held_call);
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
		cmocka_unit_test_setup_teardown(test_stop_idle, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_stop_inside, setup_held,
						teardown),
		cmocka_unit_test(test_stop_many_times),
	};
	log_set_sink(swallow);
	return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
