/*
 * The commands do not wait for each other: a refused AUTH is followed by the
 * refusals of all the others. So the first error counts, and the rest of the
 * replies is let pass; the owner looks at login_error() after each.
 *
 * The PING at the end is sent always: it finds -NOAUTH and -LOADING when
 * nothing else was asked. Scripts wait for its answer, for Redis hangs up on a
 * stranger that sends it an argument of 16 KiB, and what it had answered before
 * is lost with that; another PING is behind them.
 */
#include "redis/login.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "redis/script.h"

#define SHA_DIGITS 40

struct login {
	const struct login_fns *fns;
	void *ctx;
	char *username; /* NULL: none, as all texts here */
	char *password;
	char *client_name;
	int64_t db;
	const struct script *const *scripts;
	size_t n_scripts;
	struct rconn_script *known; /* n_scripts */
	size_t n_loaded;            /* of them, in this login */
	bool was_refused;
	char error[200];
};

/* ---- the answers ---- */

/* The first error of a login counts: the others follow from it. */
static void
refuse(struct login *login, const struct reply *reply)
{
	if (login->error[0] != '\0')
		return;
	snprintf(login->error, sizeof(login->error), "%s",
		 (const char *)reply->text.ptr);
	login->was_refused = !reply_is_error(reply, "LOADING") &&
			     !reply_is_error(reply, "MASTERDOWN") &&
			     !reply_is_error(reply, "BUSY");
}

static void
on_reply(void *ctx, enum hs_err err, const struct reply *reply)
{
	if (err == HS_OK && reply->type == REPLY_ERROR)
		refuse(ctx, reply);
}

/* A server that wants no password is usable: others take it with a warning. */
static void
on_auth(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct login *login = ctx;

	if (err != HS_OK || reply->type != REPLY_ERROR)
		return;
	const char *text = (const char *)reply->text.ptr;
	if (strstr(text, "without any password configured") == NULL &&
	    strstr(text, "no password is set") == NULL) {
		refuse(login, reply);
		return;
	}
	login->fns->on_no_password(login->ctx);
}

static void
on_ignored(void *ctx, enum hs_err err, const struct reply *reply)
{
	(void)ctx;
	(void)err;
	(void)reply;
}

static bool
is_sha(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isxdigit(text.ptr[i]))
			return false;
	return text.len == SHA_DIGITS;
}

static void
on_script(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct login *login = ctx;

	if (err != HS_OK)
		return;
	if (reply->type == REPLY_ERROR) {
		refuse(login, reply);
		return;
	}
	if (reply->type != REPLY_TEXT || !is_sha(reply->text)) {
		snprintf(login->error, sizeof(login->error),
			 "SCRIPT LOAD did not answer a SHA1");
		return;
	}
	struct rconn_script *known = &login->known[login->n_loaded++];
	memcpy(known->sha, reply->text.ptr, SHA_DIGITS);
	known->sha[SHA_DIGITS] = '\0';
	known->is_loading = false;
}

/* ---- the commands ---- */

static enum hs_err
send_args(struct login *login, const struct span *args, size_t n_args,
	  rconn_reply_fn fn)
{
	return login->fns->send(login->ctx, args, n_args, fn, login);
}

static enum hs_err
send_auth(struct login *login)
{
	struct span args[3] = { span_text("AUTH") };
	size_t n = 1;

	if (login->username != NULL)
		args[n++] = span_text(login->username);
	args[n++] = span_text(login->password);
	return send_args(login, args, n, on_auth);
}

static enum hs_err
send_select(struct login *login)
{
	char db[24];

	snprintf(db, sizeof(db), "%lld", (long long)login->db);
	struct span args[2] = { span_text("SELECT"), span_text(db) };
	return send_args(login, args, 2, on_reply);
}

static enum hs_err
send_name(struct login *login)
{
	struct span args[3] = { span_text("CLIENT"), span_text("SETNAME"),
				span_text(login->client_name) };

	return send_args(login, args, 3, on_ignored);
}

static enum hs_err
send_script(struct login *login, size_t i)
{
	struct span args[3] = { span_text("SCRIPT"), span_text("LOAD"),
				span_text(login->scripts[i]->text) };

	login->known[i].is_loading = true;
	return send_args(login, args, 3, on_script);
}

/* The last one. */
static void
on_pong(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct login *login = ctx;

	on_reply(ctx, err, reply);
	if (err == HS_OK && login->error[0] == '\0')
		login->fns->on_done(login->ctx);
}

static enum hs_err
send_ping(struct login *login, rconn_reply_fn fn)
{
	struct span ping[1] = { span_text("PING") };

	return send_args(login, ping, 1, fn);
}

static void
on_admitted(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct login *login = ctx;

	on_reply(ctx, err, reply);
	if (err != HS_OK || login->error[0] != '\0')
		return;
	for (size_t i = 0; err == HS_OK && i < login->n_scripts; i++)
		err = send_script(login, i);
	if (err == HS_OK)
		err = send_ping(login, on_pong);
	if (err != HS_OK)
		snprintf(login->error, sizeof(login->error),
			 "the scripts could not be sent: %s", hs_err_text(err));
}

enum hs_err
login_send(struct login *login)
{
	enum hs_err err = HS_OK;

	if (login->password != NULL)
		err = send_auth(login);
	if (err == HS_OK && login->db != 0)
		err = send_select(login);
	if (err == HS_OK && login->client_name != NULL)
		err = send_name(login);
	if (err == HS_OK)
		err = send_ping(login,
				login->n_scripts > 0 ? on_admitted : on_pong);
	return err;
}

/* ---- the rest ---- */

static char *
copy_or_null(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

struct login *
login_new(const struct rconn_settings *settings, const struct login_fns *fns,
	  void *ctx)
{
	struct login *login = xcalloc(1, sizeof(*login));

	login->fns = fns;
	login->ctx = ctx;
	login->username = copy_or_null(settings->username);
	login->password = copy_or_null(settings->password);
	login->client_name = copy_or_null(settings->client_name);
	login->db = settings->db;
	login->scripts = settings->scripts;
	while (login->scripts != NULL &&
	       login->scripts[login->n_scripts] != NULL)
		login->n_scripts++;
	login->known = xcalloc(login->n_scripts + 1, sizeof(*login->known));
	return login;
}

void
login_free(struct login *login)
{
	if (login == NULL)
		return;
	if (login->password != NULL)
		explicit_bzero(login->password, strlen(login->password));
	free(login->password);
	free(login->username);
	free(login->client_name);
	free(login->known);
	free(login);
}

void
login_reset(struct login *login)
{
	login->n_loaded = 0;
	login->was_refused = false;
	login->error[0] = '\0';
}

const char *
login_error(const struct login *login)
{
	return login->error;
}

bool
login_was_refused(const struct login *login)
{
	return login->was_refused;
}

struct rconn_script *
login_script(struct login *login, const struct script *script)
{
	for (size_t i = 0; i < login->n_scripts; i++)
		if (login->scripts[i] == script)
			return &login->known[i];
	return NULL;
}
