# lib.sh: a story is a shell script that reads from top to bottom and speaks
# TAP. This adds the speaking to tests/lib/stage.sh.
#
#   . "${top_srcdir:-.}/tests/it/lib.sh"
#   story redis-server nginx      # what must be installed, else SKIP
#   ...
#   is "the answer is 200" "$(deliver identity d1 "$body")" 200
#   check "the object arrived" wait_for 5 erp_get customers/42
#   the_end
#
# By hand, from the build folder: sh ../tests/it/main_job.sh
# shellcheck shell=sh

set -u
top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
top_builddir=${top_builddir:-$PWD}
# shellcheck source=tests/lib/stage.sh
. "$top_srcdir/tests/lib/stage.sh"

tap_n=0
tap_failed=0

story() # PROGRAM...; opens the stage
{
	for tap_tool in "$@" redis-cli curl openssl; do
		if ! PATH=$PATH:/usr/sbin command -v "$tap_tool" >/dev/null; then
			echo "1..0 # SKIP $tap_tool is not installed"
			exit 0
		fi
	done
	PATH=$PATH:/usr/sbin
	stage_open
	trap tap_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
}

tap_cleanup()
{
	tap_status=$?
	trap - EXIT
	stage_close
	exit "$tap_status"
}

# A failed step shows what the programs said so far.
tap_result() # STATUS DESCRIPTION
{
	tap_n=$((tap_n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_n - $2"
		return
	fi
	tap_failed=1
	echo "not ok $tap_n - $2"
	for tap_log in responder worker nginx; do
		[ ! -s "$stage/$tap_log.log" ] ||
			tail -n 10 "$stage/$tap_log.log" |
			sed "s/^/#   $tap_log: /"
	done
}

check() # DESCRIPTION COMMAND...
{
	tap_what=$1
	shift
	"$@" >/dev/null 2>&1
	tap_result $? "$tap_what"
}

fails() # COMMAND...
{
	! "$@"
}

says() # TEXT COMMAND...; the command succeeds and its output has the text
{
	tap_wanted=$1
	shift
	tap_said=$("$@" 2>/dev/null) || return
	[ "${tap_said#*"$tap_wanted"}" != "$tap_said" ]
}

is() # DESCRIPTION GOT WANTED
{
	if [ "$2" = "$3" ]; then
		tap_result 0 "$1"
	else
		printf '#   wanted: %s\n' "$3" | sed '2,$s/^/#   /'
		printf '#   got:    %s\n' "$2" | sed '2,$s/^/#   /'
		tap_result 1 "$1"
	fi
}

# is, but the value may need a while: the command's output is compared.
becomes() # DESCRIPTION SECONDS WANTED COMMAND...
{
	tap_what=$1
	tap_limit=$2
	tap_wanted=$3
	shift 3
	wait_for "$tap_limit" tap_says "$tap_wanted" "$@"
	is "$tap_what" "$("$@" 2>&1)" "$tap_wanted"
}

tap_says() # WANTED COMMAND...
{
	tap_said=$1
	shift
	[ "$("$@" 2>/dev/null)" = "$tap_said" ]
}

# What valgrind or a sanitizer found in our programs is in their logs, at the
# latest when they end.
tap_findings()
{
	for tap_name in worker responder mock; do
		eval "tap_pid=\$pid_$tap_name"
		[ -z "$tap_pid" ] || stage_stop "$tap_name" || :
	done
	grep -E '^==[0-9]+==|(Address|Leak|Thread)Sanitizer|runtime error:' \
		"$stage"/*.log >"$stage/findings"
}

the_end()
{
	check 'nobody complains of our memory or threads' fails tap_findings
	head -n 40 "$stage/findings" | sed "s|^$stage/|#   |"
	echo "1..$tap_n"
	exit "$tap_failed"
}
