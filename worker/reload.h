/*
 * reload: from SIGHUP to a new plan, or to a reason why there is none.
 *
 *	IDLE --start--> reads and judges all --bad--> IDLE, the old one stays
 *	                   | good
 *	                   v
 *	                COMPILING, a map per turn of the loop --bad map--> IDLE
 *	                   | all
 *	                   v
 *	                IDLE, fn has the plan
 *
 * Nothing changes before all of the new configuration is known to be good.
 * systemd hears of the beginning and of the end.
 */
#ifndef WORKER_RELOAD_H
#define WORKER_RELOAD_H

#include <stdbool.h>

#include "worker/load.h"
#include "worker/plan.h"

struct event_base;
struct reload;

/* fresh is the callee's: plan_unref(). */
typedef void (*reload_fn)(void *ctx, struct plan *fresh);

/* load and boot are borrowed for the reload's life; boot: the configuration of
 * the start, against which is said what needs another start. */
struct reload *reload_new(struct event_base *base, const struct load *load,
			  const struct conf *boot, reload_fn fn, void *ctx);
void reload_free(struct reload *reload);
/* now: the plan to take over from. During a reload it begins again. */
void reload_start(struct reload *reload, const struct plan *now);
/* Gives up the one under way, if there is one: the process ends. */
void reload_stop(struct reload *reload);
/* Of the last one that ended: "FILE:LINE: ...", or "" when it went well. */
const char *reload_failed(const struct reload *reload);

#endif
