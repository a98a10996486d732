/* SPDX-License-Identifier: MIT */
#include "bin/retl-extract/duckdb.h"

#include <dlfcn.h>

static struct duckdb_api api;

static void *load(struct failure *f)
{
	const char *path = getenv("RETL_DUCKDB");
	void *lib;

	lib = dlopen(path ? path : "libduckdb.so", RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		failed(f, EX_CONFIG,
		       "duckdb: libduckdb cannot be loaded: %s; put it where "
		       "libraries are, or its path into RETL_DUCKDB",
		       dlerror());
	return lib;
}

/* dlsym gives a pointer to data for what is a function: POSIX says it may. */
static int take(void *lib, const char *name, void *function, struct failure *f)
{
	void *p = dlsym(lib, name);

	if (!p)
		return failed(f, EX_CONFIG,
			      "duckdb: this libduckdb has no %s; version 1.4 "
			      "or later is needed",
			      name);
	memcpy(function, &p, sizeof p);
	return 0;
}

const struct duckdb_api *duckdb_load(struct failure *f)
{
	void *lib = load(f);

	if (!lib)
		return NULL;
#define DUCKDB_TAKE(name, returns, takes)                         \
	if (take(lib, "duckdb_" #name, (void *)&api.name, f) < 0) \
		return NULL;
	DUCKDB_FUNCTIONS(DUCKDB_TAKE)
#undef DUCKDB_TAKE
	return &api;
}

bool duckdb_is_there(void)
{
	struct failure f = FAILURE_INIT;
	void *lib = load(&f);

	if (lib)
		dlclose(lib);
	buf_release(&f.text);
	return lib;
}
