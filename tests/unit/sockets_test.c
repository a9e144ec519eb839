/*
 * sockets: who is called for what, and what the loop is made to watch, on pipes.
 */
#include "http/sockets.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

static struct event_base *base;
static struct sockets *sockets;
static int ends[2]; /* ours and the peer's */

static char owner[2]; /* two to choose from */
static int n_calls;
static void *called_owner;
static int called_fd;
static short called_events;
static bool drops_when_called;

static void
on_ready(void *ctx, int fd, short events)
{
	n_calls++;
	called_owner = ctx;
	called_fd = fd;
	called_events = events;
	if (drops_when_called)
		sockets_drop(sockets, fd);
}

static int
open_all(void **state)
{
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	base = event_base_new();
	assert_non_null(base);
	sockets = sockets_new(base, on_ready);
	n_calls = 0;
	drops_when_called = false;
	return 0;
}

static int
close_all(void **state)
{
	(void)state;
	sockets_free(sockets);
	event_base_free(base);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}

static void
send_byte(void)
{
	assert_int_equal(write(ends[1], "x", 1), 1);
}

/* What is ready now is told; the number of calls. */
static int
turn(void)
{
	n_calls = 0;
	(void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	return n_calls;
}

static int
n_watched(void)
{
	return event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
}

static void
calls_the_owner(void **state)
{
	(void)state;
	sockets_announce(sockets, ends[0], true);
	assert_int_equal(n_watched(), 0);
	sockets_want(sockets, ends[0], &owner[0], EV_READ);
	assert_int_equal(turn(), 0);
	send_byte();
	assert_int_equal(turn(), 1);
	assert_ptr_equal(called_owner, &owner[0]);
	assert_int_equal(called_fd, ends[0]);
	assert_int_equal(called_events, EV_READ);
	assert_int_equal(turn(), 1); /* until it was read */
	sockets_want(sockets, ends[0], &owner[1], EV_READ | EV_WRITE);
	assert_int_equal(turn(), 1);
	assert_ptr_equal(called_owner, &owner[1]);
	assert_int_equal(called_events, EV_READ | EV_WRITE);
	sockets_want(sockets, ends[0], &owner[1], EV_WRITE);
	assert_int_equal(turn(), 1);
	assert_int_equal(called_events, EV_WRITE);
}

static void
keeps_a_lazy_one_until_an_event_is_unwanted(void **state)
{
	(void)state;
	sockets_announce(sockets, ends[0], true);
	sockets_want(sockets, ends[0], &owner[0], EV_READ);
	assert_int_equal(n_watched(), 1);
	sockets_want(sockets, ends[0], &owner[0], 0);
	assert_int_equal(n_watched(), 1);
	assert_int_equal(turn(), 0);
	assert_int_equal(n_watched(), 1);
	send_byte();
	assert_int_equal(turn(), 0);
	assert_int_equal(n_watched(), 0);
	sockets_want(sockets, ends[0], &owner[0], EV_READ);
	assert_int_equal(n_watched(), 1);
	assert_int_equal(turn(), 1);
}

static void
keeps_a_lazy_one_that_was_left(void **state)
{
	(void)state;
	sockets_announce(sockets, ends[0], true);
	sockets_want(sockets, ends[0], &owner[0], EV_READ);
	sockets_leave(sockets, ends[0]);
	assert_int_equal(n_watched(), 1);
	sockets_want(sockets, ends[0], &owner[1], EV_READ);
	send_byte();
	assert_int_equal(turn(), 1);
	assert_ptr_equal(called_owner, &owner[1]);
	sockets_leave(sockets, ends[0]);
	assert_int_equal(turn(), 0);
	assert_int_equal(n_watched(), 0);
}

/* Those that nobody announced, too. */
static void
obeys_at_once_for_the_others(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			sockets_announce(sockets, ends[0], false);
		sockets_want(sockets, ends[0], &owner[0], EV_READ);
		assert_int_equal(n_watched(), 1);
		sockets_want(sockets, ends[0], &owner[0], 0);
		assert_int_equal(n_watched(), 0);
		sockets_want(sockets, ends[0], &owner[0], EV_WRITE);
		assert_int_equal(turn(), 1);
		sockets_leave(sockets, ends[0]);
		assert_int_equal(n_watched(), 0);
		assert_int_equal(turn(), 0);
	}
}

static void
forgets_what_is_dropped(void **state)
{
	(void)state;
	sockets_announce(sockets, ends[0], true);
	sockets_want(sockets, ends[0], &owner[0], EV_READ);
	sockets_drop(sockets, ends[0]);
	assert_int_equal(n_watched(), 0);
	/* it is not a lazy one any more */
	sockets_want(sockets, ends[0], &owner[0], EV_READ);
	sockets_want(sockets, ends[0], &owner[0], 0);
	assert_int_equal(n_watched(), 0);
	sockets_drop(sockets, ends[0]);
	sockets_drop(sockets, ends[0]);
	sockets_leave(sockets, ends[0]);
	sockets_drop(sockets, 1000000); /* never seen */
}

/* A number comes back without a word when a stranger's socket is closed. */
static void
forgets_who_had_the_number_before(void **state)
{
	(void)state;
	sockets_want(sockets, ends[0], &owner[0], EV_READ);
	sockets_announce(sockets, ends[0], true);
	assert_int_equal(n_watched(), 0);
	send_byte();
	assert_int_equal(turn(), 0);
}

static void
may_be_dropped_when_called(void **state)
{
	(void)state;
	drops_when_called = true;
	sockets_announce(sockets, ends[0], true);
	sockets_want(sockets, ends[0], &owner[0], EV_WRITE);
	assert_int_equal(turn(), 1);
	assert_int_equal(n_watched(), 0);
	assert_int_equal(turn(), 0);
}

static void
takes_high_numbers(void **state)
{
	int high = fcntl(ends[0], F_DUPFD, 500);

	(void)state;
	assert_true(high >= 500);
	sockets_want(sockets, ends[0], &owner[0], EV_WRITE);
	sockets_want(sockets, high, &owner[1], EV_READ);
	assert_int_equal(n_watched(), 2);
	assert_int_equal(turn(), 1);
	assert_int_equal(called_fd, ends[0]);
	sockets_drop(sockets, ends[0]);
	send_byte();
	assert_int_equal(turn(), 1);
	assert_int_equal(called_fd, high);
	assert_ptr_equal(called_owner, &owner[1]);
	sockets_drop(sockets, high);
	(void)close(high);
}

static void
watches_nothing_when_freed(void **state)
{
	(void)state;
	sockets_want(sockets, ends[0], &owner[0], EV_READ);
	sockets_want(sockets, ends[1], &owner[0], EV_READ);
	assert_int_equal(n_watched(), 2);
	sockets_free(sockets);
	sockets = NULL; /* and NULL is freed after the case */
	assert_int_equal(n_watched(), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(calls_the_owner),
		CASE(keeps_a_lazy_one_until_an_event_is_unwanted),
		CASE(keeps_a_lazy_one_that_was_left),
		CASE(obeys_at_once_for_the_others),
		CASE(forgets_what_is_dropped),
		CASE(forgets_who_had_the_number_before),
		CASE(may_be_dropped_when_called),
		CASE(takes_high_numbers),
		CASE(watches_nothing_when_freed),
	};

	return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
