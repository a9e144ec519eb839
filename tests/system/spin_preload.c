/*
 * spin_preload: makes a daemon's event loop go wrong, for the story of the
 * watchdog. Loaded by LD_PRELOAD in a drop-in of the unit; does nothing until a
 * file says so.
 *
 *   SPIN_FILE=PATH   the file: "PID MODE", where PID is the process that shall
 *                    go wrong (one that is restarted is well), and MODE is
 *
 *     deaf     epoll_wait finds nothing, whatever there is: the loop turns and
 *              its timers run, but no connection gets any further
 *     stuck    it never comes back, as if a callback did not
 *
 * Only the thread that waits for events is touched.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>

typedef int (*wait_fn)(int, struct epoll_event *, int, int);

/* What the file wants of this process: a word of ours, or "". */
static void
read_mode(char *mode)
{
	const char *path = getenv("SPIN_FILE");
	char text[64];
	long pid;

	mode[0] = '\0';
	if (path == NULL)
		return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	if (sscanf(text, "%ld %15s", &pid, mode) != 2 || pid != getpid())
		mode[0] = '\0';
}

int
epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	static wait_fn real;
	char mode[16];

	if (real == NULL)
		real = (wait_fn)dlsym(RTLD_NEXT, "epoll_wait");
	int n = real(fd, events, max, timeout_ms);
	read_mode(mode);
	if (strcmp(mode, "deaf") == 0)
		return 0;
	while (strcmp(mode, "stuck") == 0)
		read_mode(mode);
	return n;
}
