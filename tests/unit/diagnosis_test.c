/*
 * diagnosis: facts in, sentences out; and INFO as servers write it.
 */
#include "queue/diagnosis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW INT64_C(1900000000000)

static char said[8192]; /* "error orphan 3: 3 jobs are ...\n" */

static void
on_diagnosis(void *ctx, const struct diagnosis *diagnosis)
{
	size_t len = strlen(said);
	(void)ctx;
	snprintf(said + len, sizeof(said) - len, "%s %s %lld: %s; %s%s\n",
		 diagnosis_severity_text(diagnosis->severity), diagnosis->kind,
		 (long long)diagnosis->n, diagnosis->text,
		 diagnosis->is_repairable ? "--repair " : "",
		 diagnosis->remedy);
	assert_true(diagnosis->n_examples <= DIAGNOSIS_EXAMPLES);
}

static void
judge(const char *info, const struct server *like)
{
	struct server server = *like;
	said[0] = '\0';
	server_parse_info(span_text(info), &server);
	diagnosis_of_server(&server, on_diagnosis, NULL);
}

static bool
says(const char *text)
{
	if (strstr(said, text))
		return true;
	fprintf(stderr, "not \"%s\" in:\n%s", text, said);
	return false;
}

#define GOOD                                                                  \
	"# Server\r\nredis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n" \
	"aof_enabled:1\r\nrole:master\r\nmaxmemory:0\r\nused_memory:5\r\n"

static void
test_server(void **state)
{
	char no_clients[] = "";
	struct server like = { .clients = no_clients };
	(void)state;
	judge(GOOD, &like);
	assert_string_equal(said, "info version 0: Redis 7.0.15; \n");

	judge("redis_version:4.0.9\nrole:slave\nmaster_link_status:down\n"
	      "maxmemory_policy:allkeys-lru\nevicted_keys:4\n",
	      &like);
	assert_true(says("error version 0: Redis 4.0.9"));
	assert_true(says("error replica"));
	assert_true(says("it has lost its master"));
	assert_true(says("error eviction"));
	assert_true(says("and it has;"));

	judge("redis_version:6.0.16\nrdb_last_bgsave_status:err\n", &like);
	assert_true(says("warning version 0: Redis 6.0.16"));
	assert_true(says("error save"));
	assert_true(says("warning persistence"));
	judge("redis_version:6.2.0\r\n", &like);
	assert_true(says("info version"));

	/* both tell a redis_version, before or behind their own */
	judge("redis_version:7.2.4\r\nvalkey_version:8.0.1\r\n", &like);
	assert_true(says("info version 0: Valkey 8.0.1"));
	judge("dragonfly_version:df-v1.20\r\nredis_version:6.2.11\r\n", &like);
	assert_true(says("warning version 0: Dragonfly df-v1.20"));

	judge(GOOD "used_memory:81\r\nmaxmemory:100\r\n", &like);
	assert_false(strstr(said, "error"));
	judge(GOOD "used_memory:8200000\r\nmaxmemory:10000000\r\n", &like);
	assert_true(says("warning memory 0: 81%"));
	judge(GOOD "used_memory:9900000\r\nmaxmemory:10000000\r\n", &like);
	assert_true(says("error memory"));
}

static void
test_clock(void **state)
{
	char no_clients[] = "";
	struct server like = { .clients = no_clients, .is_clock_known = true };
	(void)state;
	like.offset_ms = -999;
	judge(GOOD, &like);
	assert_true(says("info clock 0: this host's clock is 999 ms ahead"));
	like.offset_ms = 1500;
	judge(GOOD, &like);
	assert_true(says("warning clock"));
	assert_true(says("1500 ms behind"));
	assert_true(says("too late"));
	like.round_trip_ms = 2000; /* then 1500 ms mean nothing */
	judge(GOOD, &like);
	assert_true(says("info clock"));
	like.offset_ms = -600000;
	judge(GOOD, &like);
	assert_true(says("error clock"));
	assert_true(says("too early"));
}

static void
test_hostile_info(void **state)
{
	static const char *const infos[] = {
		"",
		":",
		"\r\n\r\n::\n",
		"redis_version",
		"redis_version:",
		"maxmemory:99999999999999999999999\r\nused_memory:-5\r\n",
		"maxmemory:1\r\nused_memory:9223372036854775807\r\n",
		"redis_version:99999999999999.x.\r\n",
	};
	char no_clients[] = "";
	struct server like = { .clients = no_clients };
	char longest[1000];
	(void)state;
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++)
		judge(infos[i], &like);
	memset(longest, 'v', sizeof(longest));
	memcpy(longest, "redis_version:", 14);
	longest[sizeof(longest) - 1] = '\0';
	judge(longest, &like);
	assert_true(says("info version"));
	like.clients = NULL;
	judge(GOOD, &like);
	assert_true(says("info clients"));
}

static bool judge_without_route;

static void
judge_queue(const struct doctor_report *report, int64_t n_workers)
{
	const struct diagnosis_facts facts = {
		.has_no_route = judge_without_route,
		.report = report,
		.n_workers = n_workers,
		.stalled_interval_ms = 30000,
		.lock_duration_ms = 30000,
	};
	said[0] = '\0';
	diagnosis_of_queue(&facts, on_diagnosis, NULL);
}

static void
test_healthy_queue(void **state)
{
	struct doctor_report report = { 0 };
	(void)state;
	report.last.is_whole = true;
	report.last.redis_at_ms = NOW;
	judge_queue(&report, 2);
	assert_string_equal(said,
			    "info workers 0: 2 workers are connected; \n");
	judge_queue(&report, 0);
	assert_true(says("info unused 0: no worker is connected, and there "
			 "never was a job"));
	assert_non_null(strstr(said, "queue.prefix"));
	assert_non_null(strstr(said, "systemctl restart hooksync-worker"));
	judge_without_route = true; /* to start one would not help */
	judge_queue(&report, 0);
	assert_non_null(strstr(said, "there is no route"));
	assert_null(strstr(said, "systemctl"));
	report.last.counter = 1;
	judge_queue(&report, 0);
	assert_non_null(strstr(said, "there is no route"));
	assert_null(strstr(said, "systemctl"));
	judge_without_route = false;
	judge_queue(&report, 0);
	assert_string_equal(said,
			    "info workers 0: no worker is connected; systemctl "
			    "restart hooksync-worker\n");
	report.last.n[JOB_WAIT] = 5;
	report.last.next_timestamp_ms = NOW - 130000;
	report.last.n[JOB_FAILED] = 1;
	judge_queue(&report, -1);
	assert_true(says("info waiting 0: 5 jobs wait, the next one for 2m"));
	assert_true(says("info failed 0: 1 job has failed"));
	assert_false(strstr(said, "warning") || strstr(said, "error"));
	judge_queue(&report, 0);
	assert_true(says("warning workers 0: no worker is connected"));
	report.last.next_due_ms = NOW - 61000;
	judge_queue(&report, 1);
	assert_true(says(
		"warning overdue 0: the first delayed job has been due for "
		"61s"));
	report.last.n[JOB_ACTIVE] = 1; /* it may be busy */
	judge_queue(&report, 1);
	assert_true(says("info overdue"));
}

static void
test_troubles(void **state)
{
	char a[] = "a";
	char none[] = "";
	char late[] = "1899999000000 worker-1";
	struct doctor_trouble troubles[] = {
		{ DOCTOR_LOCKLESS, a, 1, late, 0 },
		{ DOCTOR_ORPHAN, a, 1, none, 0 },
		{ DOCTOR_FRAGMENT, a, 1, none, 0 },
	};
	struct doctor_report report = { .troubles = troubles, .n_troubles = 3 };
	(void)state;
	report.n_of[DOCTOR_LOCKLESS] = 1;
	report.n_of[DOCTOR_ORPHAN] = 300000; /* more than were kept */
	report.n_of[DOCTOR_FRAGMENT] = 1;
	report.last.is_whole = true;
	report.last.redis_at_ms = NOW;
	judge_queue(&report, 1);
	assert_true(says("error lockless 1: 1 active job has no lock"));
	assert_true(says("(worker worker-1, started 16m ago); --repair "));
	assert_true(says("error orphan 300000: 300000 jobs are in no state"));
	assert_true(says("warning fragment 1: 1 hash"));
	assert_false(strstr(said, "--repair look"));
	/* the workers' own check has time */
	report.last.redis_at_ms = INT64_C(1899999000000) + 100000;
	judge_queue(&report, 1);
	assert_true(says("info lockless"));
	judge_queue(&report, 0);
	assert_true(says("error lockless"));
	report.last.is_whole = false;
	judge_queue(&report, 1);
	assert_true(says("info unread"));
	assert_false(strstr(said, "connected"));
}

static void
test_pause(void **state)
{
	struct doctor_report report = { 0 };
	struct doctor_vitals *vitals = &report.last;
	(void)state;
	vitals->is_whole = true;
	vitals->redis_at_ms = NOW;
	vitals->is_paused = true;
	snprintf(vitals->version, sizeof(vitals->version), "bullmq:6.7.0");
	vitals->n[JOB_WAIT] = 3;
	judge_queue(&report, 1);
	assert_true(says("warning paused 0: the queue is paused, nobody"));
	assert_false(strstr(said, "error"));
	vitals->n[JOB_PAUSED] = 1;
	report.first.paused_at_ms = NOW - 7200000;
	judge_queue(&report, 1);
	assert_true(says("if BullMQ 5 resumes it, 3 waiting jobs are lost"));
	assert_true(says("warning paused 0: the queue has been paused for 2h"));
	vitals->is_paused = false;
	judge_queue(&report, 1);
	assert_true(says("error leftover 0: 1 job is in the list of a pause"));
	snprintf(vitals->version, sizeof(vitals->version), "bullmq-pro:7.1");
	judge_queue(&report, 1);
	assert_true(says("error pro"));
}

static void
test_asleep(void **state)
{
	struct doctor_vitals before = { .is_whole = true, .next_id = "a" };
	(void)state;
	before.n[JOB_WAIT] = 1;
	struct doctor_vitals after = before;
	assert_true(doctor_is_asleep(&before, &after));
	after.has_marker = true;
	assert_false(doctor_is_asleep(&before, &after));
	after = before;
	after.next_id[0] = 'b'; /* somebody takes */
	assert_false(doctor_is_asleep(&before, &after));
	after = before;
	after.n[JOB_ACTIVE] = 1;
	assert_false(doctor_is_asleep(&before, &after));
	after = before;
	after.is_paused = true;
	assert_false(doctor_is_asleep(&before, &after));
	after = before;
	after.limited_ms = 1;
	assert_false(doctor_is_asleep(&before, &after));
	after = before;
	after.is_maxed = true;
	assert_false(doctor_is_asleep(&before, &after));
}

static void
test_age(void **state)
{
	char age[DIAGNOSIS_AGE_BYTES];
	(void)state;
	assert_string_equal(diagnosis_age(-5, age), "0s");
	assert_string_equal(diagnosis_age(119999, age), "119s");
	assert_string_equal(diagnosis_age(120000, age), "2m");
	assert_string_equal(diagnosis_age(7200000, age), "2h");
	assert_string_equal(diagnosis_age(INT64_C(172800000), age), "2d");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_hostile_info),
		cmocka_unit_test(test_healthy_queue),
		cmocka_unit_test(test_troubles),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_asleep),
		cmocka_unit_test(test_age),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
