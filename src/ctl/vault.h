/*
 * vault: the folder of secrets as systemd finds it when it starts a unit. It
 * hands over all that lies there or nothing, and then the unit does not start
 * (243/CREDENTIALS) and its log does not say why.
 *
 * Looks at names and sizes; no file is opened.
 */
#ifndef CTL_VAULT_H
#define CTL_VAULT_H

/* The units' one. */
#define VAULT_FOLDER SYSCONFDIR "/hooksync/secrets"

typedef void (*vault_fn)(void *ctx, const char *text);
/* Says each thing in the folder, or below, that keeps units from starting, and
 * what to do; nothing of a folder that is not there, or closed to this user. */
void vault_judge(const char *folder, vault_fn fn, void *ctx);

/* The same of the units' folder, if conf_path (NULL: the default) is a file
 * that they read. */
void vault_judge_ours(const char *conf_path, vault_fn fn, void *ctx);

#endif
