# The responder. libresponder.a is all of it but main.c, so that tests link it.

noinst_LIBRARIES += libresponder.a
libresponder_a_SOURCES = \
	%D%/enqueuer.c %D%/enqueuer.h \
	%D%/extract.c %D%/extract.h \
	%D%/front.c %D%/front.h \
	%D%/health.c %D%/health.h \
	%D%/ident.c %D%/ident.h \
	%D%/intake.c %D%/intake.h \
	%D%/listener.c %D%/listener.h \
	%D%/records.c %D%/records.h \
	%D%/reply.c %D%/reply.h \
	%D%/request.c %D%/request.h \
	%D%/router.c %D%/router.h \
	%D%/verify.c %D%/verify.h

RESPONDER_LIBS = libresponder.a libhooksync.a $(FCGI_LIBS) $(HS_LIBS)

sbin_PROGRAMS += hooksync-fcgi
hooksync_fcgi_SOURCES = %D%/main.c
hooksync_fcgi_LDADD = $(RESPONDER_LIBS)
