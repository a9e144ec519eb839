# bed.sh: what image, package, run and vm share; they source it.
#
# All that is slow to make lies in a cache and is named by a hash of what it was
# made from; a lock lets the second who wants it wait for the first. Systems
# are folders in layers, put together by overlayfs:
#
#   base     Debian's essential packages and apt
#   guest    base, and what a booted machine needs
#   build    base, and the packages the build asks for
#
# Mounts are made in mount namespaces of their own, so they end with the
# processes and are never seen from outside. The packages come from where this
# machine has its own from: its sources with the name of the suite exchanged,
# its proxy, its logins. None of that is printed.
# shellcheck shell=sh

bed=${0##*/}
bed_dir=$(cd "$(dirname "$0")" && pwd) || exit 125
# shellcheck disable=SC2034 # for the programs
top_srcdir=$(cd "$bed_dir/../.." && pwd) || exit 125
bed_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/hooksync-system
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8

bed_say()
{
	printf '# %s: %s\n' "$bed" "$*" >&2
}

bed_die()
{
	printf '%s: %s\n' "$bed" "$*" >&2
	exit 125
}

bed_usage() # the comment on top of the program
{
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

# Prints why this machine cannot do it; nothing where it can.
bed_hindrance()
{
	if [ "$(id -u)" -ne 0 ]; then
		echo 'not root'
		return
	fi
	for bed_tool in "$@" mmdebstrap unshare nsenter flock; do
		if ! command -v "$bed_tool" >/dev/null; then
			echo "$bed_tool is not installed"
			return
		fi
	done
	mkdir -p "$bed_cache/try" || return
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m --propagation private sh -c '
		mount -t tmpfs tmpfs "$1" && mkdir "$1/l" "$1/u" "$1/w" "$1/m" &&
		mount -t overlay -o "lowerdir=$1/l,upperdir=$1/u,workdir=$1/w" \
			overlay "$1/m"' sh "$bed_cache/try" >/dev/null 2>&1 ||
		echo 'no mount namespaces or overlayfs here'
}

bed_hash() # hashes standard input
{
	sha256sum | cut -c1-16
}

bed_packages() # guest | story | build
{
	awk -v kind="$1" '$1 == kind { $1 = ""; print }' \
		"$bed_dir/packages" | tr -s ' \n' ' ' | sed 's/^ //; s/ $//'
}

bed_check_suite() # SUITE
{
	case $1 in
	[a-z]*) ;;
	*) bed_die "which suite? bookworm or trixie" ;;
	esac
}

# The machine's own Debian sources, for another suite.
bed_sources() # SUITE FOLDER; prints the file
{
	bed_host=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	for bed_file in /etc/apt/sources.list.d/debian.sources \
		/etc/apt/sources.list; do
		if grep -Eq "^(deb|Suites:).*\b${bed_host:-?}\b" "$bed_file" \
			2>/dev/null; then
			sed "s/\\b$bed_host\\b/$1/g" "$bed_file" \
				>"$2/${bed_file##*/}"
			echo "$2/${bed_file##*/}"
			return
		fi
	done
	bed_die 'no sources of Debian packages in /etc/apt'
}

# How this machine reaches them, as a folder: apt.conf, auth.conf.d.
bed_apt() # FOLDER
{
	mkdir -p "$1/auth.conf.d" &&
		apt-config dump --format '%F "%v";%n' |
		grep -E '^Acquire::(https?|Retries|Check-|Languages|ForceIPv)' \
			>"$1/apt.conf"
	cat >>"$1/apt.conf" <<-'END'
		APT::Sandbox::User "root";
		APT::Keep-Downloaded-Packages "true";
		APT::Install-Suggests "false";
		DPkg::Options:: "--force-unsafe-io";
	END
	for bed_file in /etc/apt/auth.conf /etc/apt/auth.conf.d/*; do
		[ ! -f "$bed_file" ] ||
			cp "$bed_file" "$1/auth.conf.d/${bed_file##*/}.conf"
	done
}

# Makes $bed_cache/NAME once: COMMAND gets the path of a new folder to fill,
# which then takes the name. Sets $bed_made.
bed_once() # NAME COMMAND...
{
	bed_made=$bed_cache/$1
	bed_name=$1
	shift
	[ ! -d "$bed_made" ] || return 0
	mkdir -p "$bed_cache/locks" || bed_die "cannot make $bed_cache"
	(
		flock 9
		[ ! -d "$bed_made" ] || exit 0
		bed_began=$(date +%s)
		bed_new=$(mktemp -d "$bed_cache/new.XXXXXX") || exit
		# whoever is stopped leaves nothing behind
		trap 'rm -rf --one-file-system "$bed_new"' EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		mkdir "$bed_new/made"
		if ! "$@" "$bed_new/made" >"$bed_new/log" 2>&1 </dev/null; then
			tail -n 25 "$bed_new/log" | cut -c 1-300 >&2
			cp "$bed_new/log" "$bed_cache/failed.log"
			exit 1
		fi
		mv "$bed_new/log" "$bed_cache/$bed_name.log"
		mv "$bed_new/made" "$bed_made" || exit
		bed_say "$bed_name: $(($(date +%s) - bed_began)) s"
	) 9>"$bed_cache/locks/$bed_name" || return
}

# Runs a shell script in a system of layers; what it changes goes to UPPER.
# FOLDER is a folder for the mounts, and is seen as /bed inside.
bed_in() # LOWER UPPER FOLDER SCRIPT [ARGUMENT...]
{
	mkdir -p "$3/root" "$3/work" "$3/bed" "$3/apt" && bed_apt "$3/apt" ||
		return
	bed_lower=$1 bed_upper=$2 bed_folder=$3
	shift 3
	# shellcheck disable=SC2016 # for the inner shells
	bed_lower=$bed_lower bed_upper=$bed_upper bed_folder=$bed_folder \
		unshare -m --propagation private sh -euc '
		root=$bed_folder/root
		mount -t overlay -o "lowerdir=$bed_lower,upperdir=$bed_upper,workdir=$bed_folder/work" \
			overlay "$root"
		mount --rbind /dev "$root/dev"
		mount -t proc proc "$root/proc"
		mount -t tmpfs tmpfs "$root/run"
		mkdir "$root/run/apt" "$root/run/bed"
		mount --bind "$bed_folder/apt" "$root/run/apt"
		mount --bind "$bed_folder/bed" "$root/run/bed"
		cp -L /etc/resolv.conf "$root/run/resolv.conf"
		: >>"$root/etc/resolv.conf"
		mount --bind "$root/run/resolv.conf" "$root/etc/resolv.conf"
		exec chroot "$root" env -i HOME=/root LC_ALL=C.UTF-8 \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			DEBIAN_FRONTEND=noninteractive \
			APT_CONFIG=/run/apt/apt.conf \
			DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-}" \
			sh -euc "$@"' sh "$@"
}
