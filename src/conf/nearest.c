/*
 * nearest: which of the known words a mistyped one was meant to be.
 *
 * Counts edits between two short words with three rows of a table (optimal
 * string alignment: insert, delete, replace, swap neighbours). A third of the
 * word may be wrong; beyond that a suggestion misleads more than it helps.
 */
#include "conf/nearest.h"

#include <limits.h>
#include <string.h>

enum { WORD_BYTES = 64 }; /* longer words were not mistyped from ours */

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
nearest_distance(const char *a, const char *b)
{
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);
	if (a_len > WORD_BYTES || b_len > WORD_BYTES)
		return UINT_MAX;

	unsigned rows[3][WORD_BYTES + 1];
	unsigned *before = rows[0];
	unsigned *last = rows[1];
	unsigned *row = rows[2];
	for (size_t j = 0; j <= b_len; j++) {
		before[j] = 0;
		last[j] = (unsigned)j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned cost = a[i - 1] != b[j - 1];
			row[j] = least(last[j - 1] + cost,
				       least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		unsigned *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

void
nearest_offer(struct nearest *nearest, const char *candidate)
{
	unsigned distance = nearest_distance(nearest->word, candidate);
	size_t len = strlen(nearest->word);
	unsigned allowed = len < 4 ? 1 : (unsigned)least(4, (unsigned)len / 3);
	if (distance > allowed)
		return;
	if (!nearest->best || distance < nearest->distance) {
		nearest->best = candidate;
		nearest->distance = distance;
	}
}
