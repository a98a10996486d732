# SPDX-License-Identifier: MIT
# A way to a server that is cut: hands everything on, both ways, to the port
# that is named second, until a client has sent the word that is named third.
# The server still gets that, and answers; but the client is gone, once: while
# the file that is named fourth is there, which is removed then. Writes its own
# port to the file that is named first.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/ports.pl";

$SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
alarm 120;
my ($port_file, $to, $word, $once) = @ARGV;
my $server = listen_at($port_file, 50);

while (1) {
	my $a = $server->accept or next;
	if (fork) {
		close $a;
		next;
	}
	my $b = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $to)
	    or exit;
	my $both = IO::Select->new($a, $b);
	my $cut = 0;
	while (1) {
		for my $from ($both->can_read) {
			sysread($from, my $data, 65536) or exit;
			exit if $cut && $from == $b;
			my $other = $from == $a ? $b : $a;
			$cut = 1
			    if $from == $a && index($data, $word) >= 0 &&
			    unlink $once;
			write_all($other, $data);
		}
	}
}
