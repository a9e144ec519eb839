# The configuration: what options there are (table), what was said (scan,
# setting), what it means together (build_*).

libhooksync_a_SOURCES += \
	%D%/build.c %D%/build.h \
	%D%/build_endpoint.c \
	%D%/build_queue.c \
	%D%/build_redis.c \
	%D%/build_route.c \
	%D%/build_service.c \
	%D%/conf.c %D%/conf.h \
	%D%/endpoint.c %D%/endpoint.h \
	%D%/finding.c %D%/finding.h \
	%D%/nearest.c %D%/nearest.h \
	%D%/restart.c %D%/restart.h \
	%D%/route.c %D%/route.h \
	%D%/scan.c %D%/scan.h \
	%D%/secret.c %D%/secret.h \
	%D%/setting.c %D%/setting.h \
	%D%/table.c %D%/table.h \
	%D%/url.c %D%/url.h

if HAVE_CMOCKA
conf_tests = \
	tests/unit/conf_test \
	tests/unit/endpoint_test \
	tests/unit/route_test \
	tests/unit/secret_test \
	tests/unit/table_test \
	tests/unit/url_test
check_PROGRAMS += $(conf_tests)
TESTS += $(conf_tests)

conf_test_libs = libhooksync.a $(HS_LIBS) $(CMOCKA_LIBS)
tests_unit_conf_test_SOURCES = tests/unit/conf_test.c
tests_unit_conf_test_LDADD = $(conf_test_libs)
tests_unit_endpoint_test_SOURCES = tests/unit/endpoint_test.c
tests_unit_endpoint_test_LDADD = $(conf_test_libs)
tests_unit_route_test_SOURCES = tests/unit/route_test.c
tests_unit_route_test_LDADD = $(conf_test_libs)
tests_unit_secret_test_SOURCES = tests/unit/secret_test.c
tests_unit_secret_test_LDADD = $(conf_test_libs)
tests_unit_table_test_SOURCES = tests/unit/table_test.c
tests_unit_table_test_LDADD = $(conf_test_libs)
tests_unit_url_test_SOURCES = tests/unit/url_test.c
tests_unit_url_test_LDADD = $(conf_test_libs)
endif

# The table, the manual page and the sample file say the same.
check_PROGRAMS += tests/lib/conf_options
tests_lib_conf_options_SOURCES = tests/lib/conf_options.c
tests_lib_conf_options_LDADD = libhooksync.a $(HS_LIBS)
TESTS += tests/options.sh
EXTRA_DIST += tests/options.sh
