/*
 * shift: a worker at work: from the first connection to the last job given
 * back. Owns the loop and all rooms of this folder; its turn is where they
 * meet.
 */
#ifndef WORKER_SHIFT_H
#define WORKER_SHIFT_H

#include "worker/load.h"
#include "worker/plan.h"

/* Works until SIGTERM or SIGINT, reads the configuration anew at SIGHUP (which
 * the caller may have blocked until now); the exit code. Keeps plan, borrows load. */
int shift_run(struct plan *plan, const struct load *load);

#endif
