#!/bin/sh
# The responder and its service manager: freshly installed; new settings, good
# and bad; a Redis that comes and goes; what `systemctl status` shows meanwhile;
# and the watchdog, which is fed as long as the responder does what it can.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/stage_manager.sh
. "$top_srcdir/tests/lib/stage_manager.sh"
story redis-server nginx

# As installed: no endpoint.
cat >"$conf" <<-END
	redis = { url = "unix:$redis_sock"; connect_timeout = "500ms"; };
END
stage_redis
stage_manager 1200
stage_responder
stage_nginx

post() # PATH; the status, and the body in $stage/answer
{
	web "$1" --output "$stage/answer" --dump-header "$stage/head" \
		--write-out '%{http_code}' --data '{"id":"1"}' \
		--header 'Content-Type: application/json'
}

reload() # PATTERN of the line that ends it; conf.d/test.conf comes from stdin
{
	cat >"$stage/conf.d/test.conf"
	reload_n=$(grep -c "$1" "$stage/responder.log")
	kill -HUP "$pid_responder"
	wait_for 10 eval \
		"[ \$(grep -c '$1' '$stage/responder.log') -gt $reload_n ]"
}

listening="listening on unix:$fcgi_sock"

becomes 'as installed it starts, and says that there is something to do' 10 \
	"$listening; no endpoint is configured yet; 0 accepted, 0 refused; Redis up" \
	status_line
is 'ready' "$(n_heard READY=1)" 1
is 'a webhook is not found' "$(post /webhooks/crm)" 404
check 'which its sender can read' grep -qi \
	'^content-type: application/problem+json' "$stage/head"
check 'it is ready all the same' web /readyz --fail
check 'and alive' web /healthz --fail
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	post /webhooks/crm >/dev/null
done
is 'the log has said once what to do' \
	"$(grep -c "no endpoint is configured yet: .* write one into $conf" "$stage/responder.log")" 1
check 'and not said each refusal' test \
	"$(grep -c 'delivery refused' "$stage/responder.log")" -le 10

check 'an endpoint is written and taken over' reload ': reloaded' <<-'END'
	endpoints = { crm = { path = "/webhooks/crm";
	                      verify = { scheme = "none"; }; }; };
END
is 'a webhook is a job' "$(post /webhooks/crm)" 200
becomes 'which the status line tells' 5 \
	"$listening; 1 accepted, 16 refused; Redis up" status_line
is 'the manager heard of it' "$(n_heard RELOADING=1)" 1
is 'and of its end' "$(n_heard READY=1)" 2

check 'a bad file is refused' reload ': reload failed' <<-'END'
	# a slip
	endpoints = { crm = { pth = "/webhooks/other"; }; };
END
check 'with file and line' grep -q \
	"conf.d/test.conf:2: endpoints.crm.pth: " "$stage/responder.log"
is 'the old settings stay' "$(post /webhooks/crm)" 200
check 'the status line says so' wait_for 5 eval \
	"status_line | grep -q '^reload failed at ..:.., the old settings stay: .*test.conf:2: endpoints.crm.pth'"
is 'the manager does not wait for ever' "$(n_heard READY=1)" 3
check 'the next good one' reload ': reloaded' <<-'END'
	endpoints = { crm = { path = "/webhooks/crm";
	                      verify = { scheme = "none"; }; }; };
	redis = { connect_timeout = "400ms"; };
END
check 'names what needs a restart' grep -q \
	'needs a restart option=redis.connect_timeout value="400ms" ' \
	"$stage/responder.log"
becomes 'and mends the status line' 5 \
	"$listening; 2 accepted, 16 refused; Redis up" status_line

kill -STOP "$pid_redis"
is 'Redis says nothing: 503' "$(post /webhooks/crm)" 503
check 'which the status line tells' wait_for 10 eval \
	"status_line | grep -q '2 accepted, 17 refused; Redis away since ..:..: no '"
# five seconds is how long a debt may stand
check 'that is no reason to die' pings_go_on 22 12
check 'what was held back is told though nobody comes' wait_for 15 grep -q \
	'more deliveries refused endpoint=none status=404 n=' \
	"$stage/responder.log"
is '... and nothing is overdue' \
	"$(grep -c 'overdue' "$stage/responder.log")" 0
kill -CONT "$pid_redis"
check 'it is back' wait_for 10 eval 'status_line | grep -q "; Redis up"'
stage_stop redis
check 'Redis is gone' wait_for 10 eval \
	"status_line | grep -q 'Redis away since ..:..: [CN]o[n ]'"
check 'and that is none either' pings_go_on 6 5
check 'not ready' fails web /readyz --fail
stage_redis
check 'it is back' wait_for 10 eval 'status_line | grep -q "; Redis up"'
check 'ready' web /readyz --fail

kill -STOP "$pid_responder"
check 'a stopped responder does not ping' fails pings_go_on 1 2
kill -CONT "$pid_responder"
check 'one that goes on does' pings_go_on 4 5

# FastCGI's own process managers say SIGUSR1 where systemd says SIGTERM.
stage_stop responder USR1
is 'SIGUSR1 ends it well' $? 0
is 'the manager was told' "$(n_heard STOPPING=1)" 1
check 'and how many are inside' eval 'status_line | grep -q "^stopping; "'
the_end
