/*
 * target: telling the target: an object's new state, or that it is gone.
 */
#ifndef WORKER_TARGET_H
#define WORKER_TARGET_H

#include "worker/request.h"

/* The push of a route. body is JSON, job_id the idempotency key; both are
 * borrowed as long as the request. As request_build(). */
enum hs_err target_push(struct request *request, const struct route_call *push,
			struct span data, const char *job_id, struct span body,
			struct buf *why) HS_MUST_CHECK;
/* The gone call: no body. */
enum hs_err target_gone(struct request *request, const struct route_call *gone,
			struct span data, const char *job_id,
			struct buf *why) HS_MUST_CHECK;

#endif
