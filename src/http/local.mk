# Requests to other people's servers. The room, then its tests.
libhooksync_a_SOURCES += \
	%D%/http.c %D%/http.h

if HAVE_CMOCKA
check_PROGRAMS += tests/it/http_test
TESTS += tests/it/http_test
tests_it_http_test_SOURCES = tests/it/http_test.c
tests_it_http_test_LDADD = libhooksync.a $(HS_LIBS) $(CURL_LIBS) \
	$(CMOCKA_LIBS)
endif
