/*
 * restart: what a reload cannot put in force, told to the operator.
 *
 * Thread: the loop's.
 */
#ifndef CONF_RESTART_H
#define CONF_RESTART_H

#include "conf/conf.h"

/* Logs each setting of fresh that differs from boot, the settings of the
 * process's start, where only a restart changes it; and each credential whose
 * file was changed since (wall time of the start). */
void restart_tell(const struct conf *boot, const struct conf *fresh,
		  int64_t started_at_ms);

#endif
