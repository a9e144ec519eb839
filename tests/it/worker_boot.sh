#!/bin/sh
# A worker that is started before anything it needs is there waits for it: no
# Redis, no name server, no such host. An exit would use up systemd's patience.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/by_hand.sh
. "$top_srcdir/tests/lib/by_hand.sh"
# shellcheck source=tests/lib/stage_manager.sh
. "$top_srcdir/tests/lib/stage_manager.sh"
story redis-server

stage_mock
stage_conf
stage_manager 2000

stage_worker
check 'without Redis it is ready' wait_for 10 n_heard_some READY=1
check 'says so' wait_for 5 grep -q 'redis unreachable .*reason=' \
	"$stage/worker.log"
check 'and says it in its status' wait_for 5 eval \
	'status_line | grep -q "^0 active, 0 done, 0 failed; Redis away since "'
check 'it pings' pings_go_on 4 10
job=$pid_worker
stage_redis
job_add early crm-invoice-webhook '{"invoiceId":1,"rawPayload":{"number":"1"}}'
becomes 'Redis comes, and it works' 10 'completed ' states_of early
is 'it is the same process' "$pid_worker" "$job"

# Redis answers, and its answer is no.
rcli acl setuser default -evalsha >/dev/null
check 'a user who may not: its status says so' wait_for 15 eval \
	'status_line | grep -q "; Redis refuses our commands: NOPERM "'
check 'and its log what to do' grep -q \
	'cannot take jobs .*reason="NOPERM .*remedy=".*redis\.acl' \
	"$stage/worker.log"
is 'nothing was held back, nothing is said of it' \
	"$(grep -c suppressed=0 "$stage/worker.log")" 0
rcli acl setuser default +evalsha >/dev/null
check 'it may again, and the status says that' wait_for 15 eval \
	'status_line | grep -q "; Redis up\$"'
stage_stop worker
is 'SIGTERM ends it' $? 0

# A name that leads nowhere: .invalid never does (RFC 6761 6.4). Without a name
# server at all that takes its time.
: >"$stage/worker.log"
stage_worker -o redis.url=redis://redis.invalid:6379 -o redis.connect_timeout=1s
check 'an unknown host is no end' wait_for 15 grep -q \
	'redis unreachable .*address=redis.invalid:6379' "$stage/worker.log"
check 'it lives on' pings_go_on 4 10
check 'and tries again' stage_is_alive "$pid_worker"
stage_stop worker
is 'SIGTERM ends that, too' $? 0

# Who asks for a reload while maps are compiled gets one: SIGHUP is held until
# there is a loop. (Valgrind holds signals of its own.)
if [ -z "${HOOKSYNC_WRAP:-}" ]; then
	for i in $(seq 40); do
		echo "r$i = { map = \"{ n: $i }\";
		              push = { service = \"erp\"; path = \"/$i\"; }; };"
	done | sed '1s/^/routes = {/; $s/$/ };/' >"$stage/conf.d/maps.conf"
	: >"$stage/worker.log"
	stage_worker
	check 'it holds SIGHUP' wait_for 10 grep -q \
		'^SigBlk:.*[13579bdf]$' "/proc/$pid_worker/status"
	kill -HUP "$pid_worker"
	check 'which becomes a reload' wait_for 30 grep -q ': reloaded ' \
		"$stage/worker.log"
	stage_stop worker
	is 'SIGTERM ends it as ever' $? 0
fi
the_end
