/*
 * zone: time zones by their IANA name ("Europe/Berlin"), through GLib's
 * GTimeZone. The only file on GLib.
 *
 * What Node takes for a zone is one here: a name of the time zone database in
 * any case, "UTC" or "GMT", "local" (the machine's own), "UTC+2" or
 * "UTC-03:30", "+02:00", "-0330" or "+02". Nothing else is, whatever GLib would
 * make of it: no path, no POSIX rule, no "+2". A zone may be used by any thread.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdint.h>

#include "base/buf.h"

struct zone;

/* HS_NOT_FOUND: no such zone. A name of no length is the machine's own zone.
 * Returned owned: zone_free(). */
enum hs_err zone_open(struct span name, struct zone **out) HS_MUST_CHECK;
void zone_free(struct zone *zone);

/* What is added to UTC at that instant, in ms. */
int64_t zone_offset_ms(const struct zone *zone, int64_t utc_ms);

/* The instant at which the clock on the wall shows local_ms (counted as if it
 * were UTC). Of two such instants the one with the offset `like_ms` when it is
 * one of them. Of none, the clock being put forward: the instant as if it had
 * not been, so that the clock shows a later time. */
int64_t zone_to_utc(const struct zone *zone, int64_t local_ms, int64_t like_ms);

#endif
