/*
 * ident: the job id of a delivery. Ids decide, not memory: the same delivery
 * always makes the same id, so a redelivery meets its job.
 */
#ifndef FCGI_IDENT_H
#define FCGI_IDENT_H

#include "conf/endpoint.h"
#include "fcgi/request.h"

#define IDENT_BYTES 512 /* BOUNDS_JOB_ID_BYTES; ceiling of `out` */

/* The sender's delivery id: the endpoint's delivery_header, else its scheme's.
 * len 0: it sends none. HS_INVALID: the header came twice. */
enum hs_err ident_delivery(const struct endpoint *endpoint,
			   const struct request *request,
			   struct span *delivery) HS_MUST_CHECK;
/* Appends `<endpoint>-<delivery id>`; a delivery id that is longer than 128
 * bytes, has other bytes than [A-Za-z0-9._-], or would make a name that the
 * queue uses itself or an id as another endpoint makes them, is replaced by its
 * SHA-256 in hex; an empty one by 32 hex digits, drawn. `all` are the
 * configuration's endpoints, ending in NULL. */
enum hs_err ident_job_id(const char *endpoint_name, struct endpoint *const *all,
			 struct span delivery, struct buf *out) HS_MUST_CHECK;

#endif
