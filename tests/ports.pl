# SPDX-License-Identifier: MIT
# What the servers and ways to servers here share.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

# Listens on a port that is free, and writes it to a file.
sub listen_at {
	my ($port_file, $most) = @_;
	my $server =
	    IO::Socket::INET->new(Listen => $most, LocalAddr => '127.0.0.1')
	    or die;
	open my $port, '>', "$port_file.tmp" or die;
	print $port $server->sockport, "\n";
	close $port;
	rename "$port_file.tmp", $port_file;
	return $server;
}

sub write_all {
	my ($to, $data) = @_;
	my $at = 0;
	while ($at < length $data) {
		my $n = syswrite($to, $data, 65536, $at) or exit;
		$at += $n;
	}
}

# Hands on what either says, until one of them ends, and the process with it.
sub relay {
	my ($a, $b) = @_;
	my $both = IO::Select->new($a, $b);
	while (1) {
		for my $from ($both->can_read) {
			sysread($from, my $data, 65536) or exit;
			write_all($from == $a ? $b : $a, $data);
		}
	}
}

1;
