/*
 * grid: rows that line up.
 */
#include "ctl/grid.h"

#include <stdlib.h>

#include "base/buf.h"
#include "ctl/show.h"

struct grid {
	const struct grid_column *columns;
	size_t n_columns;
	char ***rows;
	size_t n_rows;
	size_t n_alloc;
	/* once the head is printed */
	size_t *shown; /* place to column; NULL: not yet */
	size_t *widths;
	size_t n_shown;
};

/* What is left of a column on a very narrow terminal. */
enum { MIN_COLUMN = 12 };
/* Beyond that a cell sticks out: one long id shall not move all rows. An
 * endpoint and a UUID have less, and leave room for the rest in 80 columns. */
enum { MAX_COLUMN = 48 };

struct grid *
grid_new(const struct grid_column *columns, size_t n_columns)
{
	struct grid *table = xcalloc(1, sizeof *table);
	table->columns = columns;
	table->n_columns = n_columns;
	return table;
}

static void
forget_rows(struct grid *table)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		for (size_t k = 0; k < table->n_columns; k++)
			free(table->rows[i][k]);
		free(table->rows[i]);
	}
	table->n_rows = 0;
}

void
grid_free(struct grid *table)
{
	if (!table)
		return;
	forget_rows(table);
	free(table->rows);
	free(table->shown);
	free(table->widths);
	free(table);
}

void
grid_add(struct grid *table, char **cells)
{
	if (table->n_rows == table->n_alloc) {
		table->n_alloc = table->n_alloc ? 2 * table->n_alloc : 32;
		table->rows = xreallocarray(table->rows, table->n_alloc,
					    sizeof *table->rows);
	}
	char **row = xcalloc(table->n_columns, sizeof *row);
	for (size_t k = 0; k < table->n_columns; k++)
		row[k] = cells[k];
	table->rows[table->n_rows++] = row;
}

static const char *
cell_text(const struct grid *table, size_t row, size_t column)
{
	const char *text = table->rows[row][column];
	return text ? text : "-";
}

static bool
column_is_hidden(const struct grid *table, size_t column)
{
	if (!table->columns[column].may_hide)
		return false;
	for (size_t i = 0; i < table->n_rows; i++)
		if (table->rows[i][column])
			return false;
	return true;
}

/* The columns that are shown, and how wide; hidden ones are counted out by
 * moving the others up: `shown` maps place to column. More rows may have what
 * these have not: then none is hidden, and the last takes what is left. */
static void
fit(struct grid *table, size_t width, bool has_more)
{
	size_t *shown = xcalloc(table->n_columns, sizeof *shown);
	size_t *widths = xcalloc(table->n_columns, sizeof *widths);
	size_t total = 0;
	size_t n = 0;

	for (size_t k = 0; k < table->n_columns; k++) {
		if (!has_more && column_is_hidden(table, k))
			continue;
		widths[n] = show_width(table->columns[k].head);
		for (size_t i = 0; i < table->n_rows; i++) {
			size_t cell = show_width(cell_text(table, i, k));
			if (cell > widths[n])
				widths[n] = cell;
		}
		total += widths[n] + (n > 0 ? 2 : 0);
		shown[n++] = k;
	}
	for (size_t k = 0; width > 0 && total > width && k < n; k++) {
		if (table->columns[shown[k]].may_shrink ||
		    widths[k] <= MAX_COLUMN)
			continue;
		total -= widths[k] - MAX_COLUMN;
		widths[k] = MAX_COLUMN;
	}
	for (size_t k = n; width > 0 && total > width && k-- > 0;) {
		if (!table->columns[shown[k]].may_shrink ||
		    widths[k] <= MIN_COLUMN)
			continue;
		size_t spare = widths[k] - MIN_COLUMN;
		size_t cut = total - width < spare ? total - width : spare;
		widths[k] -= cut;
		total -= cut;
	}
	if (has_more && total < width)
		widths[n - 1] += width - total;
	table->shown = shown;
	table->widths = widths;
	table->n_shown = n;
}

static void
put_cell(FILE *out, const char *text, size_t width, bool is_right, bool is_last)
{
	int pad = (int)(width - show_width(text));
	if (is_right)
		fprintf(out, "%*s%s", pad, "", text);
	else
		fprintf(out, "%s%*s", text, is_last ? 0 : pad, "");
}

static void
put_row(const struct grid *table, FILE *out, size_t width, size_t row,
	bool is_head)
{
	for (size_t k = 0; k < table->n_shown; k++) {
		const struct grid_column *column =
			&table->columns[table->shown[k]];
		const char *text =
			is_head ? column->head
				: cell_text(table, row, table->shown[k]);
		fputs(k > 0 ? "  " : "", out);
		if (show_width(text) <= table->widths[k])
			put_cell(out, text, table->widths[k], column->is_right,
				 k + 1 == table->n_shown);
		else if (width > 0 && column->may_shrink)
			show_cut(out, text, table->widths[k]);
		else
			fputs(text, out);
	}
	fputc('\n', out);
}

static void
put_rows(struct grid *table, FILE *out, size_t width, bool has_more)
{
	if (!table->shown) {
		fit(table, width, has_more);
		put_row(table, out, width, 0, true);
	}
	for (size_t i = 0; i < table->n_rows; i++)
		put_row(table, out, width, i, false);
	forget_rows(table);
}

void
grid_flush(struct grid *table, FILE *out, size_t width)
{
	put_rows(table, out, width, true);
}

void
grid_print(struct grid *table, FILE *out, size_t width)
{
	put_rows(table, out, width, false);
}
