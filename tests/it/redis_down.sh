#!/bin/sh
# Redis goes away and comes back, under a responder and a worker that stay: 503
# with Retry-After in time, no hang; then 200 again, and the work goes on. Also
# a Redis that is there but does not answer.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx

stage_mock
stage_conf
stage_redis --appendonly yes
stage_responder
stage_nginx
stage_worker
check 'the responder is ready' wait_for 5 web /readyz --fail

deliver_n() # N; a new delivery each time
{
	deliver invoice "d$1" \
		"{\"invoiceId\":$1,\"action\":\"x\",\"number\":\"R-$1\",\"total\":1}"
}

in_time() # MS COMMAND...; prints the output, fails when it took longer
{
	in_time_due=$(($(now_ms) + $1 * ${HOOKSYNC_SLOW:-1}))
	shift
	"$@"
	[ "$(now_ms)" -le $in_time_due ]
}

is_taken() # N
{
	[ "$(deliver_n "$1")" = 200 ]
}

is 'all is well: 200' "$(deliver_n 1)" 200
becomes 'the object arrived' 10 '{"number":"R-1","total":1}' \
	erp_get invoices/1

# ---- stopped ----

stage_stop redis
for try in 2 3 4; do
	answer=$(in_time 2000 deliver_n $try)
	check "Redis stopped: an answer within 2 s ($try)" test $? -eq 0
	is "it is 503 ($try)" "$answer" 503
	check "with Retry-After ($try)" \
		grep -qi '^retry-after: [1-9]' "$stage/head"
done
check 'healthz still says that the process lives' web /healthz --fail
check 'the worker lives' stage_is_alive "$pid_worker"

stage_redis --appendonly yes
check 'Redis is back: 200 again' wait_for 15 is_taken 5
becomes 'and the worker resumes' 20 '{"number":"R-5","total":1}' \
	erp_get invoices/5
is 'what was refused is nowhere' "$(rcli exists $queue:invoice-d2)" 0

# ---- frozen: the connection stays, the answers do not come ----

kill -STOP "$pid_redis"
answer=$(in_time 2000 deliver_n 6)
check 'Redis frozen: an answer within 2 s' test $? -eq 0
is 'it is 503' "$answer" 503
check 'with Retry-After' grep -qi '^retry-after: [1-9]' "$stage/head"
kill -CONT "$pid_redis"
check 'Redis answers: 200 again' wait_for 15 is_taken 7
becomes 'and the worker works on' 20 '{"number":"R-7","total":1}' \
	erp_get invoices/7

# The one that got 503 may have arrived all the same; sent again it is the same
# job, and it is synced.
is 'the sender sends the lost one again' "$(deliver_n 6)" 200
becomes 'and it arrives' 20 '{"number":"R-6","total":1}' \
	erp_get invoices/6
becomes 'no job is in two places' 10 'completed ' states_of invoice-d6

check 'the responder is the same process' stage_is_alive "$pid_responder"
check 'the worker is the same process' stage_is_alive "$pid_worker"
check 'the loss was told' grep -qi redis "$stage/responder.log"
the_end
