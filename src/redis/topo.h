/*
 * topo: "where is the server?" One answer today: the address in the settings.
 * Sentinel and cluster will be further files behind the same table.
 */
#ifndef REDIS_TOPO_H
#define REDIS_TOPO_H

#include "base/buf.h"

struct topo_address {
	const char *unix_path; /* NULL for TCP */
	const char *host;
	int port;
};

struct topo;
struct topo *topo_static_new(const struct topo_address *address); /* copies */
void topo_free(struct topo *topo);
/* The address to try now; borrowed until the next call. */
const struct topo_address *topo_resolve(struct topo *topo);
/* "unix:/run/redis.sock" or "localhost:6379", for logs. */
const char *topo_text(const struct topo *topo);

#endif
