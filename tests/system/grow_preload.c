/*
 * grow_preload: a program that takes memory without end, for the story of the
 * limits. Loaded by LD_PRELOAD into any of ours; on SIGUSR2 it maps and writes
 * one piece after the other, in the handler, until somebody stops it. Its first
 * own word is its last: at 512 MiB it gives up and exits with 99, which means
 * that no limit held.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	GROW_PIECE_BYTES = 16 * 1024 * 1024,
	GROW_PIECES = 32,
};

static void
on_signal(int number)
{
	(void)number;
	for (int i = 0; i < GROW_PIECES; i++) {
		char *piece =
			mmap(NULL, GROW_PIECE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (piece == MAP_FAILED)
			_exit(98);
		/* a byte on each page is enough to have it */
		for (size_t at = 0; at < GROW_PIECE_BYTES; at += 4096)
			((volatile char *)piece)[at] = 1;
	}
	_exit(99);
}

__attribute__((constructor)) static void
wait_for_signal(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR2, &action, NULL);
}
