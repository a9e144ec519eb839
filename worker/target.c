/*
 * target: build a push or a gone call.
 *
 * A push is an upsert under the source's id and carries the job's id as
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), so that a run
 * that is repeated after a lost lock or a lost answer does no harm where the
 * target knows the header. A job id that cannot stand in a header (Node may
 * use any bytes) is left out: the key is a help, not a promise.
 */
#include "worker/target.h"

static bool
fits_a_header(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static void
idempotency_key(struct request *request, const char *job_id)
{
	if (job_id[0] != '\0' && fits_a_header(job_id))
		request_header(request, "Idempotency-Key", job_id);
}

enum hs_err
target_push(struct request *request, const struct route_call *push,
	    struct span data, const char *job_id, struct span body,
	    struct buf *why)
{
	enum hs_err err = request_build(request, push, data, why);

	if (err)
		return err;
	request_header(request, "Content-Type", "application/json");
	idempotency_key(request, job_id);
	request->http.body = body;
	request->http.has_body = true;
	return HS_OK;
}

enum hs_err
target_gone(struct request *request, const struct route_call *gone,
	    struct span data, const char *job_id, struct buf *why)
{
	enum hs_err err = request_build(request, gone, data, why);

	if (!err)
		idempotency_key(request, job_id);
	return err;
}
