/*
 * curl says "not interested" after each answer and "readable" before the next,
 * and both would be a system call. So the registration of a socket that will be
 * closed through us is kept until then, and taken back only when an event comes
 * that nobody wants.
 *
 * Other sockets (those of curl's resolver) are registered as told: nobody tells
 * us when they are closed, and their number may be another's by then.
 *
 * A table by number: the kernel gives the lowest that is free, so it stays as
 * short as the process has files open.
 */
#include "http/sockets.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <event2/event.h>

#include "base/log.h"

struct socket {
	struct event *event;
	void *owner; /* who asked last; NULL: nobody */
	bool is_lazy;
	short wanted; /* EV_READ, EV_WRITE */
	short registered;
};

struct sockets {
	struct event_base *base;
	sockets_fn fn;
	struct socket **by_number;
	size_t n;
};

static struct socket *
find(const struct sockets *sockets, int fd)
{
	return (size_t)fd < sockets->n ? sockets->by_number[fd] : NULL;
}

static struct socket *
find_or_make(struct sockets *sockets, int fd)
{
	if ((size_t)fd >= sockets->n) {
		size_t n = ((size_t)fd + 1) * 2;
		sockets->by_number =
			xreallocarray(sockets->by_number, n, sizeof(void *));
		memset(sockets->by_number + sockets->n, 0,
		       (n - sockets->n) * sizeof(void *));
		sockets->n = n;
	}
	if (sockets->by_number[fd] == NULL)
		sockets->by_number[fd] = xcalloc(1, sizeof(struct socket));
	return sockets->by_number[fd];
}

static void on_event(evutil_socket_t fd, short what, void *ctx);

/* Makes the loop watch for exactly these. */
static void
watch(struct sockets *sockets, struct socket *known, int fd, short events)
{
	if (known->event != NULL && known->registered != 0)
		(void)event_del(known->event);
	known->registered = events;
	if (events == 0)
		return;
	if (known->event == NULL)
		known->event = event_new(sockets->base, fd,
					 (short)(events | EV_PERSIST), on_event,
					 sockets);
	else
		(void)event_assign(known->event, sockets->base, fd,
				   (short)(events | EV_PERSIST), on_event,
				   sockets);
	if (known->event == NULL || event_add(known->event, NULL) != 0)
		log_fatal(EX_OSERR, "out of memory");
}

static void
on_event(evutil_socket_t fd, short what, void *ctx)
{
	struct sockets *sockets = ctx;
	struct socket *known = find(sockets, fd);
	short wanted = (short)(what & known->wanted);

	/* what nobody wants any more would come again and again */
	if (wanted != (what & (EV_READ | EV_WRITE)))
		watch(sockets, known, fd, known->wanted);
	if (wanted != 0 && known->owner != NULL)
		sockets->fn(known->owner, fd, wanted); /* may drop it */
}

struct sockets *
sockets_new(struct event_base *base, sockets_fn fn)
{
	struct sockets *sockets = xcalloc(1, sizeof(*sockets));

	sockets->base = base;
	sockets->fn = fn;
	return sockets;
}

void
sockets_free(struct sockets *sockets)
{
	if (sockets == NULL)
		return;
	for (size_t i = 0; i < sockets->n; i++)
		sockets_drop(sockets, (int)i);
	free(sockets->by_number);
	free(sockets);
}

void
sockets_announce(struct sockets *sockets, int fd, bool is_lazy)
{
	sockets_drop(sockets, fd); /* what had the number before is gone */
	find_or_make(sockets, fd)->is_lazy = is_lazy;
}

void
sockets_want(struct sockets *sockets, int fd, void *owner, short events)
{
	struct socket *known = find_or_make(sockets, fd);

	known->owner = owner;
	known->wanted = events;
	if (known->is_lazy ? (events & ~known->registered) != 0
			   : events != known->registered)
		watch(sockets, known, fd, events);
}

void
sockets_leave(struct sockets *sockets, int fd)
{
	struct socket *known = find(sockets, fd);

	if (known == NULL)
		return;
	known->owner = NULL;
	known->wanted = 0;
	if (!known->is_lazy)
		sockets_drop(sockets, fd);
}

void
sockets_drop(struct sockets *sockets, int fd)
{
	struct socket *known = find(sockets, fd);

	if (known == NULL)
		return;
	if (known->event != NULL)
		event_free(known->event);
	free(known);
	sockets->by_number[fd] = NULL;
}
