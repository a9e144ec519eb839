# How to reach a Redis. Rooms, then their tests.
libhooksync_a_SOURCES += \
	%D%/resp.c %D%/resp.h
