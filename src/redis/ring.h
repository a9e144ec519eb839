/*
 * ring: the commands that were sent and are not answered, oldest first. Replies
 * come in the order of the commands: whoever gets one pops the command it is
 * for. For rconn.c alone; it sends nothing and calls nobody.
 * Thread: the owner's.
 */
#ifndef REDIS_RING_H
#define REDIS_RING_H

#include "redis/rconn.h"

#define RING_NEVER INT64_MAX /* as due_ms: no deadline */

struct ring;

struct ring_command {
	rconn_reply_fn fn;
	void *ctx;
	int64_t due_ms; /* monotonic */
};

struct ring *ring_new(void);
void ring_free(struct ring *ring);
size_t ring_n_commands(const struct ring *ring);
/* Copies it behind the others. There is no ceiling here: the sender's it is. */
void ring_push(struct ring *ring, const struct ring_command *command);
/* Takes the oldest out; false when there is none. */
bool ring_pop(struct ring *ring, struct ring_command *out);
/* The earliest deadline of all; RING_NEVER when there is none. Looks at each. */
int64_t ring_earliest_due_ms(const struct ring *ring);

#endif
