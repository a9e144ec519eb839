/*
 * grid: columns line up, and fit the terminal where they may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "ctl/grid.h"

static char *
table_text(size_t width, const char *reason)
{
	static const struct grid_column columns[] = {
		{ .head = "ID" },
		{ .head = "N", .is_right = true },
		{ .head = "REASON", .may_shrink = true, .may_hide = true },
	};
	struct grid *table = grid_new(columns, 3);
	char *cells[] = { xstrdup("crm-1"), xstrdup("10"),
			  reason ? xstrdup(reason) : NULL };
	char *more[] = { xstrdup("crm-22"), xstrdup("5"), NULL };
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	grid_add(table, cells);
	grid_add(table, more);
	grid_print(table, out, width);
	fclose(out);
	grid_free(table);
	return text;
}

static void
test_table(void **state)
{
	(void)state;
	char *text = table_text(0, "503 from erp: Zo\xc3\xab is away");
	assert_string_equal(text,
			    "ID       N  REASON\n"
			    "crm-1   10  503 from erp: Zo\xc3\xab is away\n"
			    "crm-22   5  -\n");
	free(text);
	text = table_text(26, "503 from erp: Zo\xc3\xab is away");
	assert_string_equal(text, "ID       N  REASON\n"
				  "crm-1   10  503 from erp:\xe2\x80\xa6\n"
				  "crm-22   5  -\n");
	free(text);
	/* an id is never cut, whatever the terminal: it is for copying */
	text = table_text(5, "503 from erp: Zo\xc3\xab is away");
	assert_non_null(strstr(text, "crm-22   5"));
	assert_non_null(strstr(text, "503 from er\xe2\x80\xa6"));
	free(text);
	text = table_text(0, NULL);
	assert_string_equal(text, "ID       N\ncrm-1   10\ncrm-22   5\n");
	free(text);
}

/* The first rows say how wide the columns are; a pipe has no limit. */
static char *
flushed(size_t width, const char *first, const char *second)
{
	static const struct grid_column columns[] = {
		{ .head = "ID" },
		{ .head = "REASON", .may_shrink = true, .may_hide = true },
	};
	struct grid *table = grid_new(columns, 2);
	char *text = NULL;
	size_t text_len = 0;
	FILE *out = open_memstream(&text, &text_len);

	assert_non_null(out);
	char *row[] = { xstrdup("crm-1"), first ? xstrdup(first) : NULL };
	grid_add(table, row);
	grid_flush(table, out, width);
	char *next[] = { xstrdup("crm-longer-1"), xstrdup(second) };
	grid_add(table, next);
	grid_flush(table, out, width);
	grid_print(table, out, width); /* no more rows, no second head */
	grid_free(table);
	fclose(out);
	return text;
}

static void
test_table_flushed(void **state)
{
	(void)state;
	char *text = flushed(0, "short", "much longer than it");
	assert_string_equal(text, "ID     REASON\n"
				  "crm-1  short\n"
				  "crm-longer-1  much longer than it\n");
	free(text);
	/* what is left of the line is the last column's */
	text = flushed(24, "short", "much longer than it");
	assert_string_equal(text,
			    "ID     REASON\n"
			    "crm-1  short\n"
			    "crm-longer-1  much longer than\xe2\x80\xa6\n");
	free(text);
	/* a column is not hidden for want of what later rows may have */
	text = flushed(0, NULL, "r");
	assert_string_equal(text, "ID     REASON\n"
				  "crm-1  -\n"
				  "crm-longer-1  r\n");
	free(text);
}

/* One id that a stranger made long moves no other row. */
static void
test_long_cell(void **state)
{
	static const struct grid_column columns[] = { { .head = "ID" },
						      { .head = "NAME" } };
	struct grid *table = grid_new(columns, 2);
	char *text = NULL;
	size_t text_len = 0;
	FILE *out = open_memstream(&text, &text_len);
	char id[201] = "";

	(void)state;
	assert_non_null(out);
	memset(id, 'x', sizeof id - 1);
	char *first[] = { xstrdup("crm-1"), xstrdup("a") };
	char *second[] = { xstrdup(id), xstrdup("b") };
	grid_add(table, first);
	grid_add(table, second);
	grid_print(table, out, 80);
	grid_free(table);
	fclose(out);
	char *second_row = strstr(text, "\nxxx");
	assert_non_null(second_row);
	assert_true(second_row - text < 200); /* both rows before it */
	assert_string_equal(second_row + 1 + strlen(id), "  b\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_flushed),
		cmocka_unit_test(test_long_cell),
	};
	return cmocka_run_group_tests_name("grid", tests, NULL, NULL);
}
