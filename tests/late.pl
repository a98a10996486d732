# SPDX-License-Identifier: MIT
# A way to a server that begins late: what comes on the n-th connection is kept
# for as long as the n-th word says (seconds, "r" before it: at random up to
# that; the last word is for all that follow), then handed on, both ways, to the
# port that is named second. Writes its own port to the file that is named first.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

$SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
alarm 120;
my ($port_file, $to, @delays) = @ARGV;
my $server =
    IO::Socket::INET->new(Listen => 200, LocalAddr => '127.0.0.1') or die;
open my $port, '>', "$port_file.tmp" or die;
print $port $server->sockport, "\n";
close $port;
rename "$port_file.tmp", $port_file;

while (1) {
	my $a = $server->accept or next;
	my $delay = @delays > 1 ? shift @delays : $delays[0];
	if (fork) {
		close $a;
		next;
	}
	srand $$;
	$delay = rand substr $delay, 1 if $delay =~ /^r/;
	select undef, undef, undef, $delay;
	my $b = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $to)
	    or exit;
	my $both = IO::Select->new($a, $b);
	while (1) {
		for my $from ($both->can_read) {
			my $other = $from == $a ? $b : $a;
			sysread($from, my $data, 65536) or exit;
			my $at = 0;
			while ($at < length $data) {
				my $n = syswrite($other, $data, 65536, $at)
				    or exit;
				$at += $n;
			}
		}
	}
}
