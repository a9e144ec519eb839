/*
 * announce: a line for each route and each service.
 */
#include "worker/announce.h"

#include <inttypes.h>

#include "base/bounds.h"
#include "base/log.h"

static void
note_call(struct buf *line, const char *word, const struct route_call *call)
{
	if (call)
		buf_notef(line, " %s=\"%s %s %s\"", word, call->method,
			  call->service_name, call->path);
}

static void
note_routes(const struct plan *plan, struct buf *line)
{
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct route *route = plan->routes[i].route;

		buf_reset(line);
		buf_notef(line, "route=%s job=\"%s\"", route->name, route->job);
		note_call(line, "fetch", route->fetch);
		buf_notef(line, " map=%s",
			  route->map_file ? route->map_file
			  : route->map    ? "jq"
					  : "none");
		note_call(line, "push", route->push);
		note_call(line, "gone", route->gone);
		log_notice("%s", buf_text(line));
	}
}

static void
note_services(const struct plan *plan, struct buf *line)
{
	for (size_t i = 0; i < plan->n_gates; i++) {
		const struct conf_service *service = plan->conf->services[i];

		buf_reset(line);
		buf_notef(line, "service=%s url=%s concurrency=%" PRId64,
			  service->name, service->url, service->concurrency);
		if (service->bearer)
			buf_notef(line, " bearer=secret:%s",
				  service->bearer->name);
		if (service->basic)
			buf_notef(line, " basic=secret:%s",
				  service->basic->name);
		log_notice("%s", buf_text(line));
	}
}

void
announce(const struct plan *plan)
{
	struct buf line;

	buf_init(&line, BOUNDS_LOG_LINE_BYTES);
	note_routes(plan, &line);
	note_services(plan, &line);
	buf_fini(&line);
}
