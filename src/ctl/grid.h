/*
 * grid: columns that fit the terminal. Its cells are what show made of the
 * values; a column that must not be cut sticks out where it has to.
 */
#ifndef CTL_GRID_H
#define CTL_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct grid_column {
	const char *head;
	bool is_right;   /* numbers */
	bool may_shrink; /* cut with an ellipsis where the terminal is narrow */
	bool may_hide;   /* left out when all its cells are NULL */
};
struct grid;
struct grid *grid_new(const struct grid_column *columns, size_t n_columns);
void grid_free(struct grid *table);
/* Keeps the cells (malloc'ed, already escaped; NULL shows as "-"). */
void grid_add(struct grid *table, char **cells);
/* width 0: no limit. */
void grid_print(struct grid *table, FILE *out, size_t width);
/* The rows so far, more will follow: they are forgotten, and the columns stay
 * as wide as these made them. Of later rows, texts that may shrink are cut
 * where there is a limit; others stick out. grid_print() prints the
 * rest. */
void grid_flush(struct grid *table, FILE *out, size_t width);

#endif
