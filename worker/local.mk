# The worker: all but main.c in a library, so that tests can link its rooms.
noinst_LIBRARIES += libworker.a
libworker_a_SOURCES = \
	%D%/announce.c %D%/announce.h \
	%D%/attempt.c %D%/attempt.h \
	%D%/bell.c %D%/bell.h \
	%D%/gate.c %D%/gate.h \
	%D%/lease.c %D%/lease.h \
	%D%/load.c %D%/load.h \
	%D%/map.c %D%/map.h \
	%D%/map_jq.c %D%/map_jq.h \
	%D%/outcome.c %D%/outcome.h \
	%D%/plan.c %D%/plan.h \
	%D%/pump.c %D%/pump.h \
	%D%/quote.c %D%/quote.h \
	%D%/refusal.c %D%/refusal.h \
	%D%/rehearsal.c %D%/rehearsal.h \
	%D%/reload.c %D%/reload.h \
	%D%/report.c %D%/report.h \
	%D%/request.c %D%/request.h \
	%D%/roster.c %D%/roster.h \
	%D%/settle.c %D%/settle.h \
	%D%/shift.c %D%/shift.h \
	%D%/source.c %D%/source.h \
	%D%/stats.c %D%/stats.h \
	%D%/tick.c %D%/tick.h \
	%D%/target.c %D%/target.h \
	%D%/vigil.c %D%/vigil.h
WORKER_LIBS = libworker.a libhooksync.a $(JQ_LIBS) $(CURL_LIBS) $(HS_LIBS)

sbin_PROGRAMS += hooksync-worker
hooksync_worker_SOURCES = %D%/main.c
hooksync_worker_LDADD = $(WORKER_LIBS)

if HAVE_CMOCKA
worker_tests = \
	tests/unit/attempt_test \
	tests/unit/gate_test \
	tests/unit/map_test \
	tests/unit/outcome_test \
	tests/unit/plan_test \
	tests/unit/quote_test \
	tests/unit/refusal_test \
	tests/unit/report_test \
	tests/unit/roster_test \
	tests/unit/stats_test
check_PROGRAMS += $(worker_tests)
TESTS += $(worker_tests)
worker_test_libs = $(WORKER_LIBS) $(CMOCKA_LIBS)
tests_unit_attempt_test_SOURCES = tests/unit/attempt_test.c
tests_unit_attempt_test_LDADD = $(worker_test_libs)
tests_unit_gate_test_SOURCES = tests/unit/gate_test.c
tests_unit_gate_test_LDADD = $(worker_test_libs)
tests_unit_map_test_SOURCES = tests/unit/map_test.c
tests_unit_map_test_LDADD = $(worker_test_libs)
tests_unit_outcome_test_SOURCES = tests/unit/outcome_test.c
tests_unit_outcome_test_LDADD = $(worker_test_libs)
tests_unit_plan_test_SOURCES = tests/unit/plan_test.c
tests_unit_plan_test_LDADD = $(worker_test_libs)
tests_unit_refusal_test_SOURCES = tests/unit/refusal_test.c
tests_unit_refusal_test_LDADD = $(worker_test_libs)
tests_unit_report_test_SOURCES = tests/unit/report_test.c
tests_unit_report_test_LDADD = $(worker_test_libs)
tests_unit_quote_test_SOURCES = tests/unit/quote_test.c
tests_unit_quote_test_LDADD = $(worker_test_libs)
tests_unit_roster_test_SOURCES = tests/unit/roster_test.c
tests_unit_roster_test_LDADD = $(worker_test_libs)
tests_unit_stats_test_SOURCES = tests/unit/stats_test.c
tests_unit_stats_test_LDADD = $(worker_test_libs)

check_PROGRAMS += tests/it/tick_test
TESTS += tests/it/tick_test
tests_it_tick_test_SOURCES = tests/it/tick_test.c $(queue_stage)
tests_it_tick_test_LDADD = $(worker_test_libs)

check_PROGRAMS += tests/it/vigil_test
TESTS += tests/it/vigil_test
tests_it_vigil_test_SOURCES = tests/it/vigil_test.c $(queue_stage)
tests_it_vigil_test_LDADD = $(worker_test_libs)
# calls of the worker that the test swallows
tests_it_vigil_test_LDFLAGS = \
	-Wl,--wrap=take_jobs,--wrap=take_wait,--wrap=http_start \
	-Wl,--wrap=finish_jobs,--wrap=finish_extend \
	-Wl,--wrap=schedule_advance,--wrap=gate_leave
endif

worker_stories = \
	tests/it/outage.sh \
	tests/it/worker.sh \
	tests/it/worker_boot.sh \
	tests/it/worker_queue.sh \
	tests/it/worker_reload.sh \
	tests/it/worker_stop.sh \
	tests/it/worker_try.sh \
	tests/it/worker_watchdog.sh
TESTS += $(worker_stories)
EXTRA_DIST += $(worker_stories) tests/lib/by_hand.sh \
	tests/lib/stage_manager.sh
