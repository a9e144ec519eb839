# guest.sh: the words of the stories about hooksync as it is installed, for the
# scripts that tests/system/run tells in a booted machine.
#
#   . /srv/bed/guest.sh
#   story                             # opens the stage; mock and folder go with it
#   mock_start                        # the CRM and the target: $mock_url
#   hooksync_settings                 # conf.d/story.conf, secrets; one endpoint each
#   nginx_site                        # passes /webhooks/ on, with our snippet
#   is 'accepted' "$(deliver identity d-1 '{"identityId":"42"}')" 200
#   becomes 'it arrives' 10 1 n_arrived
#   the_end
#
# All of tests/it/lib.sh and tests/lib/stage.sh is here too, but it means the
# machine's own services: `rcli` and `n_jobs` ask the Redis on port 6379, `web`,
# `post` and `deliver` go to port 80, `hooksync` is /usr/bin/hooksync. What a
# failed case shows is the journal of our units. The story is root, and alone:
# it may change the machine as it likes.
# shellcheck shell=sh

BED=${BED:-/srv/bed}
top_srcdir=$BED/src
top_builddir=$BED/build
export top_srcdir top_builddir
# shellcheck source=tests/it/lib.sh
. "$top_srcdir/tests/it/lib.sh"
unset -f hooksync stage_redis stage_responder stage_worker stage_nginx \
	stage_nginx_start stage_nginx_conf stage_nginx_tcp stage_conf tap_findings

web_url=http://localhost
web_sock=''

# The package, and a higher version of it; for apt install.
# shellcheck disable=SC2034 # for the stories
this_deb=$(echo "$BED"/debs/hooksync_*.deb)
# shellcheck disable=SC2034
next_deb=$(echo "$BED"/next/hooksync_*.deb)

story()
{
	stage_open
	chmod 755 "$stage"
	trap tap_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	tap_since=$(date '+%Y-%m-%d %H:%M:%S')
}

skip_story() # REASON; instead of all
{
	echo "1..0 # SKIP $1"
	exit 0
}

# A failed case shows what our units said last.
tap_result() # STATUS DESCRIPTION
{
	tap_n=$((tap_n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_n - $2"
		return
	fi
	tap_failed=1
	echo "not ok $tap_n - $2"
	journal | tail -n 15 | sed 's/^/#   /'
}

# A case that this machine cannot show.
skip() # DESCRIPTION REASON
{
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

diag() # TEXT...
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

the_end()
{
	echo "1..$tap_n"
	exit "$tap_failed"
}

# What our units said since the story began; or others, or with options of
# journalctl: journal -u nginx
journal() # [OPTION...]
{
	[ $# -gt 0 ] || set -- -u 'hooksync-*'
	journalctl --no-pager -q -o short-monotonic --since "$tap_since" "$@"
}

journal_says() # TEXT [OPTION...]
{
	journal_text=$1
	shift
	journal "$@" | grep -Fq -e "$journal_text"
}

# ---- packages and units ----

install() # PACKAGE|FILE...; as a person would, and what apt says is shown
{
	# shellcheck disable=SC2094
	if ! apt-get -q -y install "$@" >"$stage/apt.log" 2>&1; then
		sed 's/^/# apt: /' "$stage/apt.log"
		return 1
	fi
}

unit() # UNIT PROPERTY
{
	systemctl show --value -p "$2" "$1"
}

unit_state() # UNIT
{
	systemctl is-active "$1"
}

main_pid() # UNIT
{
	unit "$1" MainPID
}

# ---- the others ----

# As tests/lib/mock.c says; stays until the story ends.
mock_start() # [OPTION...]
{
	stage_spawn mock "$BED/bin/mock" --port-file "$stage/mock.port" \
		--bearer crm-token-of-the-tests \
		--basic erp:login-of-the-tests "$@"
	wait_for 10 test -s "$stage/mock.port" || stage_fail mock
	mock_url=http://127.0.0.1:$(cat "$stage/mock.port")
}

secret_put() # NAME TEXT
{
	(umask 027 && printf '%s\n' "$2" >"/etc/hooksync/secrets/$1")
	chmod 640 "/etc/hooksync/secrets/$1"
	chgrp hooksync "/etc/hooksync/secrets/$1" 2>/dev/null || :
}

# Two endpoints and their routes as a file in conf.d, and the secrets. It wants
# the mock. The services are not told: that is the story's to do.
hooksync_settings()
{
	secret_put crm-token crm-token-of-the-tests
	secret_put erp-login erp:login-of-the-tests
	secret_put crm-webhook "$webhook_secret"
	cat >/etc/hooksync/conf.d/story.conf <<-END
		services  = {
		  crm = { url = "$mock_url/crm"; bearer = "secret:crm-token"; };
		  erp = { url = "$mock_url/erp"; basic = "secret:erp-login";
		          concurrency = 50; };
		};
		endpoints = {
		  identity = {
		    path = "/webhooks/identity"; job = "crm-identity-webhook";
		    data = { identityId = "/identityId"; identityType = "/identityType?";
		             action = "/action?"; };
		    verify = { scheme = "standard-webhooks";
		               secrets = [ "secret:crm-webhook" ]; };
		  };
		  invoice = {
		    path = "/webhooks/invoice"; job = "crm-invoice-webhook";
		    data = { invoiceId = "/invoiceId"; };
		    verify = { scheme = "github"; secrets = [ "secret:crm-webhook" ]; };
		    delivery_header = "X-GitHub-Delivery";
		  };
		  item = {
		    path = "/webhooks/item"; job = "item";
		    data = { itemId = "/identityId"; };
		    verify = { scheme = "standard-webhooks";
		               secrets = [ "secret:crm-webhook" ]; };
		  };
		};
		routes = {
		  crm-identity-webhook = {
		    fetch = { service = "crm"; path = "/identities/{identityId}"; };
		    map   = "{ name: .source.fullName, email: .source.email }";
		    push  = { service = "erp"; method = "PUT";
		              path = "/customers/{identityId}"; };
		    gone  = { service = "erp"; method = "DELETE";
		              path = "/customers/{identityId}"; };
		  };
		  crm-invoice-webhook = {
		    map   = "{ number: .data.rawPayload.number, total: .data.rawPayload.total }";
		    push  = { service = "erp"; method = "PUT";
		              path = "/invoices/{invoiceId}"; };
		  };
		  item = {
		    map   = ".data.rawPayload";
		    push  = { service = "erp"; method = "PUT"; path = "/items/{itemId}"; };
		  };
		};
	END
}

hooksync_restart()
{
	systemctl restart hooksync-fcgi.service hooksync-worker.target
}

# As README.Debian has it; `web /webhooks/...` goes there.
nginx_site() # [LINE...]; more for the server block
{
	rm -f /etc/nginx/sites-enabled/default
	echo 'include snippets/hooksync-upstream.conf;' \
		>/etc/nginx/conf.d/hooksync.conf
	{
		echo 'server {'
		echo '	listen 80 default_server backlog=1024;'
		echo '	location /webhooks/ { include snippets/hooksync.conf; }'
		echo '	location = /healthz { include snippets/hooksync.conf; }'
		echo '	location = /readyz { include snippets/hooksync.conf; }'
		[ $# -eq 0 ] || printf '\t%s\n' "$@"
		echo '}'
	} >/etc/nginx/conf.d/story.conf
	# a reload would leave old workers answering for a while
	systemctl restart nginx
}

rcli() # a command for the machine's Redis
{
	redis-cli "$@"
}

# How many objects of a kind the target holds: customers, invoices, items.
n_arrived() # [KIND]
{
	mock_get objects | grep -o "\"/erp/${1:-items}/[^\"]*\": *{" | wc -l
}

# ---- load: many signed webhooks to /webhooks/item, each sent once ----

# Returns at once; the ledger is $stage/NAME.ledger. Options: tests/system/poster.c
load_start() # NAME N [OPTION...]; --concurrency 8 --rate 200
{
	load_name=$1
	load_n=$2
	shift 2
	stage_spawn "$load_name" "$BED/bin/poster" \
		--url "$web_url/webhooks/item" --secret "$webhook_secret" \
		--prefix "$load_name" --count "$load_n" \
		--body "{\"identityId\":\"$load_name-%\"}" \
		--ledger "$stage/$load_name.ledger" "$@"
}

load_answered() # NAME; how many answers there are so far
{
	wc -l <"$stage/$1.ledger"
}

load_has() # NAME N; at least so many
{
	[ -f "$stage/$1.ledger" ] && [ "$(load_answered "$1")" -ge "$2" ]
}

# Its exit status is 0 when all were answered 200.
load_wait() # NAME [SECONDS]
{
	eval "load_pid=\$pid_$1"
	# shellcheck disable=SC2154
	wait_for "${2:-60}" stage_is_gone "$load_pid" || return
	wait "$load_pid"
}

# The statuses and how often each: "200 9998, 502 2"; 0 is no answer at all.
load_codes() # NAME
{
	awk '{ n[$2]++ } END { for (code in n) print code, n[code] }' \
		"$stage/$1.ledger" | sort | paste -s -d, | sed 's/,/, /g'
}

load_bad() # NAME; those lines of the ledger
{
	awk '$2 != 200' "$stage/$1.ledger"
}

# How many that were answered 200 are not in the target.
load_lost() # NAME
{
	mock_get objects | grep -o '"/erp/items/[^"]*"' |
		sed 's,.*/,,; s,"$,,' | sort >"$stage/arrived"
	awk '$2 == 200 { print $1 }' "$stage/$1.ledger" | sort |
		comm -23 - "$stage/arrived" | wc -l
}
