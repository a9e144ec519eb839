/*
 * log: from a format to one line, in one write() to standard error, or to one
 * entry of the journal.
 *
 * The line is put together on the stack (base/line.h, which trusts no argument)
 * and handed to the system whole, so lines of threads (and of neighbours on the
 * same pipe) do not mix and a line can be written when there is no memory left.
 *
 * Only where standard error *is* the journal do lines go to the journal's own
 * socket: who redirects standard error gets the lines where they were sent.
 * What that socket refuses is written to standard error after all, which leads
 * to the journal as well, without fields.
 *
 * Severities are Postfix's; in the journal warn, error, fatal and bug are
 * warning, err, crit and alert.
 *
 * Known limits: a line that does not fit is cut and ends in "..."; when
 * standard error is gone the line is lost and nobody is told; a pipe on
 * standard error that nobody reads stops the loop once it is full.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "base/journal.h"
#include "base/line.h"

/* Room for "<N>", or a level and a program's name, and the newline. */
#define PREFIX_BYTES 64

enum severity { /* the five levels, and the two that end the process */
		SEVERITY_FATAL = LOG_LEVEL_ERROR + 1,
		SEVERITY_BUG,
};

static const struct {
	const char *name;
	int priority; /* syslog(3)'s, as sd-daemon(3) wants it */
} severities[] = {
	[LOG_LEVEL_DEBUG] = { "debug", 7 },   [LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_NOTICE] = { "notice", 5 }, [LOG_LEVEL_WARN] = { "warn", 4 },
	[LOG_LEVEL_ERROR] = { "error", 3 },   [SEVERITY_FATAL] = { "fatal", 2 },
	[SEVERITY_BUG] = { "bug", 1 },
};

/* One per process, set at start; the level also by a reload. */
static const char *program_name = "hooksync";
static atomic_int lowest_level = LOG_LEVEL_INFO;
static bool to_journal;
static void (*line_sink)(enum log_level level, const char *line);

/* Does standard error lead to the journal? JOURNAL_STREAM names the socket
 * ("device:inode"); a child whose standard error was sent elsewhere inherits
 * the variable, so the two are compared (systemd.exec(5)). */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char ours[64];

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	(void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

static void
write_whole(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void
write_plainly(int severity, const struct line *line)
{
	char bytes[PREFIX_BYTES + BOUNDS_LOG_LINE_BYTES];
	int len;

	if (to_journal)
		len = snprintf(bytes, sizeof(bytes), "<%d>%s\n",
			       severities[severity].priority, line->text);
	else
		len = snprintf(bytes, sizeof(bytes), "%s %.32s: %s\n",
			       severities[severity].name, program_name,
			       line->text);
	if (len > 0 && len < (int)sizeof(bytes))
		write_whole(bytes, (size_t)len);
}

static void HS_PRINTF(3, 0) write_line(int severity, enum message message,
				       const char *fmt, va_list args)
{
	int saved_errno = errno;
	struct line line;

	line_format(&line, fmt, args);
	if (line_sink != NULL)
		line_sink(severity > LOG_LEVEL_ERROR ? LOG_LEVEL_ERROR
						     : (enum log_level)severity,
			  line.text);
	else if (!to_journal ||
		 !journal_write(program_name, severities[severity].priority,
				message, &line))
		write_plainly(severity, &line);
	errno = saved_errno;
}

/* A web server may start a FastCGI application with nothing open but
 * descriptor 0 (FastCGI 1.0, 2.2). What is opened next would be standard error,
 * and lines would go into it. */
static void
fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

void
log_open(const char *program, enum log_level lowest)
{
	fill_standard_descriptors();
	program_name = program;
	lowest_level = (int)lowest;
	to_journal = stderr_is_journal();
	if (to_journal)
		(void)journal_open(JOURNAL_SOCKET);
	else
		journal_close();
}

void
log_set_level(enum log_level lowest)
{
	lowest_level = (int)lowest;
}

enum hs_err
log_level_parse(const char *text, enum log_level *out)
{
	for (int i = LOG_LEVEL_DEBUG; i <= LOG_LEVEL_ERROR; i++) {
		if (strcmp(text, severities[i].name) == 0) {
			*out = (enum log_level)i;
			return HS_OK;
		}
	}
	return HS_INVALID;
}

bool
log_is_in_journal(void)
{
	return to_journal;
}

bool
log_is_on(enum log_level level)
{
	return (int)level >= lowest_level;
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (!log_is_on(level))
		return;
	va_start(args, fmt);
	write_line((int)level, MESSAGE_NONE, fmt, args);
	va_end(args);
}

void
log_event(enum log_level level, enum message message, const char *fmt, ...)
{
	va_list args;

	if (!log_is_on(level))
		return;
	va_start(args, fmt);
	write_line((int)level, message, fmt, args);
	va_end(args);
}

void
log_fatal(int exit_code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_line(SEVERITY_FATAL, MESSAGE_FATAL, fmt, args);
	va_end(args);
	exit(exit_code);
}

void
log_bug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_line(SEVERITY_BUG, MESSAGE_BUG, fmt, args);
	va_end(args);
	abort();
}

bool
log_storm_ok(struct log_storm *storm, int64_t interval_ms,
	     unsigned *n_suppressed)
{
	int64_t now = clock_mono_ms();

	if (storm->next_due_ms != 0 && now < storm->next_due_ms) {
		if (storm->n_suppressed < (unsigned)-1)
			storm->n_suppressed++;
		return false;
	}
	storm->next_due_ms = now + interval_ms;
	if (n_suppressed != NULL)
		*n_suppressed = storm->n_suppressed;
	storm->n_suppressed = 0;
	return true;
}

void
log_set_sink(void (*sink)(enum log_level level, const char *line))
{
	line_sink = sink;
}
