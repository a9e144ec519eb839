#!/bin/sh
# SIGHUP: a new configuration counts for jobs to come, a bad one for none; jobs
# under way end as they began, and the service manager hears of it.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/by_hand.sh
. "$top_srcdir/tests/lib/by_hand.sh"
# shellcheck source=tests/lib/stage_manager.sh
. "$top_srcdir/tests/lib/stage_manager.sh"
story redis-server

stage_mock
stage_conf
stage_redis
stage_manager 0

conf_d() # NAME; standard input is the new file, which appears at once
{
	cat >"$stage/fresh"
	mv "$stage/fresh" "$stage/conf.d/$1.conf"
}

n_lines() # PATTERN
{
	grep -c "$1" "$stage/worker.log"
}

# SIGHUP, and the end of what it begins.
reload() # PATTERN of the line that ends it
{
	reload_n=$(($(n_lines "$1") + 1))
	kill -HUP "$pid_worker"
	wait_for 10 reload_ended "$1"
}

reload_ended()
{
	[ "$(n_lines "$1")" -ge "$reload_n" ]
}

requests() # PATTERN; in the mock's log
{
	mock_get log | grep -c "$1"
}

invoice() # ID NUMBER
{
	job_add "$1" crm-invoice-webhook \
		"{\"invoiceId\":$2,\"rawPayload\":{\"number\":\"$1\"}}"
}

# A secret of the environment is still there for the second reading.
rm "$stage/secrets/erp-login"
HOOKSYNC_SECRET_ERP_LOGIN=erp:login-of-the-tests
export HOOKSYNC_SECRET_ERP_LOGIN
stage_worker
unset HOOKSYNC_SECRET_ERP_LOGIN
crm_put 1 '{"fullName":"Ada","email":"a@example.com"}'
job_add first crm-identity-webhook '{"identityId":"1"}'
becomes 'a job is synced' 10 'completed ' states_of first
becomes 'the manager knows' 5 '0 active, 1 done, 0 failed; Redis up' \
	status_line

# A changed map while a job is fetched: the job keeps the old one, the next has
# the new one.
mock_script '{"path":"/crm/identities/2","answers":[{"delay_ms":1500}]}'
crm_put 2 '{"fullName":"Bea","email":"b@example.com"}'
job_add old crm-identity-webhook '{"identityId":"2"}'
becomes 'a job is being fetched' 5 1 requests '"path":"/crm/identities/2"'
conf_d map <<-'END'
	routes = { crm-identity-webhook = { map = "{ who: .source.fullName }"; }; };
END
check 'a new map is taken over' reload ': reloaded .*maps_compiled=1'
becomes 'the old job is done' 5 'completed ' states_of old
is 'as it began' "$(erp_get customers/2)" '{"name":"Bea","email":"b@example.com"}'
job_add new crm-identity-webhook '{"identityId":"1"}'
becomes 'the next is done' 5 'completed ' states_of new
is 'with the new map' "$(erp_get customers/1)" '{"who":"Ada"}'
is 'systemd heard of the reload' "$(n_heard RELOADING=1)" 1
is 'and of its end' "$(n_heard READY=1)" 2
check 'what is the same is not compiled again' \
	reload ': reloaded .*maps_compiled=0'

# Bad ones: a text, a value, a map, a missing secret. Nothing changes.
conf_d bad <<-'END'
	worker = { concurrency = 3;
	};;
END
check 'a file with a mistake is refused' reload 'reload failed, nothing'
check 'with its place' grep -q "error.*$stage/conf.d/bad.conf:2: " \
	"$stage/worker.log"
check 'which the manager hears' wait_for 5 says \
	"up; reload failed: $stage/conf.d/bad.conf:2: " status_line
conf_d bad <<-'END'
	worker = { concurrency = 0; };
END
check 'so is a bad value' reload 'reload failed, .*worker.concurrency'
conf_d bad <<-'END'
	routes = { crm-invoice-webhook = { map = "{ who: nope(1) }"; };
	           crm-identity-webhook = { push = { path = "/changed/{identityId}"; }; }; };
END
check 'so is a bad map' reload \
	'reload failed, .*bad.conf:1: routes.crm-invoice-webhook.map: nope/1'
conf_d bad <<-'END'
	services = { crm = { bearer = "secret:nowhere"; }; };
END
check 'so is a secret that is not there' reload 'reload failed, .*nowhere'
job_add same crm-identity-webhook '{"identityId":"1"}'
becomes 'the old configuration works on' 5 'completed ' states_of same
is 'with the old path' "$(requests /erp/changed/)" 0
rm "$stage/conf.d/bad.conf"
check 'a good one ends it' reload ': reloaded '
becomes 'and the manager knows' 5 '0 active, 4 done, 0 failed; Redis up' \
	status_line

# What only a start can take over is named, the rest counts.
conf_d fixed <<-'END'
	redis = { url = "redis://elsewhere.example.com:1"; };
	worker = { name = "another"; queues = [ "sync", "more" ]; };
	log = { level = "debug"; };
END
check 'another Redis is no mistake' reload ': reloaded '
for option in redis.url worker.name worker.queues; do
	check "$option needs a restart" grep -q \
		"needs a restart option=$option " "$stage/worker.log"
done
is 'the log level does not' "$(n_lines 'option=log.level')" 0
invoice fixed 3
becomes 'jobs come from the old one' 5 'completed ' states_of fixed
check 'the log says more' grep -q 'debug.*job pushing' "$stage/worker.log"
rm "$stage/conf.d/fixed.conf"

# A service elsewhere.
conf_d erp <<-END
	services = { erp = { url = "$mock_url/erp2"; concurrency = 50; }; };
END
check 'a service moves' reload ': reloaded '
invoice moved 4
becomes 'a job is done there' 5 'completed ' states_of moved
is 'at the new address' "$(requests '"path":"/erp2/invoices/4"')" 1
rm "$stage/conf.d/erp.conf"

# A service that refuses us is left alone; a reload says that somebody has done
# something about it, and one job tries.
mock_script '{"path":"/erp/invoices/5","answers":[{"status":401}]}'
check 'the service is back' reload ': reloaded '
invoice denied 5
becomes 'a service refuses us' 5 'failed ' states_of denied
invoice shut 6
becomes 'the gate is shut' 5 'delayed ' states_of shut
check 'and the manager knows' wait_for 5 eval \
	'status_line | grep -q "up; service erp is shut: it refuses our credentials"'
check 'after a reload' reload ': reloaded '
invoice open 7
becomes 'it is tried' 5 'completed ' states_of open
check 'and the manager hears of no gate' wait_for 5 eval \
	'status_line | grep -q "; Redis up\$"'

# A longer time for locks: those that are out do not last as long.
conf_d lock <<-'END'
	worker = { lock_duration = "1s"; stalled_interval = "1s"; };
END
check 'locks of a second' reload ': reloaded '
mock_script '{"path":"/erp/invoices/4001","answers":[{"delay_ms":4000,"apply":true}]}'
invoice long 4001
becomes 'a push is under way' 5 'active ' states_of long
sed -i 's/lock_duration = "1s"/lock_duration = "1h"/' "$stage/conf.d/lock.conf"
check 'locks of an hour' reload ': reloaded '
becomes 'it is done' 15 'completed ' states_of long
is 'by the first who had it' "$(job_field long ats)" 1
rm "$stage/conf.d/lock.conf"
check 'locks as before' reload ': reloaded '

# More at once, and fewer, with jobs under way: forty of them for so long that a
# busy host, too, reloads meanwhile.
for i in 0 1 2 3; do
	mock_script "{\"path\":\"/erp/invoices/30$i*\",\"answers\":[{\"delay_ms\":3000,\"apply\":true,\"times\":0}]}"
done
mock_script '{"path":"/erp/*","answers":[{"delay_ms":400,"apply":true,"times":0}]}'
crowd() # FROM TO
{
	for i in $(seq "$1" "$2"); do
		echo "n$i crm-invoice-webhook {\"invoiceId\":$i,\"rawPayload\":{}}"
	done | jobs_add
}
conf_d width <<-'END'
	worker = { concurrency = 2; };
END
check 'two at once' reload ': reloaded concurrency=2 '
crowd 1001 1016
becomes 'all are done' 10 16 eval 'n_with completed "n10.."'
is 'two at a time' "$(max_overlap /erp/invoices/10)" 2
conf_d width <<-'END'
	worker = { concurrency = 40; };
END
crowd 2001 2060
check 'forty at once' reload ': reloaded concurrency=40 '
becomes 'all are done' 15 60 eval 'n_with completed "n20.."'
check 'many at a time' test "$(max_overlap /erp/invoices/)" -gt 20
crowd 3000 3043
becomes 'forty are under way' 5 40 n_jobs active
conf_d width <<-'END'
	worker = { concurrency = 1; };
END
check 'one at once' reload ': reloaded concurrency=1 '
becomes 'all are done' 15 44 eval 'n_with completed "n30.."'
is 'at last one after the other' "$(max_overlap /erp/invoices/304)" 1
conf_d width <<-'END'
	worker = { concurrency = 100; };
END
check 'all again' reload ': reloaded concurrency=100 '

# No route, and one again. A job whose take was under way waits, too.
cp "$conf" "$stage/whole"
sed '/^routes/,$d' "$stage/whole" >"$conf"
rm "$stage/conf.d/map.conf"
job_taken_late() # ID; Redis keeps whoever comes for it waiting
{
	by_hand_now=$(now_ms)
	{
		echo multi
		by_hand_job "$1" crm-invoice-webhook \
			'{"invoiceId":10,"rawPayload":{}}' 0
		echo "lpush $queue:wait $1"
		echo "zadd $queue:marker 0 0"
		echo 'client pause 4500 write'
		echo exec
	} | rcli >/dev/null
}
becomes 'the queue is waited for' 10 1 eval \
	'rcli client list | grep -c cmd=bzpopmin'
job_taken_late late-one
take_is_under_way()
{
	rcli client list | grep -q "flags=b[A-Za-z]* .*cmd=evalsha"
}
is_kept_waiting=''
# (Redis 8 lets who was there before the pause through)
wait_for 2 take_is_under_way && is_kept_waiting=yes
check 'without a route' reload ': reloaded .*routes=0'
rcli client unpause >/dev/null
if [ -n "$is_kept_waiting" ]; then
	becomes 'what it brings goes back' 10 1 n_lines \
		'job given back .*job=late-one'
	is 'and waits' "$(states_of late-one)" 'wait '
fi
invoice idle 8
becomes 'the manager knows' 5 'no route is configured, no job is taken; Redis up' \
	status_line
check 'nothing is taken' fails wait_for 1 fails says 'wait ' states_of idle
cp "$stage/whole" "$conf"
check 'with routes again' reload ': reloaded .*routes=2'
becomes 'it is' 10 'completed ' states_of idle
becomes 'both are' 10 'completed ' states_of late-one

# Again and again under load.
mock_script '{"path":"/erp/*","answers":[{"delay_ms":30,"apply":true,"times":0}]}'
crowd 5001 5400
for i in $(seq 20); do
	conf_d map <<-END
		routes = { crm-invoice-webhook = { map = "{ turn: $i }"; }; };
	END
	check "reload $i" reload ': reloaded '
done
becomes 'all are completed' 30 400 eval 'n_with completed "n5..."'
is 'none failed but one' "$(n_jobs failed)" 1
is 'no attempt was lost' "$(n_lines 'job lost\|lock lost')" 0
stage_stop worker
is 'SIGTERM ends it' $? 0
is 'nothing is left active' "$(n_jobs active)" 0

# Started without a route, and its queues opened by a reload: what only a start
# can take over is that of the start.
sed '/^routes/,$d' "$stage/whole" >"$conf"
rm "$stage/conf.d/map.conf"
started=$(n_lines ': working ')
echo erp:login-of-the-tests >"$stage/secrets/erp-login"
chmod 600 "$stage/secrets/erp-login"
stage_worker
becomes 'another worker is there' 10 $((started + 1)) n_lines ': working '
cp "$stage/whole" "$conf"
conf_d fixed <<-'END'
	redis = { db = 5; };
END
check 'with routes, and another database' reload ': reloaded .*routes=2'
invoice late 9
becomes 'a job is taken' 10 'completed ' states_of late
becomes 'the queue is waited for' 5 1 eval \
	'rcli client list | grep -c "db=0 .*cmd=bzpopmin"'
is 'nobody is in the other database' "$(rcli client list | grep -c ' db=5 ')" 0
stage_stop worker
the_end
