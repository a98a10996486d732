/* SPDX-License-Identifier: MIT */
/*
 * ducksql FILE SQL: runs SQL on a DuckDB database, to make files for tests.
 * The library is the one that RETL_DUCKDB names.
 */
#include <dlfcn.h>

#include "common/msg.h"

/* Handles are pointers; of a result only its size counts here. */
struct result {
	void *members[6];
};

static void *function(void *lib, const char *name)
{
	void *p = dlsym(lib, name);

	if (!p)
		die(EX_CONFIG, "%s is missing", name);
	return p;
}

int main(int argc, char **argv)
{
	int (*open)(const char *, void **), (*connect)(void *, void **);
	int (*query)(void *, const char *, struct result *);
	const char *(*error)(struct result *);
	void (*close)(void **), (*disconnect)(void **);
	const char *path = getenv("RETL_DUCKDB");
	void *lib = path ? dlopen(path, RTLD_NOW) : NULL;
	void *db = NULL, *connection = NULL;
	struct result result = { .members = { NULL } };

	msg_init("ducksql");
	if (argc != 3)
		die(EX_USAGE, "ducksql FILE SQL");
	if (!lib)
		die(EX_CONFIG, "RETL_DUCKDB names no library");
	*(void **)&open = function(lib, "duckdb_open");
	*(void **)&connect = function(lib, "duckdb_connect");
	*(void **)&query = function(lib, "duckdb_query");
	*(void **)&error = function(lib, "duckdb_result_error");
	*(void **)&disconnect = function(lib, "duckdb_disconnect");
	*(void **)&close = function(lib, "duckdb_close");
	if (open(argv[1], &db) || connect(db, &connection))
		die(EX_NOINPUT, "%s cannot be opened", argv[1]);
	if (query(connection, argv[2], &result))
		die(EX_DATAERR, "%s", error(&result));
	disconnect(&connection);
	close(&db);
	return 0;
}
