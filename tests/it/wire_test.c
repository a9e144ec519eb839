/*
 * wire: bytes both ways with a peer on the same loop, and its end at every
 * moment at which it can come.
 */
#include "redis/wire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "tests/lib/patience.h"

#define BLOCK_BYTES (5 * 1024 * 1024)

static struct event_base *base;
static struct event *tick;
static struct evconnlistener *listener;
static struct bufferevent *peer;
static struct buf peer_got;
static struct topo_address address;

static struct wire *wire;
static int n_open;
static int n_close;
static size_t n_bytes;
static char why[200];
static enum { FREE_NEVER, FREE_OPEN, FREE_BYTES, FREE_CLOSE } free_in;

/* ---- the peer ---- */

static void
on_peer_bytes(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	char bytes[4096];
	int n;

	(void)ctx;
	while ((n = evbuffer_remove(input, bytes, sizeof(bytes))) > 0)
		assert_int_equal(buf_add(&peer_got, bytes, (size_t)n), HS_OK);
}

static void
on_peer_event(struct bufferevent *bev, short what, void *ctx)
{
	(void)what;
	(void)ctx;
	bufferevent_free(bev);
	peer = NULL;
}

static void
on_accept(struct evconnlistener *on, evutil_socket_t fd, struct sockaddr *name,
	  int len, void *ctx)
{
	(void)on;
	(void)name;
	(void)len;
	(void)ctx;
	peer = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(peer, on_peer_bytes, NULL, on_peer_event, NULL);
	bufferevent_enable(peer, EV_READ | EV_WRITE);
}

/* ---- our side ---- */

static void
free_if(int when)
{
	if ((int)free_in != when)
		return;
	wire_free(wire);
	wire = NULL;
}

static void
on_open(void *ctx)
{
	assert_ptr_equal(ctx, &wire);
	n_open++;
	free_if(FREE_OPEN);
}

static void
on_bytes(void *ctx, const unsigned char *bytes, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != (unsigned char)((n_bytes + i) % 251))
			fail_msg("wrong byte at %zu", n_bytes + i);
	n_bytes += len;
	free_if(FREE_BYTES);
}

static void
on_close(void *ctx, const char *text)
{
	(void)ctx;
	n_close++;
	snprintf(why, sizeof(why), "%s", text);
	free_if(FREE_CLOSE);
}

static const struct wire_fns fns = {
	.on_open = on_open,
	.on_bytes = on_bytes,
	.on_close = on_close,
};

static int
setup(void **state)
{
	struct timeval often = { 0, 10000 };
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);

	(void)state;
	base = event_base_new();
	tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	event_add(tick, &often);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = evconnlistener_new_bind(base, on_accept, NULL,
					   LEV_OPT_CLOSE_ON_FREE, -1,
					   (struct sockaddr *)&name, (int)len);
	assert_non_null(listener);
	getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&name,
		    &len);
	address = (struct topo_address){ .host = "127.0.0.1",
					 .port = ntohs(name.sin_port) };
	buf_init(&peer_got, 64 * 1024 * 1024);
	n_open = n_close = 0;
	n_bytes = 0;
	free_in = FREE_NEVER;
	why[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	wire_free(wire);
	wire = NULL;
	turn_for(base, 30);
	if (peer != NULL)
		bufferevent_free(peer);
	peer = NULL;
	evconnlistener_free(listener);
	event_free(tick);
	event_base_free(base);
	buf_fini(&peer_got);
	return 0;
}

static void
connect_it(void)
{
	wire = wire_open(base, &address, 5000, &fns, &wire);
	assert_int_equal(n_open + n_close, 0);
}

static void
peer_sends(size_t len)
{
	unsigned char *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(i % 251);
	bufferevent_write(peer, bytes, len);
	free(bytes);
}

/* ---- the cases ---- */

static void
carries_bytes_both_ways(void **state)
{
	size_t len = 3 * 1024 * 1024 + 5;

	(void)state;
	connect_it();
	assert_int_equal(wire_write(wire, span_text("too early")),
			 HS_UNAVAILABLE);
	WAIT_FOR(base, n_open == 1 && peer != NULL);
	assert_int_equal(wire_write(wire, span_text("hello ")), HS_OK);
	assert_int_equal(wire_write(wire, span_text("there")), HS_OK);
	assert_int_equal(wire_n_unsent(wire), 11);
	WAIT_FOR(base, peer_got.len == 11);
	assert_string_equal(buf_text(&peer_got), "hello there");
	assert_int_equal(wire_n_unsent(wire), 0);
	peer_sends(len);
	WAIT_FOR(base, n_bytes == len);
	assert_int_equal(n_close, 0);
}

static void
holds_blocks_until_sent(void **state)
{
	struct wire_block *block = wire_block_new(BLOCK_BYTES);
	struct wire_block *small = wire_block_new(100);
	unsigned char *bytes;

	(void)state;
	assert_int_equal(buf_reserve(&block->bytes, BLOCK_BYTES, &bytes),
			 HS_OK);
	memset(bytes, 'b', BLOCK_BYTES);
	buf_commit(&block->bytes, BLOCK_BYTES);
	assert_int_equal(buf_add_text(&small->bytes, "s"), HS_OK);
	connect_it();
	assert_int_equal(wire_write_block(wire, block), HS_UNAVAILABLE);
	WAIT_FOR(base, n_open == 1);
	/* twice, as after NOSCRIPT, with others between */
	assert_int_equal(wire_write_block(wire, block), HS_OK);
	assert_int_equal(wire_write_block(wire, small), HS_OK);
	assert_int_equal(wire_write_block(wire, block), HS_OK);
	assert_int_equal(block->n_refs, 3);
	assert_int_equal(wire_n_unsent(wire), 2 * BLOCK_BYTES + 1);
	WAIT_FOR(base, peer_got.len == 2 * BLOCK_BYTES + 1);
	assert_int_equal(peer_got.data[BLOCK_BYTES], 's');
	assert_int_equal(peer_got.data[0], 'b');
	assert_int_equal(peer_got.data[2 * BLOCK_BYTES], 'b');
	WAIT_FOR(base, block->n_refs == 1);
	/* given up before it was sent: the reference comes back as well */
	bufferevent_disable(peer, EV_READ);
	for (int i = 0; i < 10; i++)
		assert_int_equal(wire_write_block(wire, block), HS_OK);
	turn_for(base, 30);
	wire_free(wire);
	wire = NULL;
	WAIT_FOR(base, block->n_refs == 1);
	wire_block_unref(block);
	wire_block_unref(small);
	wire_block_unref(NULL);
}

static void
says_that_the_peer_closed(void **state)
{
	(void)state;
	connect_it();
	WAIT_FOR(base, n_open == 1 && peer != NULL);
	bufferevent_free(peer);
	peer = NULL;
	WAIT_FOR(base, n_close == 1);
	assert_string_equal(why, "connection closed by the server");
	assert_int_equal(wire_write(wire, span_text("x")), HS_UNAVAILABLE);
	assert_int_equal(wire_n_unsent(wire), 0);
	turn_for(base, 50);
	assert_int_equal(n_close, 1);
}

static void
delivers_before_the_end(void **state)
{
	(void)state;
	connect_it();
	WAIT_FOR(base, n_open == 1 && peer != NULL);
	peer_sends(100000);
	WAIT_FOR(base, evbuffer_get_length(bufferevent_get_output(peer)) == 0);
	bufferevent_free(peer);
	peer = NULL;
	WAIT_FOR(base, n_close == 1);
	assert_int_equal(n_bytes, 100000);
}

static void
may_be_freed_in_on_open(void **state)
{
	(void)state;
	free_in = FREE_OPEN;
	connect_it();
	WAIT_FOR(base, n_open == 1);
	assert_null(wire);
	turn_for(base, 30);
	assert_int_equal(n_close, 0);
}

static void
may_be_freed_in_on_bytes(void **state)
{
	(void)state;
	free_in = FREE_BYTES;
	connect_it();
	WAIT_FOR(base, n_open == 1 && peer != NULL);
	peer_sends(100000);
	WAIT_FOR(base, n_bytes > 0);
	assert_null(wire);
	size_t n = n_bytes;
	turn_for(base, 30);
	assert_int_equal(n_bytes, n);
	assert_int_equal(n_close, 0);
}

static void
may_be_freed_in_on_close(void **state)
{
	(void)state;
	free_in = FREE_CLOSE;
	evconnlistener_disable(listener);
	address.port = 1; /* nobody */
	connect_it();
	WAIT_FOR(base, n_close == 1);
	assert_null(wire);
	assert_string_equal(why, "Connection refused");
}

static void
may_be_freed_at_once(void **state)
{
	(void)state;
	connect_it();
	wire_free(wire);
	address.host = "no-such-host.invalid"; /* a lookup is under way */
	connect_it();
	wire_free(wire);
	address = (struct topo_address){ .unix_path = "/nonexistent/x" };
	connect_it(); /* a failure is waiting to be told */
	wire_free(wire);
	wire = NULL;
	turn_for(base, 200);
	assert_int_equal(n_open + n_close, 0);
}

static void
finds_names_of_the_hosts_file(void **state)
{
	(void)state;
	address.host = "localhost"; /* on ::1 nobody listens */
	connect_it();
	WAIT_FOR(base, n_open == 1);
	assert_int_equal(n_close, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(carries_bytes_both_ways),
		CASE(holds_blocks_until_sent),
		CASE(says_that_the_peer_closed),
		CASE(delivers_before_the_end),
		CASE(may_be_freed_in_on_open),
		CASE(may_be_freed_in_on_bytes),
		CASE(may_be_freed_in_on_close),
		CASE(may_be_freed_at_once),
		CASE(finds_names_of_the_hosts_file),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
