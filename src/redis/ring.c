/*
 * An array whose size is a power of two and doubles when it is full; it never
 * shrinks. An idle connection has none: the first command brings it.
 *
 * Deadlines are not in order (a blocking command waits longer than its
 * neighbours) and are not sorted: to sort would cost at each command, to look
 * through all costs once when a timer fires.
 */
#include "redis/ring.h"

#include <stdlib.h>

#include "base/log.h"

#define FIRST_COMMANDS 64 /* a power of two */

struct ring {
	struct ring_command *commands;
	size_t size;  /* a power of two, or 0 */
	size_t first; /* index of the oldest */
	size_t n;
};

static struct ring_command *
command_at(const struct ring *ring, size_t i)
{
	return &ring->commands[(ring->first + i) & (ring->size - 1)];
}

static void
grow(struct ring *ring)
{
	size_t size = ring->size == 0 ? FIRST_COMMANDS : ring->size * 2;
	struct ring_command *commands = xcalloc(size, sizeof(*commands));

	for (size_t i = 0; i < ring->n; i++)
		commands[i] = *command_at(ring, i);
	free(ring->commands);
	ring->commands = commands;
	ring->size = size;
	ring->first = 0;
}

struct ring *
ring_new(void)
{
	return xcalloc(1, sizeof(struct ring));
}

void
ring_free(struct ring *ring)
{
	if (ring == NULL)
		return;
	free(ring->commands);
	free(ring);
}

size_t
ring_n_commands(const struct ring *ring)
{
	return ring->n;
}

void
ring_push(struct ring *ring, const struct ring_command *command)
{
	if (ring->n == ring->size)
		grow(ring);
	*command_at(ring, ring->n) = *command;
	ring->n++;
}

bool
ring_pop(struct ring *ring, struct ring_command *out)
{
	if (ring->n == 0)
		return false;
	*out = *command_at(ring, 0);
	ring->first = (ring->first + 1) & (ring->size - 1);
	ring->n--;
	return true;
}

int64_t
ring_earliest_due_ms(const struct ring *ring)
{
	int64_t earliest_ms = RING_NEVER;

	for (size_t i = 0; i < ring->n; i++) {
		int64_t due_ms = command_at(ring, i)->due_ms;
		if (due_ms < earliest_ms)
			earliest_ms = due_ms;
	}
	return earliest_ms;
}
