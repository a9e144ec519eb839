#!/bin/sh
# The completions for bash and zsh know the verbs and options that the programs
# themselves tell in their help: no more, no less. And they complete: bash is asked
# with COMP_WORDS, as readline does it, zsh at a terminal of its own.
# shellcheck shell=sh

set -u
top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
top_builddir=${top_builddir:-$PWD}
top_builddir=$(cd "$top_builddir" && pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
unset REDIS_URL REDIS_HOST CREDENTIALS_DIRECTORY
PATH=$top_builddir:$PATH
n=0
failed=0

is() # DESCRIPTION GOT WANTED
{
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
		return
	fi
	echo "not ok $n - $1"
	printf '# wanted: %s\n# got:    %s\n' "$3" "$2"
	failed=1
}

has() # DESCRIPTION GOT WORD
{
	case " $2 " in
	*" $3 "*) is "$1" yes yes ;;
	*) is "$1" "$2" "$3 among them" ;;
	esac
}

skip() # WHAT WHY
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

words() # sorted, in one line
{
	tr -s '[:space:]' '\n' | grep . | sort -u | paste -s -d' '
}

verbs=$(hooksync --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p' | words)
options_of() # PROGRAM [VERB]; long ones, by its help
{
	"$@" --help | grep -o '^ *\(-[a-zA-Z], \|  *\)--[a-z-]*' | grep -o -e '--[a-z-]*' |
		words
}
is 'the help has verbs' "$(echo "$verbs" | wc -w)" 23

cat >"$folder/hooksync.conf" <<-'END'
	queue = { name = "all"; };
	services = { erp = { url = "http://localhost"; }; };
	endpoints = {
	  contact = { path = "/a"; verify = { scheme = "none"; }; };
	  invoice = { path = "/b"; queue = "slow"; verify = { scheme = "none"; }; };
	};
	routes = { contact = { push = { service = "erp"; path = "/"; }; };
	  bills = { job = "invoice"; push = { service = "erp"; path = "/"; }; }; };
END
conf=$folder/hooksync.conf

# ---- bash ----

bash_file=$top_srcdir/etc/completion/hooksync.bash

# What a Tab after the last word offers; a word "" begins a new one.
# shellcheck disable=SC2016
tab() # WORD...
{
	(cd "$folder" && bash -c '
		source "$0"
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		compopt() { :; }
		function=$(complete -p "${1##*/}") || exit
		function=${function#*-F }
		${function%% *} "$1" "${COMP_WORDS[COMP_CWORD]}" \
			"${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' "$bash_file" "$@") | words
}

if ! command -v bash >/dev/null; then
	skip 'bash' 'bash is not installed'
else
	is 'bash: the verbs' "$(tab hooksync '')" "$(echo "$verbs" help | words)"
	is 'bash: the options without a verb' "$(tab hooksync -)" \
		"$(options_of hooksync)"
	for verb in $verbs; do
		is "bash: the options of $verb" "$(tab hooksync "$verb" --)" \
			"$(options_of hooksync "$verb")"
	done
	for program in hooksync-fcgi hooksync-worker; do
		is "bash: the options of $program" "$(tab "$program" --)" \
			"$(options_of "$program")"
	done
	is 'bash: a verb begun' "$(tab hooksync re)" 'remove resume retry'
	is 'bash: a state' "$(tab hooksync jobs f)" failed
	is 'bash: a state, for clean' "$(tab hooksync clean --yes comp)" completed
	is 'bash: a state, by option' "$(tab hooksync jobs --state de)" delayed
	is 'bash: and with =' "$(tab hooksync jobs --state = de)" delayed
	is 'bash: nothing typed behind it yet' \
		"$(tab hooksync -c "$conf" stats --queue =)" 'all slow'
	is 'bash: endpoints' "$(tab hooksync -c "$conf" send '')" 'contact invoice'
	is 'bash: routes' "$(tab hooksync -c "$conf" try '')" 'bills contact'
	is 'bash: queues' "$(tab hooksync --config "$conf" stats --queue '')" \
		'all slow'
	is 'bash: queues, the file with =' \
		"$(tab hooksync --config = "$conf" stats --queue '')" 'all slow'
	is 'bash: files' "$(tab hooksync send contact hook)" hooksync.conf
	is 'bash: no ids' "$(tab hooksync job '')" ''
	has 'bash: settings' "$(tab hooksync -o worker.)" worker.concurrency=
	is 'bash: a level' "$(tab hooksync-fcgi --log-level no)" notice
	is 'bash: a broken configuration is silent' \
		"$(tab hooksync -c /nonexistent send '')" ''
	# whose file it ever is
	sed "s|\"all\"|\"all\$(touch\${IFS}$folder/was_run)\"|" "$conf" \
		>"$folder/evil.conf"
	is 'bash: a name is no command' \
		"$(tab hooksync -c "$folder/evil.conf" stats --queue '')" slow
	is 'bash: and is not run' "$(ls "$folder/was_run" 2>/dev/null)" ''
	is "bash: routes for the worker's --try" \
		"$(tab hooksync-worker -c "$conf" --try '')" 'bills contact'
fi

# ---- zsh ----

zsh_file=$top_srcdir/etc/completion/_hooksync

# What _arguments is called with behind a verb, or by a daemon.
# shellcheck disable=SC2016
zsh_specs() # PROGRAM [VERB]
{
	zsh -f -c '
		service=$1 wanted=${2-} words=("$@" "") CURRENT=$(($# + 1))
		_arguments() {
			if [[ -n $wanted && -z ${is_second-} ]]; then
				is_second=1 state=verb line=($wanted)
				return 1
			fi
			print -rl -- "$@"
		}
		_describe() { print -rl -- ${(P)2} }
		source "$0"' "$zsh_file" "$@"
}

zsh_options() # PROGRAM [VERB]
{
	zsh_specs "$@" | sed 's/\[.*//' | grep -o -e '--[a-z-]*' | words
}

# What a Tab makes of a line, in an interactive zsh at a terminal of its own.
# shellcheck disable=SC2016
zsh_line() # LINE
{
	(cd "$folder" && zsh -f -c '
		zmodload zsh/zpty && zmodload zsh/zselect || exit
		read_until() {
			local part i
			out=
			for ((i = 0; i < 300; i++)); do
				while zpty -r -t z part; do out+=$part; done
				[[ $out == ${~1} ]] && return
				zselect -t 10
			done
		}
		zpty -b z env TERM=dumb COLUMNS=300 zsh -f -i
		zpty -w z "PS1= PROMPT_SP=; unsetopt prompt_sp; fpath=(${0:h} \$fpath)
			autoload -Uz compinit; compinit -u -d $PWD/dump
			tell() { print -r -- \"<\$BUFFER>\" }
			zle -N tell; bindkey \"^X\" tell; print re\ady"
		read_until "*ready*"
		zpty -w -n z "$1"$'"'\\t\\x18'"'
		read_until "*<*>*"
		print -r -- "${${out##*<}%%>*}"
		zpty -d z' "$zsh_file" "$1")
}

if ! command -v zsh >/dev/null; then
	skip 'zsh' 'zsh is not installed'
else
	zsh -n "$zsh_file"
	is 'zsh: it is zsh' $? 0
	is 'zsh: the verbs' "$(sed -n '/^_hooksync_verbs/,/^}/p' "$zsh_file" |
		sed -n "s/^		['\"]\([a-z]*\):.*/\1/p" | words)" "$verbs"
	for verb in $verbs; do
		is "zsh: the options of $verb" "$(zsh_options hooksync "$verb")" \
			"$(options_of hooksync "$verb")"
	done
	for program in hooksync-fcgi hooksync-worker; do
		is "zsh: the options of $program" "$(zsh_options "$program")" \
			"$(options_of "$program")"
	done
	is 'zsh: a verb is completed' "$(zsh_line 'hooksync unsch')" \
		'hooksync unschedule '
	is 'zsh: a state' "$(zsh_line 'hooksync jobs fai')" 'hooksync jobs failed '
	is 'zsh: an endpoint' "$(zsh_line "hooksync -c $conf send inv")" \
		"hooksync -c $conf send invoice "
	is 'zsh: an option' "$(zsh_line 'hooksync doctor --rep')" \
		'hooksync doctor --repair '
	is 'zsh: a queue' "$(zsh_line "hooksync -c $conf stats --queue=sl")" \
		"hooksync -c $conf stats --queue=slow "
fi

echo "1..$n"
exit $failed
