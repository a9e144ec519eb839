/*
 * intake: a delivery's way, step by step: it becomes a job, or is refused.
 *
 * Each request that front hands over is answered exactly once. Thread: the
 * loop's.
 */
#ifndef FCGI_INTAKE_H
#define FCGI_INTAKE_H

#include "conf/conf.h"
#include "fcgi/enqueuer.h"
#include "fcgi/front.h"

struct intake;

/* Keeps a reference to conf; borrows the enqueuer. */
struct intake *intake_new(struct conf *conf, struct enqueuer *enqueuer);
/* Only when nothing is parked any more. */
void intake_free(struct intake *intake);
/* Requests from now on are judged by conf, of which a reference is kept; those
 * under way end as they began. */
void intake_reload(struct intake *intake, struct conf *conf);

/* Now and then: refusals that were held back are told when their time is over,
 * though no request comes. */
void intake_tick(struct intake *intake);

struct intake_counts { /* since the start; /healthz and /readyz aside */
	uint64_t n_accepted;
	uint64_t n_refused;
};
struct intake_counts intake_counts(const struct intake *intake);

/* For front_settings, with the intake as ctx. */
void intake_take(void *intake, struct front_call *call);
int64_t intake_limit(void *intake, const char *const *env);

#endif
