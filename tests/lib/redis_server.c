/*
 * "Answers a PING" is any answer on the socket, also -NOAUTH and -LOADING: a
 * server that speaks is up, what it says is the test's business.
 */
#include "tests/lib/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS 10000 /* a loaded machine under valgrind */
#define POLL_MS 5
#define MAX_WORDS 64

struct redis_server {
	char folder[64];
	char unix_path[96];
	int port;
	pid_t pid; /* 0: not running */
	struct redis_server *next;
};

static struct redis_server *all;

static void
die(const char *what)
{
	printf("Bail out! redis_server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
nap(void)
{
	struct timespec pause = { 0, POLL_MS * 1000000L };

	nanosleep(&pause, NULL);
}

static int
free_port(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &len) != 0)
		die("no free port");
	(void)close(fd);
	return ntohs(name.sin_port);
}

static bool
answers(const struct redis_server *server)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char byte;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	memcpy(name.sun_path, server->unix_path, sizeof(server->unix_path));
	bool ok = connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 &&
		  send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
		  recv(fd, &byte, 1, 0) == 1;
	(void)close(fd);
	return ok;
}

static void
run(const struct redis_server *server, const char *const *options)
{
	char port[16];
	const char *words[MAX_WORDS] = {
		"redis-server",    "--port",      port,
		"--bind",          "127.0.0.1",   "--unixsocket",
		server->unix_path, "--save",      "",
		"--appendonly",    "no",          "--dir",
		server->folder,    "--daemonize", "no",
	};
	size_t n = 15;

	snprintf(port, sizeof(port), "%d", server->port);
	for (; options != NULL && *options != NULL && n < MAX_WORDS - 1;
	     options++)
		words[n++] = *options;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	execvp(words[0], (char *const *)words);
	_exit(127);
}

static void
launch(struct redis_server *server, const char *const *options)
{
	(void)fflush(NULL);
	server->pid = fork();
	if (server->pid < 0)
		die("fork");
	if (server->pid == 0)
		run(server, options);
	for (int ms = 0; !answers(server); ms += POLL_MS) {
		if (waitpid(server->pid, NULL, WNOHANG) != 0 || ms > START_MS)
			die("it did not start");
		nap();
	}
}

static void
remove_folder(const struct redis_server *server)
{
	(void)unlink(server->unix_path);
	if (rmdir(server->folder) != 0)
		fprintf(stderr, "redis_server: %s is left behind\n",
			server->folder);
}

static void
stop_all(void)
{
	while (all != NULL)
		redis_server_stop(all);
}

bool
redis_server_is_here(void)
{
	const char *path = getenv("PATH");

	while (path != NULL && *path != '\0') {
		char file[512];
		size_t len = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/redis-server",
				 (int)len, path);
		if (n > 0 && (size_t)n < sizeof(file) &&
		    access(file, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	printf("1..0 # SKIP redis-server is not installed\n");
	return false;
}

struct redis_server *
redis_server_start(const char *const *options)
{
	struct redis_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		die("calloc");
	snprintf(server->folder, sizeof(server->folder),
		 "/tmp/hooksync-redis-XXXXXX");
	if (mkdtemp(server->folder) == NULL)
		die("mkdtemp");
	snprintf(server->unix_path, sizeof(server->unix_path), "%s/redis.sock",
		 server->folder);
	server->port = free_port();
	if (all == NULL)
		(void)atexit(stop_all);
	server->next = all;
	all = server;
	launch(server, options);
	return server;
}

void
redis_server_stop(struct redis_server *server)
{
	if (server == NULL)
		return;
	redis_server_kill(server);
	remove_folder(server);
	struct redis_server **place = &all;
	while (*place != server)
		place = &(*place)->next;
	*place = server->next;
	free(server);
}

const char *
redis_server_unix_path(const struct redis_server *server)
{
	return server->unix_path;
}

int
redis_server_port(const struct redis_server *server)
{
	return server->port;
}

void
redis_server_kill(struct redis_server *server)
{
	if (server->pid == 0)
		return;
	(void)kill(server->pid, SIGKILL);
	(void)waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

void
redis_server_again(struct redis_server *server, const char *const *options)
{
	redis_server_kill(server);
	launch(server, options);
}

void
redis_server_pause(struct redis_server *server)
{
	if (server->pid != 0) /* 0 would be all of us */
		(void)kill(server->pid, SIGSTOP);
}

void
redis_server_resume(struct redis_server *server)
{
	if (server->pid != 0)
		(void)kill(server->pid, SIGCONT);
}
