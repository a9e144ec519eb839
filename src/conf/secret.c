/*
 * secret: a value that never appears in the configuration.
 *
 * Three places, in the order in which they are harder to leak: a credential
 * that systemd hands over in a folder of its own (its mode is systemd's
 * business), a file beside the configuration, the environment (which
 * everything the process starts would inherit).
 *
 * A file that others can read is no secret, and one that others can write is
 * theirs: both are refused, with the command that mends it. systemd's copy of
 * the file is always private, so the file itself is looked at behind it, where
 * it can be: what leaks is the file, whichever of the two was read.
 */
#include "conf/secret.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/err.h"
#include "base/file.h"

#define INSTALLED_FOLDER SYSCONFDIR "/hooksync"
#define GROUP "hooksync"

enum {
	NAME_BYTES = 64,
	LOOSE_BITS = S_IWGRP | S_IRWXO, /* nobody of these needs it */
};

bool
secret_name_is_valid(struct span name)
{
	if (name.len == 0 || name.len > NAME_BYTES || !isalnum(name.ptr[0]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum(name.ptr[i]) && !memchr("._-", name.ptr[i], 3))
			return false;
	return true;
}

static const char *
process_env(const char *name)
{
	return getenv(name);
}

static char *
env_name(const char *name)
{
	char *variable = xasprintf("HOOKSYNC_SECRET_%s", name);
	for (char *c = variable; *c; c++)
		*c = *c == '-' || *c == '.' ? '_'
					    : (char)toupper((unsigned char)*c);
	return variable;
}

/* One trailing newline is the editor's, not the secret's. */
static void
drop_newline(struct buf *value)
{
	if (value->len > 0 && value->data[value->len - 1] == '\n')
		value->data[--value->len] = '\0';
	if (value->len > 0 && value->data[value->len - 1] == '\r')
		value->data[--value->len] = '\0';
}

/* A file that is not there, or that this user may not look at, is no danger
 * that he could see. */
static enum hs_err
check_mode(const char *path, struct buf *why)
{
	struct stat st;
	if (stat(path, &st) != 0 || (st.st_mode & LOOSE_BITS) == 0)
		return HS_OK;
	const char *what = "can be read by everybody";
	if (st.st_mode & S_IWOTH)
		what = "can be written by everybody";
	else if (st.st_mode & S_IWGRP)
		what = "can be written by its group";
	else if (!(st.st_mode & S_IROTH))
		what = "is open to everybody";
	buf_notef(why, "%s %s (mode %04o), so it is not used: chmod 640 %s",
		  path, what, (unsigned)(st.st_mode & 07777), path);
	return HS_INVALID;
}

static void
say_closed(const char *path, struct buf *why)
{
	const struct passwd *user = getpwuid(geteuid());
	char *folder = file_folder(path);

	buf_notef(why,
		  "%s is in a folder that this user may not enter: ", path);
	if (user && strcmp(user->pw_name, GROUP) == 0)
		buf_notef(why, "chgrp " GROUP " %s && chmod 750 %s", folder,
			  folder);
	else
		buf_notef(why,
			  "adduser %s " GROUP ", and then start anew what runs "
			  "as that user (with mod_fcgid: Apache)",
			  user ? user->pw_name : "USER");
	free(folder);
}

/* Either the folder is closed to this user, or the file is. */
static void
say_denied(const char *path, struct buf *why)
{
	struct stat st;
	if (stat(path, &st) != 0)
		say_closed(path, why);
	else
		buf_notef(why,
			  "%s cannot be read by this user: chgrp " GROUP
			  " %s && chmod 640 %s, and the user must be in that "
			  "group",
			  path, path, path);
}

static enum hs_err
from_file(struct secret *secret, const char *path, struct buf *why)
{
	enum hs_err err = file_read(path, &secret->value);
	if (err == HS_NOT_FOUND)
		return err;
	if (err == HS_TOO_BIG)
		buf_notef(why, "%s is over %d bytes: this is no secret", path,
			  BOUNDS_SECRET_BYTES);
	else if (err == HS_DENIED)
		say_denied(path, why);
	else if (err != HS_OK)
		buf_notef(why, "%s cannot be read: %s", path, hs_err_text(err));
	return err;
}

static enum hs_err
from_env(struct secret *secret, const char *value, struct buf *why)
{
	enum hs_err err = buf_add_text(&secret->value, value);
	if (err != HS_OK)
		buf_notef(why, "%s is over %d bytes: this is no secret",
			  secret->origin, BOUNDS_SECRET_BYTES);
	return err;
}

static void
say_how(const char *name, const char *folder, struct buf *why)
{
	bool is_installed = strcmp(folder, INSTALLED_FOLDER) == 0;
	buf_notef(why,
		  "Type: install -m %s /dev/stdin %s/secrets/%s   then the "
		  "secret, Enter, Ctrl-D",
		  is_installed ? "640 -g hooksync" : "600", folder, name);
}

static void
say_nowhere(const char *name, const char *folder, const char *variable,
	    struct buf *why)
{
	buf_notef(why, "secret %s is nowhere. ", name);
	say_how(name, folder, why);
	buf_notef(why, " (or set the variable %s)", variable);
}

/* The credential, and HS_INVALID if the file it was made of is no secret. */
static enum hs_err
from_credential(struct secret *secret, const char *credentials,
		const char *file, struct buf *why)
{
	char *path = xasprintf("%s/secrets_%s", credentials, secret->name);
	enum hs_err err = from_file(secret, path, why);
	free(path);
	if (err != HS_OK)
		return err;
	secret->origin = xstrdup("credential");
	return check_mode(file, why);
}

/* Fills value and origin from the first place that has the name. */
static enum hs_err
look_up(struct secret *secret, const char *folder,
	const char *(*env)(const char *name), struct buf *why)
{
	enum hs_err err = HS_NOT_FOUND;
	const char *credentials = env("CREDENTIALS_DIRECTORY");
	bool has_credentials = credentials && *credentials;
	char *path = xasprintf("%s/secrets/%s", folder, secret->name);
	char *variable = env_name(secret->name);
	const char *value = env(variable);

	if (has_credentials)
		err = from_credential(secret, credentials, path, why);
	if (err != HS_NOT_FOUND)
		goto out;

	err = from_file(secret, path, why);
	if (err == HS_OK) {
		secret->origin = xstrdup(path);
		err = check_mode(path, why);
	}
	if (err == HS_DENIED && has_credentials)
		buf_notef(why,
			  "; the unit has no credential secrets_%s: systemd "
			  "reads new secrets when a unit is restarted",
			  secret->name);
	if (err != HS_NOT_FOUND)
		goto out;

	if (value && *value) {
		secret->origin = xasprintf("environment %s", variable);
		err = from_env(secret, value, why);
	} else {
		say_nowhere(secret->name, folder, variable, why);
	}
out:
	free(variable);
	free(path);
	return err;
}

enum hs_err
secret_load(const char *name, const char *conf_folder,
	    const char *(*env)(const char *name), struct secret **out,
	    struct buf *why)
{
	*out = NULL;
	if (!secret_name_is_valid(span_text(name))) {
		buf_notef(why,
			  "a secret's name has letters, digits, '.', '_' and "
			  "'-', starts with a letter or digit, and has at most "
			  "%d bytes",
			  NAME_BYTES);
		return HS_INVALID;
	}
	struct secret *secret = xcalloc(1, sizeof(*secret));
	secret->name = xstrdup(name);
	buf_init(&secret->value, BOUNDS_SECRET_BYTES);

	enum hs_err err =
		look_up(secret, conf_folder, env ? env : process_env, why);
	if (err == HS_OK) {
		drop_newline(&secret->value);
		if (secret->value.len == 0) {
			buf_notef(why, "secret %s is empty (%s). ", name,
				  secret->origin);
			say_how(name, conf_folder, why);
			err = HS_INVALID;
		}
	}
	if (err != HS_OK) {
		secret_free(secret);
		return err;
	}
	*out = secret;
	return HS_OK;
}

void
secret_free(struct secret *secret)
{
	if (!secret)
		return;
	buf_wipe(&secret->value);
	buf_fini(&secret->value);
	free(secret->name);
	free(secret->origin);
	free(secret);
}
