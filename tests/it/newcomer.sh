#!/bin/sh
# The first hour with hooksync: nothing is configured, then a little, and each
# time the command says what is missing and what to type. What it says to type is
# typed here as it stands.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server
# shellcheck source=tests/lib/stage_ctl.sh
. "$top_srcdir/tests/lib/stage_ctl.sh"

cp "$top_srcdir/etc/hooksync.conf" "$conf"

# ---- check: the settings as they are shipped, and on from there ----

ends_with 0 check
says "$conf: good: 0 endpoints, 0 routes, 0 services"
says "$stage/conf.d/crm.conf:"
sed -n 's/^    //p' "$stage/said" >"$stage/conf.d/crm.conf"
is 'an endpoint is shown' "$(head -n 1 "$stage/conf.d/crm.conf")" 'endpoints = {'
ends_with 0 config
ends_with 78 check
says=$(sed -n 's/.*Type: \(install .*\)   then the secret.*/\1/p' "$stage/moaned")
is 'the missing secret has a command' "$says" \
	"install -m 600 /dev/stdin $stage/secrets/crm-webhook"
echo "$webhook_secret" | sh -c "$says"
ends_with 0 check
says 'good: 1 endpoint, 0 routes, 0 services, 1 warning'
moans 'warning: '
moans 'no route takes its job "crm"'
sed -n 's/.*for example \(routes = .*\)$/\1/p' "$stage/moaned" \
	>"$stage/conf.d/route.conf"
ends_with 78 check
moans 'there is no service "erp"'
cat >"$stage/conf.d/service.conf" <<-END
	services = { erp = { url = "http://localhost:1"; }; };
END
ends_with 0 check
says 'good: 1 endpoint, 1 route, 1 service'
code_of check --json >/dev/null
is 'nothing is left to do' "$(json_at /next) $(json_at /findings)" 'null []'
rm "$stage/conf.d/route.conf"
echo 'endpoints = { crm = { pth = "/x"; }; };' >"$stage/conf.d/typo.conf"
ends_with 78 check
moans 'typo.conf:1: endpoints.crm.pth: '
moans 'did you mean endpoints.crm.path?'
# where standard error is the journal, each line has its priority
: >"$stage/moaned"
JOURNAL_STREAM=$(stat -c %d:%i "$stage/moaned")
export JOURNAL_STREAM
ends_with 78 check
moans '<3>error: '
is 'no line is without' "$(grep -vc '^<[34]>' "$stage/moaned")" 0
ends_with 78 check --json
is 'and JSON is as ever' "$(json_at /findings/0/severity)" error
unset JOURNAL_STREAM
rm "$stage/conf.d/typo.conf"
ends_with 78 check -c "$stage"
moans "$stage: cannot be read: it is a folder, not a file"

# ---- secrets that are none ----

cat >"$stage/conf.d/redis.conf" <<-END
	redis = { url = "unix:$redis_sock"; };
END
secret=$stage/secrets/crm-webhook
refused() # MODE TEXT PROGRAM ARGUMENT...
{
	chmod "$1" "$secret"
	refused_text=$2
	shift 2
	refused_program=$1
	shift
	timeout 20 "$top_builddir/$refused_program" -c "$conf" "$@" >"$stage/said" \
		2>"$stage/moaned" </dev/null
	is "$refused_program refuses a secret that is ${refused_text#can be }" $? 78
	moans "$secret $refused_text"
	moans ": chmod 640 $secret"
}
refused 644 'can be read by everybody' hooksync-fcgi
refused 660 'can be written by its group' hooksync-fcgi
refused 644 'can be read by everybody' hooksync check
refused 660 'can be written by its group' hooksync check
chmod 640 "$secret"
cat >"$stage/conf.d/service.conf" <<-END
	services = { erp = { url = "http://localhost:1"; bearer = "secret:erp"; }; };
END
secret=$stage/secrets/erp
echo x >"$secret"
refused 644 'can be read by everybody' hooksync-worker
refused 620 'can be written by its group' hooksync-worker
# systemd's copy is private; the file behind it is not
mkdir -m 700 "$stage/credentials"
install -m 600 "$secret" "$stage/credentials/secrets_erp"
cp "$stage/secrets/crm-webhook" "$stage/credentials/secrets_crm-webhook"
CREDENTIALS_DIRECTORY=$stage/credentials
export CREDENTIALS_DIRECTORY
refused 644 'can be read by everybody' hooksync-worker
refused 644 'can be read by everybody' hooksync check
unset CREDENTIALS_DIRECTORY
chmod 600 "$secret"
ends_with 0 check

# ---- doctor: the way of a webhook, from the settings on ----

cat >"$stage/conf.d/redis.conf" <<-END
	redis = { url = "unix:$redis_sock"; };
	responder = { listen = "unix:$fcgi_sock"; };
END

# What the doctor says of one thing on the way, and nothing else of it.
tells() # TEXT
{
	says "$1"
	check 'and it is JSON' doctor_is_json
}

doctor_is_json()
{
	hooksync doctor --json >"$stage/json" 2>/dev/null </dev/null
	"$top_builddir/tests/lib/json_at" /findings/0/kind <"$stage/json"
}

ends_with 78 doctor -o redis.url=nonsense
tells 'error: settings: flag: redis.url: '
is 'it is not well' "$(code_of doctor --json -o redis.url=nonsense
	json_at /is_healthy)" '78
false'
ends_with 69 doctor
tells 'info: settings: good, with 1 warning; hooksync check tells them'
says "error: redis: Redis at unix:$redis_sock cannot be used: No such file"
says 'systemctl start redis-server'
says "must say unixsocket $redis_sock"
says "error: socket: there is no $fcgi_sock, so the web server finds nobody"
ends_with 69 doctor -o redis.url=redis://127.0.0.1:1
tells 'Connection refused; nobody listens there: systemctl start redis-server'
ends_with 69 doctor -o redis.url=redis://no-such-host.invalid
# where no name server can be asked, nothing better can be said
check 'it asks whether that is right' grep -qE \
	'REDIS_HOST\) right\?|is the address right' "$stage/said"
ends_with 69 -o redis.url=redis://127.0.0.1:1 stats
moans 'apt install redis-server'

stage_redis --appendonly yes --appendfsync no --requirepass from-the-tests
ends_with 69 doctor
tells 'error: redis: Redis at '
says 'NOAUTH Authentication required; it wants a password. Write'
says 'redis = { password = "secret:redis-password"; };'
ends_with 69 doctor -o "redis.url=unix://:wrong@$redis_sock"
says 'WRONGPASS'
says 'compare it with requirepass'
rcli -a from-the-tests acl setuser poor on '>x' '~*' +ping +info >/dev/null 2>&1
ends_with 69 doctor -o "redis.url=unix://poor:x@$redis_sock"
says 'NOPERM'
says 'the ACL of the user poor does not allow what is needed'
rcli -a from-the-tests config set requirepass '' >/dev/null 2>&1

ends_with 1 doctor
tells "error: socket: there is no $fcgi_sock"
says 'systemctl start hooksync-fcgi'
# a file that nobody listens on any more
"$top_builddir/hooksync-fcgi" -c "$conf" >"$stage/responder.log" 2>&1 &
fcgi_pid=$!
wait_for 10 test -S "$fcgi_sock"
kill -KILL "$fcgi_pid"
wait "$fcgi_pid" 2>/dev/null
ends_with 1 doctor
tells 'error: responder: '
says 'systemctl start hooksync-fcgi, or whatever starts it here'
rm -f "$fcgi_sock"
stage_responder
becomes 'a responder that is up is told' 10 0 code_of doctor
tells 'info: responder: it answers, and is ready'
says 'info: sync: no worker is connected'
says 'there is no route, so hooksync-worker takes no job'
is 'and it is well' "$(code_of doctor --json; json_at /is_healthy)" '0
true'
is 'one queue is asked about alone' "$(code_of doctor --queue sync)" 0
check 'of nothing else it speaks' fails grep -q 'responder:\|settings:' \
	"$stage/said"

# the responder knows another Redis than we do
stage_stop responder
rm -f "$fcgi_sock"
stage_responder -o redis.url=redis://127.0.0.1:1
ends_with 1 doctor
tells 'it does not reach Redis, though this command does'
says 'systemctl restart hooksync-fcgi'
rcli shutdown nosave >/dev/null 2>&1
stage_stop redis
ends_with 69 doctor
tells 'error: responder: it answers, and refuses webhooks (503) while Redis is away'
stage_stop responder
rm -f "$fcgi_sock"

# who may not use the socket is not told that it is broken
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	mkfifo "$stage/closed"
	chmod 600 "$stage/closed"
	chmod 755 "$stage"
	cp "$top_builddir/hooksync" "$stage/command"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$stage/command" \
		-c "$conf" -o "responder.listen=unix:$stage/closed" doctor \
		>"$stage/said" 2>&1
	says 'for root and the group root; not for you'
	says 'sudo hooksync doctor'
fi
the_end
