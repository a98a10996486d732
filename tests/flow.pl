# SPDX-License-Identifier: MIT
# Random flows of retl-push, and what must be true of them.
#	perl flow.pl make SEED NAME	writes contracts/t/NAME.json, script (of
#		the vendor "scripted"), records, options, mishaps, model
#	perl flow.pl check STATUS [ENDED]	tells what of out and ledger
#		breaks a promise; ENDED if it was told to end
use strict;
use warnings;
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical;
my $row = '{id, v, n, b, line}';

sub slurp {
	open my $in, '<:raw', $_[0] or return ();
	return <$in>;
}
sub spill {
	my ($path, @lines) = @_;
	open my $out, '>:raw', $path or die "$path: $!";
	print $out @lines;
	close $out or die "$path: $!";
}
sub one { return $_[rand @_] }
sub chance { return rand() < $_[0] }

# ---- a flow ----

my (@script, $calm, $later);

# answers(METHOD, PATH, PROGRAM): what the vendor says there
sub answers {
	my ($method, $path, $program) = @_;
	push @script, { method => $method, path => $path, answer =>
	    'def poison: .v | contains("POISON"); ' . $program };
}
my $rows = '[.body.rows | if type == "array" then . else [.] end | flatten | .[]]';

# What an answer makes of the rows in each way to tell; the program of results
sub mode {
	my ($method, $path, $last, $how) = @_;
	$how //= one(qw(plain named indexed by_ref));
	my $rest = $last ? ', {status: "delivered"}' : '';
	if ($how eq 'plain') {
		answers($method, $path, "$rows as \$rows | if any(\$rows[]; poison)
			then {status: 400, body: {code: \"BAD\"}} else {status: 200, body: {}} end");
		my $step = {};
		$step->{rules} = [{ status => 400, code => 'BAD',
		    then => one(qw(rejected failed unknown retry)) }]
		    if !$calm && chance(0.25);
		$step->{results} = '{status: "delivered"}' if $last && chance(0.4);
		return $step;
	}
	# Some are asked to come again, each in its turn.
	my $again = $later && chance(0.4) ? 3 : 1000000;
	my %name = (named => '.id', by_ref => '.ref');
	my $name = $name{$how} // '.at';
	answers($method, $path, "(.n) as \$n | ($rows | [range(length) as \$i |
		.[\$i] + {at: \$i}]) as \$rows | {status: 200, body: {
		failed: [\$rows[] | select(poison) | {name: $name, id}],
		later: [\$rows[] | select((poison | not) and
			(.line + \$n) % $again == 0 and $again < 1000) | {name: $name, id}]}}");
	my $key = { named => 'key', by_ref => 'ref', indexed => 'index' }->{$how};
	my $word = one(qw(retry failed again split skipped));
	return { response => 'json', results =>
	    "(.failed[] | {$key: .name, status: \"rejected\"}), " .
	    "(.later[] | {$key: .name, status: \"$word\"})$rest" };
}

# act(OP, I, BATCH, LAST, MODEL): a step that carries records
sub act {
	my ($op, $i, $batch, $last, $model) = @_;
	my $each = $batch && chance(0.35);
	my $method = one(qw(POST PUT PATCH));
	my ($m, $k) = (2 + int rand 3, int rand 3);
	my $all = chance(0.5);
	my $item = "$row + {ref: \$ref}";
	my $path = "/a/$op/$i/";
	my $step = { name => "act$i", request => { method => $method,
	    url => $path . ($each || (!$batch && chance(0.5)) ? '{record.id}' : 'all'),
	    item => $all || $each ? $item : "select(.n % $m != $k) | $item",
	    body => '{rows: [.]}' }, %{ mode($method, $path, $last) } };
	$step->{each} = JSON::PP::true if $each;
	$step->{when} = ".n % $m != $k" if $each && !$all;
	$step->{resend} = one(qw(same restart never)) if chance(0.4);
	$step->{pause} = 0.01 if chance(0.1);
	$step->{save} = { "s$i" => '1' } if chance(0.2);
	push @$model, { path => $path, m => $all ? 0 : $m, k => $k,
	    never => ($step->{resend} // '') eq 'never',
	    word => $step->{results} || $step->{rules} ? 1 : 0,
	    # Who is good may be refused with others, or be taken for bad.
	    blunt => $step->{rules} || ($step->{results} // '') =~ /split/ ? 1 : 0,
	    skips => ($step->{results} // '') =~ /skipped/ ? 1 : 0,
	    rest => ($step->{results} // '') =~ /delivered/ ? 1 : 0 };
	return $step;
}

# look(OP, I, BATCH): one that only looks
sub look {
	my ($op, $i, $batch) = @_;
	my $each = $batch && chance(0.6);
	my $one = $each || !$batch;
	answers('GET', "/look/$op/$i/", '(.path | explode | add % 4 == 0) as $none |
		if $none then {status: 404, body: {}} else {status: 200, body: {ref: "r"}} end');
	my $step = { name => "look$i", request => { method => 'GET',
	    url => "/look/$op/$i/" . ($one ? '{record.id}' : '{vars.n}') },
	    rules => [{ status => 404, then => 'ok' }],
	    save => { "l$i" => '.ref // "none"' } };
	$step->{vars} = { n => 'length' } if !$one;
	$step->{each} = JSON::PP::true if $each;
	return $step;
}

# job(OP, MODEL): prepared, uploaded, started, waited for, asked for failures
sub job {
	my ($op, $model) = @_;
	answers('POST', "/job/$op", '{status: 200, body: {job: "j\(.n)"}}');
	answers('DELETE', "/job/$op/", '{status: 200, body: {}}');
	answers('PUT', "/up/$op/", "$rows as \$rows | {status: 200, body:
		{bad: (\"x\" + ([\$rows[] | select(poison) | .id] | join(\"-\")))}}");
	answers('POST', "/start/$op/", '{status: 200, body: {}}');
	answers('GET', "/state/$op/", '{status: 200, body: {state:
		(if .n % 3 == 0 then "done" else "running" end)}}');
	answers('GET', "/fail/$op/", '(.path | split("/")) as $p |
		($p[5] | tonumber) as $page | ($p[4][1:] | split("-")) as $all |
		{status: 200, body: {rows: $all[$page * 2:$page * 2 + 2],
		next: (if $all | length > $page * 2 + 2 then
			"/fail/\($p[2])/\($p[3])/\($p[4])/\($page + 1)" else null end)}}');
	my @steps = (
		{ request => { method => 'POST', url => "/job/$op" },
		    response => 'json', save => { job => '.job' } },
		{ request => { method => 'PUT', url => "/up/$op/{saved.job}",
		    item => "$row + {ref: \$ref}", body => '{rows: [.]}' },
		    response => 'json', save => { bad => '.bad' } },
		{ commits => JSON::PP::true,
		    request => { method => 'POST', url => "/start/$op/{saved.job}" } },
		{ request => { method => 'GET', url => "/state/$op/{saved.job}" },
		    response => 'json', poll => { until => '.state == "done"',
		    every => 0.005, most => 0.01, deadline => 20 } },
		{ request => { method => 'GET', url => "/fail/$op/{saved.job}/{saved.bad}/0" },
		    response => 'json', next => '.next', results =>
		    '(.rows[] | select(. != "") | {key: ., status: "rejected"}), {status: "delivered"}' });
	$steps[2]{resend} = one(qw(same restart never)) if chance(0.5);
	$steps[0]{resend} = 'same' if chance(0.2);
	$steps[4]{when} = '$saved.bad != "x"' if chance(0.3);
	push @$model, { job => $op, m => 0, word => 1, rest => 1 };
	return @steps;
}

# operation(NAME, MODEL): the whole of one
sub operation {
	my ($name, $model) = @_;
	my $batch = chance(0.8);
	my $op = {};
	$op->{match} = '.id | tostring';
	if ($batch) {
		$op->{batch} = { records => 1 + int rand 12 };
		$op->{batch}{by} = '.n % 3 | tostring' if chance(0.2);
	}
	if (chance(0.25)) {
		%$op = (%$op, %{ act($name, 0, 0, 1, $model) }) if !$batch;
		$op->{steps} = [act($name, 0, 1, 1, $model)] if $batch;
		delete $op->{name};
	} elsif ($batch && chance(0.35)) {
		$op->{steps} = [job($name, $model)];
		$op->{cleanup} = [{ request => { method => 'DELETE',
		    url => "/job/$name/{saved.job}" } }] if chance(0.5);
	} else {
		my $n = 2 + int rand 3;
		$op->{steps} = [map {
			$_ < $n && chance(0.4) ? look($name, $_, $batch)
			    : act($name, $_, $batch, $_ == $n, $model)
		} 1 .. $n];
	}
	# Behind "never" nothing begins anew.
	my $never;
	for my $step (@{ $op->{steps} // [] }) {
		delete $step->{resend}
		    if $never && ($step->{resend} // '') eq 'restart';
		$never ||= ($step->{resend} // '') eq 'never';
	}
	return $op;
}

# replacement(MODEL): an operation that replaces all that is there
sub replacement {
	my ($model) = @_;
	my $path = '/w/rows';
	my $one = chance(0.5);
	my $step = { request => { method => 'POST', url => $path, item => $row,
	    body => '{batch: $run.batch, last: $run.last, rows: .}' },
	    %{ mode('POST', $path, 1, $one ? undef : 'plain') } };
	$step->{resend} = one(qw(same never)) if chance(0.3);
	my $op = { whole => JSON::PP::true, match => '.id | tostring',
	    batch => { records => 1 + int rand 12 } };
	push @$model, { path => $path, m => 0, word => 1 };
	return { %$op, %$step } if $one;
	# Who has an outcome already is not there for the step that ends it.
	delete $step->{results};
	answers('POST', '/w/end', '{status: 200, body: {}}');
	$step->{request}{body} = '{batch: $run.batch, last: false, rows: .}';
	return { %$op, steps => [$step, { when => '$run.last',
	    request => { method => 'POST', url => '/w/end',
		body => '{batch: $run.batch, last: $run.last}' } }] };
}

# ---- a stream ----

sub stream {
	my ($n, $plain, $poison) = @_;
	my (@all, %v);
	my $block = 0;
	my $kind = 'DiffAdded';
	for my $line (1 .. $n) {
		my $id = 'p' . int rand $n * (chance(0.3) ? 0.3 : 3);
		if (!$plain && chance(0.06)) {
			$block++;
			$kind = $kind eq 'DiffRemoved' ? 'DiffAdded' : 'DiffRemoved';
		}
		my $r = { id => $id, v => $line . (chance($poison) ? 'POISON' : ''),
		    n => int rand 12, b => $block, line => $line };
		if (!$plain) {
			$r->{diff_result} = $kind ne 'DiffAdded' ? $kind
			    : one(qw(DiffAdded DiffUpdated));
			$r->{diff_id} = "r:$line";
		}
		push @all, $r;
	}
	return @all;
}

# seal(N): the line that seals N records
sub seal {
	return join('', map { "\t" . ' ' x $_ } split //, shift()) . "\n";
}

sub make {
	my ($seed, $name) = @_;
	srand $seed;
	$calm = chance(0.25);
	$later = !$calm && chance(0.5);
	my %model;
	my $whole = chance(0.15);
	my $ops = { put => $whole ? replacement($model{put} = [])
	    : operation('put', $model{put} = []) };
	my $drop = one('put', 'drop', undef);
	$ops->{drop} = operation('drop', $model{drop} = []) if $drop && $drop eq 'drop';
	my $c = { name => "t/$name", account => JSON::PP::false,
	    api => { checked => '2026-11-25' }, base_url => 'http://127.0.0.1:9',
	    auth => { type => 'none' },
	    record => { properties => { id => { type => 'string' } },
		additionalProperties => {} },
	    key => ['id'], operations => $ops,
	    changes => { DiffAdded => 'put', DiffUpdated => 'put',
		DiffRemoved => $drop },
	    answers => { code => '.code' },
	    retry => { attempts => 1 + int rand 5, first => 0.003, most => 0.01 },
	    concurrency => 1 + int rand 6 };
	if (chance(0.2)) {
		answers('GET', '/first', '{status: 200, body: {a: 1}}');
		$c->{prepare} = [{ request => { method => 'GET', url => '/first' },
		    response => 'json', save => { first => '.a' } }];
	}
	my $plain = $whole || chance(0.25);
	my $n = 20 + int rand 80;
	my @records = stream($n, $plain, $calm ? 0 : one(0, 0.02, 0.1));
	my @what = qw(500 503 429+0 reset-before reset-after close-before
	    close-after 500-after half garbage empty slow15 throttle);
	my @mishaps = $calm ? () : map { (1 + int rand 8) . '=' . one(@what) } 1 .. 4;
	mkdir 'contracts'; mkdir 'contracts/t';
	spill("contracts/t/$name.json", $json->pretty->encode($c));
	spill('script', JSON::PP->new->utf8->canonical->encode(\@script));
	spill('records', map { JSON::PP->new->utf8->canonical->encode($_) . "\n" } @records);
	spill('mishaps', map { "--chance\n$_\n" } @mishaps);
	spill('options', ($plain ? "--as\nadded\n" : '') .
	    (chance(0.5) ? "--max-failures\n0\n" : '') .
	    (chance(0.3) ? "--threads\n2\n" : ''));
	my $cut = $whole && chance(0.2);
	spill('in', (slurp('records')), $cut ? () : seal($n));
	spill('model', JSON::PP->new->utf8->canonical->encode({ whole => $whole,
	    cut => $cut, ops => \%model,
	    of => $c->{changes}, calm => $calm, plain => $plain,
	    most => { map { ($_ => $ops->{$_}{batch} ? $ops->{$_}{batch}{records} : 1) } keys %$ops } }));
}

# ---- what must be true ----

my @wrong;
sub wrong { push @wrong, sprintf shift() . "\n", @_ if @wrong < 5 }

sub flat { return map { ref $_ eq 'ARRAY' ? flat(@$_) : $_ } @_ }

# What replaces everything says so once, after all else, or never.
sub check_whole {
	my ($model, $status, $ended) = @_;
	my (%had, %final, $last, $most);
	my @in = map { $json->decode($_) } slurp('records');
	for my $l (map { $json->decode($_) } slurp('ledger')) {
		my $b = $l->{body};
		wrong('request %d: batch %d after %d', $l->{n}, $b->{batch}, $most)
		    if defined $most && $b->{batch} < $most;
		$most = $b->{batch};
		wrong('request %d comes after the last', $l->{n})
		    if defined $last && $b->{batch} != $last;
		wrong('request %d: last, of what is cut', $l->{n})
		    if $b->{last} && $model->{cut};
		$last = $b->{batch} if $b->{last};
		my %not = map { ($_->{id} => 1) } @{ $l->{answer}{failed} // [] },
		    @{ $l->{answer}{later} // [] };
		$had{ $_->{line} } ||= !$not{ $_->{id} } for @{ $b->{rows} // [] };
		next if !$b->{last};
		my %here = map { ($_->{line} => 1) } @{ $b->{rows} // [] };
		for my $r (@in) {
			wrong('request %d: last, and line %d was not taken', $l->{n},
			    $r->{line}) if !$had{ $r->{line} } && !$here{ $r->{line} };
		}
	}
	for my $f (map { $json->decode($_) } slurp('out')) {
		next if $f->{status} eq 'sending';
		wrong('line %d has two receipts', $f->{line}) if $final{ $f->{line} }++;
		wrong('line %d is delivered, without the last batch', $f->{line})
		    if $f->{status} eq 'delivered' && !defined $last;
		wrong('line %d is %s, where nothing goes wrong', $f->{line}, $f->{status})
		    if $f->{status} ne 'delivered' && $model->{calm} &&
		    !$ended && !$model->{cut};
		wrong('line %d is %s, and status 0', $f->{line}, $f->{status})
		    if $f->{status} ne 'delivered' && $status == 0;
	}
	for my $r (@in) {
		wrong('line %d has no receipt', $r->{line})
		    if !$final{ $r->{line} } && !$ended;
		wrong('line %d was not taken, and status 0', $r->{line})
		    if !$had{ $r->{line} } && $status == 0;
	}
	wrong('status %d', $status) if $status !~ /^(0|65|69|75|77)$/ &&
	    !($ended && $status == 143);
	print @wrong;
	print STDERR "whole\n";
}

sub check {
	my ($status, $ended) = @_;
	my $model = $json->decode(join '', slurp('model'));
	return check_whole($model, $status, $ended) if $model->{whole};
	my @in = map { $json->decode($_) } slurp('records');
	my @out = map { $json->decode($_) } slurp('out');
	my (%took, %started, %in_job, %count, %dropped, $block);
	my $last = {};

	for my $l (map { $json->decode($_) } slurp('ledger')) {
		my (undef, $what, $op, $i) = split m{/}, $l->{path};
		if ($what eq 'start') {
			wrong('request %d starts a job that was dropped', $l->{n})
			    if $dropped{$i};
			$started{$i} = 1;
			next;
		}
		if ($l->{method} eq 'DELETE') {
			wrong('request %d drops a job that was started', $l->{n})
			    if $started{$i};
			$dropped{$i} = 1;
		}
		next if ref $l->{body} ne 'HASH' || !$l->{body}{rows};
		my @rows = flat($l->{body}{rows});
		my (%id, %not);
		$not{ $_->{id} } = 1 for @{ $l->{answer}{failed} // [] },
		    @{ $l->{answer}{later} // [] };
		wrong('request %d: %d records', $l->{n}, scalar @rows)
		    if @rows > $model->{most}{$op};
		wrong('request %d: no record', $l->{n}) if !@rows;
		for my $r (@rows) {
			wrong('request %d: a key twice', $l->{n}) if $id{ $r->{id} }++;
			wrong('request %d: a reserved member', $l->{n})
			    if exists $r->{diff_id} || exists $r->{diff_result};
			next if $not{ $r->{id} };
			if ($what eq 'up') { $in_job{ $r->{line} }{$i} = 1; }
			else {
				my $path = "/a/$op/$i/";
				$took{ $r->{line} }{$path} = 1;
				$count{ $r->{line} }{$path}++;
				$last->{$path}{ $r->{id} } = $r->{line};
			}
			wrong('request %d: line %d goes after a barrier', $l->{n}, $r->{line})
			    if defined $block && $r->{b} < $block &&
			    $model->{of}{DiffRemoved};
		}
		my @b = sort { $a <=> $b } map { $_->{b} } @rows;
		$block = $b[-1] if @b && (!defined $block || $b[-1] > $block);
	}

	# What a dry run shows is what is sent, and more where an answer decides.
	my %shown = map { ($_ => 1) } map { @{ $_->{lines} } }
	    map { $json->decode($_) } slurp('dry');
	for my $r (@out) {
		wrong('line %d is delivered, and no dry run shows it', $r->{line})
		    if $r->{status} eq 'delivered' && !$shown{ $r->{line} };
	}
	my %final;
	for my $r (grep { $_->{status} ne 'sending' } @out) {
		wrong('line %d has two receipts', $r->{line}) if $final{ $r->{line} };
		$final{ $r->{line} } = $r;
	}
	my %n;
	for my $r (@in) {
		my $line = $r->{line};
		my $f = $final{$line};
		if (!$f) {
			wrong('line %d has no receipt', $line) if !$ended;
			next;
		}
		my $s = $f->{status};
		$n{$s}++;
		$n{again}++ if $s eq 'failed' || ($s eq 'unknown' &&
		    !(exists $f->{resend} && !$f->{resend}));
		$n{refused}++ if $s eq 'rejected' || $s eq 'unknown';
		my $op = $model->{of}{ $r->{diff_result} // 'DiffAdded' };
		my $took = $took{$line} // {};
		my @steps = $op ? @{ $model->{ops}{$op} } : ();
		my @due = grep { !$_->{m} || $r->{n} % $_->{m} != $_->{k} } @steps;
		my @jobs = grep { $started{$_} } keys %{ $in_job{$line} // {} };
		if ($s eq 'delivered') {
			wrong('line %d is poison, and delivered', $line)
			    if $r->{v} =~ /POISON/ && @due;
			for my $d (@due) {
				wrong('line %d is delivered, not taken by %s', $line,
				    $d->{path} // 'a job')
				    if $d->{job} ? !@jobs : !$took->{ $d->{path} };
				wrong('line %d is delivered, and %s has line %d', $line,
				    $d->{path}, $last->{ $d->{path} }{ $r->{id} })
				    if $d->{path} &&
				    ($last->{ $d->{path} }{ $r->{id} } // $line) < $line;
			}
		} elsif ($s eq 'skipped' && !grep { $_->{skips} } @due) {
			wrong('line %d is skipped, and taken', $line)
			    if %$took || $in_job{$line};
			wrong('line %d is skipped: %s carries it', $line,
			    $due[0]{path} // 'a job') if @due;
		} elsif ($s eq 'failed' || $s eq 'rejected') {
			# What an answer says by name is taken at its word.
			my $told = $r->{v} =~ /POISON/ || (grep { $_->{word} } @due);
			wrong('line %d is %s, and taken', $line, $s)
			    if (%$took || @jobs) && !$told;
			wrong('line %d is rejected, and good', $line)
			    if $s eq 'rejected' && $r->{v} !~ /POISON/ &&
			    !grep { $_->{blunt} } @due;
		}
		# Of whom no results speak that carry it nothing is known.
		my $told = !(grep { $_->{word} } @due) || (grep { $_->{rest} } @due);
		wrong('line %d is %s, where nothing goes wrong', $line, $s)
		    if $model->{calm} && !$ended &&
		    $s !~ /^(delivered|skipped)$/ && ($s ne 'unknown' || $told);
		for my $d (grep { $_->{never} } @due) {
			wrong('line %d came %d times to a step that says never', $line,
			    $count{$line}{ $d->{path} })
			    if ($count{$line}{ $d->{path} } // 0) > 1;
		}
	}
	my %n0 = map { ($_ => $n{$_} // 0) } qw(again refused);
	wrong('status 0, and not all went through') if $status == 0 && ($n0{again} || $n0{refused});
	wrong('status 1, and another run could help') if $status == 1 && $n0{again};
	wrong('status 1, and none was refused') if $status == 1 && !$n0{refused};
	wrong('status 75, and none failed') if $status == 75 && !$n0{again} && !$ended;
	# A signal may come before anybody listens.
	wrong('status %d', $status) if $status !~ /^(0|1|69|75|77)$/ &&
	    !($ended && $status == 143 && !@out);
	print @wrong;
	print STDERR join(', ', map { "$_ $n{$_}" } grep { !/again|refused/ } sort keys %n), "\n";
}

my $what = shift // '';
if ($what eq 'make') { make(@ARGV) }
elsif ($what eq 'check') { check(@ARGV) }
else { die "perl flow.pl make SEED NAME | check STATUS [ENDED]\n" }
