/*
 * request, router, reply: what is read from CGI variables, and what is answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/health.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/router.h"

#define ENV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
parse(const char *const *env, struct request *out)
{
	const char *why = "";
	assert_int_equal(request_parse(env, out, &why), HS_OK);
	assert_null(why);
}

static void
test_parse(void **state)
{
	struct request r;
	const char *why;
	(void)state;
	parse(ENV("REQUEST_METHOD=POST", "REQUEST_URI=/a/b?c=d?e",
		  "CONTENT_TYPE=application/json", "CONTENT_LENGTH=12",
		  "HTTP_CONTENT_ENCODING=gzip"),
	      &r);
	assert_true(span_is(r.method, "POST"));
	assert_true(span_is(r.path, "/a/b"));
	assert_true(request_path_is(&r, "/a/b"));
	assert_false(request_path_is(&r, "/a/b?c=d?e"));
	assert_false(request_path_is(&r, "/a/"));
	assert_false(request_path_is(&r, "/a/bc"));
	assert_true(span_is(r.type, "application/json"));
	assert_true(span_is(r.length, "12"));
	assert_true(span_is(r.encoding, "gzip"));
	/* REQUEST_URI wins; it is not decoded */
	parse(ENV("REQUEST_METHOD=POST", "REQUEST_URI=/a%2fb",
		  "SCRIPT_NAME=/a/b"),
	      &r);
	assert_false(request_path_is(&r, "/a/b"));
	/* without it, the two parts */
	parse(ENV("REQUEST_METHOD=POST", "SCRIPT_NAME=/a", "PATH_INFO=/b"), &r);
	assert_true(request_path_is(&r, "/a/b"));
	assert_false(request_path_is(&r, "/a"));
	assert_false(request_path_is(&r, "/a/bb"));
	assert_false(request_path_is(&r, "/b/b"));
	parse(ENV("REQUEST_METHOD=POST", "PATH_INFO=/b"), &r);
	assert_true(request_path_is(&r, "/b"));
	parse(ENV("REQUEST_METHOD=POST", "SCRIPT_NAME=/b"), &r);
	assert_true(request_path_is(&r, "/b"));

	const char *const *const bad[] = {
		ENV("REQUEST_URI=/a"),
		ENV("REQUEST_METHOD=", "REQUEST_URI=/a"),
		ENV("REQUEST_METHOD=POST"),
		ENV("REQUEST_METHOD=POST", "REQUEST_URI="),
		ENV("REQUEST_METHOD=POST", "REQUEST_METHOD=POST",
		    "REQUEST_URI=/a"),
		ENV("REQUEST_METHOD=POST", "REQUEST_URI=/a", "REQUEST_URI=/a"),
		ENV("REQUEST_METHOD=POST", "SCRIPT_NAME=/a", "SCRIPT_NAME=/a"),
		ENV("REQUEST_METHOD=POST", "PATH_INFO=/a", "PATH_INFO=/a"),
		ENV("REQUEST_METHOD=POST", "REQUEST_URI=/a", "CONTENT_LENGTH=1",
		    "CONTENT_LENGTH=1"),
		ENV("REQUEST_METHOD=POST", "REQUEST_URI=/a", "CONTENT_TYPE=a",
		    "CONTENT_TYPE=a"),
		ENV("REQUEST_METHOD=POST", "REQUEST_URI=/a",
		    "HTTP_CONTENT_ENCODING=a", "HTTP_CONTENT_ENCODING=a"),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_int_equal(request_parse(bad[i], &r, &why), HS_INVALID);
		assert_non_null(why);
	}
	const char *none[] = { NULL };
	assert_int_equal(request_parse(none, &r, &why), HS_INVALID);
}

static void
test_header(void **state)
{
	struct request r = { .env = ENV("HTTP_X_HUB_SIGNATURE_256=abc",
					"HTTP_X_TWICE=1", "HTTP_X_TWICE=2",
					"HTTP_EMPTY=", "HTTP_X=y",
					"CONTENT_TYPE=t") };
	int n;
	(void)state;
	assert_true(
		span_is(request_header(&r, "X-Hub-Signature-256", &n), "abc"));
	assert_int_equal(n, 1);
	assert_true(
		span_is(request_header(&r, "x-hub-signature-256", &n), "abc"));
	assert_null(request_header(&r, "x-hub-signature", &n).ptr);
	assert_int_equal(n, 0);
	assert_null(request_header(&r, "X-Twice", &n).ptr);
	assert_int_equal(n, 2);
	struct span empty = request_header(&r, "Empty", &n);
	assert_int_equal(n, 1);
	assert_int_equal(empty.len, 0);
	assert_non_null(empty.ptr);
	assert_true(span_is(request_header(&r, "Content-Type", &n), "t"));
	char name[1000];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_null(request_header(&r, name, &n).ptr);
	assert_int_equal(n, 0);
}

static int
length_status(const char *text, int64_t max, int64_t *length)
{
	struct request r = { .length = span_text(text) };
	return request_check_length(&r, max, length);
}

static void
test_length(void **state)
{
	int64_t n;
	(void)state;
	assert_int_equal(length_status("0", 10, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(length_status("10", 10, &n), 0);
	assert_int_equal(n, 10);
	assert_int_equal(length_status("11", 10, &n), 413);
	assert_int_equal(length_status("18446744073709551617", 10, &n), 413);
	assert_int_equal(length_status("", 10, &n), 411);
	const char *const bad[] = { "-1",  "+1", " 1", "1 ",  "0x1",
				    "1e1", "a",  "1a", "1,1", "1.0" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(length_status(bad[i], 10, &n), 400);
}

static int
type_status(const char *text)
{
	struct request r = { .type = span_text(text) };
	return request_check_type(&r);
}

static void
test_type(void **state)
{
	(void)state;
	const char *const good[] = {
		"",
		"application/json",
		"APPLICATION/JSON",
		"application/json;charset=utf-8",
		"application/json; charset=\"UTF-8\"",
		"application/json ; charset=Utf-8 ; x=y",
		"application/json;",
		"application/cloudevents+json",
		"application/vnd.acme.v1+json; charset=utf-8",
		"application/json; version=\"a b\"",
	};
	const char *const bad[] = {
		"text/json",
		"text/plain",
		"application/x-www-form-urlencoded",
		"application/jsonx",
		"application/xjson",
		"application/+json",
		"application/json+xml",
		"application/",
		"/json",
		"json",
		"application json",
		"application/json charset=utf-8",
		"application/json, application/json",
		"application/json; charset=latin1",
		"application/json; charset=utf8x",
		"application/json; charset=utf-16",
		"application/json; charset",
		"application/json; charset=",
		"application/json; charset=\"utf-8",
		"application/json; charset=utf-8; charset=utf-8",
		"application/json; =utf-8",
		"application/json\x01",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(type_status(good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(type_status(bad[i]), 415);
}

static void
test_encoding(void **state)
{
	const char *const bad[] = { "gzip", "identity, gzip", "identityx",
				    "br" };
	(void)state;
	struct request r = { .encoding = span_text("Identity") };
	assert_int_equal(request_check_encoding(&r), 0);
	r.encoding = span_text("");
	assert_int_equal(request_check_encoding(&r), 0);
	for (size_t i = 0; i < 4; i++) {
		r.encoding = span_text(bad[i]);
		assert_int_equal(request_check_encoding(&r), 415);
	}
}

static void
test_id(void **state)
{
	char id[REQUEST_ID_BYTES + 1];
	char other[REQUEST_ID_BYTES + 1];
	const char *none[] = { NULL };
	(void)state;
	request_id(ENV("HTTP_X_REQUEST_ID=aB3._:+/=-"), id);
	assert_string_equal(id, "aB3._:+/=-");
	request_id(none, id);
	request_id(none, other);
	assert_int_equal(strlen(id), 32);
	assert_int_equal(strspn(id, "0123456789abcdef"), 32);
	assert_string_not_equal(id, other);
	const char *const bad[] = {
		"HTTP_X_REQUEST_ID=", "HTTP_X_REQUEST_ID=a b",
		"HTTP_X_REQUEST_ID=a\r\nX: y", "HTTP_X_REQUEST_ID=\"",
		"HTTP_X_REQUEST_ID=\xc3"
	};
	for (size_t i = 0; i < 5; i++) {
		request_id(ENV(bad[i]), id);
		assert_int_equal(strlen(id), 32);
	}
	request_id(ENV("HTTP_X_REQUEST_ID=a", "HTTP_X_REQUEST_ID=b"), id);
	assert_int_equal(strlen(id), 32);
	char text[200] = "HTTP_X_REQUEST_ID=";
	memset(text + 18, 'x', 128);
	request_id(ENV(text), id);
	assert_int_equal(strlen(id), 128);
	memset(text + 18, 'x', 129);
	request_id(ENV(text), id);
	assert_int_equal(strlen(id), 32);
}

static void
test_router(void **state)
{
	struct endpoint a = { .path = (char[]){ "/hooks/a" } };
	struct endpoint b = { .path = (char[]){ "/hooks" } };
	struct endpoint *list[] = { &a, &b, NULL };
	struct conf conf = { .endpoints = list };
	const struct endpoint *found;
	const struct {
		const char *path;
		enum router_kind kind;
		const struct endpoint *endpoint;
	} cases[] = {
		{ "/hooks/a", ROUTER_ENDPOINT, &a },
		{ "/hooks", ROUTER_ENDPOINT, &b },
		{ "/healthz", ROUTER_HEALTHZ, NULL },
		{ "/readyz", ROUTER_READYZ, NULL },
		{ "/", ROUTER_NONE, NULL },
		{ "/hook", ROUTER_NONE, NULL },
		{ "/hooks/", ROUTER_NONE, NULL },
		{ "/hooks/A", ROUTER_NONE, NULL },
		{ "//hooks", ROUTER_NONE, NULL },
		{ "/hooks%2fa", ROUTER_NONE, NULL },
		{ "/healthz/", ROUTER_NONE, NULL },
		{ "*", ROUTER_NONE, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request r = { .path = span_text(cases[i].path) };
		assert_int_equal(router_find(&conf, &r, &found), cases[i].kind);
		assert_ptr_equal(found, cases[i].endpoint);
	}
	assert_true(
		router_method_is_allowed(ROUTER_ENDPOINT, span_text("POST")));
	assert_false(
		router_method_is_allowed(ROUTER_ENDPOINT, span_text("post")));
	assert_false(
		router_method_is_allowed(ROUTER_ENDPOINT, span_text("GET")));
	assert_true(router_method_is_allowed(ROUTER_READYZ, span_text("HEAD")));
	assert_false(
		router_method_is_allowed(ROUTER_HEALTHZ, span_text("POST")));
	assert_string_equal(router_allow(ROUTER_ENDPOINT), "POST");
	assert_string_equal(router_allow(ROUTER_HEALTHZ), "GET, HEAD");
}

static void
test_reply(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, REPLY_BYTES);
	reply_success(&out, "r1");
	assert_string_equal(buf_text(&out), "Status: 200 OK\r\n"
					    "Content-Type: application/json\r\n"
					    "Content-Length: 16\r\n"
					    "Cache-Control: no-store\r\n"
					    "X-Request-Id: r1\r\n"
					    "\r\n{\"success\":true}");
	buf_reset(&out);
	reply_problem(&out, 405, "No \"x\".", "POST", 0, false, "r2");
	assert_non_null(strstr(buf_text(&out), "Status: 405 Method Not "
					       "Allowed\r\n"));
	assert_non_null(strstr(buf_text(&out), "\r\nAllow: POST\r\n"));
	assert_null(strstr(buf_text(&out), "Retry-After"));
	assert_non_null(strstr(
		buf_text(&out),
		"\r\n\r\n{\"type\":\"about:blank\",\"title\":\"Method Not "
		"Allowed\",\"status\":405,\"detail\":\"No \\\"x\\\".\","
		"\"instance\":\"r2\"}"));
	buf_reset(&out);
	reply_problem(&out, 503, "Later.", NULL, 7, true, "r3");
	assert_non_null(strstr(buf_text(&out), "\r\nRetry-After: 7\r\n"));
	assert_int_equal(out.data[out.len - 1], '\n'); /* HEAD: no body */
	buf_reset(&out);
	health_ready(true, false, 7, "r", &out);
	assert_non_null(strstr(buf_text(&out), "Status: 200"));
	buf_reset(&out);
	health_ready(false, false, 7, "r", &out);
	assert_non_null(strstr(buf_text(&out), "Status: 503"));
	assert_non_null(strstr(buf_text(&out), "Retry-After: 7"));
	/* the longest texts fit */
	char id[129];
	char detail[501];
	memset(id, 'x', 128);
	memset(detail, '"', 500);
	id[128] = '\0';
	detail[500] = '\0';
	const int all[] = { 400, 401, 404, 405, 411, 413, 415, 503 };
	for (size_t i = 0; i < 8; i++) {
		buf_reset(&out);
		reply_problem(&out, all[i], detail, "GET, HEAD", 86400, false,
			      id);
		assert_int_equal(out.data[out.len - 1], '}');
		assert_true(out.len < REPLY_BYTES);
	}
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),    cmocka_unit_test(test_header),
		cmocka_unit_test(test_length),   cmocka_unit_test(test_type),
		cmocka_unit_test(test_encoding), cmocka_unit_test(test_id),
		cmocka_unit_test(test_router),   cmocka_unit_test(test_reply),
	};
	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
