/*
 * notify: what the service manager hears of us, and what it hands us. The only
 * file on libsystemd. All of it does nothing outside systemd.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Is there anybody? All of this may be called without. */
bool notify_is_heard(void);
void notify_ready(void);
void notify_stopping(void);
/* To end takes as long as that from now at most: systemd waits for it, though
 * TimeoutStopSec be less. */
void notify_grace(int64_t ms);
/* Settings are being read anew; notify_ready() ends it. */
void notify_reloading(void);
void notify_status(const char *fmt, ...) HS_PRINTF(1, 2);
void notify_watchdog(void);
/* Milliseconds between pings, 0 for none: a quarter of systemd's limit, so that
 * one that was withheld for a while is not the last. */
int notify_watchdog_interval_ms(void);
/* The first listening socket of socket activation, or -1. */
int notify_listen_fd(void);

#endif
