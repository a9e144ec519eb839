/*
 * journal: the native protocol, https://systemd.io/JOURNAL_NATIVE_PROTOCOL: one
 * datagram per entry, one "FIELD=value" per line. A line of ours has no control
 * bytes (base/line.h), so the protocol's form for values with line ends is not
 * needed, and no value can begin a field.
 *
 * Why not sd_journal_sendv(): it waits without limit for a journal that does
 * not read, which would stop the loop and with it lock renewal and the
 * watchdog; and where there is no journal it reports success, and the line is
 * lost.
 *
 * A connected datagram socket is used by all threads without a mutex: a send
 * is whole or not at all, and connect() again, to a journal that has made its
 * socket anew, is one call of the kernel.
 */
#include "base/journal.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

/* The text, the values, and for each pair a name and a line end. */
#define ENTRY_BYTES (3 * BOUNDS_LOG_LINE_BYTES)
#define MAX_TRIES 100
#define FACILITY_DAEMON 3 /* what the journal gives a service's lines */

/* The pairs that become fields: what one filters by, and what the catalog's
 * texts name. Numbers that differ in each line stay in MESSAGE: each new value
 * costs the journal an object. */
static const struct {
	const char *key;
	const char *field;
} fields[] = {
	{ "queue", "HOOKSYNC_QUEUE" },
	{ "job", "HOOKSYNC_JOB_ID" },
	{ "attempt", "HOOKSYNC_ATTEMPT" },
	{ "endpoint", "HOOKSYNC_ENDPOINT" },
	{ "request", "HOOKSYNC_REQUEST" },
	{ "route", "HOOKSYNC_ROUTE" },
	{ "service", "HOOKSYNC_SERVICE" },
	{ "outcome", "HOOKSYNC_OUTCOME" },
	{ "status", "HOOKSYNC_STATUS" },
	{ "reason", "HOOKSYNC_REASON" },
	{ "address", "HOOKSYNC_ADDRESS" },
	{ "option", "HOOKSYNC_OPTION" },
	{ "what", "HOOKSYNC_WHAT" },
	{ "next_probe", "HOOKSYNC_NEXT_PROBE" },
};

static struct sockaddr_un address;
static int journal_fd = -1;
static atomic_bool is_stuck; /* the last line found the socket full */
static atomic_uint n_lost;   /* lines, not yet told */

bool
journal_open(const char *path)
{
	journal_close();
	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) !=
	    0) {
		(void)close(fd);
		return false;
	}
	journal_fd = fd;
	return true;
}

void
journal_close(void)
{
	if (journal_fd >= 0)
		(void)close(journal_fd);
	journal_fd = -1;
	is_stuck = false;
	n_lost = 0;
}

/* ---- an entry ---- */

struct entry {
	char bytes[ENTRY_BYTES];
	size_t len;
};

static void
entry_add(struct entry *entry, const char *field, const char *value)
{
	const size_t field_len = strlen(field);
	const size_t value_len = strlen(value);

	/* a field that does not fit whole is left out: all fit, as the bounds
	 * are; and so is one that would begin another field */
	if (entry->len + field_len + value_len + 2 > sizeof(entry->bytes) ||
	    memchr(value, '\n', value_len) != NULL)
		return;
	memcpy(entry->bytes + entry->len, field, field_len);
	entry->len += field_len;
	entry->bytes[entry->len++] = '=';
	memcpy(entry->bytes + entry->len, value, value_len);
	entry->len += value_len;
	entry->bytes[entry->len++] = '\n';
}

static void
entry_begin(struct entry *entry, const char *program, int priority,
	    const char *text)
{
	const char digit[] = { (char)('0' + priority), '\0' };
	const char facility[] = { '0' + FACILITY_DAEMON, '\0' };

	entry->len = 0;
	entry_add(entry, "MESSAGE", text);
	entry_add(entry, "PRIORITY", digit);
	entry_add(entry, "SYSLOG_FACILITY", facility);
	entry_add(entry, "SYSLOG_IDENTIFIER", program);
}

static void
entry_add_pair(struct entry *entry, const struct line_pair *pair)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strlen(fields[i].key) == pair->key_len &&
		    memcmp(fields[i].key, pair->key, pair->key_len) == 0) {
			entry_add(entry, fields[i].field, pair->value);
			return;
		}
	}
}

/* ---- sending ---- */

enum sent { SENT, SENT_NOT_NOW, SENT_NEVER };

static enum sent
try_send(const struct entry *entry)
{
	bool is_new = false;

	for (;;) {
		if (send(journal_fd, entry->bytes, entry->len,
			 MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return SENT;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return SENT_NOT_NOW;
		/* its socket was made anew? */
		if (is_new ||
		    connect(journal_fd, (const struct sockaddr *)&address,
			    sizeof(address)) != 0)
			return SENT_NEVER;
		is_new = true;
	}
}

static enum sent
send_patiently(const struct entry *entry)
{
	struct pollfd room = { .fd = journal_fd, .events = POLLOUT };
	enum sent sent = try_send(entry);

	if (sent != SENT_NOT_NOW || is_stuck)
		return sent;
	const int64_t due_ms = clock_mono_ms() + JOURNAL_PATIENCE_MS;
	/* others may be quicker to take the room */
	for (int n = 0; sent == SENT_NOT_NOW && n < MAX_TRIES; n++) {
		const int64_t left_ms = due_ms - clock_mono_ms();

		if (left_ms <= 0 || poll(&room, 1, (int)left_ms) <= 0)
			break;
		sent = try_send(entry);
	}
	return sent;
}

/* After lines were lost: says so, before the next line. */
static void
tell_lost(const char *program)
{
	struct entry entry;
	char text[64];
	unsigned n = atomic_exchange(&n_lost, 0);

	if (n == 0)
		return;
	(void)snprintf(text, sizeof(text),
		       "the journal did not keep up: lines lost n=%u", n);
	entry_begin(&entry, program, 4, text);
	entry_add(&entry, "MESSAGE_ID", message_id(MESSAGE_LINES_LOST));
	if (try_send(&entry) != SENT)
		n_lost += n;
}

bool
journal_write(const char *program, int priority, enum message message,
	      const struct line *line)
{
	struct entry entry;

	if (journal_fd < 0)
		return false;
	entry_begin(&entry, program, priority, line->text);
	if (message_id(message) != NULL)
		entry_add(&entry, "MESSAGE_ID", message_id(message));
	for (size_t i = 0; i < line->n_pairs; i++)
		entry_add_pair(&entry, &line->pairs[i]);
	if (n_lost > 0)
		tell_lost(program);
	switch (send_patiently(&entry)) {
	case SENT:
		is_stuck = false;
		return true;
	case SENT_NOT_NOW:
		is_stuck = true;
		n_lost++;
		return true;
	case SENT_NEVER:
		break;
	}
	return false;
}
