/* SPDX-License-Identifier: MIT */
/*
 * Who asks Snowflake: with a key of the user's (a JSON Web Token that lives
 * less than an hour), an OAuth token, or a programmatic access token, all as
 * Snowflake's own tools find them.
 */
#include "bin/retl-extract/snowflake.h"

#include <strings.h>

#include "bin/retl-extract/snowflake_connection.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/msg.h"

#define DOMAIN ".snowflakecomputing.com"
#define JWT_LIFE_S 3540
#define MAX_KEY ((size_t)64 << 10)

/* What is needed to log in, and not afterwards. */
struct settings {
	struct buf connection; /* that the URL names */
	struct buf host, protocol, authenticator;
	struct buf token_file, key_file, passphrase;
	bool has_password;
};

static const char *env(const char *name)
{
	const char *text = getenv(name);

	return text && *text ? text : NULL;
}

static void take_env(struct buf *b, const char *name)
{
	if (!b->len && env(name))
		buf_addz(b, env(name));
}

static int decode(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned byte;

		if (text.s[i] != '%') {
			buf_addc(out, text.s[i]);
			continue;
		}
		if (i + 2 >= text.n || !isxdigit((uint8_t)text.s[i + 1]) ||
		    !isxdigit((uint8_t)text.s[i + 2]) ||
		    sscanf(text.s + i + 1, "%2x", &byte) != 1 || !byte)
			return -1;
		buf_addc(out, (char)byte);
		i += 2;
	}
	return 0;
}

static int bad_url(struct failure *f)
{
	return failed(f, EX_USAGE,
		      "the URL: expected snowflake://ACCOUNT/DATABASE/SCHEMA, "
		      "and behind a ? warehouse=, role=, user= and "
		      "connection= (a password or token does not stand there)");
}

static int take_member(struct snowflake_login *l, struct settings *s,
		       struct str part, struct failure *f)
{
	struct str name, value = part;

	str_split(&value, '=', &name);
	if (value.s && str_is(name, "warehouse"))
		return decode(&l->warehouse, value);
	if (value.s && str_is(name, "role"))
		return decode(&l->role, value);
	if (value.s && str_is(name, "user"))
		return decode(&l->user, value);
	if (value.s && str_is(name, "connection"))
		return decode(&s->connection, value);
	return bad_url(f);
}

static int take_url(struct snowflake_login *l, struct settings *s,
		    struct str where, struct failure *f)
{
	struct buf *places[] = { &l->account, &l->database, &l->schema };
	struct str path, part;

	if (str_starts(where, "//"))
		where = (struct str){ where.s + 2, where.n - 2 };
	str_split(&where, '?', &path);
	for (size_t i = 0; path.s && str_split(&path, '/', &part); i++)
		if (i == ARRAY_LEN(places) || decode(places[i], part) < 0)
			return bad_url(f);
	while (where.s && str_split(&where, '&', &part))
		if (part.n && take_member(l, s, part, f) < 0)
			return bad_url(f);
	for (size_t i = 0; i < l->account.len; i++)
		if (!isalnum((uint8_t)l->account.data[i]) &&
		    !strchr("-_.", l->account.data[i]))
			return bad_url(f);
	return 0;
}

/* Another host is for private links, and for tests on this machine. */
static int make_base(struct snowflake_login *l, const struct settings *s,
		     struct failure *f)
{
	bool plain = str_is(buf_str(&s->protocol), "http");

	if (!l->account.len)
		return failed(f, EX_CONFIG,
			      "no account: snowflake://ACCOUNT/..., or "
			      "SNOWFLAKE_ACCOUNT");
	if (plain && !str_starts(buf_str(&s->host), "127.0.0.1"))
		return failed(f, EX_CONFIG,
			      "SNOWFLAKE_PROTOCOL: http is for 127.0.0.1 only");
	buf_addz(&l->base, plain ? "http://" : "https://");
	buf_adds(&l->base, buf_str(&s->host));
	for (size_t i = 0; !s->host.len && i < l->account.len; i++) {
		char c = (char)tolower((uint8_t)l->account.data[i]);

		/* Host names have no underscores. */
		buf_addc(&l->base, c == '_' ? '-' : c);
	}
	if (!s->host.len)
		buf_addz(&l->base, DOMAIN);
	return 0;
}

static int take_token_file(struct snowflake_login *l, const char *path,
			   struct failure *f)
{
	struct buf err = BUF_INIT;
	int ret = file_read(path, MAX_KEY, &l->token, &err);

	while (l->token.len &&
	       isspace((uint8_t)l->token.data[l->token.len - 1]))
		buf_truncate(&l->token, l->token.len - 1);
	if (ret < 0)
		failed(f, EX_NOPERM, "the token: %s", err.data);
	buf_release(&err);
	return ret;
}

static int check_token(const struct snowflake_login *l, struct failure *f)
{
	for (size_t i = 0; i < l->token.len; i++)
		if ((uint8_t)l->token.data[i] <= ' ' ||
		    l->token.data[i] == 0x7f)
			return failed(f, EX_NOPERM,
				      "the token is none: there is a blank or "
				      "a control character in it");
	msg_hide(l->token.data, l->token.len);
	return 0;
}

static int take_key(struct snowflake_login *l, const struct settings *s,
		    struct failure *f)
{
	const char *path = s->key_file.data;
	struct buf pem = BUF_INIT, err = BUF_INIT;

	if (file_read(path, MAX_KEY, &pem, &err) == 0) {
		l->key = jwt_key_new(buf_str(&pem),
				     s->passphrase.len ? buf_str(&s->passphrase)
						       : STR_NONE,
				     &err);
		if (!l->key)
			failed(f, EX_NOPERM, "%s: %s (PRIVATE_KEY_PASSPHRASE)",
			       path, err.data);
	} else {
		failed(f, EX_NOPERM, "the private key: %s", err.data);
	}
	explicit_bzero(pem.data, pem.len);
	buf_release(&pem);
	buf_release(&err);
	if (!l->key)
		return -1;
	if (!l->user.len)
		return failed(f, EX_CONFIG,
			      "no user: ?user=NAME, or SNOWFLAKE_USER");
	return 0;
}

static bool has_credentials(const struct snowflake_login *l,
			    const struct settings *s)
{
	return l->token.len || s->token_file.len || s->key_file.len;
}

static int take_credentials(struct snowflake_login *l, const struct settings *s,
			    struct failure *f)
{
	l->kind =
	    strcasecmp(s->authenticator.data, "programmatic_access_token") == 0
		? "PROGRAMMATIC_ACCESS_TOKEN"
		: "OAUTH";
	if (!l->token.len && s->token_file.len &&
	    take_token_file(l, s->token_file.data, f) < 0)
		return -1;
	if (l->token.len)
		return check_token(l, f);
	l->kind = "KEYPAIR_JWT";
	if (s->key_file.len)
		return take_key(l, s, f);
	return failed(f, EX_NOPERM,
		      "no credentials%s: set SNOWFLAKE_PRIVATE_KEY_PATH (and "
		      "PRIVATE_KEY_PASSPHRASE), or SNOWFLAKE_TOKEN with "
		      "SNOWFLAKE_AUTHENTICATOR=oauth or "
		      "programmatic_access_token, or name a connection of "
		      "connections.toml that has such",
		      s->has_password ? " (a password is none: the service "
					"that is asked here takes none)"
				      : "");
}

/* ---- where settings come from ---- */

static void take_environment(struct snowflake_login *l, struct settings *s)
{
	take_env(&l->account, "SNOWFLAKE_ACCOUNT");
	take_env(&l->user, "SNOWFLAKE_USER");
	take_env(&l->database, "SNOWFLAKE_DATABASE");
	take_env(&l->schema, "SNOWFLAKE_SCHEMA");
	take_env(&l->warehouse, "SNOWFLAKE_WAREHOUSE");
	take_env(&l->role, "SNOWFLAKE_ROLE");
	take_env(&l->token, "SNOWFLAKE_TOKEN");
	take_env(&s->host, "SNOWFLAKE_HOST");
	take_env(&s->protocol, "SNOWFLAKE_PROTOCOL");
	take_env(&s->authenticator, "SNOWFLAKE_AUTHENTICATOR");
	take_env(&s->token_file, "SNOWFLAKE_TOKEN_FILE_PATH");
	take_env(&s->key_file, "SNOWFLAKE_PRIVATE_KEY_PATH");
	take_env(&s->key_file, "SNOWFLAKE_PRIVATE_KEY_FILE");
}

/* Settings of a connection, but for what is known already. */
static int take_connection(struct snowflake_login *l, struct settings *s,
			   const struct snowflake_connection *c,
			   struct failure *f)
{
	const struct {
		const char *name;
		struct buf *to;
	} table[] = {
		{ "account", &l->account },
		{ "user", &l->user },
		{ "database", &l->database },
		{ "schema", &l->schema },
		{ "warehouse", &l->warehouse },
		{ "role", &l->role },
		{ "host", &s->host },
		{ "protocol", &s->protocol },
		{ "authenticator", &s->authenticator },
		{ "token", &l->token },
		{ "token_file_path", &s->token_file },
		{ "private_key_file", &s->key_file },
		{ "private_key_path", &s->key_file },
		{ "private_key_file_pwd", &s->passphrase },
		{ "private_key_passphrase", &s->passphrase },
	};
	struct buf password = BUF_INIT;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < ARRAY_LEN(table); i++)
		if (!table[i].to->len)
			ret = snowflake_connection_get(c, table[i].name,
						       table[i].to, f);
	if (ret == 0)
		ret = snowflake_connection_get(c, "password", &password, f);
	s->has_password = password.len > 0;
	explicit_bzero(password.data, password.len);
	buf_release(&password);
	return ret;
}

/* Other ways of logging in are for people, or for other services. */
static int check_authenticator(const struct settings *s,
			       const struct snowflake_connection *c,
			       struct failure *f)
{
	static const char *const known[] = { "", "snowflake", "snowflake_jwt",
					     "oauth",
					     "programmatic_access_token" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcasecmp(s->authenticator.data, known[i]) == 0)
			return 0;
	return failed(f, EX_NOPERM,
		      "%s: [%s]: its authenticator cannot be used here, but "
		      "snowflake_jwt, oauth and programmatic_access_token can",
		      c->path, c->section.data);
}

/* "my_org-Account" and "MY-ORG-ACCOUNT" are one. */
static bool is_account(const struct buf *a, const struct buf *b)
{
	for (size_t i = 0; i < a->len && i < b->len; i++) {
		int x = tolower((uint8_t)a->data[i]);
		int y = tolower((uint8_t)b->data[i]);

		if ((x == '_' ? '-' : x) != (y == '_' ? '-' : y))
			return false;
	}
	return a->len == b->len;
}

/*
 * The credentials of one account are not for another: 1: it is of the account
 * that is asked for; 0: the default one is not, and is passed over; -1.
 */
static int check_account(const struct snowflake_login *l,
			 const struct snowflake_connection *c,
			 struct failure *f)
{
	struct buf account = BUF_INIT;
	int ret = snowflake_connection_get(c, "account", &account, f);

	if (ret == 0)
		ret = !l->account.len || is_account(&l->account, &account);
	buf_release(&account);
	if (ret == 0 && !c->is_default)
		return failed(f, EX_CONFIG,
			      "%s: [%s] is of another account than the URL",
			      c->path, c->section.data);
	if (ret == 0)
		msg_debug("snowflake: the default connection is of another "
			  "account");
	return ret;
}

static int use_connection(struct snowflake_login *l, struct settings *s,
			  struct failure *f)
{
	struct snowflake_connection c;
	const char *name = s->connection.len ? s->connection.data : NULL;
	int ret = snowflake_connection_find(&c, name, f);

	if (ret == 0 && c.name) {
		ret = check_account(l, &c, f);
		if (ret == 1 && (ret = take_connection(l, s, &c, f)) == 0)
			ret = check_authenticator(s, &c, f);
	}
	snowflake_connection_release(&c);
	return ret < 0 ? -1 : 0;
}

static int log_in(struct snowflake_login *l, struct settings *s,
		  const char *where, struct failure *f)
{
	if (take_url(l, s, str_of(where), f) < 0)
		return -1;
	/* What a connection lacks is not to be had from somewhere else. */
	if (!s->connection.len)
		take_environment(l, s);
	if (!has_credentials(l, s) && use_connection(l, s, f) < 0)
		return -1;
	take_env(&s->passphrase, "PRIVATE_KEY_PASSPHRASE");
	take_env(&s->passphrase, "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE");
	if (make_base(l, s, f) < 0)
		return -1;
	return take_credentials(l, s, f);
}

int snowflake_login_init(struct snowflake_login *l, const char *where,
			 struct failure *f)
{
	struct settings s = { .connection = BUF_INIT,
			      .host = BUF_INIT,
			      .protocol = BUF_INIT,
			      .authenticator = BUF_INIT,
			      .token_file = BUF_INIT,
			      .key_file = BUF_INIT,
			      .passphrase = BUF_INIT };
	int ret;

	*l = (struct snowflake_login){
		.base = BUF_INIT,
		.account = BUF_INIT,
		.user = BUF_INIT,
		.database = BUF_INIT,
		.schema = BUF_INIT,
		.warehouse = BUF_INIT,
		.role = BUF_INIT,
		.token = BUF_INIT,
		.jwt = BUF_INIT,
	};
	ret = log_in(l, &s, where, f);
	explicit_bzero(s.passphrase.data, s.passphrase.len);
	buf_release(&s.connection);
	buf_release(&s.host);
	buf_release(&s.protocol);
	buf_release(&s.authenticator);
	buf_release(&s.token_file);
	buf_release(&s.key_file);
	buf_release(&s.passphrase);
	return ret;
}

void snowflake_login_release(struct snowflake_login *l)
{
	buf_release(&l->base);
	buf_release(&l->account);
	buf_release(&l->user);
	buf_release(&l->database);
	buf_release(&l->schema);
	buf_release(&l->warehouse);
	buf_release(&l->role);
	explicit_bzero(l->token.data, l->token.len);
	buf_release(&l->token);
	jwt_key_free(l->key);
	buf_release(&l->jwt);
}

/* ACCOUNT as the claims want it: in capitals, a locator without its region. */
static void put_account(struct buf *out, struct str account)
{
	for (size_t i = 0; i < account.n && account.s[i] != '.'; i++)
		buf_addc(out, (char)toupper((uint8_t)account.s[i]));
}

static void make_jwt(struct snowflake_login *l)
{
	int64_t now = clock_now_ms() / 1000;
	struct buf who = BUF_INIT, claims = BUF_INIT;

	put_account(&who, buf_str(&l->account));
	buf_addc(&who, '.');
	for (size_t i = 0; i < l->user.len; i++)
		buf_addc(&who, (char)toupper((uint8_t)l->user.data[i]));
	buf_addz(&claims, "{\"sub\":");
	json_put_str(&claims, buf_str(&who));
	buf_addc(&who, '.');
	jwt_put_fingerprint(&who, l->key);
	buf_addz(&claims, ",\"iss\":");
	json_put_str(&claims, buf_str(&who));
	/* An hour at most; clocks differ. */
	buf_addf(&claims, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", now,
		 now + JWT_LIFE_S);
	buf_reset(&l->jwt);
	jwt_put(&l->jwt, l->key, STR_NONE, buf_str(&claims));
	msg_hide(l->jwt.data, l->jwt.len);
	l->jwt_until = clock_tick_ms() + (JWT_LIFE_S - 300) * (int64_t)1000;
	buf_release(&who);
	buf_release(&claims);
}

void snowflake_sign(struct snowflake_login *l, struct web_request *rq,
		    bool renew)
{
	struct buf *token = l->key ? &l->jwt : &l->token;

	if (l->key && (renew || !l->jwt.len || clock_tick_ms() >= l->jwt_until))
		make_jwt(l);
	buf_reset(&rq->secrets);
	buf_addf(&rq->secrets,
		 "Authorization: Bearer %s\n"
		 "X-Snowflake-Authorization-Token-Type: %s\n",
		 token->data, l->kind);
}
