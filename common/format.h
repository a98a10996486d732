/* SPDX-License-Identifier: MIT */
/*
 * Named formats: what "format" in a contract may ask of a text. A name that is
 * not here is an error when the contract is loaded.
 */
#ifndef RETL_FORMAT_H
#define RETL_FORMAT_H

#include "common/str.h"

struct format {
	const char *name;
	bool (*is)(struct str text);
	const char *reason; /* "not an e-mail address" */
	/* Of numbers, as JSON writes them; NULL: a number is not looked at. */
	bool (*is_number)(struct str number);
	/*
	 * Of points in time: their seconds since 1970, the first and the last
	 * of a day. text is one of the format. NULL: not a point in time.
	 */
	void (*seconds)(struct str text, int64_t *first, int64_t *last);
};

/* NULL: no such format. */
const struct format *format_find(struct str name);
/* The i-th of all, NULL behind the last. */
const struct format *format_at(size_t i);

/*
 * The seconds of a point in time of which no format is told: a date or a date
 * and time as below, or seconds as digits. False: neither.
 */
bool format_seconds(struct str text, int64_t *first, int64_t *last);

/* A date or a time as RFC 3339 writes it. */
struct format_time {
	int year, month, day, hour, minute, second;
	int ms;     /* of the fraction, the rest of which is cut off */
	int offset; /* minutes east of UTC */
	bool has_time, has_zone;
};

/*
 * "2026-11-22", "2026-11-22T19:33:17.5Z", with a space for the T, with or
 * without a zone. False: none of these, or no such day.
 */
bool format_time_parse(struct format_time *t, struct str text);
/* Seconds since 1970 of it; without a zone taken as UTC. */
int64_t format_time_unix(const struct format_time *t);

#endif
