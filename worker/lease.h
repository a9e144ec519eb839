/*
 * lease: one timer renews the locks of all jobs a queue's roster holds, and
 * says which are lost.
 */
#ifndef WORKER_LEASE_H
#define WORKER_LEASE_H

#include "worker/settle.h"

struct event_base;
struct lease;

/* All borrowed. Every lock_duration / 4. */
struct lease *lease_new(struct event_base *base, struct roster *roster,
			struct settle *settle, int64_t lock_duration_ms);
/* The queue's connection must be gone already. */
void lease_free(struct lease *lease);
/* Now, and not only when the timer says: the connection is back. */
void lease_renew(struct lease *lease);
/* For renewals from now on. */
void lease_set_duration(struct lease *lease, int64_t lock_duration_ms);
/* By when (monotonic ms) it must have renewed, or got an answer. */
int64_t lease_due_ms(const struct lease *lease);

#endif
