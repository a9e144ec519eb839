/*
 * cron: patterns of time, and when they match next.
 *
 * Understands what BullMQ's own parser (cron-parser 5) does and comes to the
 * same instants, in gaps and overlaps of the clock too: five fields, or six
 * with seconds first; `*` `?`, lists, ranges, steps; jan-dec and sun-sat; 7 for
 * Sunday; `L` (last day, or 5L: last Friday), 5#3 (third Friday), `H` (drawn
 * from a seed); @yearly @annually @monthly @weekly @daily @hourly @minutely
 * @secondly @weekdays @weekends. Of a day of the month and a day of the week
 * that are both given, one is enough. A parser of hostile input: bounded work,
 * no more than a kilobyte of pattern.
 */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include <stdint.h>

#include "base/buf.h"
#include "base/zone.h"

struct cron {
	uint64_t seconds; /* bit n: matches n */
	uint64_t minutes;
	uint32_t hours;
	uint32_t days;     /* of the month */
	uint32_t months;   /* bit 1: January */
	uint32_t weekdays; /* bit 0: Sunday */
	uint32_t last_weekdays;
	bool is_any_day;     /* the field is `*` or `?` alone */
	bool is_any_weekday; /* likewise */
	bool has_last_day;
	bool has_last_weekday;
	int nth; /* 1 to 5: of weekdays, only that one of a month; 0: all */
	int n_hours;
};

/* HS_INVALID or HS_TOO_BIG, and *why says what is wrong with it. `seed` decides
 * what `H` means; len 0: chance does. */
enum hs_err cron_parse(struct span pattern, struct span seed, struct cron *out,
		       const char **why) HS_MUST_CHECK;

/* The first match after from_ms, in wall time. Not after until_ms (0: no end).
 * HS_NOT_FOUND: none, or none within a bounded search. */
enum hs_err cron_next(const struct cron *cron, const struct zone *zone,
		      int64_t from_ms, int64_t until_ms,
		      int64_t *out_ms) HS_MUST_CHECK;

#endif
