/*
 * build_endpoint: what URL paths accept, and how deliveries are verified.
 *
 * To accept what nobody signed must be asked for: a scheme is required, "none"
 * is one, and it is warned of.
 */
#include "conf/build.h"

#include <stdlib.h>

#include "base/doc.h"

static void
take_field(struct build *build, struct endpoint *endpoint,
	   const struct setting *setting, const char *name)
{
	const char *text = setting->texts[0];
	size_t len = strlen(text);
	bool is_optional = text[len - 1] == '?';
	struct span pointer = span_of(text, len - is_optional);
	if (!endpoint_field_is_valid(name))
		finding_error(build->findings, setting->origin, setting->name,
			      "a field's name has letters, digits and '_', no "
			      "digit in front, and is not rawPayload");
	if (pointer.len == 0 || !doc_pointer_is_valid(pointer))
		finding_error(build->findings, setting->origin, setting->name,
			      "is no JSON Pointer (RFC 6901): write for "
			      "example \"/identityId\", or \"/identityId?\" "
			      "where it may be absent");
	endpoint->fields =
		xreallocarray(endpoint->fields, endpoint->n_fields + 1,
			      sizeof(*endpoint->fields));
	endpoint->fields[endpoint->n_fields++] = (struct endpoint_field){
		.name = xstrdup(name),
		.pointer = xstrndup(text, pointer.len),
		.is_optional = is_optional,
	};
}

static void
take_fields(struct build *build, const char *group, struct endpoint *endpoint)
{
	char *prefix = xasprintf("%s.data.", group);
	size_t len = strlen(prefix);
	for (size_t i = 0; i < build->settings->n; i++) {
		const struct setting *setting = build->settings->all[i];
		if (setting->option && setting->texts &&
		    strncmp(setting->name, prefix, len) == 0)
			take_field(build, endpoint, setting,
				   setting->name + len);
	}
	if (endpoint->n_fields > ENDPOINT_FIELDS_MAX)
		build_error(build, group, "data", "has %zu fields, at most %d",
			    endpoint->n_fields, ENDPOINT_FIELDS_MAX);
	free(prefix);
}

static void
take_secrets(struct build *build, const char *verify, struct endpoint *endpoint)
{
	struct setting *secrets = build_get(build, verify, "secrets");
	if (endpoint->scheme == SIGNATURE_NONE) {
		if (secrets)
			build_warn(build, verify, "secrets",
				   "is not used: scheme \"none\" checks "
				   "nothing");
		return;
	}
	if (!secrets || secrets->n_texts == 0) {
		if (secrets || !build_is_said(build, verify, "secrets"))
			build_error(build, verify, "secrets",
				    "is missing: write secrets = [ "
				    "\"secret:%s\" ]",
				    endpoint->name);
		return;
	}
	if (secrets->n_texts > ENDPOINT_SECRETS_MAX) {
		build_error(build, verify, "secrets",
			    "has %zu secrets: each is tried on each delivery, "
			    "so at most %d",
			    secrets->n_texts, ENDPOINT_SECRETS_MAX);
		return;
	}
	endpoint->secrets =
		xcalloc(secrets->n_texts, sizeof(const struct secret *));
	for (size_t i = 0; i < secrets->n_texts; i++) {
		const struct secret *secret = build_secret(
			build, secrets, i, build_need_of_endpoints(build));
		const char *why;
		if (secret->value.len > 0 &&
		    signature_secret_check(endpoint->scheme,
					   buf_span(&secret->value),
					   &why) != HS_OK)
			build_error(build, verify, "secrets",
				    "secret %s (%s) does not fit scheme "
				    "\"%s\": %s",
				    secret->name, secret->origin,
				    signature_scheme_name(endpoint->scheme),
				    why);
		endpoint->secrets[endpoint->n_secrets++] = secret;
	}
}

/* Settings that another scheme reads are a misunderstanding. */
static void
warn_unused(struct build *build, const char *verify,
	    const struct endpoint *endpoint)
{
	static const char *const tolerances[] = { "tolerance", "tolerance_past",
						  "tolerance_future" };
	const char *scheme = signature_scheme_name(endpoint->scheme);
	if (endpoint->scheme != SIGNATURE_TOKEN &&
	    build_is_said(build, verify, "header"))
		build_warn(build, verify, "header",
			   "is not used: scheme \"%s\" has headers of its own",
			   scheme);
	if (endpoint->scheme == SIGNATURE_STANDARD_WEBHOOKS)
		return;
	for (size_t i = 0; i < 3; i++)
		if (build_is_said(build, verify, tolerances[i]))
			build_warn(build, verify, tolerances[i],
				   "is not used: scheme \"%s\" signs no time",
				   scheme);
}

static void
take_tolerance(struct build *build, const char *verify,
	       struct endpoint *endpoint)
{
	struct setting *past = build_get(build, verify, "tolerance_past");
	struct setting *future = build_get(build, verify, "tolerance_future");
	int64_t both = build_number(build, verify, "tolerance");
	endpoint->tolerance_past_ms = past ? past->number : both;
	endpoint->tolerance_future_ms = future ? future->number : both;
}

static void
take_verify(struct build *build, const char *group, struct endpoint *endpoint)
{
	char *verify = xasprintf("%s.verify", group);
	take_tolerance(build, verify, endpoint);
	char *scheme =
		build_required(build, verify, "scheme",
			       "scheme = \"standard-webhooks\", \"github\" or "
			       "\"token\" (or \"none\", which accepts "
			       "deliveries from anybody)");
	if (!scheme ||
	    signature_scheme_parse(scheme, &endpoint->scheme) != HS_OK)
		goto out;

	if (endpoint->scheme == SIGNATURE_NONE)
		build_warn(build, verify, "scheme",
			   "\"none\": whoever finds %s can add jobs",
			   endpoint->path ? endpoint->path : "its path");
	if (endpoint->scheme == SIGNATURE_TOKEN) {
		endpoint->token_header =
			build_required(build, verify, "header",
				       "header = \"X-Webhook-Token\"");
		if (endpoint->token_header)
			build_check_header(build, verify, "header",
					   endpoint->token_header);
	}
	take_secrets(build, verify, endpoint);
	warn_unused(build, verify, endpoint);
out:
	free(scheme);
	free(verify);
}

static struct endpoint *
take_endpoint(struct build *build, const char *group)
{
	struct endpoint *endpoint = xcalloc(1, sizeof(*endpoint));
	const char *why;
	endpoint->name = xstrdup(build_member_name(build, group));
	endpoint->path = build_required(build, group, "path",
					"path = \"/webhooks/identity\"");
	if (endpoint->path &&
	    endpoint_path_check(endpoint->path, &why) != HS_OK)
		build_error(build, group, "path", "%s", why);

	endpoint->job = build_text_or(build, group, "job", endpoint->name);
	endpoint->queue =
		build_text_or(build, group, "queue", build->conf->queue.name);
	build_check_name(build, group, "job", endpoint->job);
	if (build_is_said(build, group, "queue"))
		build_check_queue_name(build, group, "queue", endpoint->queue);
	take_fields(build, group, endpoint);
	take_verify(build, group, endpoint);

	endpoint->delivery_header = build_text(build, group, "delivery_header");
	if (endpoint->delivery_header)
		build_check_header(build, group, "delivery_header",
				   endpoint->delivery_header);
	char *max_body = build_text(build, "responder", "max_body");
	free(build_text_or(build, group, "max_body", max_body));
	free(max_body);
	endpoint->max_body_bytes = build_number(build, group, "max_body");
	return endpoint;
}

static void
check_same_path(struct build *build, struct endpoint **endpoints, size_t n)
{
	const struct endpoint *last = endpoints[n - 1];
	for (size_t i = 0; i + 1 < n && last->path; i++) {
		if (!endpoints[i]->path ||
		    strcmp(endpoints[i]->path, last->path) != 0)
			continue;
		char *group = xasprintf("endpoints.%s", last->name);
		build_error(build, group, "path",
			    "is the path of endpoints.%s too: each endpoint "
			    "needs its own",
			    endpoints[i]->name);
		free(group);
		return;
	}
}

void
build_endpoints(struct build *build)
{
	struct conf *conf = build->conf;
	const char *group;
	size_t place = 0;
	size_t n = 0;
	conf->endpoints = xcalloc(1, sizeof(struct endpoint *));
	while ((group = build_next_member(build, "endpoints", &place))) {
		conf->endpoints = xreallocarray(conf->endpoints, n + 2,
						sizeof(struct endpoint *));
		conf->endpoints[n++] = take_endpoint(build, group);
		conf->endpoints[n] = NULL;
		check_same_path(build, conf->endpoints, n);
	}
}
