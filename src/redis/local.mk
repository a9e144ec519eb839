# How to reach a Redis. Rooms, then their tests.
libhooksync_a_SOURCES += \
	%D%/login.c %D%/login.h \
	%D%/rconn.c %D%/rconn.h \
	%D%/resp.c %D%/resp.h \
	%D%/ring.c %D%/ring.h \
	%D%/script.c %D%/script.h \
	%D%/topo.h %D%/topo_static.c \
	%D%/wire.c %D%/wire.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/login_test
TESTS += tests/unit/login_test
tests_unit_login_test_SOURCES = tests/unit/login_test.c
tests_unit_login_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/resp_test
TESTS += tests/unit/resp_test
tests_unit_resp_test_SOURCES = tests/unit/resp_test.c
tests_unit_resp_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/ring_test
TESTS += tests/unit/ring_test
tests_unit_ring_test_SOURCES = tests/unit/ring_test.c
tests_unit_ring_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/topo_static_test
TESTS += tests/unit/topo_static_test
tests_unit_topo_static_test_SOURCES = tests/unit/topo_static_test.c
tests_unit_topo_static_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/it/wire_test
TESTS += tests/it/wire_test
tests_it_wire_test_SOURCES = tests/it/wire_test.c tests/lib/patience.h
tests_it_wire_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/it/rconn_test
TESTS += tests/it/rconn_test
tests_it_rconn_test_SOURCES = tests/it/rconn_test.c tests/lib/patience.h \
	tests/lib/redis_server.c tests/lib/redis_server.h
tests_it_rconn_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
endif
