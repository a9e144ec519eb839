/*
 * hangup: SIGHUP in and out of the mask of signals. That can only fail for an
 * argument that is wrong.
 */
#include "base/hangup.h"

#include <signal.h>
#include <stddef.h>

#include "base/log.h"

static void
set_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	log_assert(sigprocmask(how, &set, NULL) == 0);
}

void
hangup_hold(void)
{
	set_mask(SIG_BLOCK);
}

void
hangup_let_in(void)
{
	set_mask(SIG_UNBLOCK);
}
