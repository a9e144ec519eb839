/*
 * gate: slots, pauses, probes; time is a number here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "worker/gate.h"

#define MINUTE_MS INT64_C(60000)

static unsigned n_errors;

static void
count_errors(enum log_level level, const char *line)
{
	(void)line;
	n_errors += level == LOG_LEVEL_ERROR;
}

static int
quiet(void **state)
{
	(void)state;
	n_errors = 0;
	log_set_sink(count_errors);
	return 0;
}

static bool
report(struct gate_ticket *ticket, enum gate_verdict verdict, int64_t now)
{
	return gate_report(ticket, verdict, span_text("one"), now);
}

/* One request of this job through the gate, with this verdict. */
static bool
pass_job(struct gate *gate, const char *job_id, bool is_fetch,
	 enum gate_verdict verdict, int64_t now)
{
	struct gate_ticket ticket;
	bool is_believed;

	gate_ticket_init(&ticket);
	assert_int_equal(gate_enter(gate, &ticket, is_fetch, now), GATE_GO);
	is_believed = gate_report(&ticket, verdict, span_text(job_id), now);
	gate_leave(&ticket);
	return is_believed;
}

static bool
pass(struct gate *gate, bool is_fetch, enum gate_verdict verdict, int64_t now)
{
	return pass_job(gate, "one", is_fetch, verdict, now);
}

static void
lets_in_as_many_as_it_may(void **state)
{
	struct gate *gate = gate_new("erp", 2, 20);
	struct gate_ticket tickets[4];
	enum gate_answer answer;

	(void)state;
	for (int i = 0; i < 4; i++) {
		gate_ticket_init(&tickets[i]);
		assert_int_equal(gate_enter(gate, &tickets[i], false, 0),
				 i < 2 ? GATE_GO : GATE_WAIT);
	}
	assert_null(gate_next(gate, 0, &answer));
	gate_leave(&tickets[1]);
	/* in the order of coming */
	assert_ptr_equal(gate_next(gate, 0, &answer), &tickets[2]);
	assert_int_equal(answer, GATE_GO);
	assert_null(gate_next(gate, 0, &answer));
	/* one that leaves the line frees no slot */
	gate_leave(&tickets[3]);
	assert_null(gate_next(gate, 0, &answer));
	gate_leave(&tickets[0]);
	gate_leave(&tickets[2]);
	gate_leave(&tickets[2]);
	gate_unref(gate);
}

static void
nobody_overtakes_the_line(void **state)
{
	struct gate *gate = gate_new("erp", 1, 20);
	struct gate_ticket first, second, third;
	enum gate_answer answer;

	(void)state;
	gate_ticket_init(&first);
	gate_ticket_init(&second);
	gate_ticket_init(&third);
	assert_int_equal(gate_enter(gate, &first, false, 0), GATE_GO);
	assert_int_equal(gate_enter(gate, &second, false, 0), GATE_WAIT);
	gate_leave(&first);
	assert_int_equal(gate_enter(gate, &third, false, 0), GATE_WAIT);
	assert_ptr_equal(gate_next(gate, 0, &answer), &second);
	gate_leave(&second);
	assert_ptr_equal(gate_next(gate, 0, &answer), &third);
	gate_leave(&third);
	gate_unref(gate);
}

static void
a_pause_sends_away_and_ends_by_itself(void **state)
{
	struct gate *gate = gate_new("erp", 1, 20);
	struct gate_ticket inside, waits, comes;
	enum gate_answer answer;

	(void)state;
	gate_ticket_init(&inside);
	gate_ticket_init(&waits);
	gate_ticket_init(&comes);
	assert_int_equal(gate_enter(gate, &inside, false, 0), GATE_GO);
	assert_int_equal(gate_enter(gate, &waits, false, 0), GATE_WAIT);
	gate_pause(gate, 1000, 0);
	assert_true(gate_is_shut(gate, false, 999));
	assert_int_equal(gate_enter(gate, &comes, false, 500), GATE_SHUT);
	assert_ptr_equal(gate_next(gate, 500, &answer), &waits);
	assert_int_equal(answer, GATE_SHUT);
	assert_true(gate_wait_ms(gate, 500) >= 500);
	assert_true(gate_wait_ms(gate, 500) < 700);
	gate_leave(&inside);
	assert_false(gate_is_shut(gate, false, 1000));
	assert_int_equal(gate_enter(gate, &comes, false, 1000), GATE_GO);
	gate_leave(&comes);
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	assert_int_equal(n_errors, 0);
	gate_unref(gate);
}

static void
a_longer_pause_wins(void **state)
{
	struct gate *gate = gate_new("erp", 1, 20);

	(void)state;
	gate_pause(gate, 5000, 0);
	gate_pause(gate, 1000, 0);
	assert_true(gate_is_shut(gate, false, 4999));
	gate_pause(gate, 0, 0);
	gate_pause(gate, -1, 0);
	assert_true(gate_is_shut(gate, false, 4999));
	assert_false(gate_is_shut(gate, false, 5000));
	gate_unref(gate);
}

static void
gone_in_a_row_shuts_it(void **state)
{
	struct gate *gate = gate_new("crm", 100, 3);

	(void)state;
	assert_true(pass(gate, true, GATE_SAYS_GONE, 0));
	assert_true(pass(gate, true, GATE_SAYS_GONE, 0));
	/* an object that is found starts the count anew */
	assert_true(pass(gate, true, GATE_SAYS_FOUND, 0));
	assert_true(pass(gate, true, GATE_SAYS_GONE, 0));
	assert_true(pass(gate, true, GATE_SAYS_GONE, 0));
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	assert_true(pass(gate, true, GATE_SAYS_GONE, 0));
	assert_int_equal(gate_cause(gate), GATE_GONE);
	assert_int_equal(n_errors, 1);
	assert_true(gate_is_shut(gate, true, MINUTE_MS - 1));
	gate_unref(gate);
}

static void
gone_of_those_inside_is_not_believed(void **state)
{
	struct gate *gate = gate_new("crm", 100, 2);
	struct gate_ticket tickets[10];
	unsigned n_believed = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		gate_ticket_init(&tickets[i]);
		assert_int_equal(gate_enter(gate, &tickets[i], true, 0),
				 GATE_GO);
	}
	for (int i = 0; i < 10; i++) {
		n_believed += report(&tickets[i], GATE_SAYS_GONE, 0);
		gate_leave(&tickets[i]);
	}
	assert_int_equal(n_believed, 2);
	assert_int_equal(n_errors, 1);
	gate_unref(gate);
}

static void
one_probe_at_a_time_opens_it(void **state)
{
	struct gate *gate = gate_new("crm", 10, 1);
	struct gate_ticket probe, other;
	int64_t now = 0;

	(void)state;
	gate_ticket_init(&probe);
	gate_ticket_init(&other);
	pass(gate, true, GATE_SAYS_GONE, now);
	now += MINUTE_MS;
	/* a push proves nothing about what can be found */
	assert_int_equal(gate_enter(gate, &other, false, now), GATE_SHUT);
	assert_int_equal(gate_enter(gate, &probe, true, now), GATE_GO);
	assert_int_equal(gate_enter(gate, &other, true, now), GATE_SHUT);
	/* the probe is gone as well: not believed, and the pause grows */
	assert_false(report(&probe, GATE_SAYS_GONE, now));
	gate_leave(&probe);
	assert_true(gate_is_shut(gate, true, now + 2 * MINUTE_MS - 1));
	now += 2 * MINUTE_MS;
	assert_int_equal(gate_enter(gate, &probe, true, now), GATE_GO);
	assert_true(report(&probe, GATE_SAYS_FOUND, now));
	gate_leave(&probe);
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	assert_int_equal(gate_enter(gate, &other, false, now), GATE_GO);
	gate_leave(&other);
	gate_unref(gate);
}

static void
a_probe_that_is_cancelled_lets_another_try(void **state)
{
	struct gate *gate = gate_new("crm", 10, 1);
	struct gate_ticket probe, other;

	(void)state;
	gate_ticket_init(&probe);
	gate_ticket_init(&other);
	pass(gate, true, GATE_SAYS_GONE, 0);
	assert_int_equal(gate_enter(gate, &probe, true, MINUTE_MS), GATE_GO);
	gate_leave(&probe);
	assert_int_equal(gate_enter(gate, &other, true, MINUTE_MS), GATE_GO);
	gate_leave(&other);
	gate_unref(gate);
}

static void
the_pause_grows_to_five_minutes(void **state)
{
	static const int64_t pauses[] = { 1, 2, 4, 5, 5, 5 };
	struct gate *gate = gate_new("crm", 10, 1);
	int64_t now = 0;

	(void)state;
	pass(gate, true, GATE_SAYS_GONE, now);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		now += pauses[i] * MINUTE_MS;
		assert_true(gate_is_shut(gate, true, now - 1));
		assert_false(gate_is_shut(gate, true, now));
		/* trouble proves nothing: it stays shut */
		pass(gate, true, i % 2 ? GATE_SAYS_TROUBLE : GATE_SAYS_GONE,
		     now);
		assert_int_equal(gate_cause(gate), GATE_GONE);
	}
	assert_int_equal(n_errors, 1);
	gate_unref(gate);
}

static void
denied_shuts_it_until_a_probe_is_taken(void **state)
{
	struct gate *gate = gate_new("erp", 10, 20);

	(void)state;
	pass(gate, false, GATE_SAYS_DENIED, 0);
	assert_int_equal(gate_cause(gate), GATE_DENIED);
	assert_int_equal(n_errors, 1);
	assert_true(gate_is_shut(gate, false, MINUTE_MS - 1));
	pass(gate, false, GATE_SAYS_DENIED, MINUTE_MS);
	assert_true(gate_is_shut(gate, false, 3 * MINUTE_MS - 1));
	/* any answer to a push will do */
	pass(gate, false, GATE_SAYS_FINE, 3 * MINUTE_MS);
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	gate_unref(gate);
}

static void
denied_fails_one_job_not_all_under_way(void **state)
{
	struct gate *gate = gate_new("erp", 10, 20);
	struct gate_ticket tickets[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		gate_ticket_init(&tickets[i]);
		assert_int_equal(gate_enter(gate, &tickets[i], false, 0),
				 GATE_GO);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(report(&tickets[i], GATE_SAYS_DENIED, i),
				 i == 0);
		gate_leave(&tickets[i]);
	}
	/* and the pause does not grow by them */
	assert_false(gate_is_shut(gate, false, MINUTE_MS));
	/* a probe speaks for itself: its job may be what is refused */
	assert_true(pass(gate, false, GATE_SAYS_DENIED, MINUTE_MS));
	gate_unref(gate);
}

static void
concurrency_opens_slowly_after_trouble(void **state)
{
	struct gate *gate = gate_new("erp", 3, 20);
	struct gate_ticket a, b, c;
	enum gate_answer answer;

	(void)state;
	gate_ticket_init(&a);
	gate_ticket_init(&b);
	gate_ticket_init(&c);
	pass(gate, false, GATE_SAYS_DENIED, 0);
	pass(gate, false, GATE_SAYS_FINE, MINUTE_MS);
	assert_int_equal(gate_enter(gate, &a, false, MINUTE_MS), GATE_GO);
	assert_int_equal(gate_enter(gate, &b, false, MINUTE_MS), GATE_GO);
	assert_int_equal(gate_enter(gate, &c, false, MINUTE_MS), GATE_WAIT);
	report(&a, GATE_SAYS_FINE, MINUTE_MS);
	gate_leave(&a);
	assert_ptr_equal(gate_next(gate, MINUTE_MS, &answer), &c);
	gate_leave(&b);
	gate_leave(&c);
	gate_unref(gate);
}

static void
a_limit_of_nought_never_shuts(void **state)
{
	struct gate *gate = gate_new("crm", 10, 0);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(pass(gate, true, GATE_SAYS_GONE, 0));
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	gate_unref(gate);
}

/* Five jobs in a row meet trouble; the fifth is the service's. */
static void
begin_outage(struct gate *gate, int64_t now)
{
	static const char *const ids[] = { "a", "b", "c", "d", "e" };

	for (int i = 0; i < 5; i++)
		assert_int_equal(
			pass_job(gate, ids[i], false, GATE_SAYS_TROUBLE, now),
			i < 4);
	assert_int_equal(gate_cause(gate), GATE_OUTAGE);
}

static void
trouble_of_one_job_is_the_jobs(void **state)
{
	struct gate *gate = gate_new("erp", 10, 20);

	(void)state;
	/* four jobs that always fail: each burns its attempts */
	for (int i = 0; i < 12; i++)
		assert_true(pass_job(gate,
				     i % 4 == 0   ? "a"
				     : i % 4 == 1 ? "b"
				     : i % 4 == 2 ? "c"
						  : "d",
				     false, GATE_SAYS_TROUBLE, i));
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	/* one request that does well, and the count starts anew */
	assert_true(pass_job(gate, "e", false, GATE_SAYS_FINE, 20));
	assert_true(pass_job(gate, "f", false, GATE_SAYS_TROUBLE, 21));
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	/* a 500 is about one object */
	for (int i = 0; i < 20; i++) {
		const char id[] = { (char)('A' + i), '\0' };

		assert_true(pass_job(gate, id, false, GATE_SAYS_BROKEN, 30));
	}
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	gate_unref(gate);
}

static void
trouble_of_many_jobs_is_an_outage(void **state)
{
	struct gate *gate = gate_new("erp", 10, 20);
	struct gate_ticket inside[2], probe, other;

	(void)state;
	for (int i = 0; i < 2; i++) {
		gate_ticket_init(&inside[i]);
		assert_int_equal(gate_enter(gate, &inside[i], false, 0),
				 GATE_GO);
	}
	gate_ticket_init(&probe);
	gate_ticket_init(&other);
	begin_outage(gate, 0);
	/* it will be back without anybody */
	assert_int_equal(n_errors, 0);
	/* those under way are excused, and prolong nothing */
	assert_false(report(&inside[0], GATE_SAYS_TROUBLE, 4000));
	gate_leave(&inside[0]);
	assert_int_equal(gate_enter(gate, &other, true, 4999), GATE_SHUT);
	/* one probe at a time, excused as well */
	assert_int_equal(gate_enter(gate, &probe, false, 5000), GATE_GO);
	assert_int_equal(gate_enter(gate, &other, true, 5000), GATE_SHUT);
	assert_false(report(&probe, GATE_SAYS_TROUBLE, 6000));
	gate_leave(&probe);
	assert_true(gate_is_shut(gate, false, 15999));
	assert_int_equal(gate_enter(gate, &probe, false, 16000), GATE_GO);
	assert_true(report(&probe, GATE_SAYS_FINE, 16000));
	gate_leave(&probe);
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	/* an old answer does not shut it again */
	assert_true(report(&inside[1], GATE_SAYS_TROUBLE, 16000));
	gate_leave(&inside[1]);
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	gate_unref(gate);
}

static void
an_outage_is_probed_every_minute(void **state)
{
	static const int64_t pauses_s[] = { 5, 10, 20, 40, 60, 60, 60 };
	struct gate *gate = gate_new("erp", 10, 20);
	int64_t now = 0;

	(void)state;
	begin_outage(gate, now);
	for (size_t i = 0; i < sizeof(pauses_s) / sizeof(pauses_s[0]); i++) {
		now += pauses_s[i] * 1000;
		assert_true(gate_is_shut(gate, false, now - 1));
		assert_false(gate_is_shut(gate, false, now));
		assert_false(pass(gate, false, GATE_SAYS_TROUBLE, now));
	}
	/* any answer of somebody at home opens it, and shuts it not at once */
	assert_true(pass(gate, true, GATE_SAYS_BROKEN, now + MINUTE_MS));
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	begin_outage(gate, now + MINUTE_MS);
	assert_false(gate_is_shut(gate, false, now + MINUTE_MS + 5000));
	gate_unref(gate);
}

static void
an_outage_heeds_retry_after(void **state)
{
	struct gate *gate = gate_new("erp", 10, 20);
	struct gate_ticket tickets[5];
	char id[2] = "a";

	(void)state;
	for (int i = 0; i < 5; i++) {
		gate_ticket_init(&tickets[i]);
		assert_int_equal(gate_enter(gate, &tickets[i], false, 0),
				 GATE_GO);
	}
	for (int i = 0; i < 5; i++) {
		id[0] = (char)('a' + i);
		gate_pause(gate, 1000, 0);
		gate_report(&tickets[i], GATE_SAYS_TROUBLE, span_text(id), 0);
		gate_leave(&tickets[i]);
	}
	assert_int_equal(gate_cause(gate), GATE_OUTAGE);
	assert_true(gate_is_shut(gate, false, 999));
	assert_int_equal(gate_enter(gate, &tickets[0], false, 1000), GATE_GO);
	/* not before the time the probe is told, though that is long */
	gate_pause(gate, 10 * MINUTE_MS, 1000);
	assert_false(report(&tickets[0], GATE_SAYS_TROUBLE, 1000));
	gate_leave(&tickets[0]);
	assert_true(gate_is_shut(gate, false, 10 * MINUTE_MS + 999));
	assert_false(gate_is_shut(gate, false, 10 * MINUTE_MS + 1000));
	gate_unref(gate);
}

static void
a_late_probe_says_nothing_of_an_open_gate(void **state)
{
	struct gate *gate = gate_new("crm", 10, 1);
	struct gate_ticket before, probe;

	(void)state;
	gate_ticket_init(&before);
	gate_ticket_init(&probe);
	assert_int_equal(gate_enter(gate, &before, true, 0), GATE_GO);
	pass(gate, true, GATE_SAYS_GONE, 0);
	assert_int_equal(gate_enter(gate, &probe, true, MINUTE_MS), GATE_GO);
	assert_true(report(&before, GATE_SAYS_FOUND, MINUTE_MS));
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	assert_true(report(&probe, GATE_SAYS_TROUBLE, MINUTE_MS));
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	assert_false(gate_is_shut(gate, true, MINUTE_MS));
	gate_leave(&before);
	gate_leave(&probe);
	gate_unref(gate);
}

static void
other_limits_count_at_once(void **state)
{
	struct gate *gate = gate_new("erp", 3, 20);
	struct gate_ticket tickets[5];
	enum gate_answer answer;

	(void)state;
	for (int i = 0; i < 5; i++) {
		gate_ticket_init(&tickets[i]);
		(void)gate_enter(gate, &tickets[i], false, 10);
	}
	/* fewer: who is inside stays, and nobody comes until they are few */
	gate_set_limits(gate, 1, 20);
	gate_leave(&tickets[0]);
	gate_leave(&tickets[1]);
	assert_null(gate_next(gate, 20, &answer));
	gate_leave(&tickets[2]);
	assert_ptr_equal(gate_next(gate, 20, &answer), &tickets[3]);
	assert_null(gate_next(gate, 20, &answer));
	/* more: at once, unless it opens slowly after trouble */
	gate_set_limits(gate, 2, 20);
	assert_ptr_equal(gate_next(gate, 30, &answer), &tickets[4]);
	gate_leave(&tickets[3]);
	gate_leave(&tickets[4]);
	gate_unref(gate);
}

static void
a_person_lets_a_probe_go_now(void **state)
{
	struct gate *gate = gate_new("crm", 10, 1);
	struct gate *other = gate_ref(gate);

	(void)state;
	assert_true(pass(gate, true, GATE_SAYS_DENIED, 0));
	assert_true(gate_is_shut(gate, true, 100));
	gate_probe_now(gate);
	assert_false(gate_is_shut(gate, true, 100));
	assert_true(pass(gate, true, GATE_SAYS_FOUND, 100));
	assert_int_equal(gate_cause(gate), GATE_OPEN);
	/* what a service asks for is not a person's to undo */
	gate_pause(gate, 5000, 200);
	gate_probe_now(gate);
	assert_true(gate_is_shut(gate, true, 300));
	gate_unref(gate);
	assert_string_equal(gate_name(other), "crm");
	gate_unref(other);
}

static void
a_line_knows_since_when_it_waits(void **state)
{
	struct gate *gate = gate_new("erp", 1, 20);
	struct gate_ticket first, second, third;
	enum gate_answer answer;

	(void)state;
	gate_ticket_init(&first);
	gate_ticket_init(&second);
	gate_ticket_init(&third);
	assert_int_equal(gate_enter(gate, &first, false, 10), GATE_GO);
	assert_int_equal(gate_waits_since_ms(gate), -1);
	assert_int_equal(gate_enter(gate, &second, false, 20), GATE_WAIT);
	assert_int_equal(gate_enter(gate, &third, false, 30), GATE_WAIT);
	assert_int_equal(gate_waits_since_ms(gate), 20);
	gate_leave(&first);
	assert_ptr_equal(gate_next(gate, 40, &answer), &second);
	assert_int_equal(gate_waits_since_ms(gate), 40);
	gate_leave(&third);
	assert_int_equal(gate_waits_since_ms(gate), -1);
	gate_leave(&second);
	gate_unref(gate);
}

#define TEST(name) cmocka_unit_test_setup(name, quiet)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lets_in_as_many_as_it_may),
		TEST(nobody_overtakes_the_line),
		TEST(a_pause_sends_away_and_ends_by_itself),
		TEST(a_longer_pause_wins),
		TEST(gone_in_a_row_shuts_it),
		TEST(gone_of_those_inside_is_not_believed),
		TEST(one_probe_at_a_time_opens_it),
		TEST(a_probe_that_is_cancelled_lets_another_try),
		TEST(the_pause_grows_to_five_minutes),
		TEST(denied_shuts_it_until_a_probe_is_taken),
		TEST(denied_fails_one_job_not_all_under_way),
		TEST(concurrency_opens_slowly_after_trouble),
		TEST(a_limit_of_nought_never_shuts),
		TEST(trouble_of_one_job_is_the_jobs),
		TEST(trouble_of_many_jobs_is_an_outage),
		TEST(an_outage_is_probed_every_minute),
		TEST(an_outage_heeds_retry_after),
		TEST(a_late_probe_says_nothing_of_an_open_gate),
		TEST(other_limits_count_at_once),
		TEST(a_person_lets_a_probe_go_now),
		TEST(a_line_knows_since_when_it_waits),
	};
	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
