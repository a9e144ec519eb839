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
	%D%/route.c %D%/route.h \
	%D%/scan.c %D%/scan.h \
	%D%/secret.c %D%/secret.h \
	%D%/setting.c %D%/setting.h \
	%D%/table.c %D%/table.h \
	%D%/url.c %D%/url.h
