#!/bin/sh
# Installs the servers and the browser that the tests talk to, from Debian's packages: as root, or with a sudo that asks
# for no password. Elsewhere it only names what is missing; those tests then skip and say so. Starts no system service.
set -eu

# Debian lets one IMAP server be installed; these are unpacked beside it, and run no script of their packages.
UNPACKED=${PILLARBOX_TEST_SERVERS:-/usr/local/lib/pillarbox-test-servers}
CYRUS="cyrus-imapd cyrus-pop3d cyrus-common sasl2-bin"
COURIER="courier-imap courier-pop courier-base"
MAILUTILS="mailutils-imap4d mailutils-pop3d"
# What the programs of those packages need, all libraries; nothing here listens anywhere.
LIBRARIES="courier-authlib libclamav12 libical3 libjansson4 libpcre3 libzephyr4 libxapian30 libldap-2.5-0 libwrap0
	libcourier-unicode4 libgamin0 libgdbm6 libidn12 libmailutils9 libgsasl18 libkyotocabinet16v5 libmu-dbm9 libnsl2
	libunistring2 libdb5.3"
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

# Servers that are still to be unpacked, by family.
missing_families() {
	[ -x "$UNPACKED/cyrus/usr/lib/cyrus/bin/master" ] && [ -x "$UNPACKED/cyrus/usr/sbin/saslpasswd2" ] || echo cyrus
	[ -x "$UNPACKED/courier/usr/bin/imapd" ] && [ -e "$UNPACKED/courier/usr/lib/courier/courier/courierpop3d" ] || echo courier
	[ -x "$UNPACKED/mailutils/usr/sbin/imap4d" ] && [ -x "$UNPACKED/mailutils/usr/sbin/pop3d" ] || echo mailutils
}

missing_libraries() {
	for library in $LIBRARIES; do
		dpkg-query -W -f '${Status}\n' "$library" 2>/dev/null | grep -q ' installed$' || echo "$library"
	done
}

wanted=$(missing | tr '\n' ' ')
families=$(missing_families | tr '\n' ' ')
if [ -z "$wanted$families" ]; then
	exit 0
fi

give_up() {
	say ""
	say "*** $1"
	say "*** Missing for the tests: $wanted$families"
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
if [ -n "$families" ]; then wanted="$wanted $(missing_libraries | tr '\n' ' ')"; fi
# shellcheck disable=SC2086 # a list of words
$apt install --no-install-recommends $wanted || give_up "apt-get could not install them."

# unpack FAMILY PACKAGE...: beside the system, at once or not at all.
unpack() {
	family=$1; shift
	case " $families " in *" $family "*) ;; *) return 0 ;; esac
	say "Unpacking for the tests: $*"
	parts=$(mktemp -d)
	chmod 755 "$parts"
	# shellcheck disable=SC2086 # a list of words
	(cd "$parts" && apt-get -q -o APT::Sandbox::User=root download "$@" >/dev/null) || { rm -rf "$parts"; return 0; }
	$as_root rm -rf "$UNPACKED/$family.new"
	$as_root mkdir -p "$UNPACKED/$family.new"
	for part in "$parts"/*.deb; do $as_root dpkg-deb -x "$part" "$UNPACKED/$family.new"; done
	rm -rf "$parts"
	$as_root rm -rf "${UNPACKED:?}/$family"
	$as_root mv "$UNPACKED/$family.new" "$UNPACKED/$family"
}
# shellcheck disable=SC2086 # lists of words
{ unpack cyrus $CYRUS; unpack courier $COURIER; unpack mailutils $MAILUTILS; }
families=$(missing_families | tr '\n' ' ')
wanted=$(missing | tr '\n' ' ')
[ -z "$wanted$families" ] || give_up "Installed, and yet not found."
