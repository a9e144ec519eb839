/*
 * code: the sentences to the numbers.
 */
#include "queue/code.h"

const char *
code_text(enum code code)
{
	switch (code) {
	case CODE_NOTHING_PENDING:
		return "no child is pending";
	case CODE_DONE:
		return "done";
	case CODE_MISSING:
		return "the job was removed";
	case CODE_LOCK_MISSING:
		return "the lock expired";
	case CODE_NOT_IN_STATE:
		return "the job is not in that state any more";
	case CODE_HAS_CHILDREN:
		return "children are pending";
	case CODE_NO_PARENT:
		return "the parent does not exist";
	case CODE_LOCK_FOREIGN:
		return "another worker has the lock";
	case CODE_OTHER_PARENT:
		return "the job has another parent";
	case CODE_SCHEDULED:
		return "the job is its scheduler's next";
	case CODE_FAILED_CHILDREN:
		return "children have failed";
	case CODE_SLOT_TAKEN:
		return "the scheduler's job of that time exists";
	case CODE_SLOTS_BUSY:
		return "the scheduler's jobs of the next times exist";
	case CODE_REFUSED:
		return "Redis refused";
	case CODE_INVALID:
		return "the value is no JSON or out of range";
	}
	return "unknown result";
}
