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

void endpoint_free(struct endpoint *endpoint);
/* Fills rules from the endpoint; the spans go into `secrets`, which holds
 * endpoint->n_secrets. Valid as long as the endpoint. */
void endpoint_rules(const struct endpoint *endpoint, struct span *secrets,
		    struct signature_rules *rules);

#endif
