/*
 * pulse_test: beats and their answers, with a clock of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/pulse.h"

static int64_t now_ms;
static char last_line[512];
static unsigned n_lines;

static int64_t
now_us(void)
{
	return now_ms * 1000;
}

static void
sink(enum log_level level, const char *line)
{
	(void)level;
	n_lines++;
	(void)strncpy(last_line, line, sizeof(last_line) - 1);
}

static int
set_up(void **state)
{
	now_ms = 100000;
	n_lines = 0;
	last_line[0] = '\0';
	clock_set_source(NULL, now_us);
	log_set_sink(sink);
	*state = pulse_new();
	return 0;
}

static int
tear_down(void **state)
{
	pulse_free(*state);
	clock_set_source(NULL, NULL);
	log_set_sink(NULL);
	return 0;
}

static bool
is_readable(const struct pulse *pulse)
{
	struct pollfd fd = { .fd = pulse_fd(pulse), .events = POLLIN };
	return poll(&fd, 1, 0) == 1;
}

static int64_t
due(void *ctx)
{
	return *(int64_t *)ctx;
}

static void
each_beat_is_answered_once(void **state)
{
	struct pulse *pulse = *state;
	assert_false(is_readable(pulse));
	assert_false(pulse_answer(pulse)); /* no beat, no ping; no waiting */
	pulse_beat(pulse);
	assert_true(is_readable(pulse));
	assert_true(pulse_answer(pulse));
	assert_false(is_readable(pulse));
	assert_false(pulse_answer(pulse));
	pulse_beat(pulse);
	pulse_beat(pulse);
	assert_true(pulse_answer(pulse));
	assert_false(pulse_answer(pulse));
	assert_int_equal(n_lines, 0);
}

static void
what_is_late_withholds_the_ping(void **state)
{
	struct pulse *pulse = *state;
	int64_t command = PULSE_NOTHING;
	int64_t take = PULSE_NOTHING;
	pulse_ask(pulse, "a command", due, &command);
	pulse_ask(pulse, "a take", due, &take);
	pulse_beat(pulse);
	assert_true(pulse_answer(pulse));

	take = now_ms; /* due, but not late */
	now_ms += PULSE_MARGIN_MS;
	pulse_beat(pulse);
	assert_true(pulse_answer(pulse));
	assert_null(pulse_late(pulse));

	now_ms++;
	assert_string_equal(pulse_late(pulse), "a take");
	for (int i = 0; i < 3; i++) {
		pulse_beat(pulse);
		assert_false(pulse_answer(pulse));
		assert_false(is_readable(pulse));
		now_ms += 1000;
	}
	assert_int_equal(n_lines, 1); /* said once */
	assert_non_null(strstr(last_line, "what=\"a take\" late_ms=5001"));

	command = 1; /* later still */
	assert_string_equal(pulse_late(pulse), "a command");
	take = PULSE_NOTHING;
	command = now_ms + 1000;
	pulse_beat(pulse);
	assert_true(pulse_answer(pulse));
	assert_int_equal(n_lines, 2);
	assert_non_null(strstr(last_line, "nothing is overdue"));
	pulse_beat(pulse);
	assert_true(pulse_answer(pulse));
	assert_int_equal(n_lines, 2);
}

/* Ten minutes without a beat: the process was stopped. What is overdue has ten
 * minutes more. */
static void
after_a_gap_it_is_lenient(void **state)
{
	struct pulse *pulse = *state;
	int64_t command = now_ms + 1000;
	pulse_ask(pulse, "a command", due, &command);
	for (int i = 0; i < 2; i++) {
		now_ms += 600000;
		pulse_beat(pulse);
		assert_true(pulse_answer(pulse));
	}
	for (int64_t ms = 0; ms < 600000; ms += 5000) {
		pulse_beat(pulse);
		assert_true(pulse_answer(pulse));
		now_ms += 5000;
	}
	pulse_beat(pulse);
	assert_false(pulse_answer(pulse));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_beat_is_answered_once),
		CASE(what_is_late_withholds_the_ping),
		CASE(after_a_gap_it_is_lenient),
	};
	return cmocka_run_group_tests_name("pulse", tests, NULL, NULL);
}
