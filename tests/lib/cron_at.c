/*
 * cron_at: base/cron and base/zone as a program, for tests that are not in C.
 *
 * Reads lines of five fields between tabs: zone, seed, from (ms), until (ms; 0:
 * no end), pattern. Answers each with a line: the next match in ms, "none",
 * "zone" (unknown) or "wrong: why".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cron.h"
#include "base/num.h"
#include "base/zone.h"

#define LINE_BYTES 8192

static struct span
field(struct span *rest)
{
	const unsigned char *tab = memchr(rest->ptr, '\t', rest->len);
	struct span found = *rest;

	if (tab) {
		found.len = (size_t)(tab - rest->ptr);
		*rest = span_of(tab + 1, rest->len - found.len - 1);
	}
	return found;
}

static int64_t
number(struct span text)
{
	int64_t value = 0;

	if (num_i64(text, INT64_MIN, INT64_MAX, &value) != HS_OK)
		exit(2);
	return value;
}

static void
answer(struct span line)
{
	struct span zone_name = field(&line);
	struct span seed = field(&line);
	int64_t from_ms = number(field(&line));
	int64_t until_ms = number(field(&line));
	int64_t next_ms;
	const char *why;
	struct zone *zone;
	struct cron cron;

	if (cron_parse(line, seed, &cron, &why) != HS_OK) {
		printf("wrong: %s\n", why);
	} else if (zone_open(zone_name, &zone) != HS_OK) {
		printf("zone\n");
	} else {
		if (cron_next(&cron, zone, from_ms, until_ms, &next_ms) ==
		    HS_OK)
			printf("%" PRId64 "\n", next_ms);
		else
			printf("none\n");
		zone_free(zone);
	}
	fflush(stdout);
}

int
main(void)
{
	static char line[LINE_BYTES];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		answer(span_text(line));
	}
	return 0;
}
