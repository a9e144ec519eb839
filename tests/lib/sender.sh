# sender.sh: what a sender of webhooks does, for shell scripts to source: it signs
# with openssl, not with our code, and posts with curl.
#
# Where to: $web_url ("https://hooks.example.com:8443"), $web_sock (a Unix socket
# that curl takes instead of the network, or empty), $web_ca (a certificate to
# trust, or empty), $web_to (where the host of an https URL is, for curl's
# --connect-to, or empty).
# shellcheck shell=sh

web_url='' web_sock='' web_ca='' web_to=''

# base64 of 32 bytes; GitHub's scheme takes the whole text as its key
webhook_secret=whsec_aG9va3N5bmMncyB0ZXN0cyBzaWduIHdpdGggdGhpcyE=

web() # PATH [CURL OPTION...]
{
	web_path=$1
	shift
	curl --silent --show-error --max-time $((20 * ${HOOKSYNC_SLOW:-1})) \
		${web_sock:+--unix-socket} ${web_sock:+"$web_sock"} \
		${web_ca:+--cacert} ${web_ca:+"$web_ca"} \
		${web_to:+--connect-to} ${web_to:+"$web_to"} \
		"$@" "$web_url$web_path"
}

hmac_base64() # HEXKEY; standard input is signed
{
	openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary |
		openssl base64 -A
}

to_hex()
{
	od -An -v -tx1 | tr -d ' \n'
}

# The headers of a delivery, one a line, for curl --header @FILE.
sign_standard() # ID BODYFILE [TIME [SECRET]]
{
	sign_time=${3:-$(date +%s)}
	sign_key=$(printf '%s' "${4:-$webhook_secret}" | sed 's/^whsec_//' |
		openssl base64 -d -A | to_hex)
	printf 'webhook-id: %s\nwebhook-timestamp: %s\n' "$1" "$sign_time"
	printf 'webhook-signature: v1,%s\n' \
		"$({ printf '%s.%s.' "$1" "$sign_time" && cat "$2"; } |
			hmac_base64 "$sign_key")"
	echo 'content-type: application/json'
}

sign_github() # ID BODYFILE
{
	sign_key=$(printf '%s' "$webhook_secret" | to_hex)
	printf 'x-github-delivery: %s\n' "$1"
	printf 'x-hub-signature-256: sha256=%s\n' \
		"$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$sign_key" \
			-binary <"$2" | to_hex)"
	echo 'content-type: application/json'
}
