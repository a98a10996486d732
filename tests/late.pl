# SPDX-License-Identifier: MIT
# A way to a server that begins late: what comes on the n-th connection is kept
# for as long as the n-th word says (seconds, "r" before it: at random up to
# that; the last word is for all that follow), then handed on, both ways, to the
# port that is named second. Writes its own port to the file that is named first.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/ports.pl";

$SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
alarm 120;
my ($port_file, $to, @delays) = @ARGV;
my $server = listen_at($port_file, 200);

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
	relay($a, $b);
}
