/*
 * roster: three lists and an index. With 5000 jobs at once a search through a
 * list for each taken job would show; with a hundred nothing does.
 */
#include "worker/roster.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* FNV-1a, 32 bits: job ids are no secret and no attack on us is gained */
static size_t
bucket_of(struct span id)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < id.len; i++)
		hash = (hash ^ id.ptr[i]) * 16777619u;
	return hash & (ROSTER_N_BUCKETS - 1);
}

void
roster_slots_free(struct roster_slots *slots, size_t n)
{
	log_assert(slots->n_used >= n);
	if (slots->n_used >= slots->n_all)
		slots->freed_ms = clock_mono_ms();
	slots->n_used -= n;
}

void
roster_slots_set(struct roster_slots *slots, size_t n_all)
{
	if (slots->n_used >= slots->n_all)
		slots->freed_ms = clock_mono_ms();
	slots->n_all = n_all;
}

void
roster_init(struct roster *roster, struct queue *queue, const char *name,
	    const char *token, struct roster_slots *slots)
{
	roster->queue = queue;
	roster->name = name;
	roster->token = token;
	roster->slots = slots;
	roster->n = 0;
	list_init(&roster->active);
	list_init(&roster->ended);
	list_init(&roster->telling);
	for (size_t i = 0; i < ROSTER_N_BUCKETS; i++)
		list_init(&roster->buckets[i]);
}

void
roster_fini(struct roster *roster)
{
	struct list *const lists[] = { &roster->active, &roster->ended,
				       &roster->telling };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		while (!list_is_empty(lists[i]))
			roster_drop(roster, roster_attempt(lists[i]->next));
}

void
roster_add(struct roster *roster, struct attempt *attempt)
{
	list_push_back(&roster->active, &attempt->node);
	list_push_back(&roster->buckets[bucket_of(attempt->job->id_bytes)],
		       &attempt->bucket_node);
	roster->n++;
}

void
roster_move(struct list *to, struct attempt *attempt)
{
	list_remove(&attempt->node);
	list_push_back(to, &attempt->node);
}

void
roster_drop(struct roster *roster, struct attempt *attempt)
{
	log_assert(roster->n > 0);
	list_remove(&attempt->node);
	list_remove(&attempt->bucket_node);
	roster->n--;
	roster_slots_free(roster->slots, 1);
	attempt_free(attempt);
}

struct attempt *
roster_find(const struct roster *roster, struct span job_id)
{
	const struct list *head = &roster->buckets[bucket_of(job_id)];

	for (struct list *node = head->next; node != head; node = node->next) {
		struct attempt *attempt =
			list_owner(node, struct attempt, bucket_node);
		/* a lost one may wait for its finish beside its successor */
		if (!attempt->is_lost &&
		    span_equal(attempt->job->id_bytes, job_id))
			return attempt;
	}
	return NULL;
}
