/*
 * acceptor: accept() on the loop.
 *
 * When all connections are in use, or the system has no descriptor left, the
 * listening socket is not watched for a while: the backlog keeps the others,
 * and the loop does not spin on a socket that stays readable.
 *
 * libfcgi checks FCGI_WEB_SERVER_ADDRS only in its own accept, so we do here.
 */
#include "config.h"

#include "fcgi/acceptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/log.h"

/* Per event, so that a flood of connections does not keep the loop. */
#define MAX_ACCEPTS 64
/* Times MAX_ACCEPTS: all of the backlog that listener.c asks for. */
#define STOP_ROUNDS 64
#define PAUSE_MS 100
#define STORM_MS 10000

struct acceptor {
	int listen_fd;
	const char *web_server_addrs;
	size_t n;
	size_t max;
	acceptor_fn fn;
	void *ctx;
	struct event *event; /* NULL: stopped */
	struct event *timer; /* pending: paused */
	struct log_storm full, error, denied;
};

bool
acceptor_list_has(const char *list, const char *address)
{
	for (const char *at = list; *at != '\0';) {
		size_t len = strcspn(at, ", ");
		if (len > 0 && span_is(span_of(at, len), address))
			return true;
		at += len;
		at += strspn(at, ", ");
	}
	return false;
}

static bool
is_welcome(const struct acceptor *acceptor, const struct sockaddr_storage *peer)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (acceptor->web_server_addrs == NULL || peer->ss_family == AF_UNIX)
		return true;
	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)peer;
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	} else if (peer->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)peer;
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text,
				  sizeof(text));
		else
			inet_ntop(AF_INET6, &in6->sin6_addr, text,
				  sizeof(text));
	}
	return text[0] != '\0' &&
	       acceptor_list_has(acceptor->web_server_addrs, text);
}

/* Watches the socket, or not: full, paused, stopped. */
static void
update(struct acceptor *acceptor)
{
	unsigned n;
	if (acceptor->event == NULL)
		return;
	if (acceptor->n >= acceptor->max) {
		event_del(acceptor->event);
		if (log_storm_ok(&acceptor->full, STORM_MS, &n))
			log_warn("no connection more: all are in use n=%zu",
				 acceptor->n);
	} else if (!event_pending(acceptor->timer, EV_TIMEOUT, NULL)) {
		event_add(acceptor->event, NULL);
	}
}

static void
pause_accepting(struct acceptor *acceptor, int error)
{
	const struct timeval tv = { 0, PAUSE_MS * 1000 };
	unsigned n;
	if (log_storm_ok(&acceptor->error, STORM_MS, &n))
		log_warn("cannot accept: reason=\"%s\" n_suppressed=%u",
			 strerror(error), n);
	if (acceptor->event == NULL)
		return;
	event_del(acceptor->event);
	event_add(acceptor->timer, &tv);
}

static void
refuse(struct acceptor *acceptor, int fd)
{
	unsigned n;
	if (log_storm_ok(&acceptor->denied, STORM_MS, &n))
		log_warn("a peer is not in FCGI_WEB_SERVER_ADDRS: closed "
			 "n_suppressed=%u",
			 n);
	close(fd);
}

/* False when nobody waits any more, or nobody can be taken. */
static bool
take_some(struct acceptor *acceptor)
{
	const int on = 1;
	for (int i = 0; i < MAX_ACCEPTS && acceptor->n < acceptor->max; i++) {
		struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
		socklen_t len = sizeof(peer);
		int fd = accept4(acceptor->listen_fd, (struct sockaddr *)&peer,
				 &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				pause_accepting(acceptor, errno);
			return false;
		}
		if (!is_welcome(acceptor, &peer)) {
			refuse(acceptor, fd);
			continue;
		}
		if (peer.ss_family != AF_UNIX)
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
					 sizeof(on));
		acceptor->n++;
		acceptor->fn(acceptor->ctx, fd);
	}
	return acceptor->n < acceptor->max;
}

static void
on_acceptable(evutil_socket_t listen_fd, short what, void *ctx)
{
	struct acceptor *acceptor = ctx;
	(void)listen_fd;
	(void)what;
	(void)take_some(acceptor);
	update(acceptor);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	update(ctx);
}

struct acceptor *
acceptor_new(struct event_base *base, int listen_fd,
	     const char *web_server_addrs, size_t max, acceptor_fn fn,
	     void *ctx)
{
	struct acceptor *acceptor = xcalloc(1, sizeof(*acceptor));
	evutil_make_socket_nonblocking(listen_fd);
	acceptor->listen_fd = listen_fd;
	acceptor->web_server_addrs = web_server_addrs;
	acceptor->max = max;
	acceptor->fn = fn;
	acceptor->ctx = ctx;
	acceptor->event = event_new(base, listen_fd, EV_READ | EV_PERSIST,
				    on_acceptable, acceptor);
	acceptor->timer = event_new(base, -1, 0, on_timer, acceptor);
	if (acceptor->event == NULL || acceptor->timer == NULL ||
	    event_add(acceptor->event, NULL) != 0)
		log_fatal(71, "no event for the socket: out of memory");
	return acceptor;
}

void
acceptor_free(struct acceptor *acceptor)
{
	if (acceptor == NULL)
		return;
	if (acceptor->event != NULL)
		event_free(acceptor->event);
	event_free(acceptor->timer);
	free(acceptor);
}

void
acceptor_release(struct acceptor *acceptor)
{
	acceptor->n--;
	update(acceptor);
}

void
acceptor_stop(struct acceptor *acceptor)
{
	if (acceptor->event == NULL)
		return;
	event_free(acceptor->event);
	acceptor->event = NULL;
	event_del(acceptor->timer);
	for (int i = 0; i < STOP_ROUNDS && take_some(acceptor); i++)
		;
}
