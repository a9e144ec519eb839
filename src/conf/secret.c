/*
 * secret: a value that never appears in the configuration.
 *
 * Three places, in the order in which they are harder to leak: a credential
 * that systemd hands over in a folder of its own (its mode is systemd's
 * business), a file beside the configuration, the environment (which
 * everything the process starts would inherit).
 */
#include "conf/secret.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/bounds.h"
#include "base/err.h"
#include "base/file.h"

enum { NAME_BYTES = 64 };

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
		buf_notef(why,
			  "%s cannot be read by this user: give it to the "
			  "program's group (mode 0640)",
			  path);
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

/* Fills value and origin from the first place that has the name. */
static enum hs_err
look_up(struct secret *secret, const char *folder,
	const char *(*env)(const char *name), struct buf *why)
{
	enum hs_err err = HS_NOT_FOUND;
	const char *credentials = env("CREDENTIALS_DIRECTORY");
	if (credentials && *credentials) {
		char *path =
			xasprintf("%s/secrets_%s", credentials, secret->name);
		err = from_file(secret, path, why);
		free(path);
		if (err == HS_OK)
			secret->origin = xstrdup("credential");
		if (err != HS_NOT_FOUND)
			return err;
	}

	char *path = xasprintf("%s/secrets/%s", folder, secret->name);
	err = from_file(secret, path, why);
	if (err == HS_OK && file_is_world_readable(path)) {
		buf_notef(why, "%s can be read by everybody: chmod o-r %s",
			  path, path);
		err = HS_INVALID;
	}
	if (err == HS_OK)
		secret->origin = path;
	else
		free(path);
	if (err == HS_DENIED && credentials && *credentials)
		buf_notef(why,
			  "; the unit has no credential secrets_%s, and "
			  "takes new ones when it starts",
			  secret->name);
	if (err != HS_NOT_FOUND)
		return err;

	char *variable = env_name(secret->name);
	const char *value = env(variable);
	if (value && *value) {
		secret->origin = xasprintf("environment %s", variable);
		err = from_env(secret, value, why);
	} else {
		buf_notef(why,
			  "secret %s is nowhere: put it into %s/secrets/%s "
			  "(mode 0640) or into the variable %s",
			  secret->name, folder, secret->name, variable);
	}
	free(variable);
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
			buf_notef(why, "secret %s is empty (%s)", name,
				  secret->origin);
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
