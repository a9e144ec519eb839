/*
 * head: which requests are refused, which lines the others become, and what is
 * read from a stranger's lines.
 */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bounds.h"
#include "base/clock.h"

/* ---- of a request ---- */

static enum hs_err
check_header(const char *name, const char *value)
{
	struct http_header header = { name, value };
	struct http_request request = {
		.method = "GET",
		.headers = &header,
		.n_headers = 1,
	};

	return head_check(&request);
}

static void
checks_the_method(void **state)
{
	static const char *const bad[] = {
		NULL, "", "GET ", "GE\r\nT", "G/T", "G\x80T", "GET:", " ",
	};
	struct http_request request = { .method = "M-SEARCH" };

	(void)state;
	assert_int_equal(head_check(&request), HS_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		request.method = bad[i];
		assert_int_equal(head_check(&request), HS_INVALID);
	}
}

static void
checks_names_and_values(void **state)
{
	static const char *const bad_names[] = {
		NULL, "", "X One", "X:", "X\n", "X\x7f", "(X)", "\xc3\xa4",
	};
	static const char *const bad_values[] = {
		NULL, "a\r\nX-Two: b", "a\nb", "a\rb", "\x01", "a\x7f", "\x1b",
	};

	(void)state;
	assert_int_equal(check_header("X-One", "a b\tc \xc3\xa4 \"'"), HS_OK);
	assert_int_equal(check_header("!#$%&'*+-.^_`|~09azAZ", ""), HS_OK);
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++)
		assert_int_equal(check_header(bad_names[i], "a"), HS_INVALID);
	for (size_t i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++)
		assert_int_equal(check_header("X", bad_values[i]), HS_INVALID);
}

static void
checks_the_second_header_too(void **state)
{
	struct http_header headers[] = { { "X", "a" }, { "Y", "b\n" } };
	struct http_request request = {
		.method = "GET",
		.headers = headers,
		.n_headers = 2,
	};

	(void)state;
	assert_int_equal(head_check(&request), HS_INVALID);
	request.n_headers = 1;
	assert_int_equal(head_check(&request), HS_OK);
	request.bearer = "a\r\nX: b";
	assert_int_equal(head_check(&request), HS_INVALID);
	request.bearer = "abc.def-123";
	assert_int_equal(head_check(&request), HS_OK);
}

static struct buf built; /* each line with a '|' behind */
static size_t n_taken;   /* lines, then there is no memory */

static enum hs_err
take_line(void *ctx, const char *line)
{
	assert_ptr_equal(ctx, &built);
	if (n_taken == 0)
		return HS_NO_MEMORY;
	n_taken--;
	return buf_addf(&built, "%s|", line);
}

static enum hs_err
build(const struct http_request *request, size_t n)
{
	buf_fini(&built);
	buf_init(&built, 64 * 1024);
	n_taken = n;
	return head_build(request, take_line, &built);
}

static void
builds_lines(void **state)
{
	struct http_header headers[] = {
		{ "X-One", "a: b" },
		{ "X-Nothing", "" },
		{ "content-type", "text/x" },
	};
	struct http_request request = { .method = "POST" };

	(void)state;
	assert_int_equal(build(&request, 9), HS_OK);
	assert_string_equal(buf_text(&built), "Expect:|Content-Type:|");
	request.headers = headers;
	request.n_headers = 3;
	request.bearer = "token";
	assert_int_equal(build(&request, 9), HS_OK);
	assert_string_equal(buf_text(&built),
			    "X-One: a: b|X-Nothing;|content-type: text/x|"
			    "Authorization: Bearer token|Expect:|");
	request.n_headers = 0;
	request.bearer = NULL;
	request.basic = "joe:secret\n"; /* in base64 all bytes are harmless */
	assert_int_equal(build(&request, 9), HS_OK);
	assert_string_equal(buf_text(&built),
			    "Authorization: Basic am9lOnNlY3JldAo=|"
			    "Expect:|Content-Type:|");
	buf_fini(&built);
}

static void
stops_when_a_line_is_refused(void **state)
{
	struct http_header header = { "X", "a" };
	struct http_request request = {
		.method = "GET",
		.headers = &header,
		.n_headers = 1,
		.bearer = "b",
		.basic = "c",
	};

	(void)state;
	assert_int_equal(build(&request, 5), HS_OK);
	for (size_t n = 0; n < 5; n++)
		assert_int_equal(build(&request, n), HS_NO_MEMORY);
	buf_fini(&built);
}

static void
bounds_a_line(void **state)
{
	size_t n_fits = HEAD_LINE_BYTES - strlen("X: ");
	char *value = calloc(1, HEAD_LINE_BYTES + 1);
	struct http_header header = { "X", value };
	struct http_request request = {
		.method = "GET",
		.headers = &header,
		.n_headers = 1,
	};

	(void)state;
	assert_non_null(value);
	memset(value, 'v', n_fits);
	assert_int_equal(build(&request, 9), HS_OK);
	value[n_fits] = 'v';
	assert_int_equal(build(&request, 9), HS_TOO_BIG);
	assert_int_equal(built.len, 0);
	request.n_headers = 0;
	request.bearer = value;
	assert_int_equal(build(&request, 9), HS_TOO_BIG);
	request.bearer = NULL;
	request.basic = value;
	assert_int_equal(build(&request, 9), HS_TOO_BIG);
	buf_fini(&built);
	free(value);
}

/* ---- of an answer ---- */

#define NOW_S 1700000000

static time_t date_s; /* what every date is; -1: none */
static char date_text[128];

static int64_t
wall_us(void)
{
	return (int64_t)NOW_S * 1000000 + 250000;
}

static int
stop_the_clock(void **state)
{
	(void)state;
	clock_set_source(wall_us, NULL);
	return 0;
}

static int
start_the_clock(void **state)
{
	(void)state;
	clock_set_source(NULL, NULL);
	return 0;
}

static time_t
read_date(const char *text)
{
	size_t len = strlen(text);

	assert_true(len < sizeof(date_text));
	memcpy(date_text, text, len + 1);
	return date_s;
}

/* From memory that ends with the line, for the sanitizer's eyes. */
static enum hs_err
read_line(struct head *head, const char *line)
{
	size_t len = strlen(line);
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, line, len);
	enum hs_err err = head_read(head, span_of(copy, len), read_date);
	free(copy);
	return err;
}

static int64_t
retry_after(const char *line)
{
	struct head head;

	head_reset(&head);
	assert_int_equal(read_line(&head, line), HS_OK);
	return head.retry_after_ms;
}

static void
reads_seconds(void **state)
{
	(void)state;
	date_s = -1;
	assert_int_equal(retry_after("Retry-After: 7\r\n"), 7000);
	assert_int_equal(retry_after("retry-AFTER:0"), 0);
	assert_int_equal(retry_after("Retry-After: \t 12 \t\r\n"), 12000);
	assert_int_equal(retry_after("Retry-After: 86400\r\n"),
			 BOUNDS_RETRY_AFTER_MS);
	assert_int_equal(retry_after("Retry-After: 86401\r\n"),
			 BOUNDS_RETRY_AFTER_MS);
	assert_int_equal(retry_after("Retry-After: 99999999999999999999999\n"),
			 BOUNDS_RETRY_AFTER_MS);
	assert_int_equal(retry_after("Retry-After: -5\r\n"), -1);
	assert_int_equal(retry_after("Retry-After: 1.5\r\n"), -1);
	assert_int_equal(retry_after("Retry-After:\r\n"), -1);
	assert_int_equal(retry_after("Retry-After"), -1);
	assert_int_equal(retry_after("X-Retry-After: 7\r\n"), -1);
	assert_int_equal(retry_after(""), -1);
}

static void
reads_dates(void **state)
{
	(void)state;
	date_s = NOW_S + 10;
	assert_int_equal(retry_after("Retry-After: in a while\r\n"), 9750);
	assert_string_equal(date_text, "in a while");
	date_s = NOW_S;
	assert_int_equal(retry_after("Retry-After: now\r\n"), 0);
	date_s = 0;
	assert_int_equal(retry_after("Retry-After: long ago\r\n"), 0);
	date_s = NOW_S + BOUNDS_RETRY_AFTER_MS / 1000 + 1;
	assert_int_equal(retry_after("Retry-After: far\r\n"),
			 BOUNDS_RETRY_AFTER_MS);
	date_s = -1;
	assert_int_equal(retry_after("Retry-After: soon\r\n"), -1);
}

/* Nobody is shown a date that is not one by its length. */
static void
bounds_a_date(void **state)
{
	char line[100] = "Retry-After: ";
	size_t start = strlen(line);

	(void)state;
	date_s = NOW_S + 10;
	memset(line + start, 'x', 63);
	assert_int_equal(retry_after(line), 9750);
	assert_int_equal(strlen(date_text), 63);
	line[start + 63] = 'x';
	assert_int_equal(retry_after(line), -1);
}

static void
reads_a_request_id(void **state)
{
	char line[200] = "X-Request-Id: ";
	size_t start = strlen(line);
	struct head head;

	(void)state;
	head_reset(&head);
	assert_string_equal(head.request_id, "");
	assert_int_equal(read_line(&head, "x-request-id:  a b \r\n"), HS_OK);
	assert_string_equal(head.request_id, "a b");
	memset(line + start, 'i', HEAD_REQUEST_ID_BYTES);
	assert_int_equal(read_line(&head, line), HS_OK);
	assert_int_equal(strlen(head.request_id), HEAD_REQUEST_ID_BYTES);
	head_reset(&head);
	line[start + HEAD_REQUEST_ID_BYTES] = 'i';
	assert_int_equal(read_line(&head, line), HS_OK);
	assert_string_equal(head.request_id, "");
}

static void
forgets_the_interim_answer(void **state)
{
	struct head head;

	(void)state;
	head_reset(&head);
	assert_int_equal(read_line(&head, "HTTP/1.1 103 Early\r\n"), HS_OK);
	assert_int_equal(read_line(&head, "Retry-After: 9\r\n"), HS_OK);
	assert_int_equal(read_line(&head, "X-Request-Id: i\r\n"), HS_OK);
	assert_int_equal(head.retry_after_ms, 9000);
	assert_int_equal(read_line(&head, "HTTP/1.1 200 OK\r\n"), HS_OK);
	assert_int_equal(head.retry_after_ms, -1);
	assert_string_equal(head.request_id, "");
}

static void
bounds_all_lines_together(void **state)
{
	static char line[1024];
	struct head head;

	(void)state;
	head_reset(&head);
	memset(line, 'h', sizeof(line));
	for (size_t i = 0; i < BOUNDS_HTTP_HEADER_BYTES / sizeof(line); i++)
		assert_int_equal(head_read(&head, span_of(line, sizeof(line)),
					   read_date),
				 HS_OK);
	/* also those of interim answers: there is no end to them */
	assert_int_equal(read_line(&head, "HTTP/1.1 200 OK\r\n"), HS_TOO_BIG);
	head_reset(&head);
	assert_int_equal(read_line(&head, "HTTP/1.1 200 OK\r\n"), HS_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_the_method),
		cmocka_unit_test(checks_names_and_values),
		cmocka_unit_test(checks_the_second_header_too),
		cmocka_unit_test(builds_lines),
		cmocka_unit_test(stops_when_a_line_is_refused),
		cmocka_unit_test(bounds_a_line),
		cmocka_unit_test(reads_seconds),
		cmocka_unit_test(reads_dates),
		cmocka_unit_test(bounds_a_date),
		cmocka_unit_test(reads_a_request_id),
		cmocka_unit_test(forgets_the_interim_answer),
		cmocka_unit_test(bounds_all_lines_together),
	};

	return cmocka_run_group_tests_name("head", tests, stop_the_clock,
					   start_the_clock);
}
