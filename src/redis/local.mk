# How to reach a Redis. Rooms, then their tests.
libhooksync_a_SOURCES += \
	%D%/rconn.c %D%/rconn.h \
	%D%/resp.c %D%/resp.h \
	%D%/script.c %D%/script.h \
	%D%/topo.h %D%/topo_static.c \
	%D%/wire.c %D%/wire.h
