# stage_manager.sh: a service manager in the play: what our programs tell it,
# and whether its watchdog would be content. After lib.sh.
# shellcheck shell=sh
: "${stage:=}" "${top_builddir:=$PWD}" # stage.sh's

# From now on programs find a manager that wants a ping every WATCHDOG_MS; 0:
# none.
stage_manager() # WATCHDOG_MS
{
	stage_spawn manager "$top_builddir/tests/lib/manager" "$stage/notify"
	wait_for 10 test -S "$stage/notify" || stage_fail manager
	NOTIFY_SOCKET=$stage/notify
	export NOTIFY_SOCKET
	[ "$1" -eq 0 ] || {
		WATCHDOG_USEC=$1"000"
		export WATCHDOG_USEC
	}
}

# The status line as it is now.
status_line()
{
	sed -n 's/^[0-9]* STATUS=//p' "$stage/manager.log" | tail -n 1
}

n_heard() # PATTERN
{
	grep -c "^[0-9]* $1" "$stage/manager.log"
}

n_heard_some() # PATTERN
{
	[ "$(n_heard "$1")" -gt 0 ]
}

# The longest time between two pings, in ms, since one of so many ago, up to now
# as far as the last ping tells.
longest_pause() # PINGS
{
	grep ' WATCHDOG=1' "$stage/manager.log" | tail -n "$1" |
		awk 'NR > 1 && $1 - last > longest { longest = $1 - last }
		     { last = $1 } END { print longest + 0 }'
}

# Pings come: so many more than there were.
pings_go_on() # PINGS SECONDS
{
	manager_wanted=$(($(n_heard WATCHDOG=1) + $1))
	wait_for "$2" has_pinged
}

has_pinged()
{
	[ "$(n_heard WATCHDOG=1)" -ge "$manager_wanted" ]
}
