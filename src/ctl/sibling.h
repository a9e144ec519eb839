/*
 * sibling: the worker's program, which the command asks for what only it can
 * do: compile jq maps, and run a route without a queue. jq and curl's transfers
 * stay in one program.
 */
#ifndef CTL_SIBLING_H
#define CTL_SIBLING_H

#include "base/buf.h"

/* Where a program is: beside our own executable, in the sbin next to our bin,
 * or in the folder of the build. The caller frees; NULL when it is nowhere. */
char *sibling_find(const char *name);

/* Becomes the program; returns only on failure (errno). argv[0] is the path. */
void sibling_exec(char *const argv[]);

/* Runs it to its end with nothing on standard input, collecting both outputs
 * (what is over the buffer's ceiling is dropped). *exit_code is its own, or
 * 128 + signal. HS_IO with errno when it could not be run. */
enum hs_err sibling_run(char *const argv[], struct buf *output,
			int *exit_code) HS_MUST_CHECK;

#endif
