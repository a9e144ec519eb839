#!/bin/sh
# What the units allow is all there is: memory, tasks, and whom to talk to. A
# worker that wants more memory ends alone, comes back, and goes on.
# wants: hooksync redis-server nginx
# limit: 600
# vm
# shellcheck source=tests/system/guest.sh
. /srv/bed/guest.sh
story

cgroup=/sys/fs/cgroup/system.slice
mock_start
hooksync_settings

# Debian's loader takes it from a folder where programs may be loaded from.
cp "$BED/bin/grow_preload.so" /usr/lib/grow_preload.so
for name in worker fcgi; do
	mkdir -p "/etc/systemd/system/hooksync-$name.service.d"
	printf '[Service]\n%s\n' \
		Environment=LD_PRELOAD=/usr/lib/grow_preload.so \
		>"/etc/systemd/system/hooksync-$name.service.d/story.conf"
done
systemctl daemon-reload
check 'the services start' hooksync_restart
check 'nginx, too' nginx_site

# What the unit says in bytes is what the kernel has.
for name in worker fcgi; do
	memory=$(unit "hooksync-$name" MemoryMax)
	check "$name: the memory has a limit, $memory" \
		test "$memory" -gt 100000000
	is "$name: the kernel knows it" \
		"$(cat "$cgroup/hooksync-$name.service/memory.max")" "$memory"
	is "$name: and the number of tasks" \
		"$(cat "$cgroup/hooksync-$name.service/pids.max")" \
		"$(unit "hooksync-$name" TasksMax)"
done

# ---- memory ----

# Less than the units allow: to grow to that takes longer under emulation than
# their watchdog waits. And far less than the machine has: it ends nobody then.
small=$((128 * 1024 * 1024))

accepts() # ID
{
	[ "$(deliver item "$1" "{\"identityId\":\"$1\"}")" = 200 ]
}
has_other_pid() # UNIT PID
{
	new_pid=$(main_pid "$1")
	[ "$new_pid" != 0 ] && [ "$new_pid" != "$2" ] &&
		[ "$(unit_state "$1")" = active ]
}
for name in worker fcgi; do
	systemctl set-property --runtime "hooksync-$name.service" \
		"MemoryMax=$small"
	is "$name: may have 128 MiB from now on" \
		"$(cat "$cgroup/hooksync-$name.service/memory.max")" "$small"
	check "$name: works" accepts "before-$name"
	pid=$(main_pid "hooksync-$name")
	kill -USR2 "$pid"
	check "$name: grows, ends, and is there again" \
		wait_for 30 has_other_pid "hooksync-$name" "$pid"
	check "$name: the kernel has ended it" \
		journal_says "killed by the OOM killer" -u "hooksync-$name"
	is "$name: once" "$(unit "hooksync-$name" NRestarts)" 1
	check "$name: Redis is as it was" rcli ping
	check "$name: works again" wait_for 10 accepts "after-$name"
done
becomes 'all have arrived' 15 4 n_arrived items

# ---- tasks ----

# So many sleepers in the cgroup of a unit; prints how many there were.
crowd() # UNIT
{
	# shellcheck disable=SC2016 # the inner shell's
	sh -c 'echo $$ >"$1/cgroup.procs" || exit
		n=0
		while [ $n -lt 100 ]; do
			sleep 60 &
			n=$((n + 1))
			echo $n
		done' sh "$cgroup/$1.service" 2>/dev/null | tail -n 1
}
tasks=$(unit hooksync-fcgi TasksMax)
is 'as many tasks as the responder may have' "$tasks" 64
check 'it is full before a hundred are in' \
	test "$(crowd hooksync-fcgi)" -lt "$tasks"
check 'the kernel has refused one' \
	grep -q '^max [1-9]' "$cgroup/hooksync-fcgi.service/pids.events"
pkill -x sleep
check 'and the responder works' accepts crowded

# ---- whom the responder may talk to ----

ip address add 10.9.8.7/32 dev lo
ip address add 192.0.2.7/32 dev lo
reaches() # UNIT ADDRESS; as a process of that unit
{
	# shellcheck disable=SC2016
	sh -c 'echo $$ >"$1/cgroup.procs" &&
		exec curl --silent --max-time 5 --output /dev/null "http://$2/"' \
		sh "$cgroup/$1.service" "$2"
}
check 'anybody may talk to an address in the outside' \
	curl --silent --output /dev/null http://192.0.2.7/
check 'the worker, too' reaches hooksync-worker 192.0.2.7
check 'not the responder' fails reaches hooksync-fcgi 192.0.2.7
check 'it may talk to this host' reaches hooksync-fcgi 127.0.0.1
check 'and to the private network' reaches hooksync-fcgi 10.9.8.7
the_end
