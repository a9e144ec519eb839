/*
 * source: asking the source for an object's present state.
 */
#ifndef WORKER_SOURCE_H
#define WORKER_SOURCE_H

#include "worker/request.h"

/* The fetch of a route for this job's data. As request_build(). */
enum hs_err source_request(struct request *request,
			   const struct route_call *fetch, struct span data,
			   struct buf *why) HS_MUST_CHECK;
/* Is the body of a 2xx answer the JSON that a map can read? HS_INVALID: *why
 * says what is wrong with it, without its bytes. */
enum hs_err source_check(const struct route_call *fetch,
			 const struct http_answer *answer,
			 struct buf *why) HS_MUST_CHECK;

#endif
