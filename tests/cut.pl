# SPDX-License-Identifier: MIT
# A proxy for tests that passes on so many bytes of what the server says, over
# all connections, and then closes as if all were well. Writes its port to the
# file that is named first; the server's port and the number of bytes follow.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/ports.pl";

$SIG{PIPE} = 'IGNORE';
alarm 60;
my ($port_file, $server, $left) = @ARGV;
my $listener = listen_at($port_file, 50);

my $all = IO::Select->new($listener);
my %peer;    # of each end of a connection
my %counts;  # the ends that are the server's

sub drop {
	for my $s (@_) {
		$all->remove($s);
		delete $peer{$s};
		close $s;
	}
}

while (1) {
	for my $s ($all->can_read) {
		if ($s == $listener) {
			my $client = $listener->accept or next;
			my $up = IO::Socket::INET->new(
				PeerAddr => "127.0.0.1:$server");
			if (!$up) {
				close $client;
				next;
			}
			@peer{$client, $up} = ($up, $client);
			$counts{$up} = 1;
			$all->add($client, $up);
			next;
		}
		my $to = $peer{$s} or next;
		my $n = sysread $s, my $data, 65536;
		my $more = $n;
		if ($n && $counts{$s}) {
			$data = substr $data, 0, $left;
			$left -= length $data;
			$more = $left > 0;
		}
		syswrite $to, $data if $n && length $data;
		drop($s, $to) unless $more;
	}
}
