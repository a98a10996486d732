#!/bin/sh
# Installs, by name, the Debian packages that are missing, and says why each is
# wanted.
#	deps.sh build          what building needs
#	deps.sh build check    and what the tests need
#	deps.sh build lint     and what linting needs
set -eu

list() {
	case $1 in
	build) cat <<\END ;;
gcc                   the compiler
libc6-dev             the C library's headers
make                  runs the build
pkg-config            finds the libraries
libcurl4-openssl-dev  HTTP and TLS
libssl-dev            digests and signatures
libjq-dev             the expression language of mappings and contracts
libcsv-dev            CSV and TSV files
libsqlite3-dev        SQLite as a source
libutf8proc-dev       Unicode: lower-casing and NFC before hashing
libpcre2-dev          regular expressions: "pattern" in contracts
zlib1g-dev            gzip
libzstd-dev           zstd (optional at build time)
libexpat1-dev         XML of Amazon S3 (optional at build time)
libpq-dev             PostgreSQL as a source (optional at build time)
libmariadb-dev        MySQL and MariaDB as sources (optional at build time)
unixodbc-dev          whatever has an ODBC driver (optional at build time)
sqlite3               makes the demo's shop
END
	check) cat <<\END ;;
perl                  prove, which runs the tests
jq                    the tests hold mappings against it
zstd                  makes compressed inputs
postgresql            a real server to extract from
mariadb-server        another one
clickhouse-server     a third
libsqliteodbc         an ODBC driver to extract with
odbc-postgresql       another one
odbc-mariadb          a third
mandoc                checks the manual pages
strace                injects full disks and broken writes
curl                  talks to the fake vendors
openssl               makes certificates, recomputes signatures
openssh-server        a real SFTP server to extract from and push to
nginx-light           a real web server with TLS to extract from
procps                finds processes to kill
nginx-light           a real web server, TLS and HTTP/2, to push to
g++                   builds the next one's shim
libphonenumber-dev    completes phone numbers (optional at build time)
libtest-json-schema-acceptance-perl  JSON Schema's official test suite
END
	lint) cat <<\END ;;
clang-format          settles the layout of the C files
clang-tidy            finds what the compiler does not
shellcheck            the same for shell scripts
mandoc                the same for manual pages
END
	esac
}

missing() {
	for set in "$@"; do
		list "$set"
	done | while read -r package why; do
		state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || :)
		case $state in
		*' installed') ;;
		*) echo "$package $why" ;;
		esac
	done
}

wanted=$(missing "$@")
[ -n "$wanted" ] || exit 0
echo 'Installing what is missing:'
echo "$wanted" | sed 's/^\([^ ]*\) */  \1: /'
sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo 'error: not root, and there is no sudo' >&2
		exit 77
	}
	sudo=sudo
fi
apt() {
	DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq \
		-o DPkg::Lock::Timeout=400 "$@" >/dev/null
}
apt update
# Word splitting is wanted: one argument a package.
# shellcheck disable=SC2046
apt install -y --no-install-recommends $(echo "$wanted" | cut -d' ' -f1)
