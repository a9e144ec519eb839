#!/bin/sh
# The worker's other faces: --check and --try, and the starts it refuses.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server

stage_mock
stage_conf
worker=$top_builddir/hooksync-worker

says() # STATUS WORD...; of the worker's output
{
	says_status=$1
	says_words=$2
	shift 2
	"$worker" -c "$conf" "$@" >"$stage/said.log" 2>&1
	[ $? -eq "$says_status" ] && grep -Fq -e "$says_words" "$stage/said.log"
}

crm_put 42 '{"fullName":"Ada Lovelace","email":"ada@example.com"}'
echo '{"identityId":"42","action":"updated"}' >"$stage/webhook"
echo '{"identityId":"42","rawPayload":{}}' >"$stage/data"
echo '{"identityId":"43","action":"deleted"}' >"$stage/gone"
echo '{"action":"updated"}' >"$stage/short"
echo '{"identityId":NaN}' >"$stage/nonsense"

check '--check is content' says 0 '2 routes, 2 maps' --check
check '--try fetches and maps a webhook' says 0 \
	'{"name":"Ada Lovelace","email":"ada@example.com"}' \
	--try crm-identity-webhook "$stage/webhook"
check 'and shows where it would go' grep -Fq "PUT $mock_url/erp/customers/42" \
	"$stage/said.log"
check 'but not the credentials' fails grep -q of-the-tests "$stage/said.log"
check 'it takes a job'"'"'s data as well' says 0 'Ada Lovelace' \
	--try crm-identity-webhook "$stage/data"
"$worker" -c "$conf" --try crm-identity-webhook - <"$stage/webhook" \
	>"$stage/said.log" 2>&1
check 'from standard input' grep -Fq 'Ada Lovelace' "$stage/said.log"
echo '{"identityId":42}' >"$stage/bare"
check 'and data without a payload' says 0 'Ada Lovelace' \
	--try crm-identity-webhook "$stage/bare"
check 'as JSON too' says 0 '"outcome": "pushed"' --json \
	--try crm-identity-webhook "$stage/data"
check 'what is gone would be deleted' says 0 \
	"DELETE $mock_url/erp/customers/43" \
	--try crm-identity-webhook "$stage/gone"
check 'a webhook without its id is refused' says 65 '"identityId"' \
	--try crm-identity-webhook "$stage/short"
check 'and one that is no JSON' says 65 'no JSON' \
	--try crm-identity-webhook "$stage/nonsense"
check 'a file that is not there' says 66 'not found' \
	--try crm-identity-webhook "$stage/nowhere"
check 'a route that is not there' says 64 'no route "nobody"' \
	--try nobody "$stage/data"
is 'the target heard nothing of all this' \
	"$(mock_get log | grep -c '"path":"/erp')" 0

echo 'routes = { crm-invoice-webhook = { map = "{ a: nope }"; }; };' \
	>"$stage/conf.d/map.conf"
check 'a map with a mistake is found' says 78 \
	'routes.crm-invoice-webhook.map: nope/0 is not defined at line 1' \
	--check
check 'and stops the start' says 78 'nope/0 is not defined'
rm "$stage/conf.d/map.conf"
check 'an impossible setting stops it too' says 78 'worker.concurrency' \
	-o worker.concurrency=0
rm "$stage/secrets/crm-token"
check 'and a secret that is not there' says 78 'crm-token'
check 'an unknown flag is a mistake of the caller' says 64 'nope' --nope

# With no route it takes nothing: each job would only fail.
cat >"$conf" <<-END
	redis = { url = "unix:$redis_sock"; };
END
stage_redis
stage_worker
check 'without routes the worker waits' wait_for 10 grep -q 'no route is' \
	"$stage/worker.log"
kill -HUP "$pid_worker"
check 'SIGHUP does not end it' wait_for 5 grep -q ': reloaded ' \
	"$stage/worker.log"
stage_stop worker
is 'SIGTERM does' $? 0
the_end
