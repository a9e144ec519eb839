/*
 * slow_lane: two reservations follow one another: for the parameters of a
 * request, which have one ceiling for all, and then for as much body as its
 * endpoint allows it and it has announced.
 */
#include "config.h"

#include "fcgi/slow_lane.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bounds.h"

/* Of the begin record, the ends of the streams, the headers between. */
#define FRAMING_BYTES 1024
#define STORM_MS 10000

void
slow_request_init(struct slow_request *request)
{
	*request = (struct slow_request){ .reserved = 0 };
	records_init(&request->records);
	buf_init(&request->params, 0);
	buf_init(&request->body, 0);
}

static void
release(struct slow_lane *lane, struct slow_request *request)
{
	lane->reserved -= request->reserved;
	request->reserved = 0;
}

static bool
reserve(struct slow_lane *lane, struct slow_request *request, size_t bytes)
{
	unsigned n;
	if (bytes <= BOUNDS_SLOW_BYTES - lane->reserved) {
		request->reserved = bytes;
		lane->reserved += bytes;
		return true;
	}
	if (log_storm_ok(&lane->storm, STORM_MS, &n))
		log_warn("the slow lane is full: a request is refused "
			 "n_bytes=%zu n_suppressed=%u",
			 lane->reserved, n);
	return false;
}

bool
slow_lane_enter(struct slow_lane *lane, struct slow_request *request)
{
	slow_request_init(request);
	buf_init(&request->params, BOUNDS_PARAMS_BYTES);
	return reserve(lane, request, BOUNDS_PARAMS_BYTES);
}

enum slow_verdict
slow_lane_feed(struct slow_request *request, const unsigned char *bytes,
	       size_t len, size_t *used)
{
	switch (records_feed(&request->records, bytes, len, &request->params,
			     &request->body, used)) {
	case RECORDS_MORE:
		return SLOW_MORE;
	case RECORDS_HEAD:
		return SLOW_HEAD;
	case RECORDS_WHOLE:
		return SLOW_WHOLE;
	case RECORDS_BAD:
		break;
	}
	return request->records.phase == RECORDS_IN_BODY ? SLOW_TOO_LONG
							 : SLOW_BAD;
}

int
slow_lane_open_head(const struct slow_request *request)
{
	struct buf bytes;
	int fd = -1;
	buf_init(&bytes, BOUNDS_PARAMS_BYTES + FRAMING_BYTES);
	errno = ENOMEM;
	if (records_rebuild(&request->records, buf_span(&request->params),
			    &bytes) == HS_OK)
		fd = memfd_create("hooksync-request", MFD_CLOEXEC);
	if (fd >= 0 &&
	    pwrite(fd, bytes.data, bytes.len, 0) != (ssize_t)bytes.len) {
		int error = errno;
		close(fd);
		errno = error;
		fd = -1;
	}
	buf_fini(&bytes);
	return fd;
}

bool
slow_lane_limit(struct slow_lane *lane, struct slow_request *request,
		size_t max_body)
{
	buf_fini(&request->params);
	release(lane, request);
	buf_init(&request->body, max_body);
	return reserve(lane, request, max_body);
}

void
slow_lane_leave(struct slow_lane *lane, struct slow_request *request)
{
	release(lane, request);
	buf_fini(&request->params);
	buf_fini(&request->body);
}
