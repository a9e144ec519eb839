/*
 * announce: what a worker does with which job, and which services it calls, for
 * who reads its log: at the start, and after each reload. Of secrets the names.
 */
#ifndef WORKER_ANNOUNCE_H
#define WORKER_ANNOUNCE_H

#include "worker/plan.h"

void announce(const struct plan *plan);

#endif
