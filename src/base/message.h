/*
 * message: the kinds of log lines that an operator looks for, and the 128-bit
 * id of each.
 *
 * The journal keeps the id as MESSAGE_ID: `journalctl MESSAGE_ID=...` finds all
 * lines of a kind whatever their words are, and `journalctl -x` explains them
 * from etc/systemd/hooksync.catalog. An id is drawn once (uuidgen) and never
 * changes its meaning; a kind that is gone leaves its id unused. A test
 * compares this list and the catalog.
 */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

enum message {
	MESSAGE_NONE, /* any line; no id */
	/* the life of a process */
	MESSAGE_STARTED,
	MESSAGE_STOPPING,
	MESSAGE_STOPPED,
	MESSAGE_RELOADED,
	MESSAGE_RELOAD_FAILED,  /* the old settings stay */
	MESSAGE_RESTART_NEEDED, /* an option that a reload does not change */
	MESSAGE_NO_ENDPOINT,
	MESSAGE_NO_ROUTE,
	MESSAGE_WATCHDOG,   /* its ping is withheld */
	MESSAGE_LINES_LOST, /* the journal hung */
	MESSAGE_FATAL,
	MESSAGE_BUG,
	/* deliveries */
	MESSAGE_JOB_ADDED,
	MESSAGE_REDELIVERED,
	MESSAGE_REFUSED,             /* 4xx, but for */
	MESSAGE_REFUSED_SIGNATURE,   /* 401 */
	MESSAGE_REFUSED_UNAVAILABLE, /* 503: it could not be stored */
	/* jobs */
	MESSAGE_JOB_TAKEN,
	MESSAGE_JOB_COMPLETED,
	MESSAGE_JOB_RETRIED,   /* delayed for another attempt */
	MESSAGE_JOB_POSTPONED, /* delayed, no attempt was burnt */
	MESSAGE_JOB_FAILED,    /* for good */
	MESSAGE_JOB_STALLED,
	MESSAGE_JOB_LOST, /* its lock, or its outcome */
	/* the others */
	MESSAGE_REDIS_UP,
	MESSAGE_REDIS_LOST,
	MESSAGE_REDIS_DENIED,  /* the login */
	MESSAGE_REDIS_REFUSES, /* a command: no memory, read-only ... */
	MESSAGE_GATE_SHUT,
	MESSAGE_GATE_OPEN,
	MESSAGE_N
};

/* 32 hex digits; NULL for MESSAGE_NONE. */
const char *message_id(enum message message);

#endif
