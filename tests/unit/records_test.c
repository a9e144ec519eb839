/*
 * records: whole requests cut at every place, and the many ways in which bytes
 * are no request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/records.h"
#include "tests/lib/fcgi_peer.h"

#define MAX 65536

static const char *const params[] = { "REQUEST_METHOD=POST", "REQUEST_URI=/x",
				      NULL };

struct walk {
	struct records records;
	struct buf params;
	struct buf body;
	enum records_verdict verdict;
	size_t used;
	unsigned n_heads;
};

/* Feeds step bytes at a time. */
static void
walk(struct walk *walk, struct span bytes, size_t step, size_t max_params,
     size_t max_body)
{
	records_init(&walk->records);
	buf_init(&walk->params, max_params);
	buf_init(&walk->body, max_body);
	walk->verdict = RECORDS_MORE;
	walk->used = 0;
	walk->n_heads = 0;
	while (walk->used < bytes.len && walk->verdict != RECORDS_WHOLE &&
	       walk->verdict != RECORDS_BAD) {
		size_t left = bytes.len - walk->used;
		size_t used;
		walk->verdict =
			records_feed(&walk->records, bytes.ptr + walk->used,
				     left < step ? left : step, &walk->params,
				     &walk->body, &used);
		assert_true(used <= step);
		assert_true(used > 0 || walk->verdict == RECORDS_BAD);
		walk->used += used;
		walk->n_heads += walk->verdict == RECORDS_HEAD;
	}
}

static void
walk_fini(struct walk *walk)
{
	buf_fini(&walk->params);
	buf_fini(&walk->body);
}

static void
test_whole(void **state)
{
	struct buf bytes;
	struct walk w;
	(void)state;
	buf_init(&bytes, MAX);
	fcgi_peer_request(&bytes, 258, FCGI_PEER_KEEP, params,
			  span_text("hello"));
	size_t whole = bytes.len;
	assert_int_equal(buf_add_text(&bytes, "behind"), HS_OK);
	for (size_t step = 1; step <= bytes.len; step++) {
		walk(&w, buf_span(&bytes), step, MAX, MAX);
		assert_int_equal(w.verdict, RECORDS_WHOLE);
		assert_int_equal(w.used, whole);
		assert_int_equal(w.n_heads, 1);
		assert_int_equal(w.records.id, 258);
		assert_true(w.records.is_kept);
		assert_int_equal(w.records.n_body, 5);
		assert_true(span_is(buf_span(&w.body), "hello"));
		assert_int_equal(records_params_check(buf_span(&w.params)),
				 RECORDS_PARAMS_GOOD);
		walk_fini(&w);
	}
	/* cut anywhere, it is not whole */
	for (size_t len = 0; len < whole; len++) {
		walk(&w, span_of(bytes.data, len), MAX, MAX, MAX);
		assert_true(w.verdict == RECORDS_MORE ||
			    w.verdict == RECORDS_HEAD);
		walk_fini(&w);
	}
	buf_fini(&bytes);
}

static void
test_rebuild(void **state)
{
	struct buf bytes;
	struct buf again;
	struct walk w;
	struct walk v;
	(void)state;
	buf_init(&bytes, MAX);
	buf_init(&again, MAX);
	fcgi_peer_request(&bytes, 7, FCGI_PEER_KEEP, params,
			  span_text("hello"));
	walk(&w, buf_span(&bytes), MAX, MAX, MAX);
	assert_int_equal(
		records_rebuild(&w.records, buf_span(&w.params), &again),
		HS_OK);
	walk(&v, buf_span(&again), MAX, MAX, MAX);
	assert_int_equal(v.verdict, RECORDS_WHOLE);
	assert_int_equal(v.used, again.len);
	assert_int_equal(v.records.id, 7);
	assert_int_equal(v.records.n_body, 0);
	assert_true(span_equal(buf_span(&v.params), buf_span(&w.params)));
	walk_fini(&w);
	walk_fini(&v);
	buf_fini(&bytes);
	buf_fini(&again);
}

static void
assert_bad(struct buf *bytes, size_t max_params, size_t max_body)
{
	const size_t steps[] = { 1, 3, MAX };
	for (size_t i = 0; i < 3; i++) {
		struct walk w;
		walk(&w, buf_span(bytes), steps[i], max_params, max_body);
		assert_int_equal(w.verdict, RECORDS_BAD);
		assert_non_null(w.records.why);
		walk_fini(&w);
	}
	buf_reset(bytes);
}

static void
test_bad(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 1024 * 1024);

	assert_int_equal(buf_add_text(&b, "POST / HTTP/1.1\r\n"), HS_OK);
	assert_bad(&b, MAX, MAX);
	/* another version */
	fcgi_peer_begin(&b, 1, FCGI_PEER_RESPONDER, 0);
	b.data[0] = 2;
	assert_bad(&b, MAX, MAX);
	/* a begin record too short, and too long */
	fcgi_peer_record(&b, FCGI_PEER_BEGIN, 1, span_text("1234567"), 0);
	assert_bad(&b, MAX, MAX);
	fcgi_peer_record(&b, FCGI_PEER_BEGIN, 1, span_text("123456789"), 0);
	assert_bad(&b, MAX, MAX);
	/* other roles */
	for (int role = 0; role < 5; role++) {
		if (role == FCGI_PEER_RESPONDER)
			continue;
		fcgi_peer_begin(&b, 1, role, 0);
		assert_bad(&b, MAX, MAX);
	}
	/* body before the parameters' end */
	fcgi_peer_begin(&b, 1, FCGI_PEER_RESPONDER, 0);
	fcgi_peer_record(&b, FCGI_PEER_STDIN, 1, span_text("x"), 0);
	assert_bad(&b, MAX, MAX);
	/* parameters after it */
	fcgi_peer_begin(&b, 1, FCGI_PEER_RESPONDER, 0);
	fcgi_peer_record(&b, FCGI_PEER_PARAMS, 1, span_of("", 0), 0);
	fcgi_peer_record(&b, FCGI_PEER_PARAMS, 1, span_text("x"), 0);
	assert_bad(&b, MAX, MAX);
	/* a second request, of another or the same number */
	for (int id = 1; id <= 2; id++) {
		fcgi_peer_begin(&b, 1, FCGI_PEER_RESPONDER, 0);
		fcgi_peer_begin(&b, id, FCGI_PEER_RESPONDER, 0);
		assert_bad(&b, MAX, MAX);
	}
	/* aborted */
	fcgi_peer_begin(&b, 1, FCGI_PEER_RESPONDER, 0);
	fcgi_peer_record(&b, FCGI_PEER_ABORT, 1, span_of("", 0), 0);
	assert_bad(&b, MAX, MAX);
	/* a management record in the middle */
	fcgi_peer_begin(&b, 1, FCGI_PEER_RESPONDER, 0);
	fcgi_peer_record(&b, FCGI_PEER_GET_VALUES, 0, span_of("", 0), 0);
	assert_bad(&b, MAX, MAX);
	/* records of nobody, without end */
	for (int i = 0; i < 100; i++)
		fcgi_peer_record(&b, FCGI_PEER_STDIN, 9, span_of("", 0), 0);
	assert_bad(&b, MAX, MAX);
	/* over the ceilings */
	fcgi_peer_request(&b, 1, 0, params, span_text("hello"));
	assert_bad(&b, 8, MAX);
	fcgi_peer_request(&b, 1, 0, params, span_text("hello"));
	assert_bad(&b, MAX, 4);
	buf_fini(&b);
}

static void
test_skipped(void **state)
{
	struct buf b;
	struct walk w;
	(void)state;
	buf_init(&b, MAX);
	/* the rest of an aborted request, then a good one */
	fcgi_peer_record(&b, FCGI_PEER_STDIN, 3, span_text("rest"), 4);
	fcgi_peer_request(&b, 4, 0, params, span_text("x"));
	walk(&w, buf_span(&b), 5, MAX, MAX);
	assert_int_equal(w.verdict, RECORDS_WHOLE);
	assert_int_equal(w.records.id, 4);
	assert_false(w.records.is_kept);
	assert_true(span_is(buf_span(&w.body), "x"));
	walk_fini(&w);
	buf_fini(&b);
}

static void
test_management(void **state)
{
	struct buf b;
	size_t len;
	(void)state;
	buf_init(&b, MAX);
	/* a name of one byte without value */
	fcgi_peer_record(&b, FCGI_PEER_GET_VALUES, 0, span_of("\1\0x", 3), 5);
	for (size_t n = 0; n < 8; n++) {
		assert_int_equal(records_management(b.data, n, &len), HS_AGAIN);
		assert_int_equal(len, 0);
	}
	assert_int_equal(records_management(b.data, 8, &len), HS_OK);
	assert_int_equal(len, 16);
	buf_reset(&b);
	fcgi_peer_begin(&b, 1, 1, 0);
	assert_int_equal(records_management(b.data, b.len, &len), HS_OK);
	assert_int_equal(len, 0);
	buf_reset(&b);
	unsigned char big[2000] = { 0 };
	fcgi_peer_record(&b, FCGI_PEER_GET_VALUES, 0, span_of(big, 2000), 0);
	assert_int_equal(records_management(b.data, b.len, &len), HS_TOO_BIG);
	/* lengths that nobody can mean: libfcgi would allocate them */
	buf_reset(&b);
	memset(big, 0xff, 20);
	fcgi_peer_record(&b, FCGI_PEER_GET_VALUES, 0, span_of(big, 20), 4);
	for (size_t n = 8; n < b.len; n++) {
		assert_int_equal(records_management(b.data, n, &len), HS_OK);
		assert_int_equal(len, b.len);
	}
	assert_int_equal(records_management(b.data, b.len, &len), HS_INVALID);
	assert_int_equal(len, 0);
	/* of another type nobody reads them */
	b.data[1] = 77;
	assert_int_equal(records_management(b.data, b.len, &len), HS_OK);
	buf_fini(&b);
}

static void
test_params(void **state)
{
	struct buf b;
	char name[300];
	(void)state;
	buf_init(&b, MAX);
	assert_int_equal(records_params_check(span_of("", 0)),
			 RECORDS_PARAMS_GOOD);
	memset(name, 'N', sizeof(name));
	fcgi_peer_pair(&b, span_of(name, 300), span_of(name, 200));
	fcgi_peer_pair(&b, span_text("A"), span_text(""));
	assert_int_equal(records_params_check(buf_span(&b)),
			 RECORDS_PARAMS_GOOD);
	for (size_t cut = 1; cut < b.len; cut++) {
		if (cut == b.len - 3)
			continue; /* exactly the first pair */
		assert_int_equal(records_params_check(span_of(b.data, cut)),
				 RECORDS_PARAMS_BROKEN);
	}
	buf_reset(&b);
	fcgi_peer_pair(&b, span_text("A=B"), span_text("x"));
	assert_int_equal(records_params_check(buf_span(&b)),
			 RECORDS_PARAMS_ODD);
	buf_reset(&b);
	fcgi_peer_pair(&b, span_text(""), span_text("x"));
	assert_int_equal(records_params_check(buf_span(&b)),
			 RECORDS_PARAMS_ODD);
	buf_reset(&b);
	fcgi_peer_pair(&b, span_text("A"), span_of("x\0y", 3));
	assert_int_equal(records_params_check(buf_span(&b)),
			 RECORDS_PARAMS_ODD);
	/* lengths that nobody can mean */
	assert_int_equal(
		records_params_check(span_of("\xff\xff\xff\xff\xff\xff\xff\xff"
					     "x",
					     9)),
		RECORDS_PARAMS_BROKEN);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_rebuild),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_management),
		cmocka_unit_test(test_params),
	};
	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
