# Requests to other people's servers. The room, then its tests.
libhooksync_a_SOURCES += \
	%D%/head.c %D%/head.h \
	%D%/http.c %D%/http.h \
	%D%/sockets.c %D%/sockets.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/head_test
TESTS += tests/unit/head_test
tests_unit_head_test_SOURCES = tests/unit/head_test.c
tests_unit_head_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/sockets_test
TESTS += tests/unit/sockets_test
tests_unit_sockets_test_SOURCES = tests/unit/sockets_test.c
tests_unit_sockets_test_LDADD = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/it/http_test
TESTS += tests/it/http_test
tests_it_http_test_SOURCES = tests/it/http_test.c tests/lib/patience.h
tests_it_http_test_LDADD = libhooksync.a $(HS_LIBS) $(CURL_LIBS) \
	$(CMOCKA_LIBS)
endif
