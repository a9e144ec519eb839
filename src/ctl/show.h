/*
 * show: how values look to a person: text without control characters, ages,
 * times, JSON with indents.
 *
 * Whatever stands in a queue may have been written by a stranger; nothing of
 * it reaches a terminal raw. The bytes of JSON values are laid out anew but
 * never changed, so that a number of 20 digits stays what it is.
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

/* UTF-8 with control characters, what is no UTF-8, and characters that turn
 * the direction of writing as escapes: \n, \t, \x1b, \u202e. */
void show_text(FILE *out, struct span text);
/* The same as a string; the caller frees. Cut after max_bytes of input. */
char *show_text_dup(struct span text, size_t max_bytes);

/* A JSON string with its quotes. */
void show_json_text(FILE *out, struct span text);
/* A JSON value that doc_scan() accepted, on lines indented by `indent` and
 * more; no newline at the end. Text that is no JSON is shown as a string. */
void show_json(FILE *out, struct span json, int indent);
/* The value on one line if it is JSON, else null. */
void show_json_raw(FILE *out, struct span json);

/* "0s", "119s", "119m", "47h", "3d". */
#define SHOW_AGE_SIZE 24
const char *show_age(int64_t ms, char out[SHOW_AGE_SIZE]);
/* "1,234,567". */
#define SHOW_COUNT_SIZE 32
const char *show_count(int64_t n, char out[SHOW_COUNT_SIZE]);
/* "2026-11-24T05:49:45.123Z"; "-" for 0 and less. */
#define SHOW_TIME_SIZE 40
const char *show_time(int64_t wall_ms, char out[SHOW_TIME_SIZE]);

/* Columns of standard output: the terminal's, or $COLUMNS; 0: no limit. */
size_t show_terminal_width(void);
/* Columns a text takes: its characters. Known limit: wide East Asian ones
 * count as one. */
size_t show_width(const char *text);

/* Text that is escaped already, with an ellipsis where it is longer than width
 * characters; 0: no limit. */
void show_cut(FILE *out, const char *text, size_t width);

#endif
