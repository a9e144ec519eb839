/*
 * wire: bytes to and from one server, nonblocking, on the loop. The only file
 * on bufferevents; it also looks names up (evdns, never the blocking resolver)
 * and tries each address of a name in turn, because "localhost" is two.
 *
 * TCP (keepalive, nodelay) and Unix sockets; TLS will be a further constructor.
 * What is written during a turn of the loop leaves together at its end. SIGPIPE
 * must be ignored by the program. Thread: the loop's.
 */
#ifndef REDIS_WIRE_H
#define REDIS_WIRE_H

#include <stdint.h>

#include "base/buf.h"
#include "redis/topo.h"

struct event_base;
struct wire;

/* Bytes that several hold at once: the socket until it sent them, a command
 * until it is answered. Counted, not locked. */
struct wire_block {
	size_t n_refs;
	struct buf bytes; /* not changed once it was written */
};
/* Born with one reference and an empty buf. */
struct wire_block *wire_block_new(size_t max_bytes);
struct wire_block *wire_block_ref(struct wire_block *block);
void wire_block_unref(struct wire_block *block); /* the last one frees */

struct wire_fns { /* called from the loop only, never by wire_open() */
	void (*on_open)(void *ctx);
	/* Borrowed for the call; a few KiB at a time. */
	void (*on_bytes)(void *ctx, const unsigned char *bytes, size_t len);
	/* Could not connect, or lost: once, and the last call. `why` is for
	 * people ("Connection refused"), borrowed for the call. */
	void (*on_close)(void *ctx, const char *why);
};

/* `fns` is borrowed for the wire's life, `address` for the call. Every problem
 * is reported by on_close. timeout_ms is shared out among the addresses of a
 * name; the whole is the caller's deadline to keep. */
struct wire *wire_open(struct event_base *base,
		       const struct topo_address *address, int64_t timeout_ms,
		       const struct wire_fns *fns, void *ctx);
/* Closes; no call comes afterwards. Fine inside its own callbacks. */
void wire_free(struct wire *wire);
/* Only once open. Copies; or holds a reference until sent. */
enum hs_err wire_write(struct wire *wire, struct span bytes) HS_MUST_CHECK;
enum hs_err wire_write_block(struct wire *wire,
			     struct wire_block *block) HS_MUST_CHECK;
size_t wire_n_unsent(const struct wire *wire); /* bytes */

#endif
