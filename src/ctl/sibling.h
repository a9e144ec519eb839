/*
 * sibling: the worker's program, which the command asks for what only it can
 * do: compile jq maps, and run a route without a queue. jq and curl's transfers
 * stay in one program.
 */
#ifndef CTL_SIBLING_H
#define CTL_SIBLING_H

#include "base/buf.h"
#include "ctl/cmd.h"

/* Where a program is: beside our own executable, in the sbin next to our bin,
 * or in the folder of the build. The caller frees; NULL when it is nowhere. */
char *sibling_find(const char *name);

/* The command line that runs it with the same configuration as ours: its path,
 * -c and -o as in line, then more (up to SIBLING_MORE words and a NULL).
 * Returned owned: sibling_words_free(); NULL when it is nowhere. */
#define SIBLING_MORE 4
char **sibling_words(const char *name, const struct cmd_line *line,
		     const char *const *more);
void sibling_words_free(char **words);

/* Becomes the program; returns only on failure (errno). argv[0] is the path. */
void sibling_exec(char *const argv[]);

/* Runs it to its end with nothing on standard input, collecting both outputs
 * (what is over the buffer's ceiling is dropped). *exit_code is its own, or
 * 128 + signal. HS_IO with errno when it could not be run. */
enum hs_err sibling_run(char *const argv[], struct buf *output,
			int *exit_code) HS_MUST_CHECK;

#endif
