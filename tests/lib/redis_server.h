/*
 * redis_server: a real redis-server for a test, in a folder of its own under
 * the system's temporary folder, on a Unix socket and a free loopback port.
 *
 * Everything that goes wrong ends the test program with a message. The server
 * is killed when the program exits. Give it to nobody else: no persistence.
 */
#ifndef TESTS_LIB_REDIS_SERVER_H
#define TESTS_LIB_REDIS_SERVER_H

#include <stdbool.h>

struct redis_server;

/* Is a redis-server installed? When not, prints TAP's "skip all". */
bool redis_server_is_here(void);
/* Returns when it answers a PING. `options` are command line words after
 * redis-server's own ("--requirepass", "x"), NULL-terminated; NULL: none. */
struct redis_server *redis_server_start(const char *const *options);
void redis_server_stop(struct redis_server *server); /* and frees it */

const char *redis_server_unix_path(const struct redis_server *server);
int redis_server_port(const struct redis_server *server);

void redis_server_kill(struct redis_server *server); /* SIGKILL, waits */
/* After a kill: same port, same socket, empty data. `options` as above. */
void redis_server_again(struct redis_server *server,
			const char *const *options);
void redis_server_pause(struct redis_server *server);  /* SIGSTOP */
void redis_server_resume(struct redis_server *server); /* SIGCONT */

#endif
