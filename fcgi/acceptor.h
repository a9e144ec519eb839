/*
 * acceptor: new connections from a listening socket, no more than a maximum at
 * a time; whoever is not welcome is closed at once.
 *
 * Thread: the loop's.
 */
#ifndef FCGI_ACCEPTOR_H
#define FCGI_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct acceptor;

/* fd is the callee's: it does not block and is closed on exec. */
typedef void (*acceptor_fn)(void *ctx, int fd);

/* listen_fd is borrowed; it is made non-blocking, never shut down.
 * web_server_addrs is FCGI_WEB_SERVER_ADDRS, a list of addresses that TCP peers
 * must be in (borrowed); NULL: any. */
struct acceptor *acceptor_new(struct event_base *base, int listen_fd,
			      const char *web_server_addrs, size_t max,
			      acceptor_fn fn, void *ctx);
void acceptor_free(struct acceptor *acceptor);
/* One of the connections that fn was given is closed. */
void acceptor_release(struct acceptor *acceptor);
/* Takes what waits in the backlog, then nothing more. */
void acceptor_stop(struct acceptor *acceptor);

/* Is the address one of the list's ("127.0.0.1,::1")? For tests. */
bool acceptor_list_has(const char *list, const char *address);

#endif
