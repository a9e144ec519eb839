/*
 * notify: the service manager's side of the process: ready, stopping, a line
 * of status, the watchdog's ping, and sockets it opened for us.
 *
 * Whether systemd is there is asked of the environment by libsystemd itself;
 * without it every call is a quiet nothing. That a message could not be sent
 * is not an event either: systemd's own deadline tells.
 */
#include "base/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "base/line.h"

/* `systemctl status` shows one line. */
#define STATUS_BYTES 256

bool
notify_is_heard(void)
{
	const char *address = getenv("NOTIFY_SOCKET");

	return address != NULL && address[0] != '\0';
}

void
notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void
notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void
notify_grace(int64_t ms)
{
	if (ms > 0)
		(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRId64, ms * 1000);
}

/* The time tells systemd 253 and later (Type=notify-reload) this reload's
 * READY=1 from an earlier one's. It is CLOCK_MONOTONIC's, which base/clock is
 * not: that goes on while the machine sleeps. */
void
notify_reloading(void)
{
	struct timespec now = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
			 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void
notify_status(const char *fmt, ...)
{
	char text[STATUS_BYTES];
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0)
		return;
	/* A line end would start another assignment of the protocol; and what
	 * is not all UTF-8 systemd does not take, so the line before would stay:
	 * a character that was cut, or a byte from outside. */
	for (char *at = text; *at != '\0';) {
		size_t n = line_shown_len(at);
		if (n == 0)
			*at = (unsigned char)*at < 0x20 ? ' ' : '?';
		at += n > 0 ? n : 1;
	}
	(void)sd_notifyf(0, "STATUS=%s", text);
}

void
notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

int
notify_watchdog_interval_ms(void)
{
	uint64_t limit_us = 0;

	if (sd_watchdog_enabled(0, &limit_us) <= 0)
		return 0;
	uint64_t interval_ms = limit_us / 4000;
	if (interval_ms == 0)
		return 1;
	return interval_ms > INT32_MAX ? INT32_MAX : (int)interval_ms;
}

int
notify_listen_fd(void)
{
	int n_fds = sd_listen_fds(0);

	for (int i = 0; i < n_fds; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0)
			return fd;
	}
	return -1;
}
