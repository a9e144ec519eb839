/*
 * journal: a log line as an entry of systemd's journal, with fields.
 *
 * Beside MESSAGE (the whole line, so that `journalctl` reads as ever),
 * PRIORITY, SYSLOG_IDENTIFIER and the kind's MESSAGE_ID, an entry has the
 * line's pairs that a person looks for: queue=... is HOOKSYNC_QUEUE, job=... is
 * HOOKSYNC_JOB_ID, and so on (the table is in journal.c and in
 * hooksync-worker(8)).
 *
 * Never waits long for the journal: see journal_write(). One per process;
 * opened before there are threads, then any thread may write.
 */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stdbool.h>

#include "base/line.h"
#include "base/message.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
/* So long may one line wait for a journal whose socket is full. */
#define JOURNAL_PATIENCE_MS 100

/* From now on entries go to the socket at path; one that was open is closed.
 * False: nobody is there, journal_write() will say so. */
bool journal_open(const char *path);
void journal_close(void);

/*
 * False: it is not open or the socket refuses; write the line elsewhere. True:
 * the journal has it, or it is lost: the socket stayed full for
 * JOURNAL_PATIENCE_MS. After that no line waits until one fits again, and an
 * entry says how many are lost.
 */
bool journal_write(const char *program, int priority, enum message message,
		   const struct line *line);

#endif
