/*
 * nearest: which of the known words a mistyped one was meant to be.
 */
#ifndef CONF_NEAREST_H
#define CONF_NEAREST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b; a
 * large number for words over 64 bytes. */
unsigned nearest_distance(const char *a, const char *b);

/* Goes through candidates; *best is the nearest so far that is near enough to
 * be meant. Start with { .word = word }. Borrows all texts. */
struct nearest {
	const char *word;
	const char *best;
	unsigned distance;
};
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
