/*
 * plan: the configuration as the worker walks it: each route with its compiled
 * map and the gates of the services it calls.
 *
 * Counted by references: the worker holds the plan for jobs to come, and each
 * attempt the one it began with, configuration included. The plan of a new
 * configuration takes over what has not changed: maps with the same text, gates
 * of services with the same address and credentials.
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
	size_t n_refs;
	struct list node;  /* whoever keeps a list of the living; else alone */
	struct conf *conf; /* a reference of its own */
	struct plan_route *routes;
	size_t n_routes;
	size_t n_walked;   /* of the routes: their maps are compiled or taken */
	size_t n_compiled; /* not taken over */
	bool is_wrong;     /* a map has a mistake */
	struct gate **gates; /* one per service, in conf's order */
	size_t n_gates;
};

/* What a route's map is wrong in, told once per route. */
typedef void (*plan_finding_fn)(void *ctx, const struct route *route,
				const char *text);
/* How a finding reads: "FILE:LINE: routes.NAME.map: TEXT". Appended. */
void plan_note_finding(struct buf *out, const struct route *route,
		       const char *text);
/* HS_OK, or HS_INVALID after at least one finding. Before any thread starts
 * (map_jq.h). */
enum hs_err plan_new(struct conf *conf, plan_finding_fn fn, void *ctx,
		     struct plan **out) HS_MUST_CHECK;

/* The same in steps, for one who has other things to do: a map may take a
 * twentieth of a second. before: whose maps and gates are taken over where they
 * fit; NULL: none. */
struct plan *plan_begin(struct conf *conf, const struct plan *before);
/* Compiles the next map. HS_AGAIN: there are more; HS_OK: the plan is whole;
 * HS_INVALID: all were tried, and at least one finding was told. */
enum hs_err plan_step(struct plan *plan, plan_finding_fn fn,
		      void *ctx) HS_MUST_CHECK;
/* From now on it counts: its gates, new and taken over, have its limits; those
 * that wait for a person are tried again. */
void plan_enter(struct plan *plan);

struct plan *plan_ref(struct plan *plan);
/* The last one: no ticket of its own gates may be left. */
void plan_unref(struct plan *plan);

/* NULL: no route for this job name. */
struct plan_route *plan_find(const struct plan *plan, const char *job_name);

#endif
