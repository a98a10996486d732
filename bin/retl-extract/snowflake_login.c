/* SPDX-License-Identifier: MIT */
/*
 * Who asks Snowflake: with a key of the user's (a JSON Web Token that lives
 * less than an hour), an OAuth token, or a programmatic access token, all as
 * Snowflake's own tools find them.
 */
#include "bin/retl-extract/snowflake.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/msg.h"

#define DOMAIN ".snowflakecomputing.com"
#define JWT_LIFE_S 3540
#define MAX_KEY ((size_t)64 << 10)

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
		      "and behind a ? warehouse=, role= and user= (a password "
		      "or token does not stand there)");
}

static int take_member(struct snowflake_login *l, struct str part,
		       struct failure *f)
{
	struct str name, value = part;

	str_split(&value, '=', &name);
	if (value.s && str_is(name, "warehouse"))
		return decode(&l->warehouse, value);
	if (value.s && str_is(name, "role"))
		return decode(&l->role, value);
	if (value.s && str_is(name, "user"))
		return decode(&l->user, value);
	return bad_url(f);
}

static int take_url(struct snowflake_login *l, struct str where,
		    struct failure *f)
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
		if (part.n && take_member(l, part, f) < 0)
			return bad_url(f);
	for (size_t i = 0; i < l->account.len; i++)
		if (!isalnum((uint8_t)l->account.data[i]) &&
		    !strchr("-_.", l->account.data[i]))
			return bad_url(f);
	return 0;
}

/* SNOWFLAKE_HOST is for private links, and for tests on this machine. */
static int make_base(struct snowflake_login *l, struct failure *f)
{
	const char *host = env("SNOWFLAKE_HOST");
	const char *protocol = env("SNOWFLAKE_PROTOCOL");
	bool plain = protocol && strcmp(protocol, "http") == 0;

	if (!l->account.len)
		return failed(f, EX_CONFIG,
			      "no account: snowflake://ACCOUNT/..., or "
			      "SNOWFLAKE_ACCOUNT");
	if (plain && (!host || !str_starts(str_of(host), "127.0.0.1")))
		return failed(f, EX_CONFIG,
			      "SNOWFLAKE_PROTOCOL: http is for 127.0.0.1 only");
	buf_addz(&l->base, plain ? "http://" : "https://");
	if (host)
		buf_addz(&l->base, host);
	else
		for (size_t i = 0; i < l->account.len; i++) {
			char c = (char)tolower((uint8_t)l->account.data[i]);

			/* Host names have no underscores. */
			buf_addc(&l->base, c == '_' ? '-' : c);
		}
	if (!host)
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
		failed(f, EX_NOPERM, "SNOWFLAKE_TOKEN_FILE_PATH: %s", err.data);
	buf_release(&err);
	return ret;
}

static int check_token(const struct snowflake_login *l, struct failure *f)
{
	for (size_t i = 0; i < l->token.len; i++)
		if ((uint8_t)l->token.data[i] <= ' ' ||
		    l->token.data[i] == 0x7f)
			return failed(f, EX_NOPERM,
				      "SNOWFLAKE_TOKEN: not a token: there is "
				      "a blank or a control character in it");
	msg_hide(l->token.data, l->token.len);
	return 0;
}

static int take_key(struct snowflake_login *l, const char *path,
		    struct failure *f)
{
	const char *pass = env("PRIVATE_KEY_PASSPHRASE");
	struct buf pem = BUF_INIT, err = BUF_INIT;

	if (!pass)
		pass = env("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE");
	if (file_read(path, MAX_KEY, &pem, &err) == 0) {
		l->key = jwt_key_new(buf_str(&pem), str_of(pass), &err);
		if (!l->key)
			failed(f, EX_NOPERM, "%s: %s (PRIVATE_KEY_PASSPHRASE)",
			       path, err.data);
	} else {
		failed(f, EX_NOPERM, "SNOWFLAKE_PRIVATE_KEY_PATH: %s",
		       err.data);
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

static int take_credentials(struct snowflake_login *l, struct failure *f)
{
	const char *path = env("SNOWFLAKE_PRIVATE_KEY_PATH");
	const char *file = env("SNOWFLAKE_TOKEN_FILE_PATH");
	const char *how = env("SNOWFLAKE_AUTHENTICATOR");

	if (!path)
		path = env("SNOWFLAKE_PRIVATE_KEY_FILE");
	l->kind = how && strcasecmp(how, "programmatic_access_token") == 0
		      ? "PROGRAMMATIC_ACCESS_TOKEN"
		      : "OAUTH";
	take_env(&l->token, "SNOWFLAKE_TOKEN");
	if (!l->token.len && file && take_token_file(l, file, f) < 0)
		return -1;
	if (l->token.len)
		return check_token(l, f);
	l->kind = "KEYPAIR_JWT";
	if (path)
		return take_key(l, path, f);
	return failed(f, EX_NOPERM,
		      "no credentials: set SNOWFLAKE_PRIVATE_KEY_PATH (and "
		      "PRIVATE_KEY_PASSPHRASE), or SNOWFLAKE_TOKEN with "
		      "SNOWFLAKE_AUTHENTICATOR=oauth or "
		      "programmatic_access_token");
}

int snowflake_login_init(struct snowflake_login *l, const char *where,
			 struct failure *f)
{
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
	if (take_url(l, str_of(where), f) < 0)
		return -1;
	take_env(&l->account, "SNOWFLAKE_ACCOUNT");
	take_env(&l->user, "SNOWFLAKE_USER");
	take_env(&l->database, "SNOWFLAKE_DATABASE");
	take_env(&l->schema, "SNOWFLAKE_SCHEMA");
	take_env(&l->warehouse, "SNOWFLAKE_WAREHOUSE");
	take_env(&l->role, "SNOWFLAKE_ROLE");
	if (make_base(l, f) < 0)
		return -1;
	return take_credentials(l, f);
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
