# For tests with an SFTP server: an sshd of our own in $work, its port in $port,
# its pid in sshd.pid. Keys host and host2 (of servers), good, other, locked
# (with the phrase 'a phrase') and rsa (of clients); who may come in stands in
# ./authorized. Source it after lib.sh.
# shellcheck shell=sh disable=SC2154

sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || skip_all 'sshd is missing'
case $("$B/bin/retl-extract" --list-sources) in
*sftp:*) ;;
*) skip_all 'sftp is not built in' ;;
esac

for key in host host2 good other; do
	ssh-keygen -q -t ed25519 -N '' -f $key
done
ssh-keygen -q -t ed25519 -N 'a phrase' -f locked
ssh-keygen -q -t rsa -b 2048 -N '' -f rsa
cat good.pub locked.pub rsa.pub >authorized
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
start_sshd() {
	cat >sshd.conf <<-END
	ListenAddress 127.0.0.1
	Port $1
	HostKey $work/host
	PidFile $work/sshd.pid
	AuthorizedKeysFile $work/authorized
	StrictModes no
	UsePAM no
	PasswordAuthentication no
	Subsystem sftp internal-sftp
	END
	"$sshd" -f "$work/sshd.conf" -E "$work/sshd.log" || return 1
	soon test -s sshd.pid
}
for try in 1 2 3 4 5; do
	[ "$try" = 1 ] || sleep 0.1
	port=$(($(od -An -N2 -tu2 /dev/urandom) % 20000 + 20000))
	start_sshd $port && break
	port=
done
[ -n "$port" ] || skip_all "sshd does not start: $(tail -n 1 sshd.log)"
at_end '[ ! -s sshd.pid ] || kill "$(cat sshd.pid)"'
echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 host.pub)" >known
echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 host2.pub)" >known2
unset SSH_AUTH_SOCK
HOME=$work USER=$(id -un) RETL_SFTP_KEY=$work/good
RETL_SFTP_KNOWN_HOSTS=$work/known
export HOME USER RETL_SFTP_KEY RETL_SFTP_KNOWN_HOSTS
