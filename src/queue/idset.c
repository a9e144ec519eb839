/*
 * idset: open addressing over 64-bit slots: 60 bits of hash, 4 of place; 0 is
 * an empty slot, as no place is 0. At most two of three slots are used.
 */
#include "queue/idset.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"

#define PLACE_BITS 4
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)
#define FIRST_SLOTS 1024 /* a power of two, as every size is */

struct idset {
	uint64_t *slots;
	size_t n_slots;
	size_t n;
	uint64_t seed;
};

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

static uint64_t
hash(const struct idset *set, struct span id)
{
	uint64_t x = mix(set->seed ^ id.len);
	for (size_t i = 0; i < id.len; i += 8) {
		uint64_t word = 0;
		size_t left = id.len - i;
		memcpy(&word, id.ptr + i, left < 8 ? left : 8);
		x = mix(x ^ word) + set->seed;
	}
	return mix(x) & ~PLACE_MASK;
}

/* The slot of the hash, or the empty one where it belongs. */
static uint64_t *
probe(uint64_t *slots, size_t n_slots, uint64_t hashed)
{
	size_t i = (size_t)(hashed >> PLACE_BITS) & (n_slots - 1);
	while (slots[i] != 0 && (slots[i] & ~PLACE_MASK) != hashed)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

struct idset *
idset_new(void)
{
	struct idset *set = xcalloc(1, sizeof(*set));
	if (getrandom(&set->seed, sizeof(set->seed), 0) !=
	    (ssize_t)sizeof(set->seed))
		set->seed = (uint64_t)(uintptr_t)set;
	set->n_slots = FIRST_SLOTS;
	set->slots = xcalloc(set->n_slots, sizeof(*set->slots));
	return set;
}

void
idset_free(struct idset *set)
{
	if (!set)
		return;
	free(set->slots);
	free(set);
}

static enum hs_err
grow(struct idset *set)
{
	size_t n_slots = set->n_slots * 2;
	/* sized by the outside */
	uint64_t *slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return HS_NO_MEMORY;
	for (size_t i = 0; i < set->n_slots; i++) {
		uint64_t slot = set->slots[i];
		if (slot != 0)
			*probe(slots, n_slots, slot & ~PLACE_MASK) = slot;
	}
	free(set->slots);
	set->slots = slots;
	set->n_slots = n_slots;
	return HS_OK;
}

enum hs_err
idset_add(struct idset *set, struct span id, unsigned place, unsigned *before)
{
	log_assert(place > 0 && place <= PLACE_MASK);
	if (set->n >= set->n_slots / 3 * 2 && grow(set) != HS_OK)
		return HS_NO_MEMORY;
	uint64_t hashed = hash(set, id);
	uint64_t *slot = probe(set->slots, set->n_slots, hashed);
	*before = (unsigned)(*slot & PLACE_MASK);
	if (*slot == 0) {
		*slot = hashed | place;
		set->n++;
	}
	return HS_OK;
}

unsigned
idset_find(const struct idset *set, struct span id)
{
	uint64_t *slot = probe(set->slots, set->n_slots, hash(set, id));
	return (unsigned)(*slot & PLACE_MASK);
}

size_t
idset_len(const struct idset *set)
{
	return set->n;
}
