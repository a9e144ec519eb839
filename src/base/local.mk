# The cellar: no Redis, no HTTP, no loop. Rooms, then their tests.

libhooksync_a_SOURCES += \
	%D%/bounds.h \
	%D%/list.h \
	%D%/err.c %D%/err.h \
	%D%/journal.c %D%/journal.h \
	%D%/line.c %D%/line.h \
	%D%/log.c %D%/log.h \
	%D%/message.c %D%/message.h \
	%D%/clock.c %D%/clock.h \
	%D%/buf.c %D%/buf.h \
	%D%/num.c %D%/num.h \
	%D%/codec.c %D%/codec.h \
	%D%/digest.c %D%/digest.h \
	%D%/signature.c %D%/signature.h \
	%D%/doc.c %D%/doc.h \
	%D%/doc_find.c \
	%D%/doc_scan.c %D%/doc_scan.h \
	%D%/file.c %D%/file.h \
	%D%/hangup.c %D%/hangup.h \
	%D%/notify.c %D%/notify.h \
	%D%/pulse.c %D%/pulse.h \
	%D%/cron.c %D%/cron.h \
	%D%/cron_parse.c \
	%D%/zone.c %D%/zone.h

if HAVE_CMOCKA
base_tests = \
	tests/unit/err_test \
	tests/unit/journal_test \
	tests/unit/line_test \
	tests/unit/log_test \
	tests/unit/clock_test \
	tests/unit/list_test \
	tests/unit/buf_test \
	tests/unit/num_test \
	tests/unit/codec_test \
	tests/unit/digest_test \
	tests/unit/signature_test \
	tests/unit/doc_test \
	tests/unit/file_test \
	tests/unit/notify_test \
	tests/unit/pulse_test \
	tests/unit/cron_test \
	tests/unit/zone_test
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)

base_test_libs = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
tests_unit_err_test_SOURCES = tests/unit/err_test.c
tests_unit_err_test_LDADD = $(base_test_libs)
tests_unit_journal_test_SOURCES = tests/unit/journal_test.c
tests_unit_journal_test_LDADD = $(base_test_libs)
tests_unit_line_test_SOURCES = tests/unit/line_test.c
tests_unit_line_test_LDADD = $(base_test_libs)
tests_unit_log_test_SOURCES = tests/unit/log_test.c
tests_unit_log_test_LDADD = $(base_test_libs)
tests_unit_clock_test_SOURCES = tests/unit/clock_test.c
tests_unit_clock_test_LDADD = $(base_test_libs)
tests_unit_list_test_SOURCES = tests/unit/list_test.c
tests_unit_list_test_LDADD = $(base_test_libs)
tests_unit_buf_test_SOURCES = tests/unit/buf_test.c
tests_unit_buf_test_LDADD = $(base_test_libs)
tests_unit_num_test_SOURCES = tests/unit/num_test.c
tests_unit_num_test_LDADD = $(base_test_libs)
tests_unit_codec_test_SOURCES = tests/unit/codec_test.c
tests_unit_codec_test_LDADD = $(base_test_libs)
tests_unit_digest_test_SOURCES = tests/unit/digest_test.c
tests_unit_digest_test_LDADD = $(base_test_libs)
tests_unit_signature_test_SOURCES = tests/unit/signature_test.c
tests_unit_signature_test_LDADD = $(base_test_libs)
tests_unit_doc_test_SOURCES = tests/unit/doc_test.c
tests_unit_doc_test_LDADD = $(base_test_libs)
tests_unit_file_test_SOURCES = tests/unit/file_test.c
tests_unit_file_test_LDADD = $(base_test_libs)
tests_unit_notify_test_SOURCES = tests/unit/notify_test.c
tests_unit_notify_test_LDADD = $(base_test_libs)
tests_unit_pulse_test_SOURCES = tests/unit/pulse_test.c
tests_unit_pulse_test_LDADD = $(base_test_libs)
tests_unit_cron_test_SOURCES = tests/unit/cron_test.c
tests_unit_cron_test_LDADD = $(base_test_libs)
tests_unit_zone_test_SOURCES = tests/unit/zone_test.c
tests_unit_zone_test_LDADD = $(base_test_libs)
endif
