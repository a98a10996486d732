# SPDX-License-Identifier: MIT
# A server that answers badly: POST /WORD gets the answer called WORD. Writes
# its port to the file that is named, ends after ten minutes. No answer here is
# one that a fake vendor would give: see tests/mock for those.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/ports.pl";

$SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
alarm 600;
my $bomb = $ARGV[1] // '';
my $server = listen_at($ARGV[0], 50);

my ($c, $body); # the connection, and what came on it
my $served = 0; # requests on this connection

sub answer {
	my ($status, $type, $body, @headers) = @_;
	print $c join "\r\n", "HTTP/1.1 $status", "content-type: $type",
	    'content-length: ' . length $body, @headers, '', $body;
}

sub endless {
	my ($head, $more) = @_;
	print $c $head;
	for (1 .. 20000) {
		print $c $more or last;
	}
	exit;
}

sub cut {
	my ($status) = @_;
	print $c "HTTP/1.1 $status\r\ncontent-type: application/json\r\n",
	    "content-length: 100\r\n\r\n{\"a\":";
	exit;
}

# Rows whose end is the connection's; a number: how many there should be.
sub rows {
	my ($rows, $n) = @_;
	print $c "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\n",
	    defined $n ? "x-rows: $n\r\n" : '', "connection: close\r\n\r\n",
	    $rows;
	exit;
}

sub say_open {
	print $c "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n",
	    "connection: close\r\n\r\n$_[0]";
	exit;
}

# One chunk, and not the last one.
sub chunks {
	my ($size, $body) = @_;
	print $c "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n",
	    "transfer-encoding: chunked\r\n\r\n$size\r\n$body\r\n";
}

my $json = 'application/json';
my %answers = (
	echo    => sub { answer('200 OK', $json, $body) },
	ok      => sub { answer('200 OK', $json, '{"a":1}') },
	cutjson => sub { answer('200 OK', $json, '{"a":[1,') },
	empty   => sub { answer('200 OK', $json, '') },
	html    => sub { answer('200 OK', 'text/html', '<p>hello</p>') },
	deep    => sub { answer('200 OK', $json, '[' x 100000) },
	badutf8 => sub { answer('200 OK', $json, "{\"a\":\"\xff\"}") },
	notgzip => sub {
		answer('200 OK', $json, 'not gzip at all',
		    'content-encoding: gzip');
	},
	bomb => sub {
		open my $f, '<', $bomb or die;
		local $/ = undef;
		answer('200 OK', $json, <$f>, 'content-encoding: gzip');
	},
	packed => sub { # and no header says so
		open my $f, '<', $bomb or die;
		local $/ = undef;
		answer('200 OK', 'text/csv', <$f>);
	},
	big => sub {
		endless("HTTP/1.1 200 OK\r\ncontent-type: $json\r\n"
			    . "transfer-encoding: chunked\r\n\r\n",
			"10000\r\n" . 'x' x 65536 . "\r\n");
	},
	headers => sub {
		endless("HTTP/1.1 200 OK\r\n", 'h: ' . 'x' x 500 . "\r\n");
	},
	header  => sub { endless("HTTP/1.1 200 OK\r\nh: ", 'x' x 65536) },
	half    => sub { cut('200 OK') },
	half500 => sub { cut('500 No') },
	half400 => sub { cut('400 No') },
	close   => sub { exit },
	garbage => sub { print $c "no HTTP at all\r\n\r\n"; exit },
	lie     => sub {
		print $c "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n{}";
		exit;
	},
	slow    => sub {
		open my $f, '>>', 'slow.begun' or die;
		print $f "begun\n";
		close $f;
		sleep 4;
		exit;
	},
	blank   => sub { answer('200 OK', $json, " \r\n\t ") },
	bom     => sub { answer('200 OK', $json, "\xef\xbb\xbf{\"a\":1}") },
	bombare => sub { answer('200 OK', 'text/plain', "\xef\xbb\xbf{\"a\":1}") },
	bomonly => sub { answer('200 OK', $json, "\xef\xbb\xbf") },
	s204    => sub { print $c "HTTP/1.1 204 No\r\n\r\n" },
	s204body => sub { # and what it says there is an answer to nobody
		answer('204 No', $json, "HTTP/1.1 400 No\r\n\r\n");
	},
	# Before the answer, or in its place.
	s100 => sub { print $c "HTTP/1.1 100 Continue\r\n\r\n";
		answer('200 OK', $json, '{"a":1}') },
	s103 => sub { print $c "HTTP/1.1 103 Hints\r\na: b\r\n\r\n" x 3;
		answer('422 No', $json, '{"a":1}') },
	only100 => sub { print $c "HTTP/1.1 100 Continue\r\n\r\n"; exit },
	s101    => sub {
		print $c "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n";
		exit;
	},
	# Whole as JSON, and not as an answer.
	nolast => sub { chunks('7', '{"a":1}'); exit },
	badchunk => sub { chunks('zz', '{"a":1}'); exit },
	chunked => sub { chunks('7', '{"a":1}'); print $c "0\r\n\r\n" },
	trailer => sub { # which is cut
		chunks('7', '{"a":1}');
		print $c "0\r\nx: y";
		exit;
	},
	longer => sub { # than was said: JSON up to there, or not
		print $c "HTTP/1.1 200 OK\r\ncontent-type: $json\r\n",
		    "content-length: 7\r\n\r\n{\"a\":1}HTTP/1.1 400 No\r\n\r\n";
	},
	longer3 => sub {
		print $c "HTTP/1.1 200 OK\r\ncontent-type: $json\r\n",
		    "content-length: 3\r\n\r\n{\"a\":1}";
	},
	shorter => sub {
		print $c "HTTP/1.1 200 OK\r\ncontent-type: $json\r\n",
		    "content-length: 9\r\n\r\n{\"a\":1}";
		exit;
	},
	twolengths => sub {
		print $c "HTTP/1.1 200 OK\r\ncontent-type: $json\r\n",
		    "content-length: 7\r\ncontent-length: 9\r\n\r\n{\"a\":1}";
		exit;
	},
	http10 => sub {
		print $c "HTTP/1.0 200 OK\r\ncontent-type: $json\r\n\r\n{\"a\":1";
		exit;
	},
	# One request a connection, which it does not say.
	once => sub {
		exit if $served++;
		select undef, undef, undef, 0.3;
		answer('200 OK', $json, '{"a":1}');
	},
	# Text whose end is the connection's, and is that all of it?
	textopen  => sub { say_open('all is well') },
	emptyopen => sub { say_open('') },
	jsonopen  => sub { say_open('{"a":1}') },
	text      => sub { answer('200 OK', 'text/plain', 'all is well') },
	rowstorn   => sub { rows("id,error\n1,\n2,b") },
	rowsshort  => sub { rows("id,error\n1,\n2") },
	rowsopen   => sub { rows("id,error\n1,\n2,bad\n") },
	rowscount  => sub { rows("id,error\n1,\n2,bad\n", 2) },
	rowsfewer  => sub { rows("id,error\n1,\n", 2) },
	rowstorn2  => sub { rows("id,error\n1,\n2,b", 2) },
	rowsnone   => sub { rows('') },
	linestorn  => sub { rows("{\"id\":1}\n{\"id\":2,\"error\":\"b") },
	linesopen  => sub { rows("{\"id\":1}\n") },
	linescount => sub { rows("{\"id\":1}\n{\"id\":2}\n", 2) },
	lineschunk => sub {
		print $c "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n",
		    "\r\n9\r\n{\"id\":1}\n\r\n0\r\n\r\n";
	},
	lineslength => sub { answer('200 OK', 'text/csv', '{"id":1}') },
	linesmore   => sub {
		answer('200 OK', 'text/csv', "{\"id\":1}\n{\"id\":2}\n",
		    'x-rows: 1');
	},
	linesbom => sub {
		answer('200 OK', 'text/plain', "\xef\xbb\xbf{\"id\":1}\n{\"id\":2}\n",
			'x-rows: 2.0');
	},
	lineslost => sub {
		print $c "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n",
		    "\r\n9\r\n{\"id\":1}\n\r\n";
		exit;
	},
	text400 => sub { answer('400 No', 'text/plain', "\xff\xfe\0 \1") },
	secret  => sub { answer('400 No', $json, '{"m":"key s3cr3t-k3y"}') },
	day => sub {
		answer('429 Slow', 'text/plain', '', 'retry-after: 86400');
	},
	s302    => sub {
		answer('302 Found', 'text/plain', '',
			'location: http://127.0.0.1:1/');
	},
	(map { my $s = $_; ("s$s" => sub { answer("$s X", $json, '{}') }) }
		400, 401, 403, 404, 409, 413, 418, 422, 429, 500, 503, 999),
);

while (1) {
	$c = $server->accept or next;
	if (fork) {
		close $c;
		next;
	}
	while (1) {
		my $got = '';
		while ($got !~ /\r\n\r\n/) {
			sysread($c, $got, 65536, length $got) or exit;
		}
		(my $head, $body) = split /\r\n\r\n/, $got, 2;
		my ($n) = $head =~ /^content-length:\s*(\d+)/im;
		while (length $body < ($n // 0)) {
			sysread($c, $body, 65536, length $body) or exit;
		}
		my ($word) = $head =~ m{^\S+ /([^ ?]*)};
		($answers{$word} // $answers{ok})->();
		$c->flush;
	}
}
