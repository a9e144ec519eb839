/*
 * report: the worker's line in `systemctl status`: what it does, what it has
 * done, whether Redis is there, and what a person should know.
 *
 *	12 active, 3401 done, 5 failed; Redis up
 *	0 active, 3401 done, 5 failed; Redis away since 12:03:07: Connection refused
 *	0 active, 3401 done, 5 failed; Redis refuses our commands: NOPERM ...
 *	stopping, 12 jobs under way; Redis up
 *	0 active, 0 done, 0 failed; Redis up; reload failed: FILE:LINE: ...
 *	0 active, 3401 done, 5 failed; Redis up; service erp is shut: it refuses ...
 */
#ifndef WORKER_REPORT_H
#define WORKER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct report;

struct report_facts {
	size_t n_active;
	uint64_t n_done;
	uint64_t n_failed;
	bool is_stopping;
	bool is_idle;        /* no route: nothing is taken */
	bool is_up;          /* Redis */
	const char *refused; /* Redis is up and refuses what a take needs: as it
	                        says; borrowed for the call; "": it does not */
	const char *why_away;      /* borrowed for the call */
	int64_t away_at_ms;        /* wall time: since when */
	const char *reload_failed; /* borrowed for the call; "": it did not */
	size_t n_shut;             /* services whose gate a probe must open */
	const char *shut_service; /* the first of them; borrowed for the call */
	const char *why_shut;     /* static */
};

/* fn will be asked for the facts, also from the loop. */
typedef void (*report_fn)(void *ctx, struct report_facts *out);
struct report *report_new(struct event_base *base, report_fn fn, void *ctx);
void report_free(struct report *report);
/* Something may have changed: tells it, once a second at most and only if it
 * reads otherwise than before. Once per turn of the loop; cheap. */
void report_turn(struct report *report);
/* Without delay: the process is about to do something long, or to end. */
void report_now(struct report *report);

/* The line itself; for tests. */
void report_print(const struct report_facts *facts, char *out, size_t out_len);

#endif
