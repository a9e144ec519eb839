/*
 * build_service: the remote APIs.
 */
#include "conf/build.h"

#include <ctype.h>
#include <stdlib.h>

#include "conf/url.h"

/* What would end a header's line, or is no part of a token (RFC 6750 2.1). */
static void
check_bearer(struct build *build, const char *group,
	     const struct secret *secret)
{
	const struct buf *value = &secret->value;
	for (size_t i = 0; i < value->len; i++) {
		if (value->data[i] > ' ' && value->data[i] < 0x7f)
			continue;
		build_error(build, group, "bearer",
			    "secret %s (%s) has a space or a byte that a "
			    "header cannot hold",
			    secret->name, secret->origin);
		return;
	}
}

static void
check_basic(struct build *build, const char *group, const struct secret *secret)
{
	const struct buf *value = &secret->value;
	bool has_colon = false;
	bool has_control = false;
	for (size_t i = 0; i < value->len; i++) {
		has_colon = has_colon || value->data[i] == ':';
		has_control = has_control || iscntrl(value->data[i]);
	}
	if (value->len > 0 && (!has_colon || has_control))
		build_error(build, group, "basic",
			    "secret %s (%s) must be one line user:password",
			    secret->name, secret->origin);
}

static bool
is_loopback(struct span host)
{
	return span_is_nocase(host, "localhost") || span_is(host, "::1") ||
	       (host.len > 4 && memcmp(host.ptr, "127.", 4) == 0);
}

static void
take_url(struct build *build, const char *group, struct conf_service *service)
{
	service->url = build_required(build, group, "url",
				      "url = \"https://crm.example.com/api\"");
	if (!service->url)
		return;
	const char *why;
	struct url url;
	struct span text = span_text(service->url);
	if (url_base_check(text, &why) != HS_OK) {
		build_error(build, group, "url",
			    "%s; write for example "
			    "https://crm.example.com/api",
			    why);
		return;
	}
	if ((service->bearer || service->basic) &&
	    url_split(text, &url, &why) == HS_OK &&
	    span_is_nocase(url.scheme, "http") && !is_loopback(url.host))
		build_warn(build, group, "url",
			   "http:// shows the login to everybody on the way: "
			   "use https://");
	size_t len = text.len;
	while (len > 0 && service->url[len - 1] == '/')
		service->url[--len] = '\0';
}

static struct conf_service *
take_service(struct build *build, const char *group)
{
	struct conf_service *service = xcalloc(1, sizeof(*service));
	enum build_need need = build_need_of_services(build);
	service->name = xstrdup(build_member_name(build, group));

	struct setting *bearer = build_get(build, group, "bearer");
	struct setting *basic = build_get(build, group, "basic");
	if (bearer && basic)
		build_error(build, group, "basic",
			    "a service has bearer or basic, not both: leave "
			    "one out (bearer stands at %s)",
			    bearer->origin);
	if (bearer) {
		service->bearer = build_secret(build, bearer, 0, need);
		check_bearer(build, group, service->bearer);
	}
	if (basic) {
		service->basic = build_secret(build, basic, 0, need);
		check_basic(build, group, service->basic);
	}
	take_url(build, group, service);
	service->timeout_ms = build_number(build, group, "timeout");
	service->connect_timeout_ms =
		build_number(build, group, "connect_timeout");
	service->concurrency = build_number(build, group, "concurrency");
	service->gone_limit = build_number(build, group, "gone_limit");
	service->max_body_bytes = build_number(build, group, "max_body");
	return service;
}

void
build_services(struct build *build)
{
	struct conf *conf = build->conf;
	const char *group;
	size_t place = 0;
	size_t n = 0;
	conf->services = xcalloc(1, sizeof(struct conf_service *));
	while ((group = build_next_member(build, "services", &place))) {
		conf->services = xreallocarray(conf->services, n + 2,
					       sizeof(struct conf_service *));
		conf->services[n++] = take_service(build, group);
		conf->services[n] = NULL;
	}
}
