# The command. Its rooms are a library of their own, so that tests can link
# them; hooksync.c is the program.

noinst_LIBRARIES += src/ctl/libctl.a
src_ctl_libctl_a_SOURCES = \
	%D%/act.c %D%/act.h \
	%D%/ask.c %D%/ask.h \
	%D%/cmd.c %D%/cmd.h \
	%D%/ctl.c %D%/ctl.h \
	%D%/ctl_check.c \
	%D%/ctl_doctor.c \
	%D%/ctl_events.c \
	%D%/ctl_job.c \
	%D%/ctl_jobs.c \
	%D%/ctl_logs.c \
	%D%/ctl_pause.c \
	%D%/ctl_queue.c \
	%D%/ctl_remove.c \
	%D%/ctl_requeue.c \
	%D%/ctl_schedulers.c \
	%D%/ctl_send.c \
	%D%/ctl_sweep.c \
	%D%/ctl_try.c \
	%D%/ctl_workers.c \
	%D%/fcgi_client.c %D%/fcgi_client.h \
	%D%/filter.c %D%/filter.h \
	%D%/grid.c %D%/grid.h \
	%D%/guide.c %D%/guide.h \
	%D%/premises.c %D%/premises.h \
	%D%/preview.c %D%/preview.h \
	%D%/progress.c %D%/progress.h \
	%D%/removal.c %D%/removal.h \
	%D%/session.c %D%/session.h \
	%D%/show.c %D%/show.h \
	%D%/sibling.c %D%/sibling.h \
	%D%/vault.c %D%/vault.h \
	%D%/verbs.c \
	%D%/view.c %D%/view.h \
	%D%/visit.c %D%/visit.h \
	%D%/walk.c %D%/walk.h

bin_PROGRAMS += hooksync
hooksync_SOURCES = %D%/hooksync.c
hooksync_LDADD = src/ctl/libctl.a libhooksync.a $(HS_LIBS) $(CURL_LIBS)

if HAVE_CMOCKA
ctl_tests = \
	tests/unit/cmd_test \
	tests/unit/fcgi_client_test \
	tests/unit/filter_test \
	tests/unit/grid_test \
	tests/unit/guide_test \
	tests/unit/premises_test \
	tests/unit/progress_test \
	tests/unit/show_test \
	tests/unit/vault_test
check_PROGRAMS += $(ctl_tests)
TESTS += $(ctl_tests)
ctl_test_libs = $(hooksync_LDADD) $(CMOCKA_LIBS)
tests_unit_cmd_test_SOURCES = tests/unit/cmd_test.c
tests_unit_cmd_test_LDADD = $(ctl_test_libs)
tests_unit_fcgi_client_test_SOURCES = tests/unit/fcgi_client_test.c
tests_unit_fcgi_client_test_LDADD = $(ctl_test_libs)
tests_unit_filter_test_SOURCES = tests/unit/filter_test.c
tests_unit_filter_test_LDADD = $(ctl_test_libs)
tests_unit_grid_test_SOURCES = tests/unit/grid_test.c
tests_unit_grid_test_LDADD = $(ctl_test_libs)
tests_unit_guide_test_SOURCES = tests/unit/guide_test.c
tests_unit_guide_test_LDADD = $(ctl_test_libs)
tests_unit_premises_test_SOURCES = tests/unit/premises_test.c
tests_unit_premises_test_LDADD = $(ctl_test_libs)
tests_unit_progress_test_SOURCES = tests/unit/progress_test.c
tests_unit_progress_test_LDADD = $(ctl_test_libs)
tests_unit_show_test_SOURCES = tests/unit/show_test.c
tests_unit_show_test_LDADD = $(ctl_test_libs)
tests_unit_vault_test_SOURCES = tests/unit/vault_test.c
tests_unit_vault_test_LDADD = $(ctl_test_libs)
endif

check_PROGRAMS += tests/lib/json_at
tests_lib_json_at_SOURCES = tests/lib/json_at.c
tests_lib_json_at_LDADD = libhooksync.a $(HS_LIBS)
TESTS += tests/it/ctl.sh tests/it/ctl_jobs.sh tests/it/ctl_watch.sh
EXTRA_DIST += tests/it/ctl.sh tests/it/ctl_jobs.sh tests/it/ctl_watch.sh \
	tests/lib/stage_ctl.sh
