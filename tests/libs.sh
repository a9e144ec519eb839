#!/bin/sh
# What the programs are linked with: the one that listens to strangers needs the
# least. Libraries come in by HS_LIBS, for all; the linker leaves out those
# that nothing calls.
top_builddir=${top_builddir:-$PWD}

if ! command -v readelf >/dev/null; then
	echo '1..0 # SKIP no readelf'
	exit 0
fi

n_cases=0
n_failed=0

report() # OK-or-not DESCRIPTION
{
	n_cases=$((n_cases + 1))
	[ "$1" = ok ] || n_failed=$((n_failed + 1))
	echo "$1 $n_cases - $2"
}

needs() # PROGRAM LIBRARY
{
	readelf -d "$top_builddir/$1" | grep NEEDED | grep -q "\[$2[-.]"
}

# The questions can be answered: each program is there, and needs something.
for program in hooksync-fcgi hooksync-worker; do
	if needs "$program" libevent_core && needs "$program" libhiredis; then
		report ok "$program needs libevent and hiredis"
	else
		report 'not ok' "$program needs libevent and hiredis"
	fi
done
for library in libcurl libjq libglib; do
	if needs hooksync-fcgi "$library"; then
		report 'not ok' "the responder needs no $library"
	else
		report ok "the responder needs no $library"
	fi
done
if needs hooksync-worker libfcgi; then
	report 'not ok' 'the worker needs no libfcgi'
else
	report ok 'the worker needs no libfcgi'
fi
if needs hooksync-worker libcurl; then
	report ok 'the worker needs libcurl'
else
	report 'not ok' 'the worker needs libcurl'
fi

echo "1..$n_cases"
[ "$n_failed" -eq 0 ]
