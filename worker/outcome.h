/*
 * outcome: what an HTTP answer means for a job: done, retry, fail or gone, with
 * a reason a person can act on. One table; pure.
 */
#ifndef WORKER_OUTCOME_H
#define WORKER_OUTCOME_H

#include "base/buf.h"
#include "http/http.h"

enum outcome_step { /* which request of an attempt was answered */
		    OUTCOME_FETCH,
		    OUTCOME_PUSH,
		    OUTCOME_GONE_CALL, /* tells the target that it is gone */
};

enum outcome_kind {
	OUTCOME_DONE,
	OUTCOME_RETRY,
	OUTCOME_FAIL,
	OUTCOME_GONE, /* the source no longer has the object */
};

enum outcome_effect {                 /* what the service's gate learns of it */
		      OUTCOME_FINE,   /* the service works */
		      OUTCOME_BROKEN, /* it broke, maybe over this request */
		      OUTCOME_TROUBLE, /* it does not, just now */
		      OUTCOME_PAUSE, /* the same, and Retry-After is believed */
		      OUTCOME_DENIED, /* it refuses all of us: gate shuts */
};

struct outcome {
	enum outcome_kind kind;
	enum outcome_effect effect;
	const char *advice; /* what to do about it; NULL: nothing to add */
};

struct outcome outcome_of(enum outcome_step step, enum http_result result,
			  int status);

/* "push to erp: 503 Service Unavailable from PUT https://host/customers/42",
 * appended. Of the URL no query is shown. timeout_ms is the request's. */
void outcome_reason(enum outcome_step step, const char *service,
		    const char *method, struct span url, int64_t timeout_ms,
		    const struct http_answer *answer, struct buf *out);

#endif
