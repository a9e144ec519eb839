/*
 * cron_fuzz: any bytes as a pattern. The first two choose a zone and a time, a
 * seed may follow up to a newline.
 *
 * What is refused has a reason. What is accepted has a value in each field that
 * must have one; its next instant, if it has one, lies ahead, on a whole second,
 * and is found again when it is the last that counts, but not when it is not.
 */
#include <stdint.h>

#include "base/cron.h"
#include "base/log.h"

#define HOUR_MS INT64_C(3600000)
#define START_MS INT64_C(1767225600000) /* 2026-01-01 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const zones[] = {
	"UTC",
	"Europe/Berlin",
	"America/Havana",
	"Australia/Lord_Howe",
	"Pacific/Apia",
	"Antarctica/Troll",
	"America/St_Johns",
	"UTC-03:30",
};

static void
check_next(const struct cron *cron, const struct zone *zone, int64_t from_ms)
{
	int64_t next_ms;
	int64_t again_ms;
	enum hs_err err = cron_next(cron, zone, from_ms, 0, &next_ms);
	if (err != HS_OK) {
		log_assert(err == HS_NOT_FOUND);
		return;
	}
	log_assert(next_ms > from_ms && next_ms % 1000 == 0);
	log_assert(cron_next(cron, zone, from_ms, next_ms, &again_ms) == HS_OK);
	log_assert(again_ms == next_ms);
	log_assert(cron_next(cron, zone, from_ms, next_ms - 1, &again_ms) ==
		   HS_NOT_FOUND);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cron cron;
	struct zone *zone;
	struct span seed = { 0 };
	const char *why = NULL;
	if (size < 2)
		return 0;
	struct span name = span_text(zones[data[0] % 8]);
	int64_t from_ms = START_MS + data[1] * 37 * HOUR_MS + data[0];
	struct span pattern = span_of(data + 2, size - 2);
	const unsigned char *end = memchr(pattern.ptr, '\n', pattern.len);
	if (end) {
		seed = span_of(pattern.ptr, (size_t)(end - pattern.ptr));
		pattern = span_of(end + 1, pattern.len - seed.len - 1);
	}
	enum hs_err err = cron_parse(pattern, seed, &cron, &why);
	if (err != HS_OK) {
		log_assert(why != NULL);
		return 0;
	}
	log_assert(cron.seconds && cron.minutes && cron.hours && cron.months);
	log_assert(cron.seconds >> 60 == 0 && cron.minutes >> 60 == 0 &&
		   cron.hours >> 24 == 0 && cron.months >> 13 == 0);
	log_assert(zone_open(name, &zone) == HS_OK);
	check_next(&cron, zone, from_ms);
	zone_free(zone);
	return 0;
}
