/*
 * endpoint: what one configured URL path accepts.
 *
 * The path is compared byte by byte with the request's, which some web servers
 * pass on as it was sent and others decoded; so a configured one is kept to
 * bytes that are the same before and after.
 */
#include "conf/endpoint.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/bounds.h"

#include "conf/url.h"

enum { PATH_BYTES = 512 }; /* long enough for a secret in it */

bool
endpoint_name_is_valid(const char *name)
{
	bool has_letter = false;
	size_t len = strlen(name);
	if (len == 0 || len > BOUNDS_NAME_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];
		if (!isalnum(c) && c != '_' && c != '-')
			return false;
		if (!isdigit(c))
			has_letter = true;
	}
	return has_letter;
}

bool
endpoint_field_is_valid(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len > BOUNDS_NAME_BYTES || isdigit(name[0]) ||
	    strcmp(name, "rawPayload") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	return true;
}

enum hs_err
endpoint_path_check(const char *path, const char **why)
{
	size_t len = strlen(path);
	*why = NULL;
	if (path[0] != '/')
		*why = "a path starts with '/'";
	else if (len > PATH_BYTES)
		*why = "a path has at most 512 bytes";
	else if (strpbrk(path, "?#"))
		*why = "a path has no query and no fragment: it is compared "
		       "with the request's path alone";
	else if (strstr(path, "//"))
		*why = "a path has no \"//\"";
	else if (url_path_has_dots(span_text(path)))
		*why = "a path has no segments \".\" and \"..\"";
	else if (strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0)
		*why = "/healthz and /readyz are the responder's own";
	for (size_t i = 0; i < len && !*why; i++) {
		unsigned char c = (unsigned char)path[i];
		if (!isalnum(c) && !strchr("-._~/!$&'()*+,;=:@", c))
			*why = "a path has letters, digits and "
			       "-._~!$&'()*+,;=:@ "
			       "only";
	}
	return *why ? HS_INVALID : HS_OK;
}

void
endpoint_free(struct endpoint *endpoint)
{
	if (!endpoint)
		return;
	for (size_t i = 0; i < endpoint->n_fields; i++) {
		free(endpoint->fields[i].name);
		free(endpoint->fields[i].pointer);
	}
	free(endpoint->fields);
	free(endpoint->secrets);
	free(endpoint->name);
	free(endpoint->path);
	free(endpoint->job);
	free(endpoint->queue);
	free(endpoint->token_header);
	free(endpoint->delivery_header);
	free(endpoint);
}

void
endpoint_rules(const struct endpoint *endpoint, struct span *secrets,
	       struct signature_rules *rules)
{
	for (size_t i = 0; i < endpoint->n_secrets; i++)
		secrets[i] = buf_span(&endpoint->secrets[i]->value);
	*rules = (struct signature_rules){
		.scheme = endpoint->scheme,
		.token_header = endpoint->token_header,
		.secrets = secrets,
		.n_secrets = endpoint->n_secrets,
		.tolerance_past_ms = endpoint->tolerance_past_ms,
		.tolerance_future_ms = endpoint->tolerance_future_ms,
	};
}
