# The cellar: no Redis, no HTTP, no loop. Rooms, then their tests.

libhooksync_a_SOURCES += \
	%D%/bounds.h \
	%D%/list.h \
	%D%/err.c %D%/err.h \
	%D%/log.c %D%/log.h \
	%D%/clock.c %D%/clock.h \
	%D%/buf.c %D%/buf.h \
	%D%/num.c %D%/num.h \
	%D%/codec.c %D%/codec.h \
	%D%/digest.c %D%/digest.h \
	%D%/signature.c %D%/signature.h \
	%D%/doc.c %D%/doc.h \
	%D%/file.c %D%/file.h \
	%D%/notify.c %D%/notify.h
