/* SPDX-License-Identifier: MIT */
/*
 * gen: a table of customers, the same for the same options on every machine.
 * A row takes about 376 bytes as JSON: 15 members, names in several scripts,
 * nested values, escapes, nulls, decimals such as 1.10. The last tenth of the
 * ids stands about 2^53, all odd, where doubles go wrong.
 *
 * With --mutate A,U,R it is tomorrow's table: A percent of rows added, U
 * updated, R removed, spread over all of it; the counts go to stderr.
 */
#include "common/json.h"
#include "common/ndjson.h"
#include "common/msg.h"
#include "common/opt.h"

enum format { NDJSON, CSV, SQL };
static const char *const formats[] = { "ndjson", "csv", "sql" };

struct setup {
	uint64_t rows;
	uint64_t seed;
	enum format format;
	bool id_last;
	bool alike; /* uuids: four rows each, all but the end the same */
	double added, updated, removed; /* percent */
};

/* ---- chance ---- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *d, uint64_t n)
{
	d->state += 0x9e3779b97f4a7c15u;
	return mix(d->state) % n;
}

static struct dice dice_for(const struct setup *s, uint64_t row, unsigned use)
{
	return (struct dice){ mix(s->seed) ^ mix(row * 8 + use) };
}

static bool happens(const struct setup *s, uint64_t row, unsigned use,
		    double percent)
{
	struct dice d = dice_for(s, row, use);

	return (double)roll(&d, 1000000) < percent * 10000;
}

/*
 * The row that stands in place i of a shuffled table: a Feistel network over
 * the next power of four, walked until it lands inside.
 */
static uint64_t shuffled(const struct setup *s, uint64_t i)
{
	unsigned half = 1;
	uint64_t mask, l, r, t;

	while ((uint64_t)1 << 2 * half < s->rows)
		half++;
	mask = ((uint64_t)1 << half) - 1;
	do {
		l = i >> half;
		r = i & mask;
		for (unsigned round = 0; round < 4; round++) {
			t = l ^ (mix(r + mix(s->seed + round)) & mask);
			l = r;
			r = t;
		}
		i = l << half | r;
	} while (i >= s->rows);
	return i;
}

/* ---- a row ---- */

enum column {
	C_ID,
	C_UUID,
	C_EMAIL,
	C_FIRST,
	C_LAST,
	C_COMPANY,
	C_PHONE,
	C_COUNTRY,
	C_PLAN,
	C_ACTIVE,
	C_SEATS,
	C_BALANCE,
	C_CREATED,
	C_TAGS,
	C_ADDRESS,
	N_COLUMNS
};

static const char *const names[N_COLUMNS] = {
	"id",      "uuid",    "email",   "first", "last",
	"company", "phone",   "country", "plan",  "active",
	"seats",   "balance", "created", "tags",  "address",
};

static const bool is_text[N_COLUMNS] = {
	[C_UUID] = true,    [C_EMAIL] = true,   [C_FIRST] = true,
	[C_LAST] = true,    [C_COMPANY] = true, [C_PHONE] = true,
	[C_COUNTRY] = true, [C_PLAN] = true,    [C_CREATED] = true,
};

#define PICK(d, list) (list)[roll((d), ARRAY_LEN(list))]

static const char *const firsts[] = {
	"Anna",  "Søren", "José",   "Мария",   "Jürgen", "Zoë",    "李明",
	"Fatma", "Siân",  "Łukasz", "Ngozi",   "花子",   "Παύλος", "Omar",
	"Marie", "John",  "Priya",  "Björk 🎵", "Ali",    "Emma",
};
static const char *const lasts[] = {
	"Müller",   "O'Brien",  "Nguyễn",     "Иванова",
	"García",   "Smith",    "Jónsdóttir", "Yılmaz",
	"Kowalski", "田中",     "Dupont",     "van der Berg",
	"Okafor",   "Andersen", "Rossi",      "Singh",
};
static const char *const companies[] = {
	"Nordwind \"Logistik\" GmbH",
	"Smith & Sons",
	"Café du Port",
	"A\\B Testing Ltd.",
	"Große Räder AG",
	"Blue/Green Deployments",
	"Tab\tular Data Inc.",
	"三日月商店",
};
static const char *const countries[] = { "DE", "FR", "GB", "US",
					 "JP", "BR", "NG", "IN" };
static const char *const plans[] = { "free", "team", "business", "enterprise" };
static const char *const tags[] = { "beta",   "vip",   "churn-risk", "partner",
				    "émigré", "trial", "newsletter" };
static const char *const streets[] = { "Hauptstraße", "Rue de la Paix",
				       "High Street", "Via Garibaldi",
				       "Calle Ñandú", "Storgatan" };
static const char *const cities[] = { "Köln",   "Paris",  "Leeds",
				      "Milano", "Málaga", "Malmö" };

struct row {
	uint64_t number;
	bool is_new, updated;
	struct buf v[N_COLUMNS]; /* text, or JSON where it is no text */
	bool null[N_COLUMNS];
};

/* Odd for old rows and new; a new row stands just behind an old one. */
static uint64_t id_of(const struct setup *s, uint64_t number, bool is_new)
{
	uint64_t big = s->rows - s->rows / 10;
	uint64_t id = number < big
			  ? 1001 + number * 8
			  : ((uint64_t)1 << 53) + 1 + (number - big) * 4 -
				s->rows / 10 / 2 * 4;

	return id + 2 * is_new;
}

static void put_uuid(struct buf *b, struct dice *d)
{
	uint64_t x = roll(d, UINT64_MAX), y = roll(d, UINT64_MAX);

	buf_addf(b, "%08x-%04x-4%03x-a%03x-%012" PRIx64, (unsigned)(x >> 32),
		 (unsigned)(x >> 16 & 0xffff), (unsigned)(x & 0xfff),
		 (unsigned)(y >> 52), y & 0xffffffffffff);
}

static void put_alike(struct buf *b, const struct setup *s, struct dice *d)
{
	buf_addf(b, "urn:customer:eu:berlin:2024:%08" PRIu64,
		 roll(d, MAX(s->rows / 4, 1)));
}

static void fill_names(const struct setup *s, struct row *r, struct dice *d)
{
	if (s->alike)
		put_alike(&r->v[C_UUID], s, d);
	else
		put_uuid(&r->v[C_UUID], d);
	buf_addz(&r->v[C_FIRST], PICK(d, firsts));
	buf_addz(&r->v[C_LAST], PICK(d, lasts));
	buf_addf(&r->v[C_EMAIL], "user%" PRIu64 "%s@ex%u.com", r->number,
		 r->is_new ? "n" : "", (unsigned)roll(d, 50));
	r->null[C_EMAIL] = roll(d, 50) == 0;
	buf_addz(&r->v[C_COMPANY], PICK(d, companies));
	r->null[C_COMPANY] = roll(d, 5) == 0;
	buf_addf(&r->v[C_PHONE], "+49 %03u %07u", (unsigned)roll(d, 1000),
		 (unsigned)roll(d, 10000000));
}

static void fill_values(struct row *r, struct dice *d)
{
	size_t n = roll(d, 3);

	buf_addz(&r->v[C_COUNTRY], PICK(d, countries));
	buf_addz(&r->v[C_PLAN], PICK(d, plans));
	buf_addz(&r->v[C_ACTIVE], roll(d, 4) ? "true" : "false");
	buf_addf(&r->v[C_SEATS], "%u", (unsigned)roll(d, 500));
	buf_addf(&r->v[C_BALANCE], "%s%u.%02u", roll(d, 9) ? "" : "-",
		 (unsigned)roll(d, 20000), (unsigned)roll(d, 100));
	buf_addf(&r->v[C_CREATED], "20%02u-%02u-%02uT%02u:%02u:%02uZ",
		 (unsigned)(15 + roll(d, 11)), (unsigned)(1 + roll(d, 12)),
		 (unsigned)(1 + roll(d, 28)), (unsigned)roll(d, 24),
		 (unsigned)roll(d, 60), (unsigned)roll(d, 60));
	buf_addc(&r->v[C_TAGS], '[');
	for (size_t i = 0; i < n; i++)
		buf_addf(&r->v[C_TAGS], "%s\"%s\"", i ? "," : "",
			 PICK(d, tags));
	buf_addc(&r->v[C_TAGS], ']');
	buf_addf(&r->v[C_ADDRESS],
		 "{\"street\":\"%s %u\",\"city\":\"%s\","
		 "\"geo\":[%u.%04u,%u.%04u]}",
		 PICK(d, streets), (unsigned)(1 + roll(d, 200)),
		 PICK(d, cities), (unsigned)roll(d, 90),
		 (unsigned)roll(d, 10000), (unsigned)roll(d, 180),
		 (unsigned)roll(d, 10000));
}

static void fill(const struct setup *s, struct row *r)
{
	struct dice d = dice_for(s, r->number, r->is_new ? 1 : 0);

	for (int i = 0; i < N_COLUMNS; i++) {
		buf_reset(&r->v[i]);
		r->null[i] = false;
	}
	buf_addf(&r->v[C_ID], "%" PRIu64, id_of(s, r->number, r->is_new));
	fill_names(s, r, &d);
	fill_values(r, &d);
	if (r->updated) {
		buf_reset(&r->v[C_PLAN]);
		buf_addz(&r->v[C_PLAN], "upgraded");
		buf_reset(&r->v[C_SEATS]);
		buf_addz(&r->v[C_SEATS], "777");
	}
}

/* ---- forms ---- */

static void put_json_member(struct buf *b, const struct row *r, int c)
{
	buf_addf(b, "\"%s\":", names[c]);
	if (r->null[c])
		buf_addz(b, "null");
	else if (is_text[c])
		json_put_str(b, buf_str(&r->v[c]));
	else
		buf_adds(b, buf_str(&r->v[c]));
}

static void put_json(const struct setup *s, struct buf *b, const struct row *r)
{
	buf_addc(b, '{');
	for (int i = 0; i < N_COLUMNS; i++) {
		if (i)
			buf_addc(b, ',');
		put_json_member(b, r, s->id_last ? (i + 1) % N_COLUMNS : i);
	}
	buf_addc(b, '}');
}

static void put_quoted(struct buf *b, struct str text, char quote)
{
	buf_addc(b, quote);
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == quote)
			buf_addc(b, quote);
		buf_addc(b, text.s[i]);
	}
	buf_addc(b, quote);
}

static void put_csv(struct buf *b, const struct row *r)
{
	for (int i = 0; i < N_COLUMNS; i++) {
		struct str v = buf_str(&r->v[i]);

		if (i)
			buf_addc(b, ',');
		if (r->null[i])
			continue;
		if (is_text[i] || memchr(v.s, ',', v.n) ||
		    memchr(v.s, '"', v.n))
			put_quoted(b, v, '"');
		else
			buf_adds(b, v);
	}
}

static void put_sql(struct buf *b, const struct row *r)
{
	buf_addz(b, "INSERT INTO customers VALUES(");
	for (int i = 0; i < N_COLUMNS; i++) {
		struct str v = buf_str(&r->v[i]);

		if (i)
			buf_addc(b, ',');
		if (r->null[i])
			buf_addz(b, "NULL");
		else if (is_text[i] || i == C_TAGS || i == C_ADDRESS)
			put_quoted(b, v, '\'');
		else
			buf_adds(b, v);
	}
	buf_addz(b, ");");
}

static void put_head(const struct setup *s, struct out *o)
{
	static const char *const types[N_COLUMNS] = {
		[C_ID] = " bigint PRIMARY KEY",
		[C_ACTIVE] = " boolean",
		[C_SEATS] = " integer",
		[C_BALANCE] = " numeric(12,2)",
	};

	if (s->format == NDJSON)
		return;
	if (s->format == SQL)
		buf_addz(&o->b, "BEGIN;\nCREATE TABLE customers(");
	for (int i = 0; i < N_COLUMNS; i++)
		buf_addf(&o->b, "%s%s%s", i ? "," : "", names[i],
			 s->format == CSV ? ""
			 : types[i]       ? types[i]
					  : " text");
	buf_addz(&o->b, s->format == SQL ? ");\n" : "\n");
}

static void put_row(const struct setup *s, struct out *o, struct row *r)
{
	fill(s, r);
	if (s->format == NDJSON)
		put_json(s, &o->b, r);
	else if (s->format == CSV)
		put_csv(&o->b, r);
	else
		put_sql(&o->b, r);
	out_record(o);
}

/* ---- the table ---- */

static void generate(const struct setup *s, bool shuffle)
{
	uint64_t n_added = 0, n_updated = 0, n_removed = 0;
	struct row r = { .number = 0 };
	struct out o;

	for (int i = 0; i < N_COLUMNS; i++)
		r.v[i] = BUF_INIT;
	out_init(&o, STDOUT_FILENO, "standard output");
	put_head(s, &o);
	for (uint64_t i = 0; i < s->rows; i++) {
		r.number = shuffle ? shuffled(s, i) : i;
		r.is_new = false;
		r.updated = happens(s, r.number, 2, s->updated);
		if (happens(s, r.number, 3, s->removed)) {
			n_removed++;
		} else {
			n_updated += r.updated;
			put_row(s, &o, &r);
		}
		if (happens(s, r.number, 4, s->added)) {
			n_added++;
			r.is_new = true;
			r.updated = false;
			put_row(s, &o, &r);
		}
	}
	if (s->format == SQL)
		buf_addz(&o.b, "COMMIT;\n");
	out_close(&o);
	for (int i = 0; i < N_COLUMNS; i++)
		buf_release(&r.v[i]);
	if (s->added > 0 || s->updated > 0 || s->removed > 0)
		fprintf(stderr,
			"added %" PRIu64 " updated %" PRIu64 " removed %" PRIu64
			"\n",
			n_added, n_updated, n_removed);
}

int main(int argc, char **argv)
{
	struct setup s = { .rows = 1000000, .seed = 1 };
	const char *format = "ndjson", *order = "sorted", *mutate = NULL;
	const struct opt opts[] = {
		{ 'n', "rows", OPT_COUNT, &s.rows, "N", "rows (1000000)" },
		{ 's', "seed", OPT_COUNT, &s.seed, "N", "another table (1)" },
		{ 'f', "format", OPT_STR, &format, "ndjson|csv|sql", "form" },
		{ 'o', "order", OPT_STR, &order, "sorted|shuffled", "order" },
		{ 'm', "mutate", OPT_STR, &mutate, "A,U,R",
		  "tomorrow's: percent added, updated, removed" },
		{ 'L', "id-last", OPT_FLAG, &s.id_last, NULL,
		  "the id is the last member" },
		{ 0, "alike", OPT_FLAG, &s.alike, NULL,
		  "uuids with a long common beginning, four rows each" },
	};
	const struct opt_spec spec = {
		.synopsis = "[-n N] [-s N] [-f FORMAT] [-o ORDER] [-m A,U,R]",
		.about = "Write a table of customers.",
		.opts = opts,
		.n = ARRAY_LEN(opts),
	};
	int known = -1;

	msg_init("gen");
	if (opt_parse(&spec, argc, argv) > 0)
		opt_die("no operands wanted");
	for (int i = 0; i < (int)ARRAY_LEN(formats); i++)
		if (strcmp(format, formats[i]) == 0)
			known = i;
	if (known < 0)
		opt_die("--format: '%s'", format);
	s.format = (enum format)known;
	if (strcmp(order, "sorted") != 0 && strcmp(order, "shuffled") != 0)
		opt_die("--order: '%s'", order);
	if (mutate && sscanf(mutate, "%lf,%lf,%lf", &s.added, &s.updated,
			     &s.removed) != 3)
		opt_die("--mutate: '%s' is not A,U,R", mutate);
	generate(&s, strcmp(order, "shuffled") == 0);
	return 0;
}
