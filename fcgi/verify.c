/*
 * verify: a header that came twice counts as none (request_header says so), and
 * so can sign nothing.
 */
#include "fcgi/verify.h"

#include <stdlib.h>

#include "base/log.h"

static struct span
on_header(void *ctx, const char *name, int *n)
{
	return request_header(ctx, name, n);
}

enum hs_err
verify_request(const struct endpoint *endpoint, const struct request *request,
	       struct span body, int64_t now_ms, const char **why)
{
	struct signature_rules rules;
	struct request copy = *request;
	size_t which = 0;
	struct span *secrets =
		xcalloc(endpoint->n_secrets + 1, sizeof(*secrets));
	endpoint_rules(endpoint, secrets, &rules);
	enum hs_err err = signature_verify(&rules, on_header, &copy, body,
					   now_ms, &which, why);
	if (err == HS_OK && which > 0)
		log_debug("an older secret still signs endpoint=%s index=%zu",
			  endpoint->name, which);
	free(secrets);
	return err;
}
