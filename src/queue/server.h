/*
 * server: the Redis under the queues, as BullMQ needs it: which software, what
 * it does when memory is short, whether jobs outlive it, whose clock is right,
 * who is connected.
 *
 * Known limits: a server that keeps INFO, CONFIG, TIME or CLIENT from us (some
 * do) is judged by the rest.
 */
#ifndef QUEUE_SERVER_H
#define QUEUE_SERVER_H

#include <stdint.h>

#include "queue/keys.h"
#include "redis/rconn.h"

#define SERVER_TEXT_BYTES 64

struct server {
	char software[SERVER_TEXT_BYTES]; /* "Redis", "Valkey", "Dragonfly" */
	char version[SERVER_TEXT_BYTES];  /* "7.0.15"; "": not told */
	char policy[SERVER_TEXT_BYTES];   /* maxmemory-policy; "": not told */
	bool is_replica;
	bool is_link_down; /* of a replica to its master */
	bool has_aof;
	bool has_rdb; /* saves by itself; see is_rdb_known */
	bool is_rdb_known;
	bool is_save_failed;
	bool is_aof_failed;
	bool is_loading;
	int64_t memory_bytes;
	int64_t max_memory_bytes; /* 0: none */
	int64_t n_evicted;        /* keys, since it started */
	bool is_clock_known;
	int64_t offset_ms;     /* its clock less ours */
	int64_t round_trip_ms; /* the offset is right to half of it */
	char *clients;         /* CLIENT LIST; NULL: not told */
};

void server_fini(struct server *server);

/* What INFO says, into server. */
void server_parse_info(struct span info, struct server *server);
/* Is version below major.minor.patch? false where it is not told. */
bool server_is_below(const struct server *server, int major, int minor,
		     int patch);
/* How many workers of the queue are connected; -1: not known. */
int64_t server_n_workers(const struct server *server, const struct keys *keys);

/* server belongs to the callee (server_fini). NULL with an err. */
typedef void (*server_fn)(void *ctx, enum hs_err err, const char *text,
			  struct server *server);
enum hs_err server_read(struct rconn *conn, int64_t timeout_ms, server_fn fn,
			void *ctx) HS_MUST_CHECK;

#endif
