# by_hand.sh: jobs put into Redis without a producer of ours, as Node would
# leave them; and a look at what the mock saw at the same time. After lib.sh.
# shellcheck shell=sh
: "${stage:=}" # stage.sh's folder

queue=${queue:-bull:sync}
by_hand_opts='{"attempts":3,"backoff":{"type":"exponential","delay":2000}}'

# Lines "ID NAME DATA" on standard input; data to the end of the line, without a
# single quote. All in one go: the worker must not be faster than we are.
jobs_add()
{
	by_hand_now=$(now_ms)
	by_hand_ids=''
	while read -r by_hand_id by_hand_name by_hand_data; do
		by_hand_job "$by_hand_id" "$by_hand_name" "$by_hand_data" 0
		by_hand_ids="$by_hand_ids $by_hand_id"
	done >"$stage/by_hand"
	# all at once, however busy the host
	echo "lpush $queue:wait$by_hand_ids" >>"$stage/by_hand"
	echo "zadd $queue:marker 0 0" >>"$stage/by_hand"
	rcli <"$stage/by_hand" >/dev/null
}

by_hand_job() # ID NAME DATA DELAY; a command for redis-cli
{
	echo "hset $queue:$1 name $2 data '$3' opts '$by_hand_opts'" \
		"timestamp $by_hand_now delay $4 priority 0"
}

job_add() # ID NAME DATA
{
	echo "$1 $2 $3" | jobs_add
}

job_delay() # ID MS NAME DATA
{
	by_hand_now=$(now_ms)
	by_hand_job "$1" "$3" "$4" "$2" | rcli >/dev/null
	by_hand_due=$((by_hand_now + $2))
	rcli zadd "$queue:delayed" $((by_hand_due * 4096)) "$1" >/dev/null
	rcli zadd "$queue:marker" $by_hand_due 1 >/dev/null
}

# How far behind its event a delayed job becomes due, in whole tenths of
# seconds; of the last such event.
delay_of() # ID
{
	events_of "$1" | awk '$1 == "delayed" {
		sub(/-.*/, "", $3)
		ms = int(($2 - $3) / 100 + 0.5) * 100
	} END { print ms }'
}

# How many ids in a finished state fit a pattern of grep?
n_with() # STATE PATTERN
{
	rcli --raw zrange "$queue:$1" 0 -1 | grep -Exc "$2"
}

# How many requests to paths that begin so were under way at once, at most?
max_overlap() # PATH
{
	mock_get log | grep -F "\"path\":\"$1" |
		sed 's/.*"start_us":\([0-9]*\),"end_us":\([0-9]*\).*/\1 1\n\2 -1/' |
		sort -n -k 1,1 -k 2,2 |
		awk '{ n += $2; if (n > max) max = n } END { print max + 0 }'
}
