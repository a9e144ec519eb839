/*
 * plan: the configuration as the worker walks it: each route with its compiled
 * map and the gates of the services it calls.
 */
#ifndef WORKER_PLAN_H
#define WORKER_PLAN_H

#include "conf/conf.h"
#include "worker/gate.h"
#include "worker/map_jq.h"

struct plan_route {
	const struct route *route;
	struct map_jq *map;      /* NULL: the route has none */
	struct gate *fetch_gate; /* NULL: no such call */
	struct gate *push_gate;
	struct gate *gone_gate;
};

struct plan {
	struct conf *conf; /* a reference of its own */
	struct plan_route *routes;
	size_t n_routes;
	struct gate **gates; /* one per service, in conf's order */
	size_t n_gates;
};

/* What a route's map is wrong in, told once per route. */
typedef void (*plan_finding_fn)(void *ctx, const struct route *route,
				const char *text);
/* HS_OK, or HS_INVALID after at least one finding. Before any thread starts
 * (map_jq.h). */
enum hs_err plan_new(struct conf *conf, plan_finding_fn fn, void *ctx,
		     struct plan **out) HS_MUST_CHECK;
/* After the map thread is gone and no ticket is at a gate. */
void plan_free(struct plan *plan);

/* NULL: no route for this job name. */
struct plan_route *plan_find(const struct plan *plan, const char *job_name);

#endif
