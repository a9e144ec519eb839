#!/bin/sh
# The journal knows one job's way through both daemons by its id, what each line
# means and how grave it is; and a journal that hangs stops no job.
# wants: hooksync redis-server nginx
# limit: 180
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

# What journalctl finds: lines of one field, or all of a kind.
field() # FIELD MATCH...
{
	field_name=$1
	shift
	journalctl --no-pager -q -o cat --since "$tap_since" \
		--output-fields="$field_name" "$@"
}

id_of() # KIND; as base/message.c has it: from the catalog, by its Subject
{
	journalctl --list-catalog | sed -n "s/^\([0-9a-f]*\) hooksync: $1\$/\1/p"
}

count() # MATCH...
{
	field MESSAGE "$@" | wc -l
}

explained() # TEXT MATCH...
{
	explained_text=$1
	shift
	journalctl --no-pager -q -x --since "$tap_since" "$@" |
		grep -Fq -e "$explained_text"
}

# ---- as it comes from the package ----

check 'the package brings its texts into the catalog' \
	test -n "$(id_of 'hooksync has started')"
tap_since='1970-01-01'
becomes 'the responder says that it has no endpoint' 10 1 \
	count -u hooksync-fcgi "MESSAGE_ID=$(id_of 'No endpoint.*')"
is 'which is a warning' "$(field PRIORITY -u hooksync-fcgi \
	"MESSAGE_ID=$(id_of 'No endpoint.*')")" 4
becomes 'the worker that it has no route' 10 1 \
	count -u hooksync-worker "MESSAGE_ID=$(id_of 'No route.*')"
check 'journalctl -x says what to do then' explained \
	'Write an endpoint into a file' -u hooksync-fcgi
tap_since=$(date '+%Y-%m-%d %H:%M:%S')

# ---- the way of one job ----

mock_start
hooksync_settings
check 'the services take the settings' hooksync_restart
check 'so does nginx' nginx_site
crm_put 42 '{"fullName":"Ada Lovelace","email":"ada@example.com"}'
is 'a webhook is accepted' \
	"$(deliver identity d-1 '{"identityId":"42","action":"updated"}')" 200
job=HOOKSYNC_JOB_ID=identity-d-1
becomes 'three lines have its job: added, taken, completed' 10 \
	'job added
job completed
job taken' sh -c "journalctl -q -o cat $job | cut -d' ' -f1,2 | sort"
is 'by responder and worker' "$(field SYSLOG_IDENTIFIER "$job" | sort -u)" \
	'hooksync-fcgi
hooksync-worker'
is 'each in its unit' "$(field _SYSTEMD_UNIT "$job" | sort -u)" \
	'hooksync-fcgi.service
hooksync-worker.service'
is 'none is alarming' "$(field PRIORITY "$job" | uniq)" 6
is 'all name the queue' "$(field HOOKSYNC_QUEUE "$job" | uniq -c | xargs)" \
	'3 sync'
is 'one the endpoint' "$(field HOOKSYNC_ENDPOINT "$job")" identity
is 'two the attempt' "$(field HOOKSYNC_ATTEMPT "$job" | xargs)" '1 1'
is 'one the route' "$(field HOOKSYNC_ROUTE "$job")" crm-identity-webhook
is 'and the outcome' "$(field HOOKSYNC_OUTCOME "$job")" pushed
is 'each kind has its id' "$(field MESSAGE_ID "$job" | sort -u | wc -l)" 3
is 'and the request is the one the sender was told' \
	"$(field HOOKSYNC_REQUEST "$job")" \
	"$(tr -d '\r' <"$stage/head" | sed -n 's/^X-Request-Id: //Ip')"
check 'in one entry all of it, as JSON' sh -c "journalctl -q -o json $job |
	grep -q '\"HOOKSYNC_OUTCOME\":\"pushed\"'"
check 'the line reads as ever' journal_says \
	'job added queue=sync job=identity-d-1 endpoint=identity request='
check 'journalctl -x explains it' explained \
	'hooksync job identity-d-1' "$job"

# ---- a job that fails ----

mock_script '{"path":"/erp/customers/43","method":"PUT",
	"answers":[{"status":422,"times":0}]}'
crm_put 43 '{"fullName":"Charles"}'
is 'another is accepted' "$(deliver identity d-2 '{"identityId":"43"}')" 200
failed="MESSAGE_ID=$(id_of 'Job @HOOKSYNC_JOB_ID@ has failed for good')"
becomes 'its job fails' 10 identity-d-2 field HOOKSYNC_JOB_ID "$failed"
is 'which is a warning' "$(field PRIORITY "$failed")" 4
check 'with its reason' sh -c \
	"journalctl -q -o cat --output-fields=HOOKSYNC_REASON $failed | grep 422"
check 'journalctl -x knows how to have it run again' explained \
	'hooksync retry --queue sync identity-d-2' "$failed"
curl -fs -o /dev/null -X POST "$mock_url/_mock/reset"
crm_put 43 '{"fullName":"Charles"}'
check 'that command does it' hooksync retry --queue sync identity-d-2
becomes 'and it arrives' 10 '{"name":"Charles","email":null}' \
	erp_get customers/43

# ---- an attack ----

refused="MESSAGE_ID=$(id_of "A webhook's signature was not accepted.*")"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	printf '{"n":%s}' "$i" >"$stage/body"
	printf 'webhook-id: x\nwebhook-timestamp: 1\nwebhook-signature: v1,eA==\nContent-Type: application/json\n' \
		>"$stage/signed"
	post identity >/dev/null
done
is 'of fifteen forged webhooks ten have a line' "$(count "$refused")" 10
is 'as warnings' "$(field PRIORITY "$refused" | uniq)" 4
is 'of that endpoint' "$(field HOOKSYNC_ENDPOINT "$refused" | uniq)" identity
becomes 'and five are counted, later' 20 1 sh -c "
	curl -s -o /dev/null http://localhost/readyz
	journalctl -q -o cat $refused | grep -c 'more deliveries refused .* n=5 '"

# ---- Redis goes and comes ----

lost="MESSAGE_ID=$(id_of 'Redis at .* cannot be reached')"
systemctl stop redis-server
becomes 'both miss Redis' 10 'hooksync-fcgi hooksync-worker' sh -c "
	journalctl -q -o cat --output-fields=SYSLOG_IDENTIFIER $lost | sort -u | xargs"
is 'as warnings' "$(field PRIORITY "$lost" | uniq)" 4
is 'a webhook is refused meanwhile' \
	"$(deliver identity d-3 '{"identityId":"42"}')" 503
check 'which says its kind' test 1 -le \
	"$(count "MESSAGE_ID=$(id_of 'A webhook could not be stored.*')")"
check 'journalctl -x says where to look' explained \
	'systemctl status redis-server' "$lost"
systemctl start redis-server
found="MESSAGE_ID=$(id_of 'Connected to Redis.*')"
becomes 'and find it again' 20 'hooksync-fcgi hooksync-worker' sh -c "
	journalctl -q -o cat $found | grep -q ' back ' &&
	journalctl -q -o cat --output-fields=SYSLOG_IDENTIFIER $found |
		sort -u | xargs"
becomes 'a webhook is accepted again' 10 200 deliver identity d-4 \
	'{"identityId":"42"}'

# ---- who cannot run ----

systemd-run -q --wait -p Type=exec hooksync-fcgi -o responder.nonsense=1
fatal="MESSAGE_ID=$(id_of 'hooksync cannot run')"
is 'a wrong option is critical' "$(field PRIORITY "$fatal")" 2
systemd-run -q --wait sh -c \
	"exec hooksync-fcgi -o responder.nonsense=1 2>$stage/plain"
check 'standard error that leads elsewhere gets plain text' \
	grep -q '^fatal hooksync-fcgi: ' "$stage/plain"
is 'and the journal nothing of it' "$(count "$fatal")" 1

# ---- a journal that hangs ----

journald=$(main_pid systemd-journald)
before=$(main_pid hooksync-worker)
kill -STOP "$journald"
load_start hang 1500 --concurrency 8
load_wait hang 60
hang_code=$?
wait_for 30 sh -c "[ \"\$(redis-cli zcard bull:sync:wait)\" != x ] &&
	[ \"\$(redis-cli llen bull:sync:wait)\" = 0 ] &&
	[ \"\$(redis-cli llen bull:sync:active)\" = 0 ]"
arrived=$(n_arrived items)
kill -CONT "$journald"
is 'while the journal hangs, 1500 webhooks are accepted' "$hang_code" 0
is 'with these answers' "$(load_codes hang)" '200 1500'
is 'and their jobs are done' "$arrived" 1500
is 'by the same worker' "$(main_pid hooksync-worker)" "$before"
is 'when it goes on it hears the next job' \
	"$(deliver identity d-5 '{"identityId":"42"}')" 200
becomes 'from both' 20 3 count HOOKSYNC_JOB_ID=identity-d-5
becomes 'and how many lines each of them has missed' 5 2 count \
	"MESSAGE_ID=$(id_of 'The journal did not read.*')"

# ---- a journal that is started anew ----

systemctl restart systemd-journald
is 'after its restart' \
	"$(deliver identity d-6 '{"identityId":"42"}')" 200
becomes 'it hears both as before' 20 3 count HOOKSYNC_JOB_ID=identity-d-6
the_end
