#!/bin/sh
# base/doc and JSON.parse() agree on what JSON is. Needs node, no packages.
top_srcdir=${top_srcdir:-$(dirname "$0")/../..}
top_builddir=${top_builddir:-.}

if ! command -v node >/dev/null; then
	echo '1..0 # SKIP node is not installed'
	exit 0
fi
echo '1..1'
if node "$top_srcdir/tests/fuzz/json_oracle.mjs" \
	"$top_builddir/tests/fuzz/doc_verdict" "$@"; then
	echo 'ok 1 - doc and JSON.parse() agree'
else
	echo 'not ok 1 - doc and JSON.parse() agree'
	exit 1
fi
