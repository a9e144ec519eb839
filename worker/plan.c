/*
 * plan: built once at start, before the worker takes its first job, so that a
 * map with a mistake stops the start and not the jobs.
 *
 * Known limit: libjq 1.6 reads its builtins anew for each program, some 50 ms
 * (measured: 100 maps delay the start by 5 s; they take no memory worth naming).
 */
#include "worker/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/err.h"

static struct gate *
gate_of(const struct plan *plan, const struct route_call *call)
{
	if (!call)
		return NULL;
	for (size_t i = 0; i < plan->n_gates; i++)
		if (strcmp(gate_name(plan->gates[i]), call->service->name) == 0)
			return plan->gates[i];
	return NULL;
}

static void
build_gates(struct plan *plan)
{
	struct conf_service *const *services = plan->conf->services;
	size_t n = 0;

	while (services[n])
		n++;
	plan->gates = xcalloc(n + 1, sizeof(struct gate *));
	for (size_t i = 0; i < n; i++)
		plan->gates[i] =
			gate_new(services[i]->name, services[i]->concurrency,
				 services[i]->gone_limit);
	plan->n_gates = n;
}

static enum hs_err
build_route(struct plan *plan, const struct route *route, plan_finding_fn fn,
	    void *ctx)
{
	struct plan_route *mine = &plan->routes[plan->n_routes++];
	struct buf why;
	enum hs_err err = HS_OK;

	mine->route = route;
	mine->fetch_gate = gate_of(plan, route->fetch);
	mine->push_gate = gate_of(plan, route->push);
	mine->gone_gate = gate_of(plan, route->gone);
	if (!route->map)
		return HS_OK;
	buf_init(&why, BOUNDS_LOG_LINE_BYTES);
	err = map_jq_new(route->map, &mine->map, &why);
	if (err)
		fn(ctx, route, buf_text(&why));
	buf_fini(&why);
	return err;
}

enum hs_err
plan_new(struct conf *conf, plan_finding_fn fn, void *ctx, struct plan **out)
{
	struct plan *plan = xcalloc(1, sizeof(*plan));
	enum hs_err err = HS_OK;
	size_t n = 0;

	*out = NULL;
	plan->conf = conf_ref(conf);
	build_gates(plan);
	while (conf->routes[n])
		n++;
	plan->routes = xcalloc(n + 1, sizeof(*plan->routes));
	for (size_t i = 0; i < n; i++) {
		const enum hs_err bad =
			build_route(plan, conf->routes[i], fn, ctx);
		if (bad)
			err = bad;
	}
	if (err) {
		plan_free(plan);
		return err;
	}
	*out = plan;
	return HS_OK;
}

void
plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_routes; i++)
		map_jq_free(plan->routes[i].map);
	for (size_t i = 0; i < plan->n_gates; i++)
		gate_free(plan->gates[i]);
	free(plan->routes);
	free(plan->gates);
	conf_unref(plan->conf);
	free(plan);
}

struct plan_route *
plan_find(const struct plan *plan, const char *job_name)
{
	const struct route *route =
		conf_route_find_job(plan->conf, span_text(job_name));

	if (!route)
		return NULL;
	for (size_t i = 0; i < plan->n_routes; i++)
		if (plan->routes[i].route == route)
			return &plan->routes[i];
	return NULL;
}
