/*
 * cron: the search for the next match.
 *
 * It walks a wall clock forward: while the month does not match, to the first
 * of the next; then the same by days, hours, minutes, seconds. The clock is one
 * of a zone, so a step may jump over a gap or into an hour that comes twice.
 * What that means for a pattern is part of the contract, and so is what the
 * walk notes when it happens (struct walk): jobs of an hour that is left out
 * run in the hour behind it; the repeat of an hour is not run again. That it is
 * noted by hours of the wall, only by some steps, and not for patterns of every
 * hour, is as it is found.
 */
#include "base/cron.h"

#define STEPS_MAX 10000 /* of the other search, too */
#define ALL_HOURS 24

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static const int month_days[12] = { 31, 29, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };

/* ---- a wall clock ---- */

struct walk { /* an instant and what the clock of the zone shows then */
	const struct zone *zone;
	int64_t at_ms;
	int64_t offset_ms;
	int64_t year;
	int month; /* 1 to 12 */
	int day;
	int hour;
	int minute;
	int second;
	int weekday;      /* 0: Sunday */
	int gap_start;    /* first hour that the last gap left out; -1: none */
	int gap_end;      /* the hour behind it */
	int repeated;     /* an hour that came again; -1: none */
	int64_t seen_day; /* has it a change of the offset? */
	bool has_change;
};

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool
is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_of_month(int64_t year, int month)
{
	return month_days[month - 1] - (month == 2 && !is_leap(year));
}

/* Days from 1970-01-01 to a day of the Gregorian calendar; years are counted
 * from March, so that the leap day is the last. */
static int64_t
day_number(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400);
	int64_t of_era = y - era * 400;
	int64_t of_year =
		(153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

static void
walk_to(struct walk *walk, int64_t at_ms)
{
	walk->at_ms = at_ms;
	walk->offset_ms = zone_offset_ms(walk->zone, at_ms);
	int64_t local = at_ms + walk->offset_ms;
	int64_t number = floor_div(local, DAY_MS);
	int64_t of_day = local - number * DAY_MS;
	walk->hour = (int)(of_day / HOUR_MS);
	walk->minute = (int)(of_day % HOUR_MS / MINUTE_MS);
	walk->second = (int)(of_day % MINUTE_MS / SECOND_MS);
	walk->weekday = (int)(((number + 4) % 7 + 7) % 7);
	int64_t days = number + 719468;
	int64_t era = floor_div(days, 146097);
	int64_t of_era = days - era * 146097;
	int64_t year =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
		365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0: March */
	walk->day = (int)(of_year - (153 * month + 2) / 5 + 1);
	walk->month = (int)(month < 10 ? month + 3 : month - 9);
	walk->year = year + era * 400 + (walk->month <= 2);
}

/* To the time of that name, near the offset that holds now. */
static void
walk_to_local(struct walk *walk, int64_t number, int64_t of_day)
{
	walk_to(walk, zone_to_utc(walk->zone, number * DAY_MS + of_day,
				  walk->offset_ms));
}

static int64_t
today(const struct walk *walk)
{
	return day_number(walk->year, walk->month, walk->day);
}

static int64_t
time_of_day(int hour, int minute, int second)
{
	return hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS;
}

static void
set_hour(struct walk *walk, int hour)
{
	walk_to_local(walk, today(walk),
		      time_of_day(hour, walk->minute, walk->second));
}

static void
set_minute(struct walk *walk, int minute)
{
	walk_to_local(walk, today(walk),
		      time_of_day(walk->hour, minute, walk->second));
}

static void
set_second(struct walk *walk, int second)
{
	walk_to_local(walk, today(walk),
		      time_of_day(walk->hour, walk->minute, second));
}

/* The first of the next month, by way of the same day of it: that day's offset
 * decides which of two midnights is meant. */
static void
next_month(struct walk *walk)
{
	int64_t of_day = walk->at_ms + walk->offset_ms - today(walk) * DAY_MS;
	int64_t year = walk->year + (walk->month == 12);
	int month = walk->month % 12 + 1;
	int last = days_of_month(year, month);
	int day = walk->day < last ? walk->day : last;
	walk_to_local(walk, day_number(year, month, day), of_day);
	walk_to_local(walk, day_number(walk->year, walk->month, 1), 0);
}

static void
next_day(struct walk *walk)
{
	int64_t of_day = walk->at_ms + walk->offset_ms - today(walk) * DAY_MS;
	walk_to_local(walk, today(walk) + 1, of_day);
	walk_to_local(walk, today(walk), 0);
}

/* Notes what a step of the clock jumped over, or into again. */
static void
note_change(struct walk *walk, const struct cron *cron, int hour_before,
	    int64_t offset_before_ms)
{
	if (cron->n_hours == ALL_HOURS)
		return;
	int advance = (walk->hour - hour_before + 24) % 24;
	if (walk->offset_ms > offset_before_ms && advance >= 2) {
		walk->gap_start = (hour_before + 1) % 24;
		walk->gap_end = walk->hour;
	} else if (advance == 0 && walk->minute == 0 && walk->second == 0) {
		walk->repeated = walk->hour;
	}
}

static void
next_hour(struct walk *walk, const struct cron *cron)
{
	int hour = walk->hour;
	int64_t offset_ms = walk->offset_ms;
	walk_to(walk, walk->at_ms + HOUR_MS);
	walk_to_local(walk, today(walk), time_of_day(walk->hour, 0, 0));
	note_change(walk, cron, hour, offset_ms);
}

static void
next_minute(struct walk *walk, const struct cron *cron)
{
	int hour = walk->hour;
	int64_t offset_ms = walk->offset_ms;
	walk_to(walk, walk->at_ms + MINUTE_MS);
	walk_to_local(walk, today(walk),
		      time_of_day(walk->hour, walk->minute, 0));
	note_change(walk, cron, hour, offset_ms);
}

static void
next_second(struct walk *walk, const struct cron *cron)
{
	int hour = walk->hour;
	int64_t offset_ms = walk->offset_ms;
	walk_to(walk, walk->at_ms + SECOND_MS);
	note_change(walk, cron, hour, offset_ms);
}

static bool
day_has_change(struct walk *walk)
{
	int64_t number = today(walk);
	if (walk->seen_day == number)
		return walk->has_change;
	struct walk start = *walk;
	struct walk end = *walk; /* the last millisecond: before the next day */
	walk_to_local(&start, number, 0);
	next_day(&end);
	walk->seen_day = number;
	walk->has_change =
		start.offset_ms != zone_offset_ms(walk->zone, end.at_ms - 1);
	return walk->has_change;
}

/* ---- the search ---- */

static bool
is_in(uint64_t set, int value)
{
	return set >> value & 1;
}

static int
lowest(uint64_t set)
{
	return __builtin_ctzll(set);
}

/* The next value above, or -1. */
static int
above(uint64_t set, int value)
{
	uint64_t rest = set & ~((UINT64_C(2) << value) - 1);
	return rest ? __builtin_ctzll(rest) : -1;
}

static bool
matches_day(const struct cron *cron, const struct walk *walk)
{
	int last = days_of_month(walk->year, walk->month);
	bool is_day = is_in(cron->days, walk->day) ||
		      (cron->has_last_day && walk->day == last);
	bool is_nth = cron->nth == 0 || (walk->day + 6) / 7 == cron->nth;
	bool is_weekday = (is_in(cron->weekdays, walk->weekday) && is_nth) ||
			  (cron->has_last_weekday && walk->day > last - 7 &&
			   is_in(cron->last_weekdays, walk->weekday));
	if (cron->is_any_weekday)
		return is_day;
	if (cron->is_any_day)
		return is_weekday;
	return is_day || is_weekday;
}

static void
to_first_second(struct walk *walk, const struct cron *cron)
{
	set_minute(walk, lowest(cron->minutes));
	set_second(walk, lowest(cron->seconds));
}

/* Does the hour match? If not, the clock has gone on. */
static bool
match_hour(struct walk *walk, const struct cron *cron)
{
	int hour = walk->hour;
	bool is_repeated = walk->repeated == hour;
	if (walk->gap_start >= 0 && walk->gap_end == hour) {
		for (int h = walk->gap_start; h != hour; h = (h + 1) % 24) {
			if (is_in(cron->hours, h))
				return true;
		}
	}
	if (is_repeated) {
		walk->repeated = -1;
		next_hour(walk, cron);
		return false;
	}
	if (is_in(cron->hours, hour))
		return true;
	walk->gap_start = walk->gap_end = -1;
	int next = above(cron->hours, hour);
	if (next < 0) {
		next_day(walk);
		return false;
	}
	if (day_has_change(walk)) {
		for (int i = hour; i < next && walk->hour < next; i++)
			next_hour(walk, cron);
	} else {
		set_hour(walk, next);
	}
	to_first_second(walk, cron);
	return false;
}

/* Does the minute match, and the second? If not, the clock has gone on. */
static bool
match_minute(struct walk *walk, const struct cron *cron)
{
	if (is_in(cron->minutes, walk->minute))
		return true;
	int next = above(cron->minutes, walk->minute);
	if (next >= 0) {
		set_minute(walk, next);
		set_second(walk, lowest(cron->seconds));
	} else {
		next_hour(walk, cron);
		to_first_second(walk, cron);
	}
	return false;
}

static bool
match_second(struct walk *walk, const struct cron *cron)
{
	if (is_in(cron->seconds, walk->second))
		return true;
	int next = above(cron->seconds, walk->second);
	if (next >= 0) {
		set_second(walk, next);
	} else {
		next_minute(walk, cron);
		set_second(walk, lowest(cron->seconds));
	}
	return false;
}

enum hs_err
cron_next(const struct cron *cron, const struct zone *zone, int64_t from_ms,
	  int64_t until_ms, int64_t *out_ms)
{
	struct walk walk = { .zone = zone,
			     .gap_start = -1,
			     .gap_end = -1,
			     .repeated = -1,
			     .seen_day = INT64_MIN };
	int64_t odd_ms = (from_ms % SECOND_MS + SECOND_MS) % SECOND_MS;
	walk_to(&walk, from_ms);
	if (odd_ms > 0) {
		walk_to(&walk, from_ms - odd_ms);
		next_second(&walk, cron);
	}
	for (int i = 1; i < STEPS_MAX; i++) {
		if (until_ms != 0 && walk.at_ms > until_ms)
			return HS_NOT_FOUND;
		if (!is_in(cron->months, walk.month))
			next_month(&walk);
		else if (!matches_day(cron, &walk))
			next_day(&walk);
		else if (match_hour(&walk, cron) && match_minute(&walk, cron) &&
			 match_second(&walk, cron)) {
			if (walk.at_ms != from_ms) {
				*out_ms = walk.at_ms;
				return HS_OK;
			}
			next_second(&walk, cron);
		}
	}
	return HS_NOT_FOUND;
}
