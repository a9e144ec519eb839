/*
 * notify: what the service manager hears of us, and what it hands us. The only
 * file on libsystemd. All of it does nothing outside systemd.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include "base/err.h"

void notify_ready(void);
void notify_stopping(void);
void notify_status(const char *fmt, ...) HS_PRINTF(1, 2);
void notify_watchdog(void);
/* Milliseconds between the pings systemd wants (half its limit), 0 for none. */
int notify_watchdog_interval_ms(void);
/* The first listening socket of socket activation, or -1. */
int notify_listen_fd(void);

#endif
