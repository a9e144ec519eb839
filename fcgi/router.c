/*
 * router: a walk over the endpoints. There are tens of them at most, and each
 * comparison ends at the length; no table would pay.
 */
#include "fcgi/router.h"

#include "base/log.h"

enum router_kind
router_find(const struct conf *conf, const struct request *request,
	    const struct endpoint **endpoint)
{
	*endpoint = NULL;
	for (struct endpoint **at = conf->endpoints; at != NULL && *at != NULL;
	     at++) {
		if (!request_path_is(request, (*at)->path))
			continue;
		*endpoint = *at;
		return ROUTER_ENDPOINT;
	}
	if (request_path_is(request, "/healthz"))
		return ROUTER_HEALTHZ;
	if (request_path_is(request, "/readyz"))
		return ROUTER_READYZ;
	return ROUTER_NONE;
}

const char *
router_allow(enum router_kind kind)
{
	log_assert(kind != ROUTER_NONE);
	return kind == ROUTER_ENDPOINT ? "POST" : "GET, HEAD";
}

bool
router_method_is_allowed(enum router_kind kind, struct span method)
{
	if (kind == ROUTER_ENDPOINT)
		return span_is(method, "POST");
	return span_is(method, "GET") || span_is(method, "HEAD");
}
