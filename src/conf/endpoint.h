/*
 * endpoint: what one configured URL path accepts, and what job it becomes.
 */
#ifndef CONF_ENDPOINT_H
#define CONF_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/signature.h"
#include "conf/secret.h"

#define ENDPOINT_SECRETS_MAX 16 /* each costs an HMAC per delivery */
#define ENDPOINT_FIELDS_MAX 64  /* each costs a walk through the body */

struct endpoint_field { /* data = { identityId = "/identityId"; }; a trailing '?' = optional */
	char *name;
	char *pointer; /* RFC 6901, without the '?' */
	bool is_optional;
};

struct endpoint {
	char *name;
	char *path;  /* compared whole and exactly with the request's path */
	char *job;   /* the job's name; default: the endpoint's name */
	char *queue; /* default: queue.name */
	struct endpoint_field *fields;
	size_t n_fields;
	enum signature_scheme scheme;
	char *token_header;            /* scheme token: its header's name */
	const struct secret **secrets; /* the live ones; any may match */
	size_t n_secrets;
	int64_t tolerance_past_ms;
	int64_t tolerance_future_ms;
	char *delivery_header; /* NULL: the scheme's own, else one is drawn */
	int64_t max_body_bytes;
};

/* [A-Za-z0-9_-]+ with a letter, for it becomes part of job ids. */
bool endpoint_name_is_valid(const char *name);
/* A name of a field of the data: [A-Za-z_][A-Za-z0-9_]*, not "rawPayload". */
bool endpoint_field_is_valid(const char *name);
/* HS_INVALID and *why (static): no '/' in front, a query, "//", dot segments, a
 * byte that no URL has, "/healthz", "/readyz". */
enum hs_err endpoint_path_check(const char *path,
				const char **why) HS_MUST_CHECK;

void endpoint_free(struct endpoint *endpoint);
/* Fills rules from the endpoint; the spans go into `secrets`, which holds
 * endpoint->n_secrets. Valid as long as the endpoint. */
void endpoint_rules(const struct endpoint *endpoint, struct span *secrets,
		    struct signature_rules *rules);

#endif
