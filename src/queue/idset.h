/*
 * idset: which ids were seen, and in which of up to 15 places first, in eight
 * bytes each: a queue may hold millions of jobs.
 *
 * An id is kept as 60 bits of a hash with a seed drawn for each set. Two ids
 * that share them (one chance in 10^12 for a million jobs) are taken for one;
 * who asks must not act on "seen" alone. Known limit: the hash is quick, not
 * cryptographic; the seed keeps collisions from being prepared.
 */
#ifndef QUEUE_IDSET_H
#define QUEUE_IDSET_H

#include <stdint.h>

#include "base/buf.h"

struct idset;

struct idset *idset_new(void);
void idset_free(struct idset *set);

/* place: 1 to 15. *before is 0 for a new id, else the place it was first seen
 * in, which stays. */
enum hs_err idset_add(struct idset *set, struct span id, unsigned place,
		      unsigned *before) HS_MUST_CHECK;
/* The place, or 0. */
unsigned idset_find(const struct idset *set, struct span id);
size_t idset_len(const struct idset *set);

#endif
