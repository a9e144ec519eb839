/*
 * sockets: which file descriptors the loop watches, and for whom. For http.c
 * alone; no curl, and it neither opens nor closes. A socket that was announced
 * is watched lazily: see sockets.c.
 * Thread: the loop's.
 */
#ifndef HTTP_SOCKETS_H
#define HTTP_SOCKETS_H

#include <stdbool.h>

struct event_base;
struct sockets;

/* `events` (EV_READ, EV_WRITE) are some of those that `owner` wants. It may
 * call everything here, but sockets_free(). */
typedef void (*sockets_fn)(void *owner, int fd, short events);

struct sockets *sockets_new(struct event_base *base, sockets_fn fn);
void sockets_free(struct sockets *sockets); /* closes none */
/* fd was just opened; is_lazy: sockets_drop() will be called before it is
 * closed. */
void sockets_announce(struct sockets *sockets, int fd, bool is_lazy);
/* What is wanted of fd from now on (0: nothing for now), and who is called;
 * instead of what was said before. */
void sockets_want(struct sockets *sockets, int fd, void *owner, short events);
/* Nobody wants events any more. Forgets the fd, unless it is a lazy one. */
void sockets_leave(struct sockets *sockets, int fd);
/* Forgets the fd: it is about to be closed. */
void sockets_drop(struct sockets *sockets, int fd);

#endif
