/*
 * refusal: Redis answers, and the answer is no: a user who may not, no memory
 * left, a disk that takes nothing. One line in ten seconds, with what Redis said
 * and what there is to do.
 */
#ifndef WORKER_REFUSAL_H
#define WORKER_REFUSAL_H

#include "base/err.h"
#include "base/log.h"

#define REFUSAL_STORM_MS 10000
#define REFUSAL_REASON_BYTES 160

/* storm: the caller's; what: "cannot take jobs"; n: jobs, 0: not said; text: as
 * Redis said it, may be NULL or empty. */
void refusal_log(enum log_level level, struct log_storm *storm,
		 const char *what, const char *queue, size_t n, enum hs_err err,
		 const char *text);
/* What to do; NULL: not known. Static. */
const char *refusal_remedy(const char *text);

#endif
