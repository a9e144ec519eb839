# The manual, and what is read rather than looked up.

dist_man_MANS += \
	%D%/hooksync.1 \
	%D%/hooksync.conf.5 \
	%D%/hooksync-fcgi.8 \
	%D%/hooksync-worker.8
EXTRA_DIST += %D%/moving-from-bullmq.md %D%/protocol.md \
	%D%/first-webhook-bookworm.txt %D%/first-webhook-trixie.txt

TESTS += tests/docs.sh
EXTRA_DIST += tests/docs.sh
