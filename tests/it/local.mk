# The stories: our programs between a real nginx, a real Redis and the mock.

IT_STORIES = \
	%D%/main_job.sh \
	%D%/start.sh \
	%D%/retry.sh \
	%D%/crash.sh \
	%D%/burst.sh \
	%D%/doctor.sh \
	%D%/newcomer.sh \
	%D%/examples.sh \
	%D%/redis_acl.sh \
	%D%/redis_down.sh \
	%D%/responder_manager.sh \
	%D%/nginx.sh \
	%D%/web_nginx.sh \
	%D%/web_apache_proxy.sh \
	%D%/web_apache_fcgid.sh \
	%D%/web_lighttpd.sh
TESTS += $(IT_STORIES)
EXTRA_DIST += $(IT_STORIES) %D%/lib.sh tests/lib/stage_web.sh
