/*
 * listener: sockets made, or found.
 *
 * A stale Unix socket (its owner died) cannot be told from a living one by
 * looking; so we try to connect, and only what refuses is replaced.
 */
#include "fcgi/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/num.h"

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096
#define SOCKET_UMASK 0117 /* rw for owner and group: the web server's group */

static enum hs_err
refuse(struct buf *why, enum hs_err err, const char *what, const char *text)
{
	if (err == HS_IO)
		buf_notef(why, "%s: %s: %s", text, what, strerror(errno));
	else
		buf_notef(why, "%s: %s", text, what);
	return err;
}

/* Somebody's, or left over? HS_OK: nothing, or what may be replaced. */
static enum hs_err
check_path(const struct sockaddr_un *address, struct buf *why)
{
	struct stat st;
	const char *path = address->sun_path;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? HS_OK
				       : refuse(why, HS_IO, "lstat", path);
	if (!S_ISSOCK(st.st_mode))
		return refuse(why, HS_EXISTS, "exists and is no socket", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return refuse(why, HS_IO, "socket", path);
	int rc =
		connect(fd, (const struct sockaddr *)address, sizeof(*address));
	int error = errno;
	close(fd);
	if (rc == 0 || error != ECONNREFUSED)
		return refuse(why, HS_EXISTS, "another process listens there",
			      path);
	return HS_OK;
}

/* Made under a name of its own and moved into place when it listens already:
 * there is never a path that nobody answers at. */
static enum hs_err
open_unix(const char *path, struct listener *out, struct buf *why)
{
	struct sockaddr_un old = { .sun_family = AF_UNIX };
	struct sockaddr_un new = { .sun_family = AF_UNIX };
	struct stat st;
	char *name = xasprintf("%s.%d", path, (int)getpid());
	int fd = -1;
	enum hs_err err;
	if (path[0] == '\0' || strlen(name) >= sizeof(new.sun_path)) {
		err = refuse(why, HS_INVALID,
			     "a socket's path has 1 to 99 bytes", path);
		goto out;
	}
	memcpy(old.sun_path, path, strlen(path));
	memcpy(new.sun_path, name, strlen(name));
	err = check_path(&old, why);
	if (err != HS_OK)
		goto out;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		err = refuse(why, HS_IO, "socket", path);
		goto out;
	}
	unlink(name); /* of one that had our number and died */
	mode_t mask = umask(SOCKET_UMASK);
	int rc = bind(fd, (struct sockaddr *)&new, sizeof(new));
	int error = errno;
	umask(mask);
	errno = error;
	if (rc != 0) {
		err = refuse(why, HS_IO, "bind", path);
		goto out;
	}
	if (listen(fd, BACKLOG) != 0 || lstat(name, &st) != 0 ||
	    rename(name, path) != 0) {
		err = refuse(why, HS_IO, "listen", path);
		unlink(name);
		goto out;
	}
	out->fd = fd;
	out->unix_path = xstrdup(path);
	out->text = xasprintf("unix:%s", path);
	out->inode = st.st_ino;
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	free(name);
	return err;
}

static enum hs_err
open_tcp(const char *text, struct listener *out, struct buf *why)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	const int on = 1;
	int fd = -1;
	uint64_t port; /* getaddrinfo() would wrap a larger one */
	if (colon == NULL || colon == text ||
	    num_u64(span_text(colon + 1), 65535, &port) != HS_OK)
		return refuse(why, HS_INVALID, "write unix:PATH or HOST:PORT",
			      text);
	size_t host_len = (size_t)(colon - text);
	if (host[0] == '[' && host[host_len - 1] == ']' && host_len > 2) {
		host++;
		host_len -= 2;
	}
	char *name = xstrndup(host, host_len);
	int rc = getaddrinfo(name, colon + 1, &hints, &list);
	free(name);
	if (rc != 0)
		return refuse(why, HS_INVALID, gai_strerror(rc), text);
	for (struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		fd = socket(ai->ai_family,
			    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
		    listen(fd, BACKLOG) == 0)
			break;
		int error = errno;
		close(fd);
		errno = error;
		fd = -1;
	}
	freeaddrinfo(list);
	if (fd < 0)
		return refuse(why, HS_IO, "bind", text);
	out->fd = fd;
	out->text = xstrdup(text);
	return HS_OK;
}

enum hs_err
listener_open(const char *text, struct listener *out, struct buf *why)
{
	*out = (struct listener){ .fd = -1 };
	if (strncmp(text, "unix:", 5) == 0)
		return open_unix(text + 5, out, why);
	return open_tcp(text, out, why);
}

/* "unix:/run/hooksync/fcgi.sock (systemd's socket)" */
static char *
inherited_text(int fd, const char *from)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(address);
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];
	const struct sockaddr_un *name = (const void *)&address;
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return xstrdup(from);
	if (address.ss_family == AF_UNIX && name->sun_path[0] == '/')
		return xasprintf("unix:%.*s (%s)", (int)sizeof(name->sun_path),
				 name->sun_path, from);
	if (address.ss_family != AF_UNIX &&
	    getnameinfo((struct sockaddr *)&address, len, host, sizeof(host),
			port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		return xasprintf("%s:%s (%s)", host, port, from);
	return xstrdup(from);
}

enum hs_err
listener_inherit(struct listener *out)
{
	int is_listening = 0;
	socklen_t len = sizeof(is_listening);
	*out = (struct listener){ .fd = notify_listen_fd() };
	if (out->fd >= 0) {
		out->text = inherited_text(out->fd, "systemd's socket");
		return HS_OK;
	}
	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &is_listening,
		       &len) != 0 ||
	    !is_listening)
		return HS_NOT_FOUND;
	out->fd = STDIN_FILENO;
	out->text = inherited_text(out->fd, "descriptor 0");
	return HS_OK;
}

bool
listener_is_inherited(const char *text)
{
	struct listener found;
	struct sockaddr_un address = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof(address);
	if (strncmp(text, "unix:", 5) != 0 || listener_inherit(&found) != HS_OK)
		return false;
	int rc = getsockname(found.fd, (struct sockaddr *)&address, &len);
	free(found.text); /* the descriptor stays, whoever takes it */
	return rc == 0 && address.sun_family == AF_UNIX &&
	       strncmp(address.sun_path, text + 5, sizeof(address.sun_path)) ==
		       0;
}

void
listener_close(struct listener *listener)
{
	struct stat st;
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->unix_path != NULL &&
	    lstat(listener->unix_path, &st) == 0 &&
	    st.st_ino == listener->inode)
		unlink(listener->unix_path);
	free(listener->unix_path);
	free(listener->text);
	*listener = (struct listener){ .fd = -1 };
}
