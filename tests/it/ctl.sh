#!/bin/sh
# The command, verb by verb: what it says, how it ends, what it never shows. Its
# queue holds jobs that a stranger wrote.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/stage_ctl.sh
. "$top_srcdir/tests/lib/stage_ctl.sh"
story redis-server

# A job hash as BullMQ leaves it, in a state's list or set.
put_job() # ID STATE NAME DATA REASON
{
	rcli hset "bull:sync:$1" name "$3" data "$4" \
		opts '{"attempts":3,"backoff":{"type":"fixed","delay":10}}' \
		timestamp 1700000000000 delay 0 priority 0 >/dev/null
	case $2 in
	failed)
		rcli hset "bull:sync:$1" failedReason "$5" atm 3 ats 3 \
			stacktrace '["first line\nsecond line"]' \
			processedOn 1700000000100 finishedOn 1700000000200 \
			>/dev/null
		rcli zadd bull:sync:failed 1700000000200 "$1" >/dev/null
		;;
	wait) rcli lpush bull:sync:wait "$1" >/dev/null ;;
	esac
}

mock_url=http://127.0.0.1:1
stage_conf

# ---- the line itself ----

ends_with 64
ends_with 64 dance
moans 'unknown verb dance'
ends_with 64 stats --url http://x
ends_with 64 jobs
ends_with 64 jobs sleeping
moans '"sleeping" is no state of a job'
ends_with 64 stats --queue a:b
ends_with 64 retry
ends_with 0 --help
says 'retry ID...|--all'
ends_with 0 retry --help
says 'usage: hooksync retry [options] ID...|--all'
ends_with 0 --version
says 'hooksync '

# ---- check ----

ends_with 0 check
says 'good: 2 endpoints, 2 routes, 2 services'
ends_with 0 check --json
is 'check --json counts' "$(json_at /n_endpoints) $(json_at /maps)" '2 compiled'
echo 'worker = { concurency = 5; };' >"$stage/conf.d/bad.conf"
ends_with 78 check
moans 'conf.d/bad.conf:1'
moans 'worker.concurrency'
ends_with 78 check --json
is 'a finding in JSON' "$(json_at /findings/0/severity) $(json_at /is_valid)" \
	'error false'
ends_with 78 stats
moans 'conf.d/bad.conf:1'
cat >"$stage/conf.d/bad.conf" <<-END
	routes = { crm-invoice-webhook = { map = "{ number: "; }; };
END
ends_with 78 check
moans 'conf.d/bad.conf:1: routes.crm-invoice-webhook.map: '
ends_with 78 check --json
is 'a map that does not compile' "$(json_at /maps) $(json_at /is_valid)" \
	'wrong false'
rm "$stage/conf.d/bad.conf"
ends_with 78 -o worker.concurrency=none check
mv "$stage/secrets/erp-login" "$stage/erp-login"
ends_with 78 check
moans 'erp-login'
mv "$stage/erp-login" "$stage/secrets/erp-login"
(
	cp "$top_builddir/hooksync" "$stage/hooksync"
	"$stage/hooksync" -c "$conf" check >"$stage/said" 2>"$stage/moaned"
)
is 'without a worker the settings are still checked' "$?" 0
moans 'not compiled'

# ---- config ----

ends_with 0 config
says '"secret:crm-token"'
check 'no secret is shown' fails grep -Fq -e crm-token-of-the-tests \
	-e "$webhook_secret" -e login-of-the-tests "$stage/said"
ends_with 0 -o worker.concurrency=7 config --json
check 'config --json is JSON' json_at
says '{"name":"worker.concurrency","value":"7","origin":"flag'
says '{"name":"queue.name","value":"sync",'
REDIS_PASSWORD=of-the-environment
export REDIS_PASSWORD
ends_with 0 config
check 'nor a password of the environment' fails grep -Fq \
	of-the-environment "$stage/said"
unset REDIS_PASSWORD
ends_with 0 -o redis.url=redis://u:pass-in-url@127.0.0.1:1/0 config
check 'nor one in a URL' fails grep -Fq pass-in-url "$stage/said"
ends_with 0 config --table
says 'services.*.url'
ends_with 0 config --table --json
check 'config --table --json is JSON' json_at

# ---- Redis away ----

for verb in 'stats' 'jobs failed' 'job x' 'retry x' 'retry --all'; do
	# shellcheck disable=SC2086 # words
	ends_with 69 $verb
done
moans "$redis_sock"
began_ms=$(now_ms)
ends_with 69 -o redis.url=redis://127.0.0.1:1/0 stats
moans '127.0.0.1:1'
check 'and soon' test $(($(now_ms) - began_ms)) -lt $((4000 * ${HOOKSYNC_SLOW:-1}))

# ---- an empty queue ----

stage_redis
ends_with 0 stats
ends_with 0 stats --json
is 'nothing waits' "$(json_at /0/queue) $(json_at /0/counts/wait) \
$(json_at /0/oldest_waiting_age_ms)" 'sync 0 null'
for state in wait prioritized delayed active completed failed \
	waiting-children paused; do
	ends_with 1 jobs $state
done
moans 'no job is in paused'
ends_with 1 jobs failed --json
is 'none, in JSON' "$(cat "$stage/said")" '[]'
ends_with 1 job nobody
moans 'nobody: there is no such job'
ends_with 1 retry nobody
ends_with 1 retry --all
rcli config set requirepass sesame >/dev/null
ends_with 69 stats
moans 'NOAUTH'
check 'with a password from the environment' env REDIS_PASSWORD=sesame \
	"$top_builddir/hooksync" -c "$conf" stats
rcli -a sesame --no-auth-warning config set requirepass '' >/dev/null
# shellcheck disable=SC2154 # stage.sh's
kill -STOP "$pid_redis"
began_ms=$(now_ms)
ends_with 69 -o redis.connect_timeout=300ms stats
check 'a silent Redis is given up, too' \
	test $(($(now_ms) - began_ms)) -lt $((4000 * ${HOOKSYNC_SLOW:-1}))
kill -CONT "$pid_redis"
ends_with 69 -o redis.db=99 stats
moans 'DB index'

# ---- jobs of a stranger ----

escape=$(printf '\033')
evil="$escape]0;owned$(printf '\007')$(printf '\302\233')31m$(printf '\342\200\256')"
put_job crm-1 failed "name $evil" \
	'{"big":12345678901234567890123,"esc":"\u001b[31m","list":[]}' \
	"503 $evil
second line"
put_job "bad-$evil" failed x "{$evil" "$(printf 'no utf-8: \377\376')"
put_job w-1 wait x '{}' ''

ends_with 0 jobs failed
says 'crm-1'
says '3/3'
says '\x1b]0;owned'
check 'nothing of it reaches the terminal raw' is_harmless
ends_with 0 jobs failed --json
check 'jobs --json is JSON' json_at
check 'and harmless' is_harmless
ends_with 0 jobs failed -n 1 --json
is 'one of two' "$(json_at /1/id || echo none)" none
ends_with 0 jobs wait
says 'w-1'
ends_with 0 jobs waiting
COLUMNS=60
export COLUMNS
ends_with 0 jobs failed
is 'a narrow terminal cuts the reason, not the id' \
	"$(grep -c '^crm-1 .*…$' "$stage/said")" 1
unset COLUMNS

ends_with 0 job crm-1
says '12345678901234567890123'
says 'attempts   3 of 3'
says '  second line'
says '2023-11-14T22:13:20.000Z'
check 'job is harmless' is_harmless
ends_with 0 job crm-1 --json
is 'job --json has the data as it is' "$(json_at /data/big) $(json_at /state)" \
	'12345678901234567890123 failed'
ends_with 0 job "bad-$evil"
check 'broken data is harmless' is_harmless
ends_with 0 job "bad-$evil" --json
is 'and null in JSON' "$(json_at /data)" null

ends_with 0 stats --json
is 'stats counts' "$(json_at /0/counts/failed) $(json_at /0/counts/wait) \
$(json_at /0/oldest_waiting_at_ms)" '2 1 1700000000000'
rcli hset bull:sync:meta paused 1 >/dev/null
ends_with 0 stats
says 'sync (paused)'
rcli hdel bull:sync:meta paused >/dev/null
ends_with 0 stats --queue typo
moans 'nobody has opened a queue "typo" yet'
ends_with 0 stats --queue sync
is 'a queue with jobs is not asked about' "$(cat "$stage/moaned")" ''
ends_with 0 stats --queue other --json
is 'another queue' "$(json_at /0/queue) $(json_at /0/counts/failed)" 'other 0'
rcli set bull:broken:wait text >/dev/null
ends_with 69 stats --queue broken
moans 'WRONGTYPE'
moans '"hooksync doctor" finds it'

# a queue that only an endpoint names, perhaps Node's
cat >"$stage/conf.d/third.conf" <<-END
	endpoints = { other = { path = "/o"; job = "nobody"; queue = "third";
	  data = { a = "/a"; }; verify = { scheme = "none"; }; }; };
END
rcli hset bull:third:t-1 name nobody data '{}' opts '{}' failedReason r \
	timestamp 1700000000000 finishedOn 1700000000300 >/dev/null
rcli zadd bull:third:failed 1700000000300 t-1 >/dev/null
ends_with 0 check
moans 'warning: '
says '2 warnings'
ends_with 0 jobs failed
says 'third  t-1'
check 'only check warns of the settings' test ! -s "$stage/moaned"
ends_with 0 job t-1
says 'queue      third'
ends_with 0 retry t-1
says 't-1: waits again in third'
rm "$stage/conf.d/third.conf"

# ---- retry ----

ends_with 1 retry w-1
moans 'w-1: is not in failed'
ends_with 1 retry crm-1 nobody
says 'crm-1: waits again in sync'
is 'it waits' "$(states_of crm-1)" 'wait '
ends_with 1 retry crm-1 --json
is 'not twice' "$(json_at /0/is_retried) $(json_at /0/reason)" \
	'false not in failed'

# more than one page, and one id without a job
rcli eval 'for i = 1, 173 do
	local id = "many-" .. i
	redis.call("HSET", "bull:sync:" .. id, "name", "x", "data", "{}",
		"opts", "{}", "timestamp", 1700000000000, "delay", 0,
		"priority", 0, "failedReason", "r", "finishedOn",
		1700000001000 + i)
	redis.call("ZADD", "bull:sync:failed", 1700000001000 + i, id)
end
redis.call("ZADD", "bull:sync:failed", 1700000001050, "ghost")' 0 >/dev/null
ends_with 0 jobs failed -n 150 --json
is 'pages follow each other, newest first' \
	"$(json_at /0/id) $(json_at /149/id) $(json_at /150/id || echo end)" \
	'many-173 many-24 end'
ends_with 0 retry --all
says 'sync: 174 failed jobs wait again'
is 'all wait' "$(n_jobs wait)" 176
is 'the ghost is left' "$(n_jobs failed)" 1
ends_with 1 retry --all
ends_with 1 retry --all --json
is 'none, in JSON' "$(json_at /0/n_retried)" 0

# A worker whose clock is behind, and that lets every job fail again at once,
# must not keep us for ever.
rcli del bull:sync:wait bull:sync:failed >/dev/null
rcli eval 'for i = 1, 500 do
	local id = "again-" .. i
	redis.call("HSET", "bull:sync:" .. id, "name", "x", "data", "{}",
		"opts", "{}", "timestamp", 1700000000000, "delay", 0,
		"priority", 0, "failedReason", "r", "finishedOn", 1700000000200)
	redis.call("ZADD", "bull:sync:failed", 1700000000200, id)
end' 0 >/dev/null
fail_again()
{
	rcli eval 'for _ = 1, 500 do
		local id = redis.call("RPOP", "bull:sync:wait")
		if not id then break end
		redis.call("HSET", "bull:sync:" .. id, "finishedOn", 1700000000300)
		redis.call("ZADD", "bull:sync:failed", 1700000000300, id)
	end' 0
}
while [ ! -e "$stage/enough" ] && fail_again; do :; done >/dev/null 2>&1 &
failing=$!
is 'retry --all ends while jobs go on failing' \
	"$(timeout 20 "$top_builddir/hooksync" -c "$conf" retry --all)" \
	'sync: 500 failed jobs wait again'
touch "$stage/enough"
wait $failing

# ---- send ----

printf '{"identityId":"42","action":"updated"}' >"$stage/body.json"
ends_with 64 send nobody "$stage/body.json"
moans 'there is no endpoint "nobody"'
ends_with 66 send identity "$stage/no.json"
ends_with 69 -o "responder.listen=unix:$fcgi_sock" send identity "$stage/body.json"
moans "$fcgi_sock"
ends_with 69 send identity "$stage/body.json" --url http://127.0.0.1:1
ends_with 64 send identity "$stage/body.json" --url ftp://127.0.0.1/
ends_with 64 send identity "$stage/body.json" --id 'a b'

stage_responder
wait_for 10 grep -q 'redis connected' "$stage/responder.log"
send() # ARGUMENT...
{
	set -- -o "responder.listen=unix:$fcgi_sock" send "$@"
	code_of "$@"
}
is 'send posts a signed webhook' "$(send identity "$stage/body.json")" 0
says '200 in '
says 'job      identity-test-'
says '"success": true'
is 'with an id' "$(send identity "$stage/body.json" --id d1 --json)" 0
is 'it names the job' "$(json_at /job_id) $(json_at /status)" 'identity-d1 200'
check 'and the request' test -n "$(json_at /request_id)"
is 'whose job is there' "$(job_field identity-d1 name)" crm-identity-webhook
is 'its data is right' "$(job_field identity-d1 data)" \
	'{"identityId":"42","action":"updated","rawPayload":{"identityId":"42","action":"updated"}}'
is 'github signs too' "$(printf '{"invoiceId":7,"action":"x"}' |
	hooksync -o "responder.listen=unix:$fcgi_sock" send invoice - --id d2 \
		>"$stage/said" 2>&1; echo $?)" 0
is 'its job' "$(job_field invoice-d2 name)" crm-invoice-webhook
printf '{"action":"updated"}' >"$stage/body.json"
is 'a field is missing' "$(send identity "$stage/body.json" --json)" 1
is 'it is a 400, and no job' "$(json_at /status) $(json_at /job_id)" '400 null'
printf '{"identityId":"42","action":"updated"}' >"$stage/body.json"
is 'an endpoint that the responder has not read yet' \
	"$(send identity "$stage/body.json" \
		-o endpoints.identity.path=/webhooks/new)" 1
says '404 in '
moans 'was hooksync-fcgi restarted'
check 'its log has the path' \
	grep -q 'status=404 .* path=/webhooks/new reason=' "$stage/responder.log"
printf 'whsec_%s' "$(printf 'another secret of 32 bytes ......' | openssl base64 -A)" \
	>"$stage/secrets/crm-webhook"
is 'another secret' "$(send identity "$stage/body.json")" 1
says '401 in '
moans 'has the secret changed since hooksync-fcgi started'
echo "$webhook_secret" >"$stage/secrets/crm-webhook"
head -c 1100000 /dev/zero | tr '\0' ' ' >"$stage/body.json"
is 'too big a body' "$(send identity "$stage/body.json")" 1
says '413 in '
if command -v nginx >/dev/null; then
	stage_nginx_tcp
	is 'through nginx' "$(code_of send identity "$stage/body.json" --json \
		--url "$web_url/")" 1
	is 'the responder says no, and which request' \
		"$(json_at /status) $(json_at /body | grep -c "$(json_at /request_id)")" \
		'413 1'
fi
stage_stop redis
printf '{"identityId":"42","action":"updated"}' >"$stage/body.json"
is 'Redis is away' "$(send identity "$stage/body.json")" 1
says '503 in '

# over HTTP: the mock refuses who has no password
stage_mock
is 'a URL' "$(code_of send identity "$stage/body.json" --url "$mock_url/erp" --json)" 1
is 'the endpoint path is added' "$(json_at /to) $(json_at /status)" \
	"$mock_url/erp/webhooks/identity 401"
moans "the web server's own: does it pass /webhooks/identity on"
is 'a whole URL' "$(code_of send identity "$stage/body.json" --json \
	--url "$mock_url/erp/webhooks/identity")" 1
is 'stays what it is' "$(json_at /to)" "$mock_url/erp/webhooks/identity"
# a web server that has nobody behind it, or will not take so much
stage_spawn server "$top_builddir/tests/lib/mock" \
	--port-file "$stage/server.port"
wait_for 10 test -s "$stage/server.port"
server_url=http://127.0.0.1:$(cat "$stage/server.port")
curl --silent --fail --output /dev/null "$server_url/_mock/script" --data \
	'{"path":"/webhooks/*","answers":[{"status":502},{"status":413}]}'
is 'a 502' "$(send identity "$stage/body.json" --url "$server_url")" 1
moans 'it does not reach hooksync-fcgi, or a restart went on: hooksync doctor'
is 'a 413' "$(send identity "$stage/body.json" --url "$server_url")" 1
moans 'limit is lower than the body (nginx: client_max_body_size'
stage_stop server
chmod 644 "$stage/secrets/crm-webhook"
is 'a secret that is open to all' \
	"$(send identity "$stage/body.json" --url "$mock_url/erp")" 78
moans 'its first secret, crm-webhook, cannot be used here: '
moans 'hooksync check tells why'
chmod 600 "$stage/secrets/crm-webhook"
is 'or public_url' "$(code_of -o "responder.public_url=$mock_url" send identity \
	"$stage/body.json" --json; json_at /to)" "1
$mock_url/webhooks/identity"

# ---- try ----

printf '{"invoiceId":7,"action":"x","rawPayload":{"number":"R-7","total":1}}' \
	>"$stage/data.json"
ends_with 0 try crm-invoice-webhook "$stage/data.json"
says '/invoices/7'
ends_with 0 try crm-invoice-webhook "$stage/data.json" --json
check 'try --json is JSON' json_at
is 'try reads standard input, and a webhook' \
	"$(printf '{"invoiceId":8,"action":"x","number":"R-8","total":2}' |
		hooksync try crm-invoice-webhook - 2>&1 | grep -c /invoices/8)" 1
check 'try needs a route that exists' test \
	"$(code_of try nobody "$stage/data.json")" -ne 0
ends_with 64 try crm-invoice-webhook
the_end
