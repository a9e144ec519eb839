/*
 * ident, extract, verify: from a delivery to the id and the data of its job.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/doc.h"
#include "fcgi/extract.h"
#include "fcgi/ident.h"
#include "fcgi/verify.h"
#include "queue/keys.h"

#define ENV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- ids ---- */

static struct endpoint crm = { .name = (char[]){ "crm" } };
static struct endpoint crm_eu = { .name = (char[]){ "crm-eu" } };
static struct endpoint crm_eu_1 = { .name = (char[]){ "crm-eu-1" } };
static struct endpoint acme = { .name = (char[]){ "acme" } };
static struct endpoint *const all[] = { &crm_eu, &crm, &crm_eu_1, &acme, NULL };

static void
assert_id(const char *endpoint, struct span delivery, const char *expected)
{
	struct buf out;
	buf_init(&out, IDENT_BYTES);
	assert_int_equal(ident_job_id(endpoint, all, delivery, &out), HS_OK);
	assert_string_equal(buf_text(&out), expected);
	assert_true(keys_job_id_is_valid(buf_span(&out)));
	buf_fini(&out);
}

static void
test_job_id(void **state)
{
	char long_id[130];
	char expected[200] = "acme-";
	(void)state;
	assert_id("acme", span_text("msg_1.A-b"), "acme-msg_1.A-b");
	assert_id("acme", span_text("91"), "acme-91");
	assert_id("acme", span_text("marker"), "acme-marker");
	assert_id("acme", span_text(".."), "acme-..");
	/* SHA-256 of the id */
	assert_id("acme", span_text("a:b"),
		  "acme-6783a31eabf68ccc0660f935c0826282"
		  "bdd2241f3a80a9f2d10d59aea9ebb5d8");
	memset(long_id, 'x', sizeof(long_id));
	memset(expected + 5, 'x', 128);
	assert_id("acme", span_of(long_id, 128), expected);
	assert_id("acme", span_of(long_id, 129),
		  "acme-0ec9eb33e74510bcdd1f2ea55206e82f"
		  "21649c5c2becbf2b433eb475b34c01bd");
	/* joined, it would be a key that BullMQ uses */
	assert_id("waiting", span_text("children"),
		  "waiting-10910087de24bfcabe854fda62b5023a"
		  "61fe531705043b9979fdf00f12c4c0ec");
	assert_id("stalled", span_text("check"),
		  "stalled-20f65c28671b40937c5bf23acc7c6f37"
		  "e5a5ec0622e347b57685725df5ba9e50");
}

/* One endpoint's name goes on as another's: no two deliveries make one id. */
static void
test_job_id_of_neighbours(void **state)
{
	(void)state;
	assert_id("crm-eu", span_text("7"), "crm-eu-7");
	assert_id("crm", span_text("eu-7"),
		  "crm-db4e154d339d241e8789f10d5fdbcdd0"
		  "264a96b737f003ae695068e3c9735e45");
	assert_id("crm-eu-1", span_text("7"), "crm-eu-1-7");
	assert_id("crm-eu", span_text("1-7"),
		  "crm-eu-3791968fee79a54bfcf3e65ea4a6aeef"
		  "457df5c254e7b9ba433e1980dec6e6e2");
	assert_id("crm", span_text("eu-1-7"),
		  "crm-267df886a0c9a5cf6b3743fd284493c8"
		  "a1f9ad6acc3682679346a887ae1cfbfd");
	/* nobody's */
	assert_id("crm", span_text("eu"), "crm-eu");
	assert_id("crm", span_text("eu7-1"), "crm-eu7-1");
	assert_id("crm", span_text("us-7"), "crm-us-7");
}

static void
test_job_id_drawn(void **state)
{
	struct buf a;
	struct buf b;
	(void)state;
	buf_init(&a, IDENT_BYTES);
	buf_init(&b, IDENT_BYTES);
	assert_int_equal(ident_job_id("acme", all, span_text(""), &a), HS_OK);
	assert_int_equal(ident_job_id("acme", all, span_text(""), &b), HS_OK);
	assert_int_equal(a.len, 5 + 32);
	assert_true(keys_job_id_is_valid(buf_span(&a)));
	assert_false(span_equal(buf_span(&a), buf_span(&b)));
	buf_fini(&a);
	buf_fini(&b);
}

static void
test_delivery(void **state)
{
	struct endpoint e = { .scheme = SIGNATURE_STANDARD_WEBHOOKS };
	struct request r = { .env = ENV("HTTP_WEBHOOK_ID=msg_1",
					"HTTP_X_ID=own") };
	struct span id;
	(void)state;
	assert_int_equal(ident_delivery(&e, &r, &id), HS_OK);
	assert_true(span_is(id, "msg_1"));
	r.env = ENV("HTTP_SVIX_ID=msg_2", "HTTP_X_ID=own");
	assert_int_equal(ident_delivery(&e, &r, &id), HS_OK);
	assert_true(span_is(id, "msg_2"));
	char own[] = "X-Id";
	e.delivery_header = own;
	assert_int_equal(ident_delivery(&e, &r, &id), HS_OK);
	assert_true(span_is(id, "own"));
	e.delivery_header = NULL;
	e.scheme = SIGNATURE_NONE;
	assert_int_equal(ident_delivery(&e, &r, &id), HS_OK);
	assert_int_equal(id.len, 0);
	e.scheme = SIGNATURE_STANDARD_WEBHOOKS;
	r.env = ENV("HTTP_WEBHOOK_ID=a", "HTTP_WEBHOOK_ID=a");
	assert_int_equal(ident_delivery(&e, &r, &id), HS_INVALID);
}

/* ---- data ---- */

static struct endpoint_field fields[] = {
	{ (char[]){ "id" }, (char[]){ "/a/id" }, false },
	{ (char[]){ "kind" }, (char[]){ "/kind" }, true },
};
static const struct endpoint endpoint = { .fields = fields, .n_fields = 2 };

static enum hs_err
extract(struct span body, struct buf *out, const char **why, const char **field)
{
	buf_reset(out);
	return extract_data(&endpoint, body, out, why, field);
}

static void
test_extract(void **state)
{
	const char *const good[][2] = {
		{ "{\"a\":{\"id\":\"x\"}}",
		  "{\"id\":\"x\",\"rawPayload\":{\"a\":{\"id\":\"x\"}}}" },
		{ "{\"kind\":7,\"a\":{\"id\":12345678901234567890}}",
		  "{\"id\":12345678901234567890,\"kind\":7,\"rawPayload\":"
		  "{\"kind\":7,\"a\":{\"id\":12345678901234567890}}}" },
		{ " {\"a\" : {\"id\":\"\\u0041\\\"\"}, \"kind\":null }\n",
		  "{\"id\":\"\\u0041\\\"\",\"rawPayload\": {\"a\" : "
		  "{\"id\":\"\\u0041\\\"\"}, \"kind\":null }\n}" },
		{ "{\"a\":{\"id\":-0}}",
		  "{\"id\":-0,\"rawPayload\":{\"a\":{\"id\":-0}}}" },
		{ "{\"a\":{\"id\":\"marker\"}}",
		  "{\"id\":\"marker\",\"rawPayload\":"
		  "{\"a\":{\"id\":\"marker\"}}}" },
		{ "{\"a\":{\"id\":\"...\"}}",
		  "{\"id\":\"...\",\"rawPayload\":{\"a\":{\"id\":\"...\"}}}" },
	};
	struct buf out;
	const char *why;
	const char *field;
	(void)state;
	buf_init(&out, 1024 * 1024);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(
			extract(span_text(good[i][0]), &out, &why, &field),
			HS_OK);
		assert_string_equal(buf_text(&out), good[i][1]);
		assert_int_equal(doc_scan(buf_span(&out), NULL, NULL), HS_OK);
	}
	buf_fini(&out);
}

static void
test_extract_bad(void **state)
{
	const char *const bad[] = {
		"{}",
		"{\"a\":{}}",
		"{\"a\":[{\"id\":1}]}",
		"[]",
		"7",
		"\"x\"",
		"null",
		"{\"a\":{\"id\":null}}",
		"{\"a\":{\"id\":true}}",
		"{\"a\":{\"id\":{}}}",
		"{\"a\":{\"id\":[]}}",
		"{\"a\":{\"id\":1.0}}",
		"{\"a\":{\"id\":1e3}}",
		"{\"a\":{\"id\":\"\"}}",
		"{\"a\":{\"id\":\".\"}}",
		"{\"a\":{\"id\":\"..\"}}",
		"{\"a\":{\"id\":\"\\u002e\\u002e\"}}",
		"{\"a\":{\"id\":\"x\\u0000\"}}",
		"{\"a\":{\"id\":\"x\\n\"}}",
		"{\"a\":{\"id\":\"\\u007f\"}}",
		"{\"a\":{\"id\":\"\\ud800\"}}",
		"{\"a\":{\"id\":\"x\"},\"kind\":\"\"}",
		"{\"a\":{\"id\":\"x\"},\"kind\":false}",
		"{\"a\":{\"id\":\"x\"},\"a\":{}}", /* the last counts */
	};
	struct buf out;
	const char *why;
	const char *field;
	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(extract(span_text(bad[i]), &out, &why, &field),
				 HS_INVALID);
		assert_non_null(why);
		assert_non_null(field);
	}
	assert_int_equal(extract(span_text("{"), &out, &why, &field),
			 HS_INVALID);
	assert_non_null(why);
	assert_null(field);
	/* no room */
	out.max = 8;
	assert_int_equal(extract(span_text("{\"a\":{\"id\":\"x\"}}"), &out,
				 &why, &field),
			 HS_TOO_BIG);
	buf_fini(&out);
}

/* A string of len bytes as the id. */
static enum hs_err
extract_long(size_t len, bool is_number, struct buf *out)
{
	struct buf body;
	const char *why;
	const char *field;
	unsigned char *room;
	buf_init(&body, len + 100);
	assert_int_equal(buf_add_text(&body, is_number ? "{\"a\":{\"id\":"
						       : "{\"a\":{\"id\":\""),
			 HS_OK);
	assert_int_equal(buf_reserve(&body, len, &room), HS_OK);
	memset(room, '7', len);
	buf_commit(&body, len);
	assert_int_equal(buf_add_text(&body, is_number ? "}}" : "\"}}"), HS_OK);
	enum hs_err err = extract(buf_span(&body), out, &why, &field);
	buf_fini(&body);
	return err;
}

static void
test_extract_long(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 4 * 1024 * 1024);
	for (int is_number = 0; is_number < 2; is_number++) {
		assert_int_equal(
			extract_long(BOUNDS_FIELD_BYTES, is_number, &out),
			HS_OK);
		assert_int_equal(
			extract_long(BOUNDS_FIELD_BYTES + 1, is_number, &out),
			HS_INVALID);
		assert_int_equal(extract_long(1024 * 1024, is_number, &out),
				 HS_INVALID);
	}
	buf_fini(&out);
}

/* The data is a level deeper than the body, and a worker scans it whole. */
static void
test_extract_deep(void **state)
{
	static const struct endpoint plain = { .n_fields = 0 };
	char body[2 * BOUNDS_JSON_DEPTH + 3];
	struct buf out;
	const char *why;
	const char *field;
	(void)state;
	buf_init(&out, 65536);
	for (size_t depth = BOUNDS_JSON_DEPTH - 2;
	     depth <= BOUNDS_JSON_DEPTH + 1; depth++) {
		memset(body, '[', depth);
		memset(body + depth, ']', depth);
		buf_reset(&out);
		enum hs_err err = extract_data(&plain, span_of(body, 2 * depth),
					       &out, &why, &field);
		if (err == HS_OK)
			assert_int_equal(doc_scan(buf_span(&out), NULL, NULL),
					 HS_OK);
		assert_int_equal(err, depth < BOUNDS_JSON_DEPTH ? HS_OK
								: HS_INVALID);
	}
	buf_fini(&out);
}

/* ---- signatures ---- */

static void
test_verify(void **state)
{
	/* GitHub's own example */
	struct secret secret = { .name = NULL };
	struct secret other = { .name = NULL };
	const struct secret *secrets[] = { &other, &secret };
	struct endpoint e = { .name = (char[]){ "e" },
			      .scheme = SIGNATURE_GITHUB,
			      .secrets = secrets,
			      .n_secrets = 2 };
	const char *good = "HTTP_X_HUB_SIGNATURE_256=sha256="
			   "757107ea0eb2509fc211221cce984b8a"
			   "37570b6d7586c22c46f4379c8b043e17";
	struct request r = { .env = ENV(good) };
	const char *why = NULL;
	(void)state;
	buf_init(&secret.value, 100);
	buf_init(&other.value, 100);
	assert_int_equal(
		buf_add_text(&secret.value, "It's a Secret to Everybody"),
		HS_OK);
	assert_int_equal(buf_add_text(&other.value, "another"), HS_OK);
	assert_int_equal(
		verify_request(&e, &r, span_text("Hello, World!"), 0, &why),
		HS_OK);
	assert_int_equal(
		verify_request(&e, &r, span_text("Hello, World"), 0, &why),
		HS_DENIED);
	assert_non_null(why);
	r.env = ENV(good, good);
	assert_int_equal(
		verify_request(&e, &r, span_text("Hello, World!"), 0, &why),
		HS_DENIED);
	r.env = ENV("HTTP_X_HUB_SIGNATURE=sha1=abc");
	assert_int_equal(
		verify_request(&e, &r, span_text("Hello, World!"), 0, &why),
		HS_DENIED);
	e.scheme = SIGNATURE_NONE;
	e.n_secrets = 0;
	assert_int_equal(verify_request(&e, &r, span_text("x"), 0, &why),
			 HS_OK);
	buf_fini(&secret.value);
	buf_fini(&other.value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_id),
		cmocka_unit_test(test_job_id_of_neighbours),
		cmocka_unit_test(test_job_id_drawn),
		cmocka_unit_test(test_delivery),
		cmocka_unit_test(test_extract),
		cmocka_unit_test(test_extract_bad),
		cmocka_unit_test(test_extract_long),
		cmocka_unit_test(test_extract_deep),
		cmocka_unit_test(test_verify),
	};
	return cmocka_run_group_tests_name("ident", tests, NULL, NULL);
}
