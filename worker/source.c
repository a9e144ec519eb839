/*
 * source: build a fetch, read its answer.
 *
 * A job is only a hint that an object changed; here its present state is asked
 * for. The answer must be strict JSON whatever its Content-Type says: a login
 * page with status 200 must end as a failed job, not as an object.
 */
#include "worker/source.h"

#include "base/doc.h"

enum hs_err
source_request(struct request *request, const struct route_call *fetch,
	       struct span data, struct buf *why)
{
	enum hs_err err = request_build(request, fetch, data, why);

	if (!err)
		request_header(request, "Accept", "application/json");
	return err;
}

enum hs_err
source_check(const struct route_call *fetch, const struct http_answer *answer,
	     struct buf *why)
{
	const char *wrong = NULL;
	size_t offset = 0;
	enum hs_err err;

	err = doc_scan(answer->body, &offset, &wrong);
	if (!err)
		return HS_OK;
	if (answer->body.len == 0)
		buf_notef(why, "fetch from %s: %d with an empty body",
			  fetch->service_name, answer->status);
	else
		buf_notef(why,
			  "fetch from %s: the answer is no JSON: %s at byte "
			  "%zu (Content-Type: %s)",
			  fetch->service_name, wrong ? wrong : "invalid",
			  offset,
			  answer->content_type && answer->content_type[0]
				  ? answer->content_type
				  : "none");
	return err;
}
