/*
 * manager: plays systemd's side of sd_notify() for a story.
 *
 *	manager SOCKET
 *
 * Binds the Unix datagram socket and prints what it hears: each assignment on a
 * line of its own, behind the milliseconds since the start; until a signal ends
 * it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"

int
main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int64_t start_ms = clock_mono_ms();
	char heard[8192];
	ssize_t len;
	int fd;

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		fputs("usage: manager SOCKET\n", stderr);
		return EX_USAGE;
	}
	memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror(argv[1]);
		return EX_OSERR;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((len = recv(fd, heard, sizeof(heard) - 1, 0)) >= 0) {
		heard[len] = '\0';
		for (char *rest = heard, *line; (line = strsep(&rest, "\n"));)
			printf("%lld %s\n",
			       (long long)(clock_mono_ms() - start_ms), line);
	}
	return EX_OSERR;
}
