/*
 * secret: a value that never appears in the configuration, only its name does.
 *
 * "secret:NAME" is looked up as $CREDENTIALS_DIRECTORY/secrets_NAME, then the
 * file secrets/NAME in the folder of the main configuration file
 * (/etc/hooksync/secrets/NAME), then the variable HOOKSYNC_SECRET_<NAME>
 * (capitals, '-' as '_'). One trailing newline is dropped. A file that the
 * whole world can read, or others than its owner can write, is refused; so is a
 * credential while the file of that name is like that.
 */
#ifndef CONF_SECRET_H
#define CONF_SECRET_H

#include "base/buf.h"

struct secret {
	char *name; /* "crm-webhook" */
	char *origin; /* "credential", the file's path, "environment HOOKSYNC_SECRET_..." */
	struct buf
		value; /* wiped when freed; empty when the role did not need it */
};

/* Name: [A-Za-z0-9][A-Za-z0-9._-]*, at most 64 bytes. */
bool secret_name_is_valid(struct span name);
/* HS_NOT_FOUND: in none of the places; HS_DENIED, HS_INVALID (empty, open to
 * others), HS_TOO_BIG: *why is a text for the operator, with the command that
 * mends it. Returned owned. */
enum hs_err secret_load(const char *name, const char *conf_folder,
			const char *(*env)(const char *name),
			struct secret **out, struct buf *why) HS_MUST_CHECK;
void secret_free(struct secret *secret);

#endif
