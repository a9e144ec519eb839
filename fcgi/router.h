/*
 * router: which handler a path belongs to. Paths are compared whole and as they
 * were sent; "/a/%62" is not "/a/b", "/a/" is not "/a".
 */
#ifndef FCGI_ROUTER_H
#define FCGI_ROUTER_H

#include "conf/conf.h"
#include "fcgi/request.h"

enum router_kind {
	ROUTER_NONE,
	ROUTER_ENDPOINT, /* *endpoint is set */
	ROUTER_HEALTHZ,
	ROUTER_READYZ,
};

enum router_kind router_find(const struct conf *conf,
			     const struct request *request,
			     const struct endpoint **endpoint);
/* The methods it answers, as an Allow header says it. Not for ROUTER_NONE. */
const char *router_allow(enum router_kind kind);
bool router_method_is_allowed(enum router_kind kind, struct span method);

#endif
