/*
 * progress: a bar on standard error for what takes long, so that who waits
 * sees how far it is.
 *
 * It shows only where standard error is a terminal, only when half a second
 * has passed, and leaves no trace: who reads a log of it later finds none. What
 * is printed meanwhile goes to standard output after progress_hide().
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress;

/* label: a verb and what it works on ("retrying"), copied. total: of how many;
 * 0: nobody knows. */
struct progress *progress_new(const char *label, int64_t total);
/* Takes the bar away. */
void progress_free(struct progress *progress);

/* How many are done by now, and of how many when that has changed. Cheap: draws
 * ten times a second at most. */
void progress_set(struct progress *progress, int64_t n_done);
void progress_set_total(struct progress *progress, int64_t total);
/* The line is free for something else; the next progress_set() draws anew. */
void progress_hide(struct progress *progress);

/* The bar as text in columns columns (at least 20), without the carriage
 * return; elapsed_ms tells how long the rest may take. */
#define PROGRESS_LINE_SIZE 256
void progress_print(const char *label, int64_t n_done, int64_t total,
		    int64_t elapsed_ms, int columns,
		    char out[PROGRESS_LINE_SIZE]);

#endif
