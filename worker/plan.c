/*
 * plan: built before the worker takes its first job with it, so that a map with
 * a mistake stops the start, or the reload, and not the jobs.
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

/* What a gate has learned is about an address and those who ask there. */
static bool
is_same_secret(const struct secret *a, const struct secret *b)
{
	if (!a || !b)
		return a == b;
	return span_equal(buf_span(&a->value), buf_span(&b->value));
}

static bool
is_same_service(const struct conf_service *a, const struct conf_service *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->url, b->url) == 0 &&
	       is_same_secret(a->bearer, b->bearer) &&
	       is_same_secret(a->basic, b->basic);
}

static struct gate *
gate_before(const struct plan *before, const struct conf_service *service)
{
	for (size_t i = 0; before && i < before->n_gates; i++)
		if (is_same_service(before->conf->services[i], service))
			return gate_ref(before->gates[i]);
	return NULL;
}

static void
build_gates(struct plan *plan, const struct plan *before)
{
	struct conf_service *const *services = plan->conf->services;
	size_t n = 0;

	while (services[n])
		n++;
	plan->gates = xcalloc(n + 1, sizeof(struct gate *));
	for (size_t i = 0; i < n; i++) {
		plan->gates[i] = gate_before(before, services[i]);
		if (!plan->gates[i])
			plan->gates[i] = gate_new(services[i]->name,
						  services[i]->concurrency,
						  services[i]->gone_limit);
	}
	plan->n_gates = n;
}

static struct map_jq *
map_before(const struct plan *before, const char *program)
{
	for (size_t i = 0; before && i < before->n_routes; i++) {
		const struct plan_route *old = &before->routes[i];

		if (old->map && strcmp(old->route->map, program) == 0)
			return map_jq_ref(old->map);
	}
	return NULL;
}

static void
build_routes(struct plan *plan, const struct plan *before)
{
	struct route *const *routes = plan->conf->routes;
	size_t n = 0;

	while (routes[n])
		n++;
	plan->routes = xcalloc(n + 1, sizeof(*plan->routes));
	for (size_t i = 0; i < n; i++) {
		struct plan_route *mine = &plan->routes[i];

		mine->route = routes[i];
		mine->fetch_gate = gate_of(plan, routes[i]->fetch);
		mine->push_gate = gate_of(plan, routes[i]->push);
		mine->gone_gate = gate_of(plan, routes[i]->gone);
		if (routes[i]->map)
			mine->map = map_before(before, routes[i]->map);
	}
	plan->n_routes = n;
}

void
plan_note_finding(struct buf *out, const struct route *route, const char *text)
{
	if (route->map_file)
		buf_notef(out, "%s: routes.%s.map_file: %s: %s",
			  route->map_origin, route->name, route->map_file,
			  text);
	else
		buf_notef(out, "%s: routes.%s.map: %s", route->map_origin,
			  route->name, text);
}

struct plan *
plan_begin(struct conf *conf, const struct plan *before)
{
	struct plan *plan = xcalloc(1, sizeof(*plan));

	plan->n_refs = 1;
	list_init(&plan->node);
	plan->conf = conf_ref(conf);
	build_gates(plan, before);
	build_routes(plan, before);
	return plan;
}

static void
compile(struct plan *plan, struct plan_route *mine, plan_finding_fn fn,
	void *ctx)
{
	struct buf why;

	buf_init(&why, BOUNDS_LOG_LINE_BYTES);
	plan->n_compiled++;
	if (map_jq_new(mine->route->map, &mine->map, &why)) {
		plan->is_wrong = true;
		fn(ctx, mine->route, buf_text(&why));
	}
	buf_fini(&why);
}

enum hs_err
plan_step(struct plan *plan, plan_finding_fn fn, void *ctx)
{
	while (plan->n_walked < plan->n_routes) {
		struct plan_route *mine = &plan->routes[plan->n_walked++];

		if (mine->map || !mine->route->map)
			continue;
		compile(plan, mine, fn, ctx);
		return HS_AGAIN;
	}
	return plan->is_wrong ? HS_INVALID : HS_OK;
}

enum hs_err
plan_new(struct conf *conf, plan_finding_fn fn, void *ctx, struct plan **out)
{
	struct plan *plan = plan_begin(conf, NULL);
	enum hs_err err;

	*out = NULL;
	while ((err = plan_step(plan, fn, ctx)) == HS_AGAIN)
		continue;
	if (err)
		plan_unref(plan);
	else
		*out = plan;
	return err;
}

void
plan_enter(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_gates; i++) {
		gate_set_limits(plan->gates[i],
				plan->conf->services[i]->concurrency,
				plan->conf->services[i]->gone_limit);
		gate_probe_now(plan->gates[i]);
	}
}

struct plan *
plan_ref(struct plan *plan)
{
	plan->n_refs++;
	return plan;
}

void
plan_unref(struct plan *plan)
{
	if (!plan || --plan->n_refs > 0)
		return;
	list_remove(&plan->node);
	for (size_t i = 0; i < plan->n_routes; i++)
		map_jq_unref(plan->routes[i].map);
	for (size_t i = 0; i < plan->n_gates; i++)
		gate_unref(plan->gates[i]);
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
