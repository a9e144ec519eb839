/*
 * code: what an operation on a job can come to besides success. The numbers are
 * BullMQ's, so that a script's answer needs no translation.
 */
#ifndef QUEUE_CODE_H
#define QUEUE_CODE_H

enum code {
	CODE_NOTHING_PENDING = 1, /* no child that could be waited for */
	CODE_DONE = 0,
	CODE_MISSING = -1,      /* no such job */
	CODE_LOCK_MISSING = -2, /* our lock expired */
	CODE_NOT_IN_STATE = -3, /* not where the operation wants it */
	CODE_HAS_CHILDREN = -4,
	CODE_NO_PARENT = -5,    /* add: the parent named does not exist */
	CODE_LOCK_FOREIGN = -6, /* another worker has it */
	CODE_OTHER_PARENT = -7, /* add: the job has another living parent */
	CODE_SCHEDULED = -8,    /* a scheduler's current job stays */
	CODE_FAILED_CHILDREN = -9,
	CODE_SLOT_TAKEN = -10, /* schedule: the job of that time exists */
	CODE_SLOTS_BUSY = -11, /* schedule: so do those of the next times */
	/* (ours) Redis refused a command in the middle: a key of a wrong type,
	 * no memory; the job's state is unsure */
	CODE_REFUSED = -100,
	/* (ours) what was to be stored would harm who reads it; nothing was done */
	CODE_INVALID = -101,
};

/* For people: "the lock expired". */
const char *code_text(enum code code);

#endif
