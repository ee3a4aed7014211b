#!/bin/sh
# Installs the servers and the browser that the tests talk to, from Debian's packages: as root, or with a sudo that asks
# for no password. Elsewhere it only names what is missing; those tests then skip and say so. Starts no system service.
set -eu

PACKAGES="dovecot-imapd dovecot-pop3d postfix redis-server postgresql chromium fonts-dejavu-core python3-venv make"

say() { printf '%s\n' "$*" >&2; }

have() {
	PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1
}

# What to install is decided by what is there, so that a server installed by other means counts too.
missing() {
	have doveadm && [ -e /usr/lib/dovecot/imap ] || echo dovecot-imapd
	have doveadm && [ -e /usr/lib/dovecot/pop3 ] || echo dovecot-pop3d
	have postfix || echo postfix
	have redis-server || have valkey-server || echo redis-server
	have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo postgresql
	have chromium || have chromium-browser || have google-chrome || echo chromium
	[ -d /usr/share/fonts ] || echo fonts-dejavu-core
	have make || echo make
	# Debian's Python comes without what makes a virtual environment.
	have python3 || echo python3
	python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
}

wanted=$(missing | tr '\n' ' ')
if [ -z "$wanted" ]; then
	exit 0
fi

give_up() {
	say ""
	say "*** $1"
	say "*** Missing for the tests: $wanted"
	say "*** Tests that need them will SKIP. On Debian: apt-get install --no-install-recommends $PACKAGES"
	say ""
	# On a build machine a skipped server must not look like a passed test.
	if [ "${CI:-}" = true ]; then exit 1; fi
	exit 0
}

have apt-get || give_up "This is not a Debian system."
if [ "$(id -u)" = 0 ]; then
	as_root=""
elif sudo -n true 2>/dev/null; then
	as_root="sudo -n"
else
	give_up "Not root, and sudo asks for a password."
fi

# Packages start their services when installed unless this file says no (exit 101: not allowed by policy). The tests
# start private instances; a mail server on port 25 is nobody's wish.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
	$as_root chmod 755 "$policy"
	trap '$as_root rm -f "$policy"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
fi

say "Installing for the tests: $wanted"
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300"
$apt update || say "apt-get update failed; trying with the package lists there are"
# shellcheck disable=SC2086 # a list of words
$apt install --no-install-recommends $wanted || give_up "apt-get could not install them."
wanted=$(missing | tr '\n' ' ')
[ -z "$wanted" ] || give_up "Installed, and yet not found."
