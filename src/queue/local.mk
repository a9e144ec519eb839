# queue: BullMQ's wire format. The scripts are joined and turned into C in the
# build folder.
queue_lua = %D%/lua/add.lua %D%/lua/count.lua %D%/lua/extend.lua \
	%D%/lua/doctor_page.lua %D%/lua/doctor_repair.lua \
	%D%/lua/doctor_verify.lua %D%/lua/doctor_vitals.lua \
	%D%/lua/finish.lua %D%/lua/get.lua %D%/lua/list.lua \
	%D%/lua/amend_data.lua %D%/lua/amend_dedup.lua \
	%D%/lua/amend_delay.lua %D%/lua/amend_log.lua \
	%D%/lua/amend_priority.lua %D%/lua/amend_progress.lua \
	%D%/lua/clean.lua %D%/lua/clear_log.lua %D%/lua/drain.lua \
	%D%/lua/ends.lua %D%/lua/leave_parent.lua %D%/lua/limit_ttl.lua \
	%D%/lua/metrics.lua %D%/lua/obliterate.lua %D%/lua/page.lua \
	%D%/lua/pause.lua \
	%D%/lua/priorities.lua %D%/lua/promote.lua %D%/lua/read_log.lua \
	%D%/lua/remove.lua %D%/lua/remove_children.lua \
	%D%/lua/resume.lua %D%/lua/retry_all.lua %D%/lua/settings.lua \
	%D%/lua/schedule_advance.lua %D%/lua/schedule_list.lua \
	%D%/lua/schedule_remove.lua %D%/lua/schedule_upsert.lua \
	%D%/lua/state.lua \
	%D%/lua/retry.lua %D%/lua/stalled.lua %D%/lua/take.lua
queue_lua_include = %D%/lua/include/add.lua %D%/lua/include/dedup.lua \
	%D%/lua/include/job.lua %D%/lua/include/parent.lua \
	%D%/lua/include/doctor.lua %D%/lua/include/queue.lua %D%/lua/include/ready.lua \
	%D%/lua/include/remove.lua %D%/lua/include/reply.lua \
	%D%/lua/include/schedule.lua \
	%D%/lua/include/state.lua \
	%D%/lua/include/take.lua

libhooksync_a_SOURCES += \
	%D%/add.c %D%/add.h \
	%D%/admin.c %D%/admin.h \
	%D%/amend.c %D%/amend.h \
	%D%/call.c %D%/call.h \
	%D%/code.c %D%/code.h \
	%D%/control.c %D%/control.h \
	%D%/diagnosis.c %D%/diagnosis.h \
	%D%/doctor.c %D%/doctor.h %D%/doctor_repair.c \
	%D%/events.c %D%/events.h \
	%D%/finish.c %D%/finish.h \
	%D%/idset.c %D%/idset.h \
	%D%/job.c %D%/job.h \
	%D%/keys.c %D%/keys.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/queue.c %D%/queue.h \
	%D%/requeue.c %D%/requeue.h \
	%D%/schedule.c %D%/schedule.h \
	%D%/scripts.h \
	%D%/server.c %D%/server.h \
	%D%/sweep.c %D%/sweep.h \
	%D%/take.c %D%/take.h \
	%D%/workers.c %D%/workers.h
nodist_libhooksync_a_SOURCES = %D%/scripts.c

%D%/scripts.c: $(queue_lua) $(queue_lua_include) %D%/lua2c.awk
	$(AM_V_GEN)$(MKDIR_P) %D%
	$(AM_V_at)lua='$(queue_lua)'; set --; for file in $$lua; do \
		test -f "$$file" || file=$(srcdir)/$$file; \
		set -- "$$@" "$$file"; done; \
	$(AWK) -v folder=$(srcdir)/%D%/lua/include \
		-f $(srcdir)/%D%/lua2c.awk "$$@" >$@.tmp
	$(AM_V_at)mv $@.tmp $@

EXTRA_DIST += $(queue_lua) $(queue_lua_include) %D%/lua2c.awk
BUILT_SOURCES += %D%/scripts.c
CLEANFILES += %D%/scripts.c %D%/scripts.c.tmp

TESTS += tests/unit/lua2c.sh tests/unit/script_lists.sh
EXTRA_DIST += tests/unit/lua2c.sh tests/unit/script_lists.sh

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/keys_test tests/unit/job_test
TESTS += tests/unit/keys_test tests/unit/job_test
tests_unit_keys_test_SOURCES = tests/unit/keys_test.c
tests_unit_keys_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
tests_unit_job_test_SOURCES = tests/unit/job_test.c
tests_unit_job_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/diagnosis_test tests/unit/idset_test
TESTS += tests/unit/diagnosis_test tests/unit/idset_test
tests_unit_diagnosis_test_SOURCES = tests/unit/diagnosis_test.c
tests_unit_diagnosis_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
tests_unit_idset_test_SOURCES = tests/unit/idset_test.c
tests_unit_idset_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/it/queue_test tests/it/queue_add_test \
	tests/it/queue_finish_test tests/it/queue_work_test \
	tests/it/queue_schedule_test
TESTS += tests/it/queue_test tests/it/queue_add_test \
	tests/it/queue_finish_test tests/it/queue_work_test \
	tests/it/queue_schedule_test
queue_stage = tests/lib/queue_stage.c tests/lib/queue_stage.h tests/lib/patience.h \
	tests/lib/redis_server.c tests/lib/redis_server.h
tests_it_queue_test_SOURCES = tests/it/queue_test.c $(queue_stage)
tests_it_queue_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
tests_it_queue_add_test_SOURCES = tests/it/queue_add_test.c $(queue_stage)
tests_it_queue_add_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
tests_it_queue_finish_test_SOURCES = tests/it/queue_finish_test.c \
	$(queue_stage)
tests_it_queue_work_test_SOURCES = tests/it/queue_work_test.c $(queue_stage)
tests_it_queue_work_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
tests_it_queue_schedule_test_SOURCES = tests/it/queue_schedule_test.c \
	$(queue_stage)
tests_it_queue_schedule_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
tests_it_queue_finish_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/it/queue_admin_test
TESTS += tests/it/queue_admin_test
tests_it_queue_admin_test_SOURCES = tests/it/queue_admin_test.c $(queue_stage)
tests_it_queue_admin_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/it/watch_test
TESTS += tests/it/watch_test
tests_it_watch_test_SOURCES = tests/it/watch_test.c tests/lib/patience.h \
	tests/lib/redis_server.c tests/lib/redis_server.h
tests_it_watch_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
endif
