/*
 * ring: first in, first out, over the seam and while it grows.
 */
#include "redis/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static int places[1000]; /* each command's ctx */

static void
first_fn(void *ctx, enum hs_err err, const struct reply *reply)
{
	(void)ctx;
	(void)err;
	(void)reply;
	fail_msg("the ring calls nobody");
}

static void
second_fn(void *ctx, enum hs_err err, const struct reply *reply)
{
	first_fn(ctx, err, reply);
}

static void
push(struct ring *ring, size_t i, int64_t due_ms)
{
	struct ring_command command = {
		.fn = i % 2 == 0 ? first_fn : second_fn,
		.ctx = &places[i],
		.due_ms = due_ms,
	};

	ring_push(ring, &command);
}

static void
expect_pop(struct ring *ring, size_t i, int64_t due_ms)
{
	struct ring_command command;

	assert_true(ring_pop(ring, &command));
	assert_ptr_equal(command.ctx, &places[i]);
	assert_true(command.fn == (i % 2 == 0 ? first_fn : second_fn));
	assert_int_equal(command.due_ms, due_ms);
}

static void
starts_empty(void **state)
{
	struct ring *ring = ring_new();
	struct ring_command command;

	(void)state;
	assert_int_equal(ring_n_commands(ring), 0);
	assert_false(ring_pop(ring, &command));
	assert_int_equal(ring_earliest_due_ms(ring), RING_NEVER);
	ring_free(ring);
	ring_free(NULL);
}

static void
gives_the_oldest_first(void **state)
{
	struct ring *ring = ring_new();
	struct ring_command command;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		push(ring, i, (int64_t)i);
	assert_int_equal(ring_n_commands(ring), 1000);
	for (size_t i = 0; i < 1000; i++)
		expect_pop(ring, i, (int64_t)i);
	assert_int_equal(ring_n_commands(ring), 0);
	assert_false(ring_pop(ring, &command));
	ring_free(ring);
}

/* At every place of the oldest: a ring that is full goes on behind its end. */
static void
grows_across_the_seam(void **state)
{
	(void)state;
	for (size_t n_before = 0; n_before < 64; n_before++) {
		struct ring *ring = ring_new();
		for (size_t i = 0; i < n_before; i++) {
			push(ring, i, 1);
			expect_pop(ring, i, 1);
		}
		for (size_t i = 0; i < 200; i++)
			push(ring, i, 2);
		for (size_t i = 0; i < 200; i++)
			expect_pop(ring, i, 2);
		assert_int_equal(ring_n_commands(ring), 0);
		ring_free(ring);
	}
}

static void
goes_round_and_round(void **state)
{
	struct ring *ring = ring_new();

	(void)state;
	for (size_t i = 0; i < 10; i++)
		push(ring, i, 3);
	for (size_t i = 10; i < 1000; i++) {
		push(ring, i, 3);
		expect_pop(ring, i - 10, 3);
		assert_int_equal(ring_n_commands(ring), 10);
	}
	ring_free(ring);
}

static void
knows_the_earliest_deadline(void **state)
{
	struct ring *ring = ring_new();

	(void)state;
	push(ring, 0, RING_NEVER);
	assert_int_equal(ring_earliest_due_ms(ring), RING_NEVER);
	push(ring, 1, 70);
	push(ring, 2, 30);
	push(ring, 3, 50);
	assert_int_equal(ring_earliest_due_ms(ring), 30);
	expect_pop(ring, 0, RING_NEVER);
	expect_pop(ring, 1, 70);
	assert_int_equal(ring_earliest_due_ms(ring), 30);
	expect_pop(ring, 2, 30);
	assert_int_equal(ring_earliest_due_ms(ring), 50);
	expect_pop(ring, 3, 50);
	/* what was popped does not count any more */
	assert_int_equal(ring_earliest_due_ms(ring), RING_NEVER);
	ring_free(ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty),
		cmocka_unit_test(gives_the_oldest_first),
		cmocka_unit_test(grows_across_the_seam),
		cmocka_unit_test(goes_round_and_round),
		cmocka_unit_test(knows_the_earliest_deadline),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
