/* SPDX-License-Identifier: MIT */
/*
 * What we use of DuckDB's C interface. Debian has no package of libduckdb, so
 * it is loaded when it is needed, and its declarations are ours: they follow
 * the interface's documentation, which promises not to change them. The
 * structs here are laid out as it says; handles are opaque.
 */
#ifndef RETL_EXTRACT_DUCKDB_H
#define RETL_EXTRACT_DUCKDB_H

#include "bin/retl-extract/failure.h"

typedef struct duckdb_handle *duckdb; /* of whatever kind */

/* Five members that are not for use any more, and one that is private. */
struct duckdb_result {
	uint64_t unused[3];
	void *columns;
	char *message;
	void *data;
};

struct duckdb_hugeint {
	uint64_t lower;
	int64_t upper;
};

struct duckdb_interval {
	int32_t months, days;
	int64_t micros;
};

/* Up to 12 bytes stand here; of more the first 4, and where they are. */
struct duckdb_string {
	uint32_t n;
	char bytes[4];
	union {
		char more[8];
		const char *p;
	} at;
};

struct duckdb_list {
	uint64_t offset, n;
};

enum duckdb_type {
	DUCKDB_BOOLEAN = 1,
	DUCKDB_TINYINT = 2,
	DUCKDB_SMALLINT = 3,
	DUCKDB_INTEGER = 4,
	DUCKDB_BIGINT = 5,
	DUCKDB_UTINYINT = 6,
	DUCKDB_USMALLINT = 7,
	DUCKDB_UINTEGER = 8,
	DUCKDB_UBIGINT = 9,
	DUCKDB_FLOAT = 10,
	DUCKDB_DOUBLE = 11,
	DUCKDB_TIMESTAMP = 12,
	DUCKDB_DATE = 13,
	DUCKDB_TIME = 14,
	DUCKDB_INTERVAL = 15,
	DUCKDB_HUGEINT = 16,
	DUCKDB_VARCHAR = 17,
	DUCKDB_BLOB = 18,
	DUCKDB_DECIMAL = 19,
	DUCKDB_TIMESTAMP_S = 20,
	DUCKDB_TIMESTAMP_MS = 21,
	DUCKDB_TIMESTAMP_NS = 22,
	DUCKDB_ENUM = 23,
	DUCKDB_LIST = 24,
	DUCKDB_STRUCT = 25,
	DUCKDB_MAP = 26,
	DUCKDB_UUID = 27,
	DUCKDB_BIT = 29,
	DUCKDB_TIME_TZ = 30,
	DUCKDB_TIMESTAMP_TZ = 31,
	DUCKDB_UHUGEINT = 32,
	DUCKDB_ARRAY = 33,
	DUCKDB_BIGNUM = 35,
	DUCKDB_SQLNULL = 36,
	DUCKDB_TIME_NS = 39,
};

enum { DUCKDB_SELECT = 1 }; /* of the kinds of statements */

/* name, what it returns, what it takes; states are 0 where all is well */
#define DUCKDB_FUNCTIONS(X)                                                 \
	X(library_version, const char *, (void))                            \
	X(create_config, int, (duckdb * out))                               \
	X(set_config, int, (duckdb, const char *name, const char *value))   \
	X(destroy_config, void, (duckdb *))                                 \
	X(open_ext, int,                                                    \
	  (const char *path, duckdb *out, duckdb config, char **error))     \
	X(close, void, (duckdb *))                                          \
	X(connect, int, (duckdb, duckdb * out))                             \
	X(disconnect, void, (duckdb *))                                     \
	X(free, void, (void *))                                             \
	X(query, int, (duckdb, const char *sql, struct duckdb_result *out)) \
	X(prepare, int, (duckdb, const char *sql, duckdb *out))             \
	X(prepare_error, const char *, (duckdb))                            \
	X(destroy_prepare, void, (duckdb *))                                \
	X(prepared_statement_type, int, (duckdb))                           \
	X(bind_varchar_length, int,                                         \
	  (duckdb, uint64_t i, const char *text, uint64_t n))               \
	X(bind_null, int, (duckdb, uint64_t i))                             \
	X(pending_prepared_streaming, int, (duckdb, duckdb * out))          \
	X(pending_error, const char *, (duckdb))                            \
	X(execute_pending, int, (duckdb, struct duckdb_result * out))       \
	X(destroy_pending, void, (duckdb *))                                \
	X(result_error, const char *, (struct duckdb_result *))             \
	X(destroy_result, void, (struct duckdb_result *))                   \
	X(column_count, uint64_t, (struct duckdb_result *))                 \
	X(column_name, const char *, (struct duckdb_result *, uint64_t))    \
	X(column_logical_type, duckdb, (struct duckdb_result *, uint64_t))  \
	X(fetch_chunk, duckdb, (struct duckdb_result))                      \
	X(destroy_data_chunk, void, (duckdb *))                             \
	X(data_chunk_get_size, uint64_t, (duckdb))                          \
	X(data_chunk_get_vector, duckdb, (duckdb, uint64_t i))              \
	X(vector_get_data, void *, (duckdb))                                \
	X(vector_get_validity, uint64_t *, (duckdb))                        \
	X(list_vector_get_child, duckdb, (duckdb))                          \
	X(struct_vector_get_child, duckdb, (duckdb, uint64_t i))            \
	X(array_vector_get_child, duckdb, (duckdb))                         \
	X(get_type_id, int, (duckdb type))                                  \
	X(logical_type_get_alias, char *, (duckdb type))                    \
	X(destroy_logical_type, void, (duckdb * type))                      \
	X(decimal_scale, uint8_t, (duckdb type))                            \
	X(decimal_internal_type, int, (duckdb type))                        \
	X(enum_internal_type, int, (duckdb type))                           \
	X(enum_dictionary_size, uint32_t, (duckdb type))                    \
	X(enum_dictionary_value, char *, (duckdb type, uint64_t i))         \
	X(list_type_child_type, duckdb, (duckdb type))                      \
	X(array_type_child_type, duckdb, (duckdb type))                     \
	X(array_type_array_size, uint64_t, (duckdb type))                   \
	X(map_type_key_type, duckdb, (duckdb type))                         \
	X(map_type_value_type, duckdb, (duckdb type))                       \
	X(struct_type_child_count, uint64_t, (duckdb type))                 \
	X(struct_type_child_name, char *, (duckdb type, uint64_t i))        \
	X(struct_type_child_type, duckdb, (duckdb type, uint64_t i))

struct duckdb_api {
#define DUCKDB_MEMBER(name, returns, takes) returns(*name) takes;
	DUCKDB_FUNCTIONS(DUCKDB_MEMBER)
#undef DUCKDB_MEMBER
};

/*
 * Loads the library that RETL_DUCKDB names, or libduckdb.so of the system's
 * folders; NULL: EX_CONFIG.
 */
const struct duckdb_api *duckdb_load(struct failure *f);

/* Can it be loaded? */
bool duckdb_is_there(void);

#endif
