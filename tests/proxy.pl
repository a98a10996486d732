# SPDX-License-Identifier: MIT
# A proxy for tests: CONNECT for TLS, whole addresses for plain HTTP. Writes its
# port to the file that is named first, each request's head to the one that is
# named second. With a third word it demands that as credentials (Basic).
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/ports.pl";

$SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
alarm 600;
my ($port_file, $log, $want) = @ARGV;
my $server = listen_at($port_file, 50);

while (1) {
	my $c = $server->accept or next;
	if (fork) {
		close $c;
		next;
	}
	my $got = '';
	while ($got !~ /\r\n\r\n/) {
		sysread($c, $got, 65536, length $got) or exit;
	}
	my ($head, $rest) = split /\r\n\r\n/, $got, 2;
	open my $f, '>>', $log or die;
	syswrite $f, "$head\n\n";
	close $f;
	if ($want && $head !~ /^proxy-authorization: Basic \Q$want\E\r?$/mi) {
		syswrite $c, "HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n";
		exit;
	}
	if ($head =~ /^CONNECT (\S+) /) {
		my $to = IO::Socket::INET->new(PeerAddr => $1);
		syswrite $c, 'HTTP/1.1 ' . ($to ? '200 Yes' : '502 No') . "\r\n\r\n";
		relay($c, $to) if $to;
	} elsif ($head =~ s{^(\S+) http://([^/ ]+)(\S*)}{$1 $3}) {
		my $to = IO::Socket::INET->new(PeerAddr => $2) or exit;
		$head =~ s/\r\nproxy-[^\r]*//gi;
		syswrite $to, "$head\r\n\r\n$rest";
		relay($c, $to);
	}
	exit;
}
