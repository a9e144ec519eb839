/*
 * roster: the attempts of one queue that this process answers for, and the
 * slots that all queues share.
 *
 *	active   the attempt runs
 *	ended    it has an end that Redis has not been told
 *	telling  a finish call with it is on its way
 *
 * An attempt is on exactly one of the lists, and can be found by its job's id.
 */
#ifndef WORKER_ROSTER_H
#define WORKER_ROSTER_H

#include "queue/queue.h"
#include "worker/attempt.h"

#define ROSTER_N_BUCKETS 1024 /* a power of two */

struct roster_slots { /* of the whole process */
	size_t n_all;
	size_t n_used;    /* by attempts, and by takes under way */
	size_t n_hungry;  /* queues that have jobs and find no slot */
	int64_t freed_ms; /* monotonic: until then all were in use */
};
/* n of those in use are free. */
void roster_slots_free(struct roster_slots *slots, size_t n);
/* So many, from now on; as long as more are in use, none is free. */
void roster_slots_set(struct roster_slots *slots, size_t n_all);

struct roster {
	struct queue *queue; /* borrowed */
	const char *name;    /* the queue's; borrowed */
	const char *token;   /* of our locks; borrowed */
	struct roster_slots *slots;
	struct list active;
	struct list ended;
	struct list telling;
	size_t n;
	struct list buckets[ROSTER_N_BUCKETS];
};

void roster_init(struct roster *roster, struct queue *queue, const char *name,
		 const char *token, struct roster_slots *slots);
/* Frees what is left, without a word to Redis. */
void roster_fini(struct roster *roster);

/* Onto active; the slot was counted by whoever asked for the job. */
void roster_add(struct roster *roster, struct attempt *attempt);
void roster_move(struct list *to, struct attempt *attempt);
/* Out of the roster and freed; its slot is free. */
void roster_drop(struct roster *roster, struct attempt *attempt);
/* NULL: not ours. */
struct attempt *roster_find(const struct roster *roster, struct span job_id);

static inline struct attempt *
roster_attempt(struct list *node)
{
	return list_owner(node, struct attempt, node);
}

#endif
