/*
 * map_jq and map: what a program sees, what comes out, and that a slow or
 * endless one harms nobody but itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "worker/map.h"

#define LIMIT_MS 5000
/* it allocates, because ThreadSanitizer delivers signals only then */
#define ENDLESS "def f: [.][0] | f; f"

/* ---- map_jq ---- */

static enum map_result
run(const char *program, const char *input, struct buf *body, struct buf *why)
{
	struct map_jq *map = NULL;
	enum map_result result;

	assert_int_equal(map_jq_new(program, &map, why), HS_OK);
	result = map_jq_run(map, span_text(input), LIMIT_MS, body, why);
	map_jq_unref(map);
	return result;
}

static void
yields(const char *program, const char *input, const char *wanted)
{
	struct buf body, why;

	buf_init(&body, BOUNDS_MAPPED_BYTES);
	buf_init(&why, BOUNDS_REASON_BYTES);
	assert_int_equal(run(program, input, &body, &why), MAP_BODY);
	assert_string_equal(buf_text(&body), wanted);
	assert_int_equal(why.len, 0);
	buf_fini(&body);
	buf_fini(&why);
}

static void
fails_with(const char *program, const char *input, const char *wanted)
{
	struct buf body, why;

	buf_init(&body, BOUNDS_MAPPED_BYTES);
	buf_init(&why, BOUNDS_REASON_BYTES);
	assert_int_equal(run(program, input, &body, &why), MAP_FAILED);
	if (!strstr(buf_text(&why), wanted))
		fail_msg("\"%s\" lacks \"%s\"", buf_text(&why), wanted);
	assert_int_equal(body.len, 0);
	buf_fini(&body);
	buf_fini(&why);
}

static void
is_refused(const char *program, const char *wanted)
{
	struct map_jq *map = NULL;
	struct buf why;

	buf_init(&why, BOUNDS_LOG_LINE_BYTES);
	assert_int_equal(map_jq_new(program, &map, &why), HS_INVALID);
	assert_null(map);
	if (!strstr(buf_text(&why), wanted))
		fail_msg("\"%s\" lacks \"%s\"", buf_text(&why), wanted);
	buf_fini(&why);
}

static void
maps(void **state)
{
	(void)state;
	yields("{ name: .source.fullName }",
	       "{\"source\":{\"fullName\":\"Ada\"}}", "{\"name\":\"Ada\"}");
	yields(".", "{\"a\":[1,2.5,true,false,null,\"\\u00e9\\\"\"]}",
	       "{\"a\":[1,2.5,true,false,null,\"\xc3\xa9\\\"\"]}");
	yields("# a remark\n.a # another\n", "{\"a\":1}", "1");
	yields("null", "{}", "null");
	yields("def f: .a; f", "{\"a\":\"x\"}", "\"x\"");
}

static void
large_integers_become_texts(void **state)
{
	(void)state;
	yields(".", "[12345678901234567890]", "[\"12345678901234567890\"]");
	yields(".", "[-12345678901234567890,1]",
	       "[\"-12345678901234567890\",1]");
	yields(".", "[9007199254740992,-9007199254740992]",
	       "[9007199254740992,-9007199254740992]");
	yields(".", "[9007199254740993,-9007199254740993]",
	       "[\"9007199254740993\",\"-9007199254740993\"]");
	yields(".", "{\"a\":99999999999999999999,\"b\":1}",
	       "{\"a\":\"99999999999999999999\",\"b\":1}");
	/* digits in texts and names, fractions and exponents stay */
	yields(".", "{\"12345678901234567890\":\"\\\"12345678901234567890\"}",
	       "{\"12345678901234567890\":\"\\\"12345678901234567890\"}");
	yields(".", "[1.5,true,false,null,12345678901234567890]",
	       "[1.5,true,false,null,\"12345678901234567890\"]");
	/* jq 1.7 keeps the exponent of a number that nobody touched */
	yields(". + 0", "1e3", "1000");
	yields(". == 1000", "1e3", "true");
	yields(".", "12345678901234567890", "\"12345678901234567890\"");
}

static void
many_large_integers_fit(void **state)
{
	struct buf input, body, why;
	const char number[] = "9007199254740993";

	(void)state;
	buf_init(&input, 1024 * 1024);
	buf_init(&body, BOUNDS_MAPPED_BYTES);
	buf_init(&why, BOUNDS_REASON_BYTES);
	assert_int_equal(buf_add_text(&input, "[0"), HS_OK);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_addf(&input, ",%s", number), HS_OK);
	assert_int_equal(buf_add_text(&input, "]"), HS_OK);
	assert_int_equal(run(".[10000]", buf_text(&input), &body, &why),
			 MAP_BODY);
	assert_string_equal(buf_text(&body), "\"9007199254740993\"");
	buf_fini(&input);
	buf_fini(&body);
	buf_fini(&why);
}

static void
nothing_is_empty(void **state)
{
	struct buf body, why;

	(void)state;
	buf_init(&body, 100);
	buf_init(&why, 100);
	assert_int_equal(run("empty", "{}", &body, &why), MAP_EMPTY);
	assert_int_equal(run("select(.a)", "{}", &body, &why), MAP_EMPTY);
	assert_int_equal(run("inputs", "{}", &body, &why), MAP_EMPTY);
	assert_int_equal(body.len, 0);
	buf_fini(&body);
	buf_fini(&why);
}

static void
mistakes_fail_with_jqs_words(void **state)
{
	(void)state;
	fails_with("1, 2", "{}", "more than one output");
	fails_with(".a.b", "{\"a\":1}", "Cannot index number");
	fails_with("error(\"no name\")", "{}", "no name");
	fails_with("error({code: 7})", "{}", "{\"code\":7}");
	fails_with("1, error(\"late\")", "{}", "late");
	/* jq 1.6 takes these for `empty`; we do not */
	fails_with("error(null)", "{}", "error without a text");
	fails_with(".a | error", "{}", "error without a text");
	fails_with("halt", "{}", "halt");
	fails_with("halt_error", "{}", "halt_error");
	fails_with("halt_error(3)", "{}", "halt_error");
	fails_with("input", "{}", "");
}

static void
an_output_over_the_ceiling_fails(void **state)
{
	struct map_jq *map = NULL;
	struct buf body, why;

	(void)state;
	buf_init(&body, 10);
	buf_init(&why, 100);
	assert_int_equal(map_jq_new("\"x\" * 100", &map, &why), HS_OK);
	assert_int_equal(
		map_jq_run(map, span_text("{}"), LIMIT_MS, &body, &why),
		MAP_FAILED);
	assert_non_null(strstr(buf_text(&why), "10 bytes"));
	assert_int_equal(body.len, 0);
	map_jq_unref(map);
	buf_fini(&body);
	buf_fini(&why);
}

static void
a_program_sees_nothing_but_its_input(void **state)
{
	(void)state;
	assert_int_equal(setenv("HOOKSYNC_SECRET_X", "hush", 1), 0);
	yields("env", "{}", "{}");
	yields("$ENV", "{}", "{}");
	yields("[env.HOOKSYNC_SECRET_X, $ENV.HOOKSYNC_SECRET_X]", "{}",
	       "[null,null]");
	yields("input_filename", "{}", "null");
	yields("get_search_list", "{}", "[]");
	yields("try (\"x\" | modulemeta) catch \"none\"", "{}", "\"none\"");
	yields("[debug, stderr]", "1", "[1,1]");
	assert_string_equal(getenv("HOOKSYNC_SECRET_X"), "hush");
}

static void
bad_programs_are_refused_with_their_line(void **state)
{
	(void)state;
	is_refused("{ a: .b", "at line 1");
	is_refused("nope", "nope/0 is not defined at line 1");
	is_refused("{ a: 1,\n  b: nope }", "at line 2");
	is_refused("", "empty");
	/* which jq itself would take for the identity */
	is_refused("def f: 1;", "syntax error");
	is_refused(" \n# only a remark\n", "empty");
	is_refused("import \"x\" as x; .", "import");
	is_refused(" # a\n include \"x\"; .", "include");
	is_refused("import \"/etc/passwd\" as $x {search:\"/\"}; $x", "import");
	is_refused("module {}; .", "module");
	is_refused(". | import \"x\" as x;", "import");
	is_refused("} ", "at line 1");
}

static void
an_endless_program_is_halted(void **state)
{
	const int64_t begin_ms = clock_mono_ms();
	struct map_jq *map = NULL;
	struct buf body, why;

	(void)state;
	buf_init(&body, 100);
	buf_init(&why, 100);
	assert_int_equal(
		map_jq_new("if .a then (" ENDLESS ") else 1 end", &map, &why),
		HS_OK);
	assert_int_equal(
		map_jq_run(map, span_text("{\"a\":1}"), 100, &body, &why),
		MAP_FAILED);
	assert_string_equal(buf_text(&why), "the map ran longer than 100 ms");
	assert_true(clock_mono_ms() - begin_ms >= 100);
	/* and the same program runs on */
	buf_reset(&why);
	assert_int_equal(map_jq_run(map, span_text("{}"), 100, &body, &why),
			 MAP_BODY);
	assert_string_equal(buf_text(&body), "1");
	map_jq_unref(map);
	buf_fini(&body);
	buf_fini(&why);
}

/* ---- map: the thread ---- */

struct heard {
	struct event_base *base;
	unsigned n;
	unsigned n_wanted;
	enum map_result last;
	char body[64];
	unsigned n_ticks; /* of the loop meanwhile */
};

static void
on_mapped(void *ctx, enum map_result result, struct buf *body, const char *why)
{
	struct heard *heard = ctx;

	(void)why;
	heard->last = result;
	snprintf(heard->body, sizeof(heard->body), "%s", buf_text(body));
	if (++heard->n == heard->n_wanted)
		event_base_loopbreak(heard->base);
}

static void
never(void *ctx, enum map_result result, struct buf *body, const char *why)
{
	(void)ctx;
	(void)result;
	(void)body;
	(void)why;
	fail_msg("a cancelled work called back");
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct heard *heard = ctx;

	(void)fd;
	(void)what;
	heard->n_ticks++;
}

static struct map_work *
start(struct map *map, struct map_jq *program, const char *input, map_fn fn,
      void *ctx)
{
	struct buf buf;
	struct map_work *work;

	buf_init(&buf, 1000);
	assert_int_equal(buf_add_text(&buf, input), HS_OK);
	work = map_start(map, program, &buf, fn, ctx);
	assert_int_equal(buf.len, 0);
	buf_fini(&buf);
	return work;
}

static void
a_slow_program_does_not_stop_the_loop(void **state)
{
	const struct timeval tick = { .tv_usec = 10000 };
	struct heard heard = { .n_wanted = 2 };
	struct map_jq *endless = NULL, *quick = NULL;
	struct event *ticker;
	struct buf why;
	struct map *map;

	(void)state;
	buf_init(&why, 100);
	assert_int_equal(map_jq_new(ENDLESS, &endless, &why), HS_OK);
	assert_int_equal(map_jq_new(".a", &quick, &why), HS_OK);
	heard.base = event_base_new();
	ticker = event_new(heard.base, -1, EV_PERSIST, on_tick, &heard);
	event_add(ticker, &tick);
	map = map_new(heard.base, 500);
	assert_true(map_due_ms(map) == INT64_MAX);
	start(map, endless, "{}", on_mapped, &heard);
	start(map, quick, "{\"a\":5}", on_mapped, &heard);
	assert_true(map_due_ms(map) > clock_mono_ms());
	assert_true(map_due_ms(map) < clock_mono_ms() + 60000);
	/* the programs are held by those who run them */
	map_jq_unref(endless);
	map_jq_unref(quick);
	event_base_dispatch(heard.base);
	assert_true(map_due_ms(map) == INT64_MAX);
	assert_int_equal(heard.n, 2);
	assert_int_equal(heard.last, MAP_BODY);
	assert_string_equal(heard.body, "5");
	/* a loop that stood still would have turned once behind it */
	assert_true(heard.n_ticks >= 2);
	map_free(map);
	event_free(ticker);
	event_base_free(heard.base);
	buf_fini(&why);
}

static void
many_works_come_back_in_order(void **state)
{
	enum { N = 2000 };
	struct heard heard = { .n_wanted = N };
	struct map_jq *program = NULL;
	char input[64];
	struct buf why;
	struct map *map;

	(void)state;
	buf_init(&why, 100);
	assert_int_equal(map_jq_new(".n", &program, &why), HS_OK);
	heard.base = event_base_new();
	map = map_new(heard.base, LIMIT_MS);
	for (int i = 0; i < N; i++) {
		snprintf(input, sizeof(input), "{\"n\":%d}", i);
		start(map, program, input, on_mapped, &heard);
		if (i % 7 == 0)
			map_cancel(start(map, program, input, never, NULL));
	}
	event_base_dispatch(heard.base);
	assert_int_equal(heard.n, N);
	assert_string_equal(heard.body, "1999");
	map_free(map);
	event_base_free(heard.base);
	map_jq_unref(program);
	buf_fini(&why);
}

static void
cancelled_work_does_not_hold_up_others(void **state)
{
	enum { N = 40, SHORT_MS = 200 };
	const int64_t begin_ms = clock_mono_ms();
	struct heard heard = { .n_wanted = 2 };
	struct map_jq *endless = NULL, *quick = NULL;
	struct buf why;
	struct map *map;

	(void)state;
	buf_init(&why, 100);
	assert_int_equal(map_jq_new(ENDLESS, &endless, &why), HS_OK);
	assert_int_equal(map_jq_new(".", &quick, &why), HS_OK);
	heard.base = event_base_new();
	map = map_new(heard.base, SHORT_MS);
	start(map, endless, "{}", on_mapped, &heard);
	for (int i = 0; i < N; i++)
		map_cancel(start(map, endless, "{}", never, NULL));
	start(map, quick, "1", on_mapped, &heard);
	event_base_dispatch(heard.base);
	assert_int_equal(heard.n, 2);
	assert_true(clock_mono_ms() - begin_ms < N * SHORT_MS);
	map_free(map);
	event_base_free(heard.base);
	map_jq_unref(endless);
	map_jq_unref(quick);
	buf_fini(&why);
}

static void
leaving_halts_what_runs(void **state)
{
	const int64_t begin_ms = clock_mono_ms();
	struct map_jq *endless = NULL;
	struct event_base *base = event_base_new();
	struct buf why;
	struct map *map;

	(void)state;
	buf_init(&why, 100);
	assert_int_equal(map_jq_new(ENDLESS, &endless, &why), HS_OK);
	assert_int_equal(setenv("HOME", "/nowhere", 1), 0);
	map = map_new(base, 2000);
	assert_null(getenv("HOME")); /* now or never: there is a thread */
	start(map, endless, "{}", never, NULL);
	start(map, endless, "{}", never, NULL);
	map_free(map);
	assert_true(clock_mono_ms() - begin_ms < 4000);
	event_base_free(base);
	map_jq_unref(endless);
	buf_fini(&why);
}

static void
the_input_is_what_the_manual_says(void **state)
{
	struct buf input;

	(void)state;
	buf_init(&input, 1000);
	assert_int_equal(map_input(span_text("{\"a\":1}"),
				   span_text("{\"id\":7}"), "e-\"1", "n", 2,
				   &input),
			 HS_OK);
	assert_string_equal(
		buf_text(&input),
		"{\"source\":{\"a\":1},\"data\":{\"id\":7},\"job\":"
		"{\"id\":\"e-\\\"1\",\"name\":\"n\",\"attempt\":2}}");
	buf_reset(&input);
	assert_int_equal(
		map_input(span_text(""), span_text("5"), "i", "n", 1, &input),
		HS_OK);
	assert_string_equal(buf_text(&input),
			    "{\"source\":null,\"data\":5,\"job\":{\"id\":\"i\","
			    "\"name\":\"n\",\"attempt\":1}}");
	buf_fini(&input);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps),
		cmocka_unit_test(large_integers_become_texts),
		cmocka_unit_test(many_large_integers_fit),
		cmocka_unit_test(nothing_is_empty),
		cmocka_unit_test(mistakes_fail_with_jqs_words),
		cmocka_unit_test(an_output_over_the_ceiling_fails),
		cmocka_unit_test(a_program_sees_nothing_but_its_input),
		cmocka_unit_test(bad_programs_are_refused_with_their_line),
		cmocka_unit_test(an_endless_program_is_halted),
		cmocka_unit_test(a_slow_program_does_not_stop_the_loop),
		cmocka_unit_test(many_works_come_back_in_order),
		cmocka_unit_test(cancelled_work_does_not_hold_up_others),
		cmocka_unit_test(leaving_halts_what_runs),
		cmocka_unit_test(the_input_is_what_the_manual_says),
	};
	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
