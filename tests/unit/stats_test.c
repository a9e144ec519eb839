/*
 * stats: the text that log searches rely on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/stats.h"

static void
prints(const char *queue, struct admin_counts counts, int64_t now_ms,
       const char *line, const char *more)
{
	struct buf got, got_more;

	buf_init(&got, 200);
	buf_init(&got_more, 200);
	stats_print(queue, &counts, now_ms, &got, &got_more);
	assert_string_equal(buf_text(&got), line);
	assert_string_equal(buf_text(&got_more), more);
	buf_fini(&got);
	buf_fini(&got_more);
}

static void
the_promised_line(void **state)
{
	struct admin_counts counts = { .is_paused = false };

	(void)state;
	counts.n[JOB_WAIT] = 5;
	counts.n[JOB_ACTIVE] = 2;
	counts.n[JOB_COMPLETED] = 150;
	counts.n[JOB_FAILED] = 1;
	prints("sync", counts, 0,
	       "Sync Queue Stats: Waiting: 5 Active: 2 Completed: 150 Failed: "
	       "1",
	       "");
	/* what waits by priority, or in an old version's paused list */
	counts.n[JOB_PRIORITIZED] = 10;
	counts.n[JOB_PAUSED] = 100;
	prints("mail", counts, 0,
	       "Mail Queue Stats: Waiting: 115 Active: 2 Completed: 150 "
	       "Failed: 1",
	       "");
}

static void
the_second_line_only_when_there_is_something(void **state)
{
	struct admin_counts counts = { .is_paused = false };

	(void)state;
	counts.n[JOB_DELAYED] = 3;
	prints("sync", counts, 0,
	       "Sync Queue Stats: Waiting: 0 Active: 0 Completed: 0 Failed: 0",
	       "Sync Queue Stats: Delayed: 3");
	counts.n[JOB_WAIT] = 1;
	counts.oldest_waiting_ms = 1000;
	prints("sync", counts, 13999,
	       "Sync Queue Stats: Waiting: 1 Active: 0 Completed: 0 Failed: 0",
	       "Sync Queue Stats: Delayed: 3 Oldest: 12s");
	counts.n[JOB_DELAYED] = 0;
	prints("sync", counts, 1500,
	       "Sync Queue Stats: Waiting: 1 Active: 0 Completed: 0 Failed: 0",
	       "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_promised_line),
		cmocka_unit_test(the_second_line_only_when_there_is_something),
	};
	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
