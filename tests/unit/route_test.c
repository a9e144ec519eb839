/*
 * route: templates split once, and values that stay inside their segment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "conf/route.h"

static struct route_call *
parsed(const char *path)
{
	struct route_call *call = calloc(1, sizeof(*call));
	const char *why;
	assert_non_null(call);
	if (route_call_parse_path(call, path, &why) != HS_OK)
		fail_msg("%s: %s", path, why);
	return call;
}

static void
splits_templates(void **state)
{
	(void)state;
	struct route_call *call = parsed("/a/{b}/c{d_1}{e}");
	assert_string_equal(call->path, "/a/{b}/c{d_1}{e}");
	assert_int_equal(call->n_pieces, 4);
	assert_string_equal(call->pieces[0].literal, "/a/");
	assert_string_equal(call->pieces[0].field, "b");
	assert_string_equal(call->pieces[1].literal, "/c");
	assert_string_equal(call->pieces[1].field, "d_1");
	assert_string_equal(call->pieces[2].literal, "");
	assert_string_equal(call->pieces[2].field, "e");
	assert_string_equal(call->pieces[3].literal, "");
	assert_null(call->pieces[3].field);
	route_call_free(call);

	call = parsed("/plain?filter[id]={x}&a=%20b");
	assert_int_equal(call->n_pieces, 2);
	route_call_free(call);
}

static void
refuses_templates(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",      "a",       "{a}",    "/{",        "/}",
		"/{a",   "/a}",     "/{}",    "/{{a}}",    "/{a{b}}",
		"/{1a}", "/{a-b}",  "/{a.b}", "/{ a }",    "/{rawPayload}",
		"/a#b",  "/a b",    "/a\nb",  "/\xc3\xa9", "/a\"b",
		"/..",   "/a/../b", "/a/.",   "/%2e%2e/b", "/.%2E",
		"/%",    "/%4",     "/%zz",   "/a[b]",     "/a\\b",
		"/a|b",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct route_call call = { 0 };
		const char *why = NULL;
		if (route_call_parse_path(&call, bad[i], &why) != HS_INVALID)
			fail_msg("%s", bad[i]);
		assert_non_null(why);
		for (size_t k = 0; k < call.n_pieces; k++) {
			free(call.pieces[k].literal);
			free(call.pieces[k].field);
		}
		free(call.pieces);
	}
}

static enum hs_err
value_of(void *ctx, const char *field, struct buf *text)
{
	if (strcmp(field, "id") != 0)
		return HS_NOT_FOUND;
	if (!ctx)
		return HS_DENIED;
	return buf_add_text(text, ctx);
}

static void
assert_expands(const char *path, const char *value, enum hs_err err,
	       const char *expanded)
{
	struct route_call *call = parsed(path);
	struct buf out;
	const char *field = NULL;
	union {
		const char *in;
		void *out;
	} ctx = { value };
	buf_init(&out, 256);
	assert_int_equal(buf_add_text(&out, "https://h"), HS_OK);
	assert_int_equal(
		route_call_expand(call, value_of, ctx.out, &out, &field), err);
	if (err == HS_OK) {
		assert_string_equal(buf_text(&out) + 9, expanded);
		assert_null(field);
	} else {
		assert_string_equal(field, expanded);
		assert_string_equal(buf_text(&out), "https://h");
	}
	buf_fini(&out);
	route_call_free(call);
}

static void
expands(void **state)
{
	(void)state;
	assert_expands("/plain", NULL, HS_OK, "/plain");
	assert_expands("/c/{id}", "a-1_2.3~", HS_OK, "/c/a-1_2.3~");
	assert_expands("/c/{id}/{id}", "7", HS_OK, "/c/7/7");
	assert_expands("/c/{id}", "a/../b?c#d%&", HS_OK,
		       "/c/a%2F..%2Fb%3Fc%23d%25%26");
	assert_expands("/c/{id}", "\xc3\xa9 ", HS_OK, "/c/%C3%A9%20");
	assert_expands("/c/{id}", "...", HS_OK, "/c/...");

	assert_expands("/c/{id}", "", HS_INVALID, "id");
	assert_expands("/c/{id}", ".", HS_INVALID, "id");
	assert_expands("/c/{id}", "..", HS_INVALID, "id");
	assert_expands("/c/{id}/{none}", "1", HS_NOT_FOUND, "none");
	assert_expands("/c/{id}", NULL, HS_DENIED, "id");
}

static void
is_bounded(void **state)
{
	(void)state;
	char *path = calloc(1, 4096);
	assert_non_null(path);
	memset(path, 'a', 4000);
	path[0] = '/';
	struct route_call call = { 0 };
	const char *why;
	assert_int_equal(route_call_parse_path(&call, path, &why), HS_INVALID);
	assert_expands("/{id}", path + 4000 - BOUNDS_FIELD_BYTES - 1,
		       HS_TOO_BIG, "id");
	free(path);
	route_free(NULL);
	route_call_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_templates),
		cmocka_unit_test(refuses_templates),
		cmocka_unit_test(expands),
		cmocka_unit_test(is_bounded),
	};
	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
