/*
 * cgi: libfcgi's edges (fcgiapp.c, os_unix.c) are kept here.
 *
 * Listen socket -1 makes its blocking accept an error. `detached` is 1 whenever
 * it might close, for else it lingers: shuts the socket and reads until the peer
 * is gone. ipcFd and keepConnection are private by its header; configure looks
 * for them. The sockets do not block, so a peer that does not read its answer
 * is an error too, and closed.
 */
#include "fcgi/cgi.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "base/log.h"
#include "fcgi/records.h"

/* FCGI_GET_VALUES_RESULT with its one value is less than half of it. */
#define ANSWER_BYTES 128

struct cgi {
	FCGX_Request request;
	bool is_parsed; /* request holds libfcgi's streams */
};

void
cgi_start(void)
{
	if (FCGX_Init() != 0)
		log_fatal(71, "libfcgi does not start");
}

struct cgi *
cgi_new(void)
{
	return xcalloc(1, sizeof(struct cgi));
}

void
cgi_free(struct cgi *cgi)
{
	if (cgi == NULL)
		return;
	cgi_forget(cgi);
	free(cgi);
}

bool
cgi_parse(struct cgi *cgi, int fd)
{
	FCGX_InitRequest(&cgi->request, -1, 0);
	cgi->request.ipcFd = fd;
	cgi->request.keepConnection = 1; /* or it would close fd first */
	cgi->request.detached = 1;       /* or it would linger */
	if (FCGX_Accept_r(&cgi->request) != 0)
		return false;
	cgi->is_parsed = true;
	return true;
}

/* One byte more than there is is asked for, so that libfcgi takes the empty
 * record at the end, too. */
bool
cgi_read(struct cgi *cgi, unsigned char *out, size_t len)
{
	int n = FCGX_GetStr((char *)out, (int)len + 1, cgi->request.in);
	return n == (int)len && FCGX_GetError(cgi->request.in) == 0;
}

void
cgi_move(struct cgi *cgi, int fd, bool is_kept)
{
	cgi->request.ipcFd = fd;
	cgi->request.keepConnection = is_kept;
}

const char *const *
cgi_env(const struct cgi *cgi)
{
	return (const char *const *)cgi->request.envp;
}

bool
cgi_answer(struct cgi *cgi, struct span bytes, bool stays)
{
	FCGX_PutStr((const char *)bytes.ptr, (int)bytes.len, cgi->request.out);
	if (stays)
		cgi->request.keepConnection = 1;
	cgi->request.detached = 1;
	FCGX_Finish_r(&cgi->request);
	cgi->is_parsed = false;
	return cgi->request.ipcFd >= 0;
}

void
cgi_forget(struct cgi *cgi)
{
	if (!cgi->is_parsed)
		return;
	cgi->request.ipcFd = -1;
	cgi->request.detached = 1;
	FCGX_Free(&cgi->request, 0);
	cgi->is_parsed = false;
}

/* ---- management ---- */

/* libfcgi leaves in it what lay on its stack. */
static void
clear_padding(unsigned char *record, ssize_t len)
{
	if (len < RECORDS_HEADER_BYTES)
		return;
	size_t content = (size_t)record[4] << 8 | record[5];
	for (size_t i = RECORDS_HEADER_BYTES + content; i < (size_t)len; i++)
		record[i] = 0;
}

/* libfcgi reads it from, and writes to, a pair of sockets of ours, so that it
 * need not wait. It takes one without padding for cut, so that gets some. */
bool
cgi_manage(int fd, unsigned char *record, size_t len)
{
	int pair[2];
	unsigned char answer[ANSWER_BYTES];
	bool is_good = false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	if (record[6] == 0) {
		record[6] = 1;
		record[len++] = 0;
	}
	if (send(pair[0], record, len, MSG_NOSIGNAL) == (ssize_t)len &&
	    shutdown(pair[0], SHUT_WR) == 0) {
		struct cgi cgi = { .is_parsed = false };
		/* it answers, finds no request behind, and closes its end */
		if (cgi_parse(&cgi, pair[1])) {
			FCGX_Free(&cgi.request, 1);
		} else {
			ssize_t n = recv(pair[0], answer, sizeof(answer),
					 MSG_DONTWAIT);
			clear_padding(answer, n);
			is_good =
				n > 0 && send(fd, answer, (size_t)n,
					      MSG_DONTWAIT | MSG_NOSIGNAL) == n;
		}
	} else {
		close(pair[1]);
	}
	close(pair[0]);
	return is_good;
}
