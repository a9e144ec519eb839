#!/bin/sh
# bed_test: does tests/system/run see what goes wrong? It is given bad stories,
# which must fail as they should, and is killed; nothing may stay behind.
#
#   tests/system/bed_test.sh SUITE
set -u
suite=${1:-bookworm}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir "$scratch/stories" "$scratch/broken" "$scratch/package" "$scratch/tmp"
TMPDIR=$scratch/tmp
HOOKSYNC_STORIES=$scratch/stories
export TMPDIR HOOKSYNC_STORIES
n=0
n_failed=0

result() # STATUS DESCRIPTION
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $suite/bed: $2"
	else
		n_failed=$((n_failed + 1))
		echo "not ok $n - $suite/bed: $2"
		sed 's/^/#   /' "$scratch/said" | grep -v '#   # ' | tail -n 20
	fi
}

has() # DESCRIPTION EXPRESSION; a line of what run said
{
	grep -Eq "$2" "$scratch/said"
	result $? "$1"
}

tell() # NAME; standard input is the story, below its first lines
{
	{
		printf '#!/bin/sh\n# machine: bad\n# limit: %s\n' "${2:-60}"
		cat
	} >"$scratch/stories/$1.sh"
}

if "$here/run" "$suite" 2>/dev/null </dev/null |
	grep '^1\.\.0 # SKIP'; then # no stories yet: it says only whether it can
	printf '# PASS: 0\n# FAIL: 0\n# SKIP: 1\n'
	exit 0
fi

# shellcheck disable=SC2016
begin='. /srv/bed/guest.sh; story; check "sky is blue" true'
tell fails <<-END
	$begin
	is 'one is two' 1 2
	skip 'to fly' 'no wings'
	the_end
END
tell hangs 5 <<-END
	$begin
	(trap '' TERM; exec sleep 1000) &
	sleep 1000
END
tell leaves <<-END
	$begin
	check 'nobody sleeps any more' fails pgrep -x sleep
	the_end
END
tell miscounts <<-END
	$begin
	echo 1..2
END
tell quits <<-END
	$begin
	exit 3
END
tell waits <<-END
	. /srv/bed/guest.sh
	skip_story 'the moon is not full'
END
"$here/run" "$suite" fails hangs leaves miscounts quits waits \
	>"$scratch/said" 2>&1
[ $? -eq 1 ]
result $? 'bad stories make it fail'
has 'a case that fails' '^not ok .*fails: one is two'
has 'a case that is skipped' '^ok .*fails: to fly # SKIP no wings'
has 'a story that hangs' '^not ok .*hangs: is told within 5 seconds'
has 'takes with it what it started' '^ok .*leaves: nobody sleeps'
has 'a plan that is wrong' '^not ok .*miscounts: tells 2 cases'
has 'a story that goes away' '^not ok .*quits: comes to its end'
has 'a story that cannot be told' '^ok .*waits +# SKIP the moon'
has 'their numbers, passed' '^# PASS: 6$'
has 'failed' '^# FAIL: 4$'
has 'and skipped' '^# SKIP: 2$'
has 'the plan of all' '^1\.\.12$'

# ---- a package that is broken ----

mkdir "$scratch/broken/DEBIAN"
cat >"$scratch/broken/DEBIAN/control" <<-END
	Package: hooksync
	Version: 9
	Architecture: all
	Maintainer: Nobody <nobody@example.com>
	Description: a package that does not want to be installed
END
printf '#!/bin/sh\necho I will not\nexit 1\n' \
	>"$scratch/broken/DEBIAN/postinst"
chmod 755 "$scratch/broken/DEBIAN/postinst"
dpkg-deb -b "$scratch/broken" "$scratch/package/hooksync_9_all.deb" \
	>/dev/null
tell wants <<-END
	# wants: hooksync
	$begin
	the_end
END
HOOKSYNC_DEB=$scratch/package/hooksync_9_all.deb "$here/run" "$suite" wants \
	>"$scratch/said" 2>&1
[ $? -eq 1 ]
result $? 'a package that cannot be installed makes it fail'
has 'with what it said' '^# I will not'

# ---- killed, nothing goes on ----

: >"$scratch/said"
tell sleeps 500 <<-END
	$begin
	exec sleep 500
END
"$here/run" "$suite" sleeps >"$scratch/said" 2>&1 &
run=$!
tries=0
until machine=$(pgrep -P "$run" -x unshare) || [ $tries -gt 600 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
{
	kill -KILL "$run"
	wait "$run"
} 2>/dev/null
tries=0
while [ -d "/proc/$machine" ] && [ $tries -lt 100 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
[ -n "$machine" ] && [ ! -d "/proc/$machine" ]
result $? 'when it is killed its machine ends'
tell ends <<-END
	$begin
	the_end
END
"$here/run" "$suite" ends >"$scratch/said" 2>&1
result $? 'the next one is told'
[ -z "$(ls "$TMPDIR")" ]
result $? 'and tidies up behind both'

echo "1..$n"
echo "# PASS: $((n - n_failed))"
echo "# FAIL: $n_failed"
[ "$n_failed" -eq 0 ]
