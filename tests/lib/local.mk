# What the tests share: the CRM and target they play against.

check_PROGRAMS += tests/lib/mock
tests_lib_mock_SOURCES = %D%/mock.c
tests_lib_mock_LDADD = libhooksync.a $(HS_LIBS)
