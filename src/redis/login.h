/*
 * login: what is said to a server before it may be used, and what its answers
 * mean. AUTH, SELECT, CLIENT SETNAME, SCRIPT LOAD for each script, and PING go
 * out in one pipeline; the server is usable when the last is answered and none
 * was refused. It keeps the digests that the server gave the scripts.
 *
 * For rconn.c alone, which lends it a way to send. It has no socket, no clock
 * and no state of a connection; it logs nothing.
 * Thread: the owner's.
 */
#ifndef REDIS_LOGIN_H
#define REDIS_LOGIN_H

#include "redis/rconn.h"

struct login;

struct login_fns {
	/* As rconn_send(), without a deadline. args may hold the password. */
	enum hs_err (*send)(void *ctx, const struct span *args, size_t n_args,
			    rconn_reply_fn fn, void *fn_ctx);
	/* It lets everybody in, though we have a password; it is usable. */
	void (*on_no_password)(void *ctx);
	/* All is answered, and well. Not called after a refusal. */
	void (*on_done)(void *ctx);
};

/* Copies what it needs of the settings, but borrows their scripts; `fns` is
 * borrowed for the login's life. */
struct login *login_new(const struct rconn_settings *settings,
			const struct login_fns *fns, void *ctx);
void login_free(struct login *login); /* wipes the password */
/* Forgets what the last server said, but not its digests. */
void login_reset(struct login *login);
/* Sends all of it; once after login_new() and after each login_reset(). On
 * failure a part is sent. The replies need the login: it outlives them. */
enum hs_err login_send(struct login *login) HS_MUST_CHECK;
/* The first refusal, for people; "" while there is none. Borrowed. */
const char *login_error(const struct login *login);
/* Did it refuse us so that waiting will not help? */
bool login_was_refused(const struct login *login);
/* NULL when it is none of the settings'. Borrowed. */
struct rconn_script *login_script(struct login *login,
				  const struct script *script);

#endif
