/*
 * listener: the socket we accept on: made by us, or inherited from systemd,
 * spawn-fcgi or mod_fcgid (descriptor 0).
 *
 * An inherited socket is never shut down nor unlinked. Thread: the one that
 * starts the program.
 */
#ifndef FCGI_LISTENER_H
#define FCGI_LISTENER_H

#include <stdbool.h>

#include "base/buf.h"

struct listener {
	int fd;
	char *unix_path; /* ours to unlink; NULL otherwise */
	char *text;      /* for the log: "unix:/run/x.sock", "inherited" */
	unsigned long long inode; /* of unix_path, to know it again */
};

/* "unix:PATH" or "HOST:PORT" ("[::1]:9000"). A Unix socket is made with mode
 * 0660; one that nobody listens on any more is replaced. On failure `why` says
 * what to change: HS_INVALID (the text), HS_EXISTS (somebody listens there, or
 * it is no socket), HS_IO. */
enum hs_err listener_open(const char *text, struct listener *out,
			  struct buf *why) HS_MUST_CHECK;
/* systemd's first socket, else descriptor 0 if it is a listening socket.
 * HS_NOT_FOUND: neither. */
enum hs_err listener_inherit(struct listener *out) HS_MUST_CHECK;
/* Is "unix:PATH" the very socket that listener_inherit() would find? */
bool listener_is_inherited(const char *text);
/* Closes; unlinks what listener_open() made, unless somebody replaced it. */
void listener_close(struct listener *listener);

#endif
