/*
 * A wire is first a lookup (names only), then a connect() per address, then a
 * bufferevent. We connect ourselves and give the bufferevent a socket that is
 * connected: so nothing is ever reported from inside wire_open(), and the next
 * address can be tried.
 *
 * A lookup lives on its own: when the wire goes first, the lookup is cancelled
 * and cleans up when the resolver lets go of it. It has its own resolver, which
 * reads /etc/resolv.conf and /etc/hosts anew: the nameserver of this morning
 * may be gone.
 *
 * libevent reads at most 4 KiB at a time. When it filled that, more is likely:
 * we then read the socket directly, a bounded number of times, before we go
 * back to the loop.
 */
#include "redis/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"

#define MAX_ADDRESSES 8           /* of one name; more are not tried */
#define MIN_ADDRESS_MS 100        /* what each address gets at least */
#define READ_BYTES (16 * 1024)    /* one read of ours, one call of on_bytes */
#define READS_PER_TURN 16         /* of ours; then the others have their turn */
#define LIBEVENT_READ_BYTES 4096  /* libevent 2.1: EVBUFFER_MAX_READ */
#define WRITE_BYTES (1024 * 1024) /* libevent's own 16 KiB cost many turns */
#define SMALL_BYTES 1024          /* smaller blocks are copied: cheaper */
#define KEEPALIVE_IDLE_S 30 /* half-open sockets are found in a minute ... */
#define KEEPALIVE_INTERVAL_S 10 /* ... also with no command under way */
#define KEEPALIVE_COUNT 3

struct address {
	struct sockaddr_storage name;
	socklen_t len;
};

struct lookup {
	struct wire *wire; /* NULL: the wire is gone */
	struct event_base *base;
	struct evdns_base *dns;
	struct evdns_getaddrinfo_request *request; /* NULL: answered */
};

struct wire {
	struct event_base *base;
	const struct wire_fns *fns;
	void *ctx;
	struct lookup *lookup; /* NULL: none under way */
	struct address addresses[MAX_ADDRESSES];
	size_t n_addresses;
	size_t next; /* the address to try next */
	int64_t address_timeout_ms;
	int fd;                   /* while connecting; -1 else */
	struct event *connecting; /* fd writable, or its time is up */
	struct event *soon;       /* reports from the loop */
	struct bufferevent *bev;  /* NULL until connected */
	bool in_callback;
	bool is_dead; /* wire_free() inside a callback */
	char why[160];
};

/* ---- life ---- */

static void
close_parts(struct wire *wire)
{
	if (wire->lookup != NULL) {
		wire->lookup->wire = NULL;
		if (wire->lookup->request != NULL)
			evdns_getaddrinfo_cancel(wire->lookup->request);
		wire->lookup = NULL;
	}
	if (wire->connecting != NULL)
		event_free(wire->connecting);
	wire->connecting = NULL;
	if (wire->soon != NULL)
		event_free(wire->soon);
	wire->soon = NULL;
	if (wire->fd >= 0)
		(void)close(wire->fd);
	wire->fd = -1;
	if (wire->bev != NULL)
		bufferevent_free(wire->bev); /* closes its socket */
	wire->bev = NULL;
}

/* Brackets around every call out: between them wire_free() only marks. Returns
 * false when the wire is gone. */
static void
enter(struct wire *wire)
{
	log_assert(!wire->in_callback);
	wire->in_callback = true;
}

static bool
leave(struct wire *wire)
{
	wire->in_callback = false;
	if (!wire->is_dead)
		return true;
	free(wire);
	return false;
}

static void
report_close(struct wire *wire)
{
	close_parts(wire);
	enter(wire);
	wire->fns->on_close(wire->ctx, wire->why);
	(void)leave(wire);
}

static void
on_soon(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	report_close(ctx);
}

/* The wire has failed for `why`; said from the loop. */
static void
fail_soon(struct wire *wire, const char *why)
{
	struct timeval now = { 0, 0 };

	snprintf(wire->why, sizeof(wire->why), "%s", why);
	if (wire->soon == NULL)
		wire->soon = evtimer_new(wire->base, on_soon, wire);
	if (wire->soon == NULL || evtimer_add(wire->soon, &now) != 0)
		log_fatal(EX_OSERR, "out of memory");
}

/* ---- bytes ---- */

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
read_directly(struct wire *wire)
{
	unsigned char bytes[READ_BYTES];
	int fd = bufferevent_getfd(wire->bev);

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n <= 0)
			return; /* end and errors: libevent will see them too */
		wire->fns->on_bytes(wire->ctx, bytes, (size_t)n);
		if (wire->is_dead || (size_t)n < sizeof(bytes))
			return;
	}
}

static void
on_readable(struct bufferevent *bev, void *ctx)
{
	struct wire *wire = ctx;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t n_read = 0;

	enter(wire);
	while (!wire->is_dead && evbuffer_get_length(input) > 0) {
		size_t len = evbuffer_get_contiguous_space(input);
		if (len == 0 || len > READ_BYTES)
			len = least(evbuffer_get_length(input), READ_BYTES);
		unsigned char *bytes = evbuffer_pullup(input, (ev_ssize_t)len);
		wire->fns->on_bytes(wire->ctx, bytes, len);
		n_read += len;
		if (!wire->is_dead)
			evbuffer_drain(input, len);
	}
	if (!wire->is_dead && n_read >= LIBEVENT_READ_BYTES)
		read_directly(wire);
	(void)leave(wire);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct wire *wire = ctx;
	int error = EVUTIL_SOCKET_ERROR();

	(void)bev;
	if ((what & BEV_EVENT_EOF) != 0)
		snprintf(wire->why, sizeof(wire->why),
			 "connection closed by the server");
	else
		snprintf(wire->why, sizeof(wire->why), "%s",
			 evutil_socket_error_to_string(error));
	report_close(wire);
}

static void
become_open(struct wire *wire)
{
	wire->bev = bufferevent_socket_new(wire->base, wire->fd,
					   BEV_OPT_CLOSE_ON_FREE);
	if (wire->bev == NULL) {
		fail_soon(wire, "out of memory");
		return;
	}
	wire->fd = -1; /* the bufferevent's now */
	bufferevent_setcb(wire->bev, on_readable, NULL, on_event, wire);
	(void)bufferevent_set_max_single_write(wire->bev, WRITE_BYTES);
	if (bufferevent_enable(wire->bev, EV_READ | EV_WRITE) != 0) {
		fail_soon(wire, "out of memory");
		return;
	}
	enter(wire);
	wire->fns->on_open(wire->ctx);
	(void)leave(wire);
}

/* ---- connecting ---- */

static void
set_option(int fd, int level, int name, int value)
{
	/* a socket without it still works */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int
open_socket(const struct address *address)
{
	int family = address->name.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || family == AF_UNIX)
		return fd;
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
	return fd;
}

/* Who may not connect is told what may be in the way: the bare words of the
 * kernel sound like a wrong password. */
static const char *
connect_error(const struct wire *wire, int error)
{
	if (error != EACCES && error != EPERM)
		return evutil_socket_error_to_string(error);
	if (wire->addresses[0].name.ss_family == AF_UNIX)
		return "Permission denied: is this user in the group of the "
		       "socket and its folder?";
	return "Operation not permitted: does the unit's IPAddressAllow= or a "
	       "firewall forbid it?";
}

static void on_connecting(evutil_socket_t fd, short what, void *ctx);

static bool
watch_connecting(struct wire *wire)
{
	struct timeval limit = clock_timeval(wire->address_timeout_ms);

	wire->connecting =
		event_new(wire->base, wire->fd, EV_WRITE, on_connecting, wire);
	return wire->connecting != NULL &&
	       event_add(wire->connecting, &limit) == 0;
}

/* Starts with the next address that does not fail at once. */
static void
connect_next(struct wire *wire)
{
	int error = 0;

	while (wire->next < wire->n_addresses) {
		struct address *address = &wire->addresses[wire->next++];

		wire->fd = open_socket(address);
		if (wire->fd < 0) {
			error = errno;
			continue;
		}
		/* connected at once (Unix) or under way: writable says so */
		if (connect(wire->fd, (struct sockaddr *)&address->name,
			    address->len) == 0 ||
		    errno == EINPROGRESS) {
			if (watch_connecting(wire))
				return;
			errno = ENOMEM;
		}
		error = errno;
		(void)close(wire->fd);
		wire->fd = -1;
	}
	fail_soon(wire, error != 0 ? connect_error(wire, error) : "no address");
}

static void
on_connecting(evutil_socket_t fd, short what, void *ctx)
{
	struct wire *wire = ctx;
	int error = ETIMEDOUT;
	socklen_t len = sizeof(error);

	event_free(wire->connecting);
	wire->connecting = NULL;
	if ((what & EV_WRITE) != 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0) {
		become_open(wire);
		return;
	}
	(void)close(wire->fd);
	wire->fd = -1;
	if (wire->next < wire->n_addresses)
		connect_next(wire);
	else
		fail_soon(wire, connect_error(wire, error));
}

/* ---- addresses ---- */

static void
add_address(struct wire *wire, const void *name, size_t len)
{
	if (wire->n_addresses == MAX_ADDRESSES ||
	    len > sizeof(wire->addresses[0].name))
		return;
	struct address *address = &wire->addresses[wire->n_addresses++];
	memcpy(&address->name, name, len);
	address->len = (socklen_t)len;
}

static void
add_addresses(struct wire *wire, const struct evutil_addrinfo *list)
{
	for (; list != NULL; list = list->ai_next)
		add_address(wire, list->ai_addr, list->ai_addrlen);
	if (wire->n_addresses == 0)
		return;
	wire->address_timeout_ms /= (int64_t)wire->n_addresses;
	if (wire->address_timeout_ms < MIN_ADDRESS_MS)
		wire->address_timeout_ms = MIN_ADDRESS_MS;
}

static void
free_lookup(evutil_socket_t fd, short what, void *ctx)
{
	struct lookup *lookup = ctx;

	(void)fd;
	(void)what;
	evdns_base_free(lookup->dns, 0);
	free(lookup);
}

static void
on_names(int result, struct evutil_addrinfo *list, void *ctx)
{
	struct lookup *lookup = ctx;
	struct wire *wire = lookup->wire;
	struct timeval now = { 0, 0 };

	lookup->request = NULL;
	lookup->wire = NULL;
	/* not from inside its own callback */
	if (event_base_once(lookup->base, -1, EV_TIMEOUT, free_lookup, lookup,
			    &now) != 0)
		log_fatal(EX_OSERR, "out of memory");
	if (wire == NULL) {
		if (list != NULL)
			evutil_freeaddrinfo(list);
		return;
	}
	wire->lookup = NULL;
	if (result == 0)
		add_addresses(wire, list);
	if (list != NULL)
		evutil_freeaddrinfo(list);
	if (wire->n_addresses > 0)
		connect_next(wire);
	else
		fail_soon(wire, result != 0 ? evutil_gai_strerror(result)
					    : "name has no address");
}

static void
look_up(struct wire *wire, const char *host, const char *port,
	const struct evutil_addrinfo *hints)
{
	struct lookup *lookup = xcalloc(1, sizeof(*lookup));

	lookup->base = wire->base;
	lookup->wire = wire;
	lookup->dns =
		evdns_base_new(wire->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (lookup->dns == NULL) {
		free(lookup);
		fail_soon(wire, "out of memory");
		return;
	}
	/* without the file, /etc/hosts still counts */
	(void)evdns_base_resolv_conf_parse(lookup->dns, DNS_OPTIONS_ALL,
					   "/etc/resolv.conf");
	wire->lookup = lookup;
	struct evdns_getaddrinfo_request *request = evdns_getaddrinfo(
		lookup->dns, host, port, hints, on_names, lookup);
	/* what stands in /etc/hosts was answered already */
	if (wire->lookup == lookup)
		lookup->request = request;
}

static void
find_addresses(struct wire *wire, const struct topo_address *address)
{
	char port[16];
	struct evutil_addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct evutil_addrinfo *list = NULL;

	snprintf(port, sizeof(port), "%d", address->port);
	/* numeric first: that is no lookup and cannot block */
	if (getaddrinfo(address->host, port, &hints, &list) == 0) {
		add_addresses(wire, list);
		freeaddrinfo(list);
		connect_next(wire);
		return;
	}
	hints.ai_flags = EVUTIL_AI_NUMERICSERV;
	look_up(wire, address->host, port, &hints);
}

static void
use_unix_path(struct wire *wire, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (len >= sizeof(name.sun_path)) {
		fail_soon(wire, "the socket's path is too long");
		return;
	}
	memcpy(name.sun_path, path, len + 1);
	add_address(wire, &name, sizeof(name));
	connect_next(wire);
}

static void
on_sent(const void *bytes, size_t len, void *ctx)
{
	(void)bytes;
	(void)len;
	wire_block_unref(ctx);
}

/* ---- public ---- */

struct wire_block *
wire_block_new(size_t max_bytes)
{
	struct wire_block *block = xcalloc(1, sizeof(*block));

	block->n_refs = 1;
	buf_init(&block->bytes, max_bytes);
	return block;
}

struct wire_block *
wire_block_ref(struct wire_block *block)
{
	block->n_refs++;
	return block;
}

void
wire_block_unref(struct wire_block *block)
{
	if (block == NULL || --block->n_refs > 0)
		return;
	buf_fini(&block->bytes);
	free(block);
}

struct wire *
wire_open(struct event_base *base, const struct topo_address *address,
	  int64_t timeout_ms, const struct wire_fns *fns, void *ctx)
{
	struct wire *wire = xcalloc(1, sizeof(*wire));

	wire->base = base;
	wire->fns = fns;
	wire->ctx = ctx;
	wire->fd = -1;
	wire->address_timeout_ms =
		timeout_ms > MIN_ADDRESS_MS ? timeout_ms : MIN_ADDRESS_MS;
	if (address->unix_path != NULL)
		use_unix_path(wire, address->unix_path);
	else
		find_addresses(wire, address);
	return wire;
}

void
wire_free(struct wire *wire)
{
	if (wire == NULL)
		return;
	close_parts(wire);
	if (wire->in_callback)
		wire->is_dead = true; /* leave() frees it */
	else
		free(wire);
}

enum hs_err
wire_write(struct wire *wire, struct span bytes)
{
	if (wire->bev == NULL)
		return HS_UNAVAILABLE;
	if (bufferevent_write(wire->bev, bytes.ptr, bytes.len) != 0)
		return HS_NO_MEMORY;
	return HS_OK;
}

enum hs_err
wire_write_block(struct wire *wire, struct wire_block *block)
{
	if (wire->bev == NULL)
		return HS_UNAVAILABLE;
	if (block->bytes.len < SMALL_BYTES)
		return wire_write(wire, buf_span(&block->bytes));
	if (evbuffer_add_reference(bufferevent_get_output(wire->bev),
				   block->bytes.data, block->bytes.len, on_sent,
				   wire_block_ref(block)) != 0) {
		wire_block_unref(block);
		return HS_NO_MEMORY;
	}
	return HS_OK;
}

size_t
wire_n_unsent(const struct wire *wire)
{
	if (wire->bev == NULL)
		return 0;
	return evbuffer_get_length(bufferevent_get_output(wire->bev));
}
