/*
 * request: one call of a route (service, method, path template) and the data
 * of a job, as an HTTP request. What fetch and push share.
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include "base/buf.h"
#include "conf/conf.h"
#include "http/http.h"

#define REQUEST_N_HEADERS 3

struct request {
	struct buf url;
	struct http_header headers[REQUEST_N_HEADERS];
	struct http_request http; /* borrows all of the above, conf and body */
};

void request_init(struct request *request);
void request_fini(struct request *request);

/* URL, method, credentials, limits. `data` is the job's JSON, scanned; the
 * path's fields come from its top level: texts, or integers as written.
 * HS_INVALID / HS_NOT_FOUND / HS_TOO_BIG: *why says which field is wrong and
 * how, without its value. The request must be initialised and unused. */
enum hs_err request_build(struct request *request,
			  const struct route_call *call, struct span data,
			  struct buf *why) HS_MUST_CHECK;
/* name and value are borrowed as long as the request. */
void request_header(struct request *request, const char *name,
		    const char *value);

#endif
