# What the tests share: the CRM and target they play against, and the stage.

check_PROGRAMS += tests/lib/mock
tests_lib_mock_SOURCES = %D%/mock.c
tests_lib_mock_LDADD = libhooksync.a $(HS_LIBS)
check_PROGRAMS += tests/lib/manager
tests_lib_manager_SOURCES = %D%/manager.c
tests_lib_manager_LDADD = libhooksync.a $(HS_LIBS)
EXTRA_DIST += %D%/deliveries.sh %D%/sender.sh %D%/socket_unit.pl %D%/stage.sh
