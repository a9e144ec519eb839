#!/bin/sh
# Installed as anybody would, hooksync listens; with one endpoint set up, a
# signed webhook goes through nginx, Redis and the worker to the target.
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

check 'apt installs it with Redis and nginx' \
	install "$this_deb" redis-server nginx
is 'the socket waits' "$(unit_state hooksync-fcgi.socket)" active
is 'the responder runs' "$(unit_state hooksync-fcgi.service)" active
is 'the worker runs' "$(unit_state hooksync-worker.service)" active

mock_start
hooksync_settings
check 'the settings are right' hooksync check
check 'the services take them' hooksync_restart
check 'so does nginx' nginx_site
is 'a webhook nobody signed is refused' \
	"$(web /webhooks/identity --data '{}' --output /dev/null \
		--header 'Content-Type: application/json' \
		--write-out '%{http_code}')" 401
crm_put 42 '{"fullName":"Ada Lovelace","email":"ada@example.com"}'
is 'a signed one is accepted' \
	"$(deliver identity d-1 '{"identityId":"42","action":"updated"}')" 200
becomes 'and what it tells of is in the target' 10 \
	'{"name":"Ada Lovelace","email":"ada@example.com"}' erp_get customers/42

load_start many 200 --concurrency 8
check 'so are 200 more' load_wait many
is 'with these answers' "$(load_codes many)" '200 200'
becomes 'and all arrive' 20 200 n_arrived items
is 'none is lost' "$(load_lost many)" 0
the_end
