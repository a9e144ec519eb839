/*
 * zone: see zone.h.
 *
 * GLib is asked for two things only: what a file of the time zone database
 * says, and what the machine's own zone is. Which names are zones is decided
 * here, because GLib takes more for a zone than Node does ("PST8PDT,M3...",
 * absolute paths), and knows a name only as its file is spelled. Old three-
 * letter names that mean a place are Java's, whose heirs Node's tables are.
 *
 * Known limits: the database is the machine's (tzdata), Node brings its own;
 * around a change of law one may know it earlier than the other.
 */
#include "base/zone.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <glib.h>

#define NAME_BYTES 64 /* the longest of the database has 32 */
#define PATH_BYTES 1024
#define MINUTE_MS (60 * INT64_C(1000))
#define DATABASE "/usr/share/zoneinfo"

struct zone {
	GTimeZone *rules;  /* NULL: the same offset at all times */
	int64_t offset_ms; /* then */
};

/* ---- names ---- */

static const char *const places[][2] = {
	{ "ACT", "Australia/Darwin" },
	{ "AET", "Australia/Sydney" },
	{ "AGT", "America/Argentina/Buenos_Aires" },
	{ "ART", "Africa/Cairo" },
	{ "AST", "America/Anchorage" },
	{ "BET", "America/Sao_Paulo" },
	{ "BST", "Asia/Dhaka" },
	{ "CAT", "Africa/Harare" },
	{ "CNT", "America/St_Johns" },
	{ "CST", "America/Chicago" },
	{ "CTT", "Asia/Shanghai" },
	{ "EAT", "Africa/Addis_Ababa" },
	{ "ECT", "Europe/Paris" },
	{ "IET", "America/Indiana/Indianapolis" },
	{ "IST", "Asia/Kolkata" },
	{ "JST", "Asia/Tokyo" },
	{ "MIT", "Pacific/Apia" },
	{ "NET", "Asia/Yerevan" },
	{ "NST", "Pacific/Auckland" },
	{ "PLT", "Asia/Karachi" },
	{ "PNT", "America/Phoenix" },
	{ "PRT", "America/Puerto_Rico" },
	{ "PST", "America/Los_Angeles" },
	{ "SST", "Pacific/Guadalcanal" },
	{ "VST", "Asia/Ho_Chi_Minh" },
};

/* Files of the database that are no zones of their own. */
static const char *const no_zones[] = {
	"factory", "localtime", "posixrules", "posix", "right",
};

/* One or two digits at text[*at]; -1: none. */
static int
digits(const char *text, size_t *at, size_t max)
{
	int value = -1;
	for (size_t n = 0; n < max; n++) {
		char c = text[*at];
		if (c < '0' || c > '9')
			break;
		value = (value < 0 ? 0 : value) * 10 + (c - '0');
		++*at;
	}
	return value;
}

/* "UTC", "UTC+2", "UTC-03:30"; minutes are not looked at more closely than
 * Node does. */
static bool
parse_utc(const char *name, int64_t *offset_ms)
{
	if (strncasecmp(name, "UTC", 3) != 0)
		return false;
	size_t at = 3;
	*offset_ms = 0;
	if (name[at] == '\0')
		return true;
	char sign = name[at++];
	int hours = digits(name, &at, 2);
	int minutes = 0;
	if ((sign != '+' && sign != '-') || hours < 0)
		return false;
	if (name[at] == ':') {
		size_t start = ++at;
		minutes = digits(name, &at, 2);
		if (at - start != 2)
			return false;
	}
	*offset_ms = (hours * 60 + minutes) * MINUTE_MS;
	if (sign == '-')
		*offset_ms = -*offset_ms;
	return name[at] == '\0';
}

/* "+02:00", "-0330", "+02": newer Nodes know them, 20 does not yet. */
static bool
parse_offset(const char *name, int64_t *offset_ms)
{
	size_t at = 1;
	if (name[0] != '+' && name[0] != '-')
		return false;
	int hours = digits(name, &at, 2);
	int minutes = 0;
	if (at != 3 || hours > 23)
		return false;
	if (name[at] != '\0') {
		if (name[at] == ':')
			at++;
		size_t start = at;
		minutes = digits(name, &at, 2);
		if (at - start != 2 || minutes > 59 || name[at] != '\0')
			return false;
	}
	*offset_ms = (hours * 60 + minutes) * MINUTE_MS;
	if (name[0] == '-')
		*offset_ms = -*offset_ms;
	return true;
}

/* Letters, digits, `_` `+` `-`, in parts between single slashes. */
static bool
name_is_plain(const char *name)
{
	char before = '/';
	for (const char *c = name; *c; c++) {
		bool is_fine =
			(*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || *c == '_' || *c == '+' ||
			*c == '-' || (*c == '/' && before != '/');
		if (!is_fine)
			return false;
		before = *c;
	}
	return before != '/';
}

/* ---- the database ---- */

static bool
is_zone_file(const char *folder, const char *name)
{
	char path[PATH_BYTES];
	int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return false;
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	char magic[4];
	bool is_one = fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
		      memcmp(magic, "TZif", sizeof(magic)) == 0;
	fclose(file);
	return is_one;
}

/* Spells the part of `name` from `at` on as the folder does. */
static bool
spell_part(const char *folder, char *name, size_t at, size_t len)
{
	char path[PATH_BYTES];
	int path_len =
		snprintf(path, sizeof(path), "%s/%.*s", folder, (int)at, name);
	if (path_len < 0 || (size_t)path_len >= sizeof(path))
		return false;
	DIR *entries = opendir(path);
	if (!entries)
		return false;
	bool is_found = false;
	for (struct dirent *entry; !is_found && (entry = readdir(entries));) {
		if (strlen(entry->d_name) != len ||
		    strncasecmp(entry->d_name, name + at, len) != 0)
			continue;
		memcpy(name + at, entry->d_name, len);
		is_found = true;
	}
	closedir(entries);
	return is_found;
}

static bool
spell(const char *folder, char *name)
{
	for (size_t at = 0; name[at];) {
		size_t len = strcspn(name + at, "/");
		if (!spell_part(folder, name, at, len))
			return false;
		at += len + (name[at + len] == '/');
	}
	return true;
}

static enum hs_err
open_rules(char *name, struct zone *zone)
{
	const char *folder = getenv("TZDIR");
	if (!folder || folder[0] != '/')
		folder = DATABASE;
	if (!name_is_plain(name))
		return HS_NOT_FOUND;
	size_t first_len = strcspn(name, "/");
	for (size_t i = 0; i < G_N_ELEMENTS(no_zones); i++) {
		if (strlen(no_zones[i]) == first_len &&
		    strncasecmp(name, no_zones[i], first_len) == 0)
			return HS_NOT_FOUND;
	}
	if (!is_zone_file(folder, name) &&
	    !(spell(folder, name) && is_zone_file(folder, name)))
		return HS_NOT_FOUND;
#if GLIB_CHECK_VERSION(2, 68, 0)
	zone->rules = g_time_zone_new_identifier(name);
#else
	zone->rules = g_time_zone_new(name);
#endif
	return zone->rules ? HS_OK : HS_NOT_FOUND;
}

enum hs_err
zone_open(struct span name, struct zone **out)
{
	char text[NAME_BYTES];
	if (name.len >= sizeof(text) ||
	    (name.len > 0 && memchr(name.ptr, 0, name.len)))
		return HS_NOT_FOUND;
	if (name.len > 0)
		memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';

	struct zone *zone = xcalloc(1, sizeof(*zone));
	enum hs_err err = HS_OK;
	if (text[0] == '\0' || strcasecmp(text, "local") == 0 ||
	    strcasecmp(text, "system") == 0 ||
	    strcasecmp(text, "default") == 0) {
		zone->rules = g_time_zone_new_local();
	} else if (strcasecmp(text, "GMT") != 0 &&
		   !parse_utc(text, &zone->offset_ms) &&
		   !parse_offset(text, &zone->offset_ms)) {
		for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
			if (strcasecmp(text, places[i][0]) == 0)
				snprintf(text, sizeof(text), "%s",
					 places[i][1]);
		}
		err = open_rules(text, zone);
	}
	if (err != HS_OK) {
		free(zone);
		return err;
	}
	*out = zone;
	return HS_OK;
}

void
zone_free(struct zone *zone)
{
	if (!zone)
		return;
	if (zone->rules)
		g_time_zone_unref(zone->rules);
	free(zone);
}

/* ---- times ---- */

int64_t
zone_offset_ms(const struct zone *zone, int64_t utc_ms)
{
	if (!zone->rules)
		return zone->offset_ms;
	int64_t utc_s = utc_ms / 1000 - (utc_ms % 1000 < 0);
	gint interval = g_time_zone_find_interval(zone->rules,
						  G_TIME_TYPE_UNIVERSAL, utc_s);
	if (interval < 0)
		return 0;
	return g_time_zone_get_offset(zone->rules, interval) * INT64_C(1000);
}

int64_t
zone_to_utc(const struct zone *zone, int64_t local_ms, int64_t like_ms)
{
	int64_t first_ms = zone_offset_ms(zone, local_ms - like_ms);
	if (first_ms == like_ms)
		return local_ms - like_ms;
	int64_t second_ms = zone_offset_ms(zone, local_ms - first_ms);
	/* two answers that contradict each other: no clock shows that time; the
	 * offset from before the gap is the smaller one */
	return local_ms - (second_ms < first_ms ? second_ms : first_ms);
}
