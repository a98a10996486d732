# SPDX-License-Identifier: MIT
# Twists a contract as somebody might who knows the language and errs: a few of
# its members are dropped, doubled, moved, renamed, or get a value, a word or a
# variable that stands elsewhere in some contract. What comes of it is nearly a
# contract, or is one.
#	perl twist.pl SEED FILE CONTRACT...
# prints FILE, twisted by SEED, with words out of all CONTRACTs.
use strict;
use warnings;
use JSON::PP;

my ($seed, $file, @all) = @ARGV;
srand $seed;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub slurp {
	my ($path) = @_;
	open my $in, '<:raw', $path or die "$path: $!";
	local $/ = undef;
	return $json->decode(<$in>);
}

# ---- what the language is made of ----

my (%values, %members, %elements);

# learn(NAME, NODE): the values that a member of that name has had, the members
# of objects and the elements of lists below it
sub learn {
	my ($name, $v) = @_;
	if (ref $v eq 'HASH') {
		for my $k (sort keys %$v) {
			push @{ $values{$k} }, $v->{$k};
			push @{ $members{$name} }, [$k, $v->{$k}];
			learn($k, $v->{$k});
		}
	} elsif (ref $v eq 'ARRAY') {
		for my $e (@$v) {
			push @{ $elements{$name} }, $e;
			learn($name, $e);
		}
	}
}
my $doc = slurp($file);
# Some of the others, drawn: all of them take longer than the twisting.
for (1 .. 6) {
	my $other = slurp($all[rand @all]);
	learn('', $other);
}
learn('', $doc);
my %words = (
	then => [qw(delivered rejected failed unknown skipped retry again split
	    stop later exists ok refresh)],
	resend => [qw(same restart never)],
	late => [qw(unknown failed delivered)],
	method => [qw(GET POST PUT PATCH DELETE HEAD)],
	response => [qw(json text csv ndjson)],
	null => [qw(omit clear reject)], invalid => [qw(omit reject)],
	hashed => [qw(pass reject)],
	hash => [qw(sha256 sha1 md5 sha512 sha256:base64)],
	DiffAdded => [undef], DiffUpdated => [undef], DiffRemoved => [undef],
);
my %by_type = (
	type => {
		auth => [qw(none bearer basic header query body hmac oauth2
		    jwt-bearer google oauth1 aws-sigv4 ssh)],
		request => [qw(json ndjson form csv multipart text none)],
	},
);
my @variables = qw($record $ref $change $changed $derived $vars $group
    $settings $saved $run $now $response $batch $nothing);
my @groups = qw(record saved derived vars auth run);

# ---- places ----

# places(NODE, NAME): [parent, key, name of the parent, name] of all within
sub places {
	my ($v, $name, $above) = @_;
	if (ref $v eq 'HASH') {
		return map { ([$v, $_, $name, $_], places($v->{$_}, $_, $name)) }
		    sort keys %$v;
	} elsif (ref $v eq 'ARRAY') {
		return map { ([$v, $_, $name, $name],
		    places($v->[$_], $name, $above)) } 0 .. $#$v;
	}
	return ();
}
sub get { my ($p) = @_; ref $p->[0] eq 'HASH' ? $p->[0]{ $p->[1] } : $p->[0][ $p->[1] ] }
sub put {
	my ($p, $v) = @_;
	# A copy, or one twist would be two.
	$v = $json->decode($json->encode($v));
	if (ref $p->[0] eq 'HASH') { $p->[0]{ $p->[1] } = $v }
	else { $p->[0][ $p->[1] ] = $v }
}
sub pick { my ($l) = @_; return $l->[rand @$l] }
sub is_number {
	my ($v) = @_;
	return defined $v && !ref $v && $json->encode($v) =~ /^-?[0-9]/;
}
sub is_text {
	my ($v) = @_;
	return defined $v && !ref $v && $json->encode($v) =~ /^"/;
}

# ---- twists: true if there was something to twist ----

sub drop {
	my ($p) = @_;
	if (ref $p->[0] eq 'HASH') { delete $p->[0]{ $p->[1] } }
	else { splice @{ $p->[0] }, $p->[1], 1 }
	return 1;
}
sub other_value {
	my ($p) = @_;
	my $l = $by_type{ $p->[3] }{ $p->[2] } // $words{ $p->[3] };
	$l = $values{ $p->[3] } if !$l || rand() < 0.3;
	return 0 if !$l;
	put($p, pick($l));
	return 1;
}
sub number {
	my ($p) = @_;
	return 0 if !is_number(get($p));
	put($p, pick([0, -1, 1, 2, 0.5, 1e300, 4294967296, 9007199254740993,
		    18446744073709551615, '5', '{list}', '{x}', undef]));
	return 1;
}
sub swap_type {
	my ($p) = @_;
	my $v = get($p);
	if (ref $v eq 'ARRAY') { put($p, @$v ? $v->[0] : {}) }
	elsif (ref $v eq 'HASH') { put($p, rand() < 0.5 ? [$v] : [sort keys %$v]) }
	elsif (JSON::PP::is_bool($v)) { put($p, pick(['true', !$v ? JSON::PP::true : JSON::PP::false, 1])) }
	elsif (is_text($v)) { put($p, pick([[$v], 1, JSON::PP::true, { a => $v }])) }
	else { put($p, pick([defined $v ? "$v" : "", [$v], undef])) }
	return 1;
}
sub double {
	my ($p) = @_;
	return 0 if ref $p->[0] ne 'ARRAY';
	splice @{ $p->[0] }, $p->[1], 0, $json->decode($json->encode(get($p)));
	return 1;
}
sub change_places {
	my ($p) = @_;
	my $l = $p->[0];
	return 0 if ref $l ne 'ARRAY' || @$l < 2;
	my $i = int rand @$l;
	@$l[$i, $p->[1]] = @$l[$p->[1], $i];
	return 1;
}
sub add_member {
	my ($p) = @_;
	my $l = $members{ $p->[3] };
	my $v = get($p);
	return 0 if !$l || ref $v ne 'HASH';
	my $m = pick($l);
	put([$v, $m->[0]], $m->[1]);
	return 1;
}
sub add_element {
	my ($p) = @_;
	my $l = $elements{ $p->[3] };
	my $v = get($p);
	return 0 if !$l || ref $v ne 'ARRAY';
	splice @$v, rand(@$v + 1), 0, $json->decode($json->encode(pick($l)));
	return 1;
}
sub rename_member {
	my ($p) = @_;
	my $l = $members{ $p->[2] };
	return 0 if ref $p->[0] ne 'HASH' || !$l;
	my $v = get($p);
	delete $p->[0]{ $p->[1] };
	put([$p->[0], pick($l)->[0]], $v);
	return 1;
}
# A variable of a program or a template, a name behind a dot, a letter
sub reword {
	my ($p) = @_;
	my $v = get($p);
	return 0 if !is_text($v);
	my $how = rand;
	my @at;
	if ($how < 0.4 && $v =~ /\$[a-z]/) {
		push @at, [$-[0], $+[0]] while $v =~ /\$[a-z]+/g;
		my $at = pick(\@at);
		substr $v, $at->[0], $at->[1] - $at->[0], pick(\@variables);
	} elsif ($how < 0.6 && $v =~ /\{\+?[a-z]/) {
		push @at, [$-[1], $+[1]] while $v =~ /\{(\+?(?:[a-z]+\.)?)[a-z]/g;
		my $at = pick(\@at);
		substr $v, $at->[0], $at->[1] - $at->[0],
		    pick(['', '+', map { ("$_.", "+$_.") } @groups]);
	} elsif ($how < 0.8 && $v =~ /\.[a-z]/) {
		push @at, [$-[0], $+[0]] while $v =~ /\.[a-z_]+/g;
		my $at = pick(\@at);
		substr $v, $at->[0], $at->[1] - $at->[0],
		    pick(['.x', '.[0]', '.id', '.[]', '.', ".$p->[3]"]);
	} elsif (length $v) {
		substr $v, rand length $v, 1, pick(['', '{', '}', '.', '"', '/', ' ']);
	}
	put($p, $v);
	return 1;
}

my @twists = (
	(\&other_value) x 5, (\&reword) x 4, (\&drop) x 3, (\&number) x 2,
	(\&swap_type) x 2, \&double, \&change_places, (\&add_member) x 5,
	(\&add_element) x 3, \&rename_member,
);
# What is only a remark, or how the user's values look, is not of interest.
my %dull = map { $_ => 1 } qw(notes title documentation description checked
    examples settings extends name $schema);
sub places_of_interest {
	my %rest = map { ($_ => $doc->{$_}) } grep { !$dull{$_} } keys %$doc;
	# Twisted in the document itself, not in the copy.
	my @p = map { $_->[0] == \%rest ? [$doc, @$_[1 .. 3]] : $_ }
	    places(\%rest, '');
	@p = grep { !$dull{ $_->[3] } || $_->[0] == $doc } @p;
	# Half of the time, where deliveries are described.
	my @run = grep { $_->[2] !~ /^(record|properties|items)$/ } @p;
	return rand() < 0.5 && @run ? @run : @p;
}
my $n = 1 + int rand(rand() < 0.5 ? 1 : 4);
while ($n > 0) {
	my @p = places_of_interest() or last;
	$n-- if pick(\@twists)->(pick(\@p));
}
print JSON::PP->new->utf8->canonical->pretty->indent_length(1)->encode($doc);
