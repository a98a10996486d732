/* SPDX-License-Identifier: MIT */
/*
 * Days and seconds since 1970 as dates and times in text. Fractions lose the
 * zeros behind them, as every source writes them here.
 */
#ifndef RETL_EXTRACT_INSTANT_H
#define RETL_EXTRACT_INSTANT_H

#include "common/buf.h"

/* "1969-12-31"; -1: not in the years 1 to 9999. */
int instant_put_date(struct buf *out, int64_t days);

/* "23:59:59.5", of the seconds since midnight. -1: there are none such. */
int instant_put_time(struct buf *out, int64_t seconds, uint32_t nanos);

/* "1969-12-31T23:59:59.5", in UTC; zulu: with a Z. -1: as a date. */
int instant_put(struct buf *out, int64_t seconds, uint32_t nanos, bool zulu);

/*
 * "-1.5" as whole seconds, rounded down, and what is above them: -2 and
 * 500000000. Nine digits of a fraction at most. -1: it is no such number.
 */
int instant_parse(struct str text, int64_t *seconds, uint32_t *nanos);

/*
 * Of "2024-01-31T12:00:00.500Z", with a blank or a T, a fraction or none, a
 * zone (Z, +05, -05:30) or none, which is UTC. -1: it is no such text.
 */
int instant_put_text(struct buf *out, struct str text, bool zulu);

#endif
