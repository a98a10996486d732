# SPDX-License-Identifier: MIT
# Breaks a JSON document: a few of its values, drawn by a seed, are replaced,
# taken away, doubled or moved, or some of its bytes are. Prints what comes of it.
use strict;
use warnings;
use JSON::PP;

my ($file, $seed) = @ARGV;
srand $seed;
open my $in, '<:raw', $file or die "$file: $!";
my $text = do { local $/ = undef; <$in> };
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

if (rand() < 0.15) {
	# Bytes: mostly no JSON any more.
	for (0 .. rand 4) {
		my $at = int rand length $text;
		substr $text, $at, int(rand 3), join '',
		    map { chr int rand 256 } 0 .. rand 3;
	}
	print $text;
	exit;
}

my $doc = $json->decode($text);
my @odd = (
	undef, JSON::PP::true, JSON::PP::false, -1, 0, 0.5, 1e300, 4294967296,
	'', '.', '{', '{x}', '{+x}', '{record.x}', '{saved.x}', '{group}', '@x.jq',
	'@/etc/passwd', '$saved.x', 'def f: f; f', '.[', "\x{1}\n", 'x' x 70000,
	"\x{fffd}\x{10ffff}", '../..', 'http://[::1', 'postgresql://', [], {},
	[[]], { '' => {} }, ['a', 1], { status => 400, then => 'exists' },
);

# places(NODE): references to all values within
sub places {
	my ($v) = @_;
	return map { (\$v->{$_}, places($v->{$_})) } sort keys %$v
	    if ref $v eq 'HASH';
	return map { (\$v->[$_], places($v->[$_])) } 0 .. $#$v
	    if ref $v eq 'ARRAY';
	return ();
}

for (0 .. rand 3) {
	my @places = places($doc) or last;
	my $place = $places[rand @places];
	my $how = rand;
	if ($how < 0.5) {
		$$place = $odd[rand @odd];
	} elsif ($how < 0.75) {
		# What belongs somewhere else; a copy, or it would be a circle.
		my $other = $places[rand @places];
		$$place = $json->decode($json->encode($$other));
	} elsif (ref $$place eq 'HASH' && %$$place) {
		my @keys = sort keys %$$place;
		delete $$place->{ $keys[rand @keys] };
	} elsif (ref $$place eq 'ARRAY' && @$$place) {
		push @$$place, @$$place;
	} else {
		my $deep = 1;
		$deep = [$deep] for 1 .. rand 600;
		$$place = $deep;
	}
}
print $json->encode($doc);
