/*
 * build_route: what job names lead to, and whether endpoints, routes and
 * queues fit together.
 */
#include "conf/build.h"

#include <stdlib.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "base/file.h"

#include "conf/nearest.h"

static void
resolve(struct build *build, const char *group, struct route_call *call)
{
	call->service = conf_service_find(build->conf, call->service_name);
	if (call->service)
		return;
	struct nearest nearest = { .word = call->service_name };
	for (size_t i = 0; build->conf->services[i]; i++)
		nearest_offer(&nearest, build->conf->services[i]->name);
	if (nearest.best)
		build_error(build, group, "service",
			    "there is no service \"%.80s\"; did you mean "
			    "\"%s\"?",
			    call->service_name, nearest.best);
	else
		build_error(build, group, "service",
			    "there is no service \"%.80s\": services = { %.80s "
			    "= { url = ... }; }; is missing",
			    call->service_name, call->service_name);
}

/* fetch, push or gone; NULL when the route has none. */
static struct route_call *
take_call(struct build *build, const char *route, const char *step)
{
	char *group = xasprintf("%s.%s", route, step);
	if (!settings_find(build->settings, group)) {
		free(group);
		return NULL;
	}
	struct route_call *call = xcalloc(1, sizeof(*call));
	const char *why;
	call->service_name = build_required(build, group, "service",
					    "service = \"...\", the name of "
					    "one of services");
	if (call->service_name)
		resolve(build, group, call);
	call->method = build_text(build, group, "method");
	char *path = build_required(build, group, "path",
				    "path = \"/customers/{id}\", with a field "
				    "of the data in braces");
	if (path && route_call_parse_path(call, path, &why) != HS_OK)
		build_error(build, group, "path", "%s", why);
	free(path);
	free(group);
	return call;
}

/* The program of a map_file, or NULL after a finding. */
static char *
read_map(struct build *build, const char *group, const char *name)
{
	char *path = name[0] == '/' ? xstrdup(name)
				    : xasprintf("%s/%s", build->folder, name);
	char *program = NULL;
	struct buf text;
	buf_init(&text, BOUNDS_MAP_FILE_BYTES);
	enum hs_err err = file_read(path, &text);
	bool is_needed = build_need_of_services(build) == BUILD_NEEDED;
	if (err == HS_TOO_BIG)
		build_error(build, group, "map_file", "%s is over %d KiB", path,
			    BOUNDS_MAP_FILE_BYTES / 1024);
	else if (err != HS_OK && is_needed)
		build_error(build, group, "map_file",
			    "cannot read %s: %s (names are relative to the "
			    "folder of the main file)",
			    path, hs_err_text(err));
	else if (err != HS_OK)
		build_warn(build, group, "map_file", "cannot read %s: %s", path,
			   hs_err_text(err));
	else if (text.len == 0 || memchr(text.data, '\0', text.len) ||
		 !doc_is_utf8(buf_span(&text)))
		build_error(build, group, "map_file",
			    "%s is no jq program: it is empty or no UTF-8 text",
			    path);
	else
		program = buf_steal(&text);
	buf_fini(&text);
	free(path);
	return program;
}

static void
take_map(struct build *build, const char *group, struct route *route)
{
	route->map = build_text(build, group, "map");
	route->map_file = build_text(build, group, "map_file");
	if (route->map && route->map_file) {
		build_error(build, group, "map_file",
			    "a route has map or map_file, not both (map stands "
			    "at %s)",
			    build_get(build, group, "map")->origin);
		return;
	}
	const char *name = route->map_file ? "map_file" : "map";
	if (route->map || route->map_file)
		route->map_origin =
			xstrdup(build_get(build, group, name)->origin);
	if (route->map_file && build_need_of_services(build) != BUILD_UNNEEDED)
		route->map = read_map(build, group, route->map_file);
}

static struct route *
take_route(struct build *build, const char *group)
{
	struct route *route = xcalloc(1, sizeof(*route));
	route->name = xstrdup(build_member_name(build, group));
	route->job = build_text_or(build, group, "job", route->name);
	build_check_name(build, group, "job", route->job);
	route->fetch = take_call(build, group, "fetch");
	route->push = take_call(build, group, "push");
	route->gone = take_call(build, group, "gone");
	take_map(build, group, route);
	if (!route->fetch && !route->push)
		build_warn(build, group, NULL,
			   "does nothing: it has no fetch and no push");
	if (route->gone && !route->fetch)
		build_warn(build, group, "gone",
			   "is never used: only a fetch can find an object "
			   "gone");
	return route;
}

static void
check_same_job(struct build *build, struct route **routes, size_t n)
{
	const struct route *last = routes[n - 1];
	for (size_t i = 0; i + 1 < n; i++) {
		if (strcmp(routes[i]->job, last->job) != 0)
			continue;
		char *group = xasprintf("routes.%s", last->name);
		build_error(build, group, "job",
			    "\"%s\" leads to routes.%s already: a job has one "
			    "route",
			    last->job, routes[i]->name);
		free(group);
		return;
	}
}

void
build_routes(struct build *build)
{
	struct conf *conf = build->conf;
	const char *group;
	size_t place = 0;
	size_t n = 0;
	conf->routes = xcalloc(1, sizeof(struct route *));
	while ((group = build_next_member(build, "routes", &place))) {
		conf->routes = xreallocarray(conf->routes, n + 2,
					     sizeof(struct route *));
		conf->routes[n++] = take_route(build, group);
		conf->routes[n] = NULL;
		check_same_job(build, conf->routes, n);
	}
}

/* ---- together ---- */

static const struct endpoint_field *
find_field(const struct endpoint *endpoint, const char *name)
{
	for (size_t i = 0; i < endpoint->n_fields; i++)
		if (strcmp(endpoint->fields[i].name, name) == 0)
			return &endpoint->fields[i];
	return NULL;
}

/* Does the endpoint give what a path of the route takes? */
static void
check_call_fields(struct build *build, const struct route *route,
		  const char *step, const struct route_call *call,
		  const struct endpoint *endpoint)
{
	char *group = xasprintf("routes.%s.%s", route->name, step);
	for (size_t i = 0; call && i < call->n_pieces; i++) {
		const char *name = call->pieces[i].field;
		if (!name)
			continue;
		const struct endpoint_field *field = find_field(endpoint, name);
		if (!field)
			build_warn(build, group, "path",
				   "{%s} is not in the data of endpoints.%s: "
				   "its jobs will fail; add data = { %s = "
				   "\"/...\"; }",
				   name, endpoint->name, name);
		else if (field->is_optional)
			build_warn(build, group, "path",
				   "{%s} is optional in the data of "
				   "endpoints.%s: jobs without it will fail",
				   name, endpoint->name);
	}
	free(group);
}

static void
check_route(struct build *build, const struct route *route)
{
	bool has_endpoint = false;
	for (size_t i = 0; build->conf->endpoints[i]; i++) {
		const struct endpoint *endpoint = build->conf->endpoints[i];
		if (strcmp(endpoint->job, route->job) != 0)
			continue;
		has_endpoint = true;
		check_call_fields(build, route, "fetch", route->fetch,
				  endpoint);
		check_call_fields(build, route, "push", route->push, endpoint);
		check_call_fields(build, route, "gone", route->gone, endpoint);
	}
	/* a worker may well be fed from other hosts */
	if (has_endpoint || build->role == CONF_ROLE_WORKER)
		return;
	char *group = xasprintf("routes.%s", route->name);
	build_warn(build, group, NULL,
		   "no endpoint makes jobs named \"%s\": only other programs "
		   "can use this route; an endpoint does with job = \"%s\"",
		   route->job, route->job);
	free(group);
}

static void
check_endpoint(struct build *build, const struct endpoint *endpoint)
{
	char *group = xasprintf("endpoints.%s", endpoint->name);
	const struct conf *conf = build->conf;
	bool is_served = false;
	for (size_t i = 0; conf->worker.queues[i]; i++)
		if (strcmp(conf->worker.queues[i], endpoint->queue) == 0)
			is_served = true;
	if (!is_served)
		build_warn(build, group, "queue",
			   "\"%s\" is not among worker.queues: its jobs wait "
			   "for another worker",
			   endpoint->queue);
	else if (!conf_route_find_job(conf, span_text(endpoint->job)))
		build_warn(build, group, NULL,
			   "no route takes its job \"%s\": a worker of ours "
			   "will fail it; write for example routes = { %s = "
			   "{ job = \"%s\"; push = { service = \"erp\"; "
			   "path = \"/...\"; }; }; };",
			   endpoint->job, endpoint->name, endpoint->job);
	free(group);
}

void
build_check(struct build *build)
{
	/* who works on the jobs is not the responder's business */
	if (build->role == CONF_ROLE_RESPONDER)
		return;
	for (size_t i = 0; build->conf->endpoints[i]; i++)
		check_endpoint(build, build->conf->endpoints[i]);
	for (size_t i = 0; build->conf->routes[i]; i++)
		check_route(build, build->conf->routes[i]);
}
