/*
 * log: one line per thing that happened, to the journal or to standard error.
 *
 * A line is a short sentence, then key=value pairs with the words of the
 * house (queue, job, endpoint, attempt, reason ...). What the *format* says is
 * a pair is one (base/line.h): values are quoted where they must be, control
 * bytes are escaped, so nothing from outside can forge a pair or a second line;
 * a "%s" that is NULL leaves its pair out.
 *
 * Where standard error is the journal (JOURNAL_STREAM names it) a line is an
 * entry with fields (base/journal.h); elsewhere a line of text that starts with
 * the level's name. Lines longer than BOUNDS_LOG_LINE_BYTES are cut. Payloads,
 * secrets and queries of URLs are never given to this room. Thread: any.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/message.h"

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,   /* two lines per job: how it came, how it ended */
	LOG_LEVEL_NOTICE, /* a change of state: start, stop, Redis lost or back */
	LOG_LEVEL_WARN,   /* we coped */
	LOG_LEVEL_ERROR, /* something was lost or refused; someone must act */
};

/* The program's name in front of each line outside systemd (borrowed for
 * ever), and the lowest level that is written. Default: "hooksync", INFO.
 * Standard descriptors that are closed are opened, to nowhere: first call of a
 * program. */
void log_open(const char *program, enum log_level lowest);
/* Another level, while threads may be writing; all else stays as it was
 * opened. */
void log_set_level(enum log_level lowest);
enum hs_err log_level_parse(const char *text,
			    enum log_level *out) HS_MUST_CHECK;
bool log_is_on(enum log_level level);
/* Is standard error the journal? Then a line that a program writes there itself
 * should begin with "<3>" (error) or "<4>" (warning): sd-daemon(3). */
bool log_is_in_journal(void);

void log_at(enum log_level level, const char *fmt, ...) HS_PRINTF(2, 3);
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_notice(...) log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)

/* The same for a line of a kind that has an id: in the journal it can be found
 * by MESSAGE_ID, and explained. */
void log_event(enum log_level level, enum message message, const char *fmt, ...)
	HS_PRINTF(3, 4);

/* The world is broken: say which option to fix, exit with that sysexits code. */
void log_fatal(int exit_code, const char *fmt, ...) HS_PRINTF(2, 3) HS_NORETURN;
/* We are broken: say so and abort with a core. */
void log_bug(const char *fmt, ...) HS_PRINTF(1, 2) HS_NORETURN;

/* An invariant; checked in release builds too. */
#define log_assert(cond)                                                    \
	((cond) ? (void)0                                                   \
		: log_bug("assertion failed: %s at %s:%d", #cond, __FILE__, \
			  __LINE__))

/*
 * A storm: many equal lines. log_storm_ok() is true at most once per interval;
 * then *n_suppressed says how many lines were swallowed since the last true.
 * Zero-initialise. Thread: the storm's owner.
 */
struct log_storm {
	int64_t next_due_ms; /* monotonic */
	unsigned n_suppressed;
};
bool log_storm_ok(struct log_storm *storm, int64_t interval_ms,
		  unsigned *n_suppressed);

/* Where lines go; NULL restores standard error. For tests. */
void log_set_sink(void (*sink)(enum log_level level, const char *line));

#endif
