# stage_ctl.sh: what stories of the command say, for scripts that have sourced
# tests/it/lib.sh: run it, look at its exit code, at what it said and moaned.
# shellcheck shell=sh disable=SC2154

# What a verb says goes to $stage/said, what it complains of to $stage/moaned.
code_of() # VERB ARGUMENT...
{
	hooksync "$@" >"$stage/said" 2>"$stage/moaned" </dev/null
	echo $?
}

ends_with() # CODE VERB ARGUMENT...
{
	ends_code=$1
	shift
	is "hooksync $* ends with $ends_code" "$(code_of "$@")" "$ends_code"
}

says() # TEXT
{
	check "it says: $1" grep -Fq -e "$1" "$stage/said"
}

moans() # TEXT
{
	check "it complains: $1" grep -Fq -e "$1" "$stage/moaned"
}

json_at() # [POINTER]
{
	"$top_builddir/tests/lib/json_at" "$@" <"$stage/said"
}

# No byte that a terminal acts upon: C0 but the newline, DEL, C1 as UTF-8.
is_harmless()
{
	! LC_ALL=C grep -q "$(printf '[\001-\011\013-\037\177]')" \
		"$stage/said" "$stage/moaned" &&
		! LC_ALL=C grep -q "$(printf '\302[\200-\237]')" "$stage/said"
}
