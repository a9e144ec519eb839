# The responder. libresponder.a is all of it but main.c, so that tests link it.

noinst_LIBRARIES += libresponder.a
libresponder_a_SOURCES = \
	%D%/acceptor.c %D%/acceptor.h \
	%D%/cgi.c %D%/cgi.h \
	%D%/enqueuer.c %D%/enqueuer.h \
	%D%/extract.c %D%/extract.h \
	%D%/front.c %D%/front.h \
	%D%/health.c %D%/health.h \
	%D%/ident.c %D%/ident.h \
	%D%/intake.c %D%/intake.h \
	%D%/listener.c %D%/listener.h \
	%D%/records.c %D%/records.h \
	%D%/refusals.c %D%/refusals.h \
	%D%/reload.c %D%/reload.h \
	%D%/reply.c %D%/reply.h \
	%D%/request.c %D%/request.h \
	%D%/router.c %D%/router.h \
	%D%/slow_lane.c %D%/slow_lane.h \
	%D%/status.c %D%/status.h \
	%D%/verify.c %D%/verify.h

RESPONDER_LIBS = libresponder.a libhooksync.a $(FCGI_LIBS) $(HS_LIBS)

sbin_PROGRAMS += hooksync-fcgi
hooksync_fcgi_SOURCES = %D%/main.c
hooksync_fcgi_LDADD = $(RESPONDER_LIBS)

if HAVE_CMOCKA
fcgi_tests = tests/unit/records_test tests/unit/fcgi_request_test \
	tests/unit/ident_test tests/unit/listener_test \
	tests/unit/enqueuer_test tests/unit/slow_lane_test \
	tests/unit/acceptor_test tests/unit/front_test \
	tests/unit/refusals_test tests/unit/status_test \
	tests/it/responder_test
check_PROGRAMS += $(fcgi_tests)
TESTS += $(fcgi_tests)

fcgi_test_libs = $(RESPONDER_LIBS) $(CMOCKA_LIBS)
fcgi_peer = tests/lib/fcgi_peer.c tests/lib/fcgi_peer.h
tests_unit_records_test_SOURCES = tests/unit/records_test.c $(fcgi_peer)
tests_unit_records_test_LDADD = $(fcgi_test_libs)
tests_unit_fcgi_request_test_SOURCES = tests/unit/fcgi_request_test.c
tests_unit_fcgi_request_test_LDADD = $(fcgi_test_libs)
tests_unit_ident_test_SOURCES = tests/unit/ident_test.c
tests_unit_ident_test_LDADD = $(fcgi_test_libs)
tests_unit_listener_test_SOURCES = tests/unit/listener_test.c $(fcgi_peer)
tests_unit_listener_test_LDADD = $(fcgi_test_libs)
tests_unit_enqueuer_test_SOURCES = tests/unit/enqueuer_test.c
tests_unit_enqueuer_test_LDADD = $(fcgi_test_libs)
tests_unit_slow_lane_test_SOURCES = tests/unit/slow_lane_test.c $(fcgi_peer)
tests_unit_slow_lane_test_LDADD = $(fcgi_test_libs)
tests_unit_acceptor_test_SOURCES = tests/unit/acceptor_test.c
tests_unit_acceptor_test_LDADD = $(fcgi_test_libs)
tests_unit_refusals_test_SOURCES = tests/unit/refusals_test.c
tests_unit_refusals_test_LDADD = $(fcgi_test_libs)
tests_unit_status_test_SOURCES = tests/unit/status_test.c
tests_unit_status_test_LDADD = $(fcgi_test_libs)
tests_unit_front_test_SOURCES = tests/unit/front_test.c $(fcgi_peer)
tests_unit_front_test_LDADD = $(fcgi_test_libs)
tests_it_responder_test_SOURCES = tests/it/responder_test.c $(fcgi_peer) \
	tests/lib/redis_server.c tests/lib/redis_server.h
tests_it_responder_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
endif
