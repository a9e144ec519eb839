# bash completion for hooksync(1), hooksync-fcgi(8) and hooksync-worker(8).
#
# Verbs and options stand here, so that nothing is run for them; a test compares
# them with the programs' own help. Names of endpoints, routes, queues and options
# come from the configuration, with the words that were typed before.
# shellcheck shell=bash

# The options of a verb, beside those of all.
_hooksync_options() # VERB
{
	local queue='--json --queue'
	local filter='--name --entity --error --older --newer --number --limit'
	case $1 in
	'') echo '--version' ;;
	stats | job | workers | delay | priority | pause | resume | unschedule)
		echo "$queue"
		;;
	jobs) echo "$queue $filter --all --data --state" ;;
	logs) echo "$queue --number --limit" ;;
	events) echo "$queue --number --limit --since --data" ;;
	schedulers) echo "$queue --data" ;;
	doctor) echo "$queue --repair --yes" ;;
	retry) echo "$queue $filter --all --failed --completed" ;;
	promote) echo "$queue $filter --all" ;;
	remove) echo "$queue $filter --state --children --yes" ;;
	clean) echo "$queue $filter --yes" ;;
	drain) echo "$queue --delayed --yes" ;;
	obliterate) echo "$queue --force --yes" ;;
	check | try) echo '--json' ;;
	config) echo '--json --table' ;;
	send) echo '--json --url --id' ;;
	esac
	echo '--config --option --help'
}

_hooksync_verbs='stats jobs job logs events workers schedulers doctor retry
	promote delay priority pause resume unschedule remove clean drain obliterate
	check config send try'
_hooksync_states='wait prioritized delayed active completed failed
	waiting-children paused'

# Is an argument behind it?
_hooksync_takes() # OPTION
{
	case $1 in
	-c | -o | -n | --config | --option | --number | --limit | --queue | \
		--state | --name | --entity | --error | --older | --newer | \
		--since | --url | --id | --listen | --log-level)
		return 0
		;;
	esac
	return 1
}

# Members of a group of the configuration in force, or all queues. Plain names
# only: compgen would run what stands in $(...).
_hooksync_names() # endpoints|routes|queues
{
	local config=() i
	for ((i = 1; i < COMP_CWORD - 1; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config | -o | --option)
			config+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
			[[ ${COMP_WORDS[i + 1]} == = ]] &&
				config[-1]=${COMP_WORDS[i + 2]}
			;;
		esac
	done
	"${COMP_WORDS[0]/#\~/$HOME}" "${config[@]}" config --json 2>/dev/null |
		if [[ $1 == queues ]]; then
			sed -n 's/.*"name":"\(queue\.name\|endpoints\.[^"]*\.queue\)","value":"\([A-Za-z0-9._-]*\)".*/\2/p'
		else
			sed -n "s/.*\"name\":\"$1\.\([A-Za-z0-9_-]*\)\..*/\1/p"
		fi | sort -u
}

_hooksync_settings()
{
	"${COMP_WORDS[0]/#\~/$HOME}" config --table --json 2>/dev/null |
		sed -n 's/.*"name":"\([^"*]*\)".*/\1=/p'
}

_hooksync_offer() # WORD...
{
	# shellcheck disable=SC2207 # names have no blanks
	COMPREPLY=($(compgen -W "$*" -- "$cur"))
}

_hooksync_offer_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

# What stands behind an option; false: nothing that is known.
_hooksync_value() # OPTION
{
	case $1 in
	-c | --config) _hooksync_offer_files ;;
	-o | --option)
		compopt -o nospace 2>/dev/null
		_hooksync_offer "$(_hooksync_settings)"
		;;
	--queue) _hooksync_offer "$(_hooksync_names queues)" ;;
	--state) _hooksync_offer "$_hooksync_states" ;;
	--older | --newer | --since) _hooksync_offer 30s 5m 2h 3d ;;
	--listen) _hooksync_offer unix: 127.0.0.1: ;;
	--log-level) _hooksync_offer debug info notice warn error ;;
	*) return 1 ;;
	esac
}

# Arguments: the word under the cursor is number N behind the verb.
_hooksync_argument() # VERB N
{
	case $1:$2 in
	jobs:* | clean:1) _hooksync_offer "$_hooksync_states" ;;
	send:1) _hooksync_offer "$(_hooksync_names endpoints)" ;;
	try:1) _hooksync_offer "$(_hooksync_names routes)" ;;
	send:2 | try:2) _hooksync_offer_files ;;
	delay:2) _hooksync_offer 30s 5m 2h 3d ;;
	help:1) _hooksync_offer "$_hooksync_verbs" ;;
	esac
}

# The option whose value is under the cursor, as "--queue X" or "--queue=X" (of
# which readline makes three words).
_hooksync_option_before()
{
	local last=${COMP_WORDS[COMP_CWORD - 1]}
	if [[ $cur != = && $last == = ]] && ((COMP_CWORD >= 2)); then
		echo "${COMP_WORDS[COMP_CWORD - 2]}"
	else
		echo "$last"
	fi
}

_hooksync()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before verb='' n=0 i
	COMPREPLY=()
	before=$(_hooksync_option_before)
	[[ $cur == = ]] && cur=''
	if _hooksync_takes "$before"; then
		_hooksync_value "$before"
		return
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*)
			if _hooksync_takes "${COMP_WORDS[i]}"; then
				[[ ${COMP_WORDS[i + 1]-} == = ]] && ((i++))
				((i++))
			fi
			;;
		*)
			[[ -n $verb ]] && ((n++))
			verb=${verb:-${COMP_WORDS[i]}}
			;;
		esac
	done
	if [[ $cur == -* ]]; then
		_hooksync_offer "$(_hooksync_options "$verb")"
	elif [[ -z $verb ]]; then
		_hooksync_offer "$_hooksync_verbs" help
	else
		_hooksync_argument "$verb" $((n + 1))
	fi
}

# The daemons: -o's names are those of the command beside them.
_hooksync_daemon()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before
	COMPREPLY=()
	before=$(_hooksync_option_before)
	[[ $cur == = ]] && cur=''
	local COMP_WORDS=("${COMP_WORDS[@]}")
	local program=${COMP_WORDS[0]##*/}
	COMP_WORDS[0]=hooksync
	if [[ $before == --try ]]; then
		_hooksync_offer "$(_hooksync_names routes)"
	elif _hooksync_takes "$before"; then
		_hooksync_value "$before"
	elif [[ $cur == -* && $program == hooksync-fcgi ]]; then
		_hooksync_offer --config --listen --log-level --option --help --version
	elif [[ $cur == -* ]]; then
		_hooksync_offer --config --option --log-level --check --try --json \
			--help --version
	elif [[ ${COMP_WORDS[COMP_CWORD - 2]-} == --try ]]; then
		_hooksync_offer_files
	fi
}

complete -F _hooksync hooksync
complete -F _hooksync_daemon hooksync-fcgi hooksync-worker
