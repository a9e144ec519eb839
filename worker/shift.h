/*
 * shift: a worker at work: from the first connection to the last job given
 * back. Owns the loop and all rooms of this folder; its turn is where they
 * meet.
 */
#ifndef WORKER_SHIFT_H
#define WORKER_SHIFT_H

#include "worker/plan.h"

/* Works until SIGTERM or SIGINT; the exit code. Keeps plan. */
int shift_run(struct plan *plan);

#endif
