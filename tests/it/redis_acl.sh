#!/bin/sh
# The users of examples/redis.acl may do what the programs do, and no more: their
# commands are compared with those in our scripts, and then all three programs
# work under them.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx
# shellcheck source=tests/lib/stage_ctl.sh
. "$top_srcdir/tests/lib/stage_ctl.sh"

acl=$stage/hooksync.acl
sed "s|CHANGE-THIS|of-the-tests|" "$top_srcdir/etc/examples/redis.acl" >"$acl"
echo 'user default on nopass ~* +@all' >>"$acl"
stage_mock
stage_conf
rm -f "$redis_sock"
stage_spawn redis redis-server "$acl" --port 0 --unixsocket "$redis_sock" \
	--dir "$stage/redis" --save '' --appendonly yes --appendfsync no
wait_for 10 rcli ping || stage_fail redis
case $(rcli info server | tr -d '\r' | sed -n 's/^redis_version://p') in
[1-6].*)
	echo '1..0 # SKIP this Redis is older than 7 and does not list its commands'
	exit 0
	;;
esac

# ---- on paper ----

rcli command list | tr -d '\r' | sort >"$stage/commands"
queue_folder=$top_srcdir/src/queue

# The words in quotes that are commands, in the scripts of queue_ROLE_scripts.
commands_of_scripts() # ROLE
{
	sed -n "/queue_$1_scripts\[\] = {/,/^};/p" "$queue_folder/queue.c" |
		grep -o 'queue_script_[a-z_]*' | sed 's/^queue_script_//' |
		while read -r script; do
		awk -v folder="$queue_folder/lua/include" '
			function read(path,    line) {
				while ((getline line < path) > 0)
					if (line ~ /^--- @include /) {
						sub(/^--- @include +/, "", line)
						if (!(line in seen)) {
							seen[line] = 1
							read(folder "/" line)
						}
					} else if (line !~ /^[ \t]*--/) {
						print line
					}
				close(path)
			}
			BEGIN { read(ARGV[1]) }' "$queue_folder/lua/$script.lua"
	done | grep -o "'[A-Z][A-Z]*'" | tr -d "'" | tr '[:upper:]' '[:lower:]' |
		sort -u | comm -12 - "$stage/commands"
}

# What the login sends, and what a role sends itself.
wanted() # ROLE COMMAND...
{
	wanted_role=$1
	shift
	{
		commands_of_scripts "$wanted_role"
		printf '%s\n' ping select 'client|setname' 'script|load' evalsha \
			hsetnx "$@"
	} | sort -u | paste -s -d' '
}

allowed() # USER
{
	sed -n "s/^user $1 .* -@all //p" "$acl" | tr -d + | tr ' ' '\n' |
		sort | paste -s -d' '
}

is 'the responder has the commands it sends' \
	"$(allowed hooksync-fcgi)" "$(wanted add)"
is 'so has the worker' "$(allowed hooksync-worker)" "$(wanted work bzpopmin)"
is 'so has the command' "$(allowed hooksync)" \
	"$(wanted command 'client|list' info time xread xrevrange scan zcard)"

# ---- in life ----

as() # USER
{
	REDIS_USERNAME=$1
	REDIS_PASSWORD=of-the-tests
	export REDIS_USERNAME REDIS_PASSWORD
}

as hooksync-fcgi
stage_responder
stage_nginx
crm_put 1 '{"fullName":"Mary Shelley","email":"mary@example.com"}'
is 'the responder adds' \
	"$(deliver identity a1 '{"identityId":"1","action":"created"}')" 200
is 'and knows a redelivery' \
	"$(deliver identity a1 '{"identityId":"1","action":"created"}')" 200
mock_script '{"path": "/erp/invoices/7", "answers": [{"status": 422}]}'
is 'one that will fail' \
	"$(deliver invoice a2 '{"invoiceId":"7","action":"created"}')" 200
as hooksync-worker
stage_worker -o queue.backoff.delay=50ms
becomes 'the worker takes and completes' 10 'completed ' states_of identity-a1
becomes 'and fails' 10 'failed ' states_of invoice-a2
mock_script '{"path": "/erp/invoices/8", "answers": [{"status": 503, "times": 2}]}'
is 'one for later' \
	"$(deliver invoice a3 '{"invoiceId":"8","action":"created"}')" 200
becomes 'the worker delays, and takes again' 20 'completed ' states_of invoice-a3

as hooksync
ends_with 0 stats
ends_with 0 jobs failed
ends_with 0 job invoice-a2
ends_with 1 logs invoice-a2
ends_with 0 workers
ends_with 1 schedulers
ends_with 0 doctor
says 'info: sync: 1 worker is connected'
ends_with 0 events --since 0 -n 2
ends_with 0 pause
ends_with 0 resume
ends_with 0 retry invoice-a2
becomes 'the worker does what is retried' 10 'completed ' states_of invoice-a2
ends_with 0 remove invoice-a2
ends_with 0 clean completed --yes
rcli lpush "$queue:wait" stray >/dev/null
rcli del "$queue:pc" >/dev/null
rcli set "$queue:prioritized" theirs >/dev/null
ends_with 0 doctor --repair --yes
says 'renamed to aside:'
ends_with 0 obliterate --queue sync --force --yes
check 'nobody was refused anything' fails grep -q NOPERM "$stage"/*.log \
	"$stage/moaned" "$stage/said"
denied=$(rcli acl log | sed -n 's/\r$//; /^object$/{n;p;}' | sort -u)
is 'Redis refused but CONFIG, which the doctor does without' "$denied" 'config|get'

# ---- and what they may not ----

refused() # COMMAND...
{
	for user in hooksync-fcgi hooksync-worker hooksync; do
		refused_answer=$(rcli --user "$user" --pass of-the-tests \
			--no-auth-warning "$@" 2>&1)
		is "$user may not: $*" "${refused_answer%% *}" NOPERM
	done
}
refused flushall
refused flushdb
refused keys '*'
refused eval 'return 1' 0
refused config get requirepass
refused acl list
refused get other
refused set session:1 x
refused hgetall bulls
refused publish bull:x y
refused shutdown
the_end
