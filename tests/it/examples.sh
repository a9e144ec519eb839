#!/bin/sh
# Each example in etc/examples is good as it is, and takes a webhook as its sender
# sends it, here by openssl and curl; and refuses one that is not.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx
# shellcheck source=tests/lib/stage_ctl.sh
. "$top_srcdir/tests/lib/stage_ctl.sh"

examples=$top_srcdir/etc/examples
cat >"$conf" <<-END
	redis     = { url = "unix:$redis_sock"; };
	responder = { listen = "unix:$fcgi_sock"; };
END
stage_redis
stage_nginx

# Only this one, with the secrets that it names.
use() # EXAMPLE
{
	[ -z "$pid_responder" ] || stage_stop responder
	rm -f "$stage"/conf.d/* "$stage"/secrets/* "$fcgi_sock"
	cp "$examples/$1.conf" "$stage/conf.d/$1.conf"
	grep -o '"secret:[^"]*"' "$examples/$1.conf" | tr -d '"' |
		sed 's/^secret://' | while read -r name; do
		case $name in
		crm-basic) echo 'Basic Y3JtOnRoZS1wYXNzd29yZA==' ;;
		*-login) echo user:password ;;
		*) echo "$webhook_secret" ;;
		esac | install -m 640 /dev/stdin "$stage/secrets/$name"
	done
	ends_with 0 check
	check "$1 is good, without a warning" \
		grep -q 'good: 1 endpoint, 1 route, [12] services*$' "$stage/said"
	stage_responder
	wait_for 10 grep -q 'redis connected' "$stage/responder.log"
}

# What curl's options add to the body in $stage/body; the answer's status.
posted() # PATH OPTION...
{
	posted_path=$1
	shift
	case "$*" in
	*"@$stage/signed"*) ;; # the signature's headers say it already
	*) set -- --header 'Content-Type: application/json' "$@" ;;
	esac
	web "$posted_path" --output "$stage/answer" --write-out '%{http_code}' \
		--data-binary "@$stage/body" "$@"
}

use first
printf '{"id":"42","name":"Ada"}' >"$stage/body"
sign_standard f1 "$stage/body" >"$stage/signed"
is 'the first: signed' \
	"$(posted /webhooks/contact --header "@$stage/signed")" 200
is 'its job' "$(job_field contact-f1 data)" \
	'{"contactId":"42","rawPayload":{"id":"42","name":"Ada"}}'
is 'the first: unsigned' "$(posted /webhooks/contact)" 401

use standard-webhooks
printf '{"type":"customer.updated","data":{"id":"7"}}' >"$stage/body"
sign_standard s1 "$stage/body" >"$stage/signed"
is 'Standard Webhooks: signed' \
	"$(posted /webhooks/customer --header "@$stage/signed")" 200
is 'Standard Webhooks: unsigned' "$(posted /webhooks/customer)" 401

use github
printf '{"action":"opened","issue":{"id":1,"title":"x","state":"open"}}' \
	>"$stage/body"
sign_github 72d3162e "$stage/body" >"$stage/signed"
is 'GitHub: signed' "$(posted /webhooks/github --header "@$stage/signed")" 200
is 'GitHub: the job is named by the delivery' \
	"$(job_field issues-72d3162e name)" github-issue
printf '{"zen":"ping"}' >"$stage/body"
sign_github 72d3162f "$stage/body" >"$stage/signed"
is 'GitHub: ping' "$(posted /webhooks/github --header "@$stage/signed")" 400
is 'GitHub: unsigned' "$(posted /webhooks/github)" 401

use token
printf '{"invoice":{"id":"9"}}' >"$stage/body"
is 'a token: the right one' \
	"$(posted /webhooks/invoice --header "X-Webhook-Token: $webhook_secret" \
		--header 'X-Delivery-Id: t1')" 200
is 'its job' "$(job_field invoice-t1 name)" invoice
is 'a token: another' \
	"$(posted /webhooks/invoice --header 'X-Webhook-Token: guess')" 401

use basic-login
printf '{"meta":{"entity_id":5,"action":"change"},"data":{"name":"x"}}' \
	>"$stage/body"
is 'a login: the right one' \
	"$(posted /webhooks/person --user crm:the-password)" 200
is 'a login: another' "$(posted /webhooks/person --user crm:guess)" 401
is 'a login: none' "$(posted /webhooks/person)" 401

# A new example must be tried here, too.
is 'no example was left out' "$(cd "$examples" && printf '%s ' *.conf)" \
	'basic-login.conf first.conf github.conf standard-webhooks.conf token.conf '
the_end
