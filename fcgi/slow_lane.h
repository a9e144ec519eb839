/*
 * slow_lane: requests that are taken off their sockets piece by piece, because
 * they are too large for a socket's buffer or their peers too slow.
 *
 * The lane knows no socket and no libfcgi: bytes in, a verdict out. What all
 * its requests may hold together is bounded (BOUNDS_SLOW_BYTES): a request
 * reserves what it may take before it takes it.
 */
#ifndef FCGI_SLOW_LANE_H
#define FCGI_SLOW_LANE_H

#include "base/log.h"
#include "fcgi/records.h"

struct slow_lane { /* zero-initialise */
	size_t reserved;
	struct log_storm storm;
};

struct slow_request {
	struct records records;
	struct buf params; /* until slow_lane_limit() */
	struct buf body;   /* from then on */
	size_t reserved;
};

enum slow_verdict {
	SLOW_MORE,     /* all bytes were taken */
	SLOW_HEAD,     /* the parameters are whole: slow_lane_limit() is due */
	SLOW_WHOLE,    /* the request is */
	SLOW_TOO_LONG, /* the body passes its limit */
	SLOW_BAD,      /* no request that we serve: records.why */
};

void slow_request_init(struct slow_request *request);
/* False: the lane is full. */
bool slow_lane_enter(struct slow_lane *lane, struct slow_request *request);
/* *used: how many of the bytes belong to the request. */
enum slow_verdict slow_lane_feed(struct slow_request *request,
				 const unsigned char *bytes, size_t len,
				 size_t *used);
/* An anonymous file to read the same request from, but without its body;
 * -1 with errno. The caller closes. */
int slow_lane_open_head(const struct slow_request *request);
/* Forgets the parameters and makes room for so much body. False: the lane is
 * full. */
bool slow_lane_limit(struct slow_lane *lane, struct slow_request *request,
		     size_t max_body);
/* Gives all back; also for a request that never entered. */
void slow_lane_leave(struct slow_lane *lane, struct slow_request *request);

#endif
