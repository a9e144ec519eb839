/*
 * slow_lane: requests in pieces, and the room they may take together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "fcgi/slow_lane.h"
#include "tests/lib/fcgi_peer.h"

#define MAX 65536

static const char *const params[] = { "REQUEST_METHOD=POST", "REQUEST_URI=/x",
				      NULL };

/* Feeds step bytes at a time up to the next verdict; returns it. */
static enum slow_verdict
feed(struct slow_request *request, const struct buf *bytes, size_t step,
     size_t *at)
{
	enum slow_verdict verdict = SLOW_MORE;
	while (verdict == SLOW_MORE && *at < bytes->len) {
		size_t left = bytes->len - *at;
		size_t used;
		verdict = slow_lane_feed(request, bytes->data + *at,
					 left < step ? left : step, &used);
		*at += used;
	}
	return verdict;
}

static void
test_request(void **state)
{
	struct slow_lane lane = { .reserved = 0 };
	struct slow_request request;
	struct buf bytes;
	(void)state;
	buf_init(&bytes, MAX);
	fcgi_peer_request(&bytes, 5, FCGI_PEER_KEEP, params,
			  span_text("hello"));
	for (size_t step = 1; step < 40; step++) {
		size_t at = 0;
		unsigned char head[1024];
		size_t used;
		assert_true(slow_lane_enter(&lane, &request));
		assert_int_equal(feed(&request, &bytes, step, &at), SLOW_HEAD);
		int fd = slow_lane_open_head(&request);
		assert_true(fd >= 0);
		ssize_t n = read(fd, head, sizeof(head));
		close(fd);
		assert_true(slow_lane_limit(&lane, &request, 5));
		assert_int_equal(feed(&request, &bytes, step, &at), SLOW_WHOLE);
		assert_int_equal(at, bytes.len);
		assert_true(span_is(buf_span(&request.body), "hello"));
		slow_lane_leave(&lane, &request);
		assert_int_equal(lane.reserved, 0);
		/* the file is a whole request of its own */
		assert_true(slow_lane_enter(&lane, &request));
		assert_int_equal(
			slow_lane_feed(&request, head, (size_t)n, &used),
			SLOW_HEAD);
		assert_int_equal(slow_lane_feed(&request, head + used,
						(size_t)n - used, &used),
				 SLOW_WHOLE);
		slow_lane_leave(&lane, &request);
	}
	buf_fini(&bytes);
}

static void
test_too_long(void **state)
{
	struct slow_lane lane = { .reserved = 0 };
	struct slow_request request;
	struct buf bytes;
	size_t at = 0;
	(void)state;
	buf_init(&bytes, MAX);
	fcgi_peer_request(&bytes, 5, 0, params, span_text("hello"));
	assert_true(slow_lane_enter(&lane, &request));
	assert_int_equal(feed(&request, &bytes, 7, &at), SLOW_HEAD);
	assert_true(slow_lane_limit(&lane, &request, 4));
	assert_int_equal(feed(&request, &bytes, 7, &at), SLOW_TOO_LONG);
	slow_lane_leave(&lane, &request);
	/* and what is no request */
	assert_true(slow_lane_enter(&lane, &request));
	bytes.data[0] = 9;
	at = 0;
	assert_int_equal(feed(&request, &bytes, 7, &at), SLOW_BAD);
	assert_non_null(request.records.why);
	slow_lane_leave(&lane, &request);
	slow_request_init(&request);
	slow_lane_leave(&lane, &request); /* one that never entered */
	assert_int_equal(lane.reserved, 0);
	buf_fini(&bytes);
}

static void
test_full(void **state)
{
	enum { N = BOUNDS_SLOW_BYTES / BOUNDS_PARAMS_BYTES };
	static struct slow_request requests[N];
	struct slow_lane lane = { .reserved = 0 };
	struct slow_request one;
	(void)state;
	for (size_t i = 0; i < N; i++)
		assert_true(slow_lane_enter(&lane, &requests[i]));
	assert_int_equal(lane.reserved, BOUNDS_SLOW_BYTES);
	assert_false(slow_lane_enter(&lane, &one));
	slow_lane_leave(&lane, &one);
	/* one's parameters make room for as much body, for no more */
	assert_false(
		slow_lane_limit(&lane, &requests[0], BOUNDS_PARAMS_BYTES + 1));
	assert_true(
		slow_lane_limit(&lane, &requests[1], 2 * BOUNDS_PARAMS_BYTES));
	assert_false(slow_lane_enter(&lane, &one));
	slow_lane_leave(&lane, &one);
	slow_lane_leave(&lane, &requests[1]);
	assert_true(slow_lane_enter(&lane, &one));
	slow_lane_leave(&lane, &one);
	for (size_t i = 0; i < N; i++)
		slow_lane_leave(&lane, &requests[i]);
	assert_int_equal(lane.reserved, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests_name("slow_lane", tests, NULL, NULL);
}
