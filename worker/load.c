/*
 * load: see load.h. The environment is one per process, so what was taken out of
 * it is kept in one place of this file.
 */
#include "worker/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bounds.h"
#include "base/err.h"

struct kept { /* a variable that was taken out of the environment */
	char *name;
	char *value;
};

static struct kept *kept;
static size_t n_kept;

static bool
is_secret(const char *entry)
{
	static const char *const beginnings[] = {
		"HOOKSYNC_SECRET_", "REDIS_PASSWORD=", "REDIS_URL="
	};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if (strncmp(entry, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}

static void
keep(const char *entry)
{
	const size_t len = strcspn(entry, "=");

	kept = xreallocarray(kept, n_kept + 1, sizeof(*kept));
	kept[n_kept].name = xstrndup(entry, len);
	kept[n_kept++].value = xstrdup(entry[len] ? entry + len + 1 : "");
}

static void
take_secrets(void)
{
	extern char **environ;
	char **entry = environ;

	while (entry && *entry) {
		if (!is_secret(*entry)) {
			entry++;
			continue;
		}
		keep(*entry);
		if (unsetenv(kept[n_kept - 1].name))
			entry++;
	}
}

static const char *
look_up(const char *name)
{
	for (size_t i = 0; i < n_kept; i++)
		if (strcmp(kept[i].name, name) == 0)
			return kept[i].value;
	return getenv(name);
}

struct findings {
	const struct load *load;
	struct buf *first;
};

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	const struct findings *findings = ctx;

	if (severity == CONF_ERROR && findings->first &&
	    findings->first->len == 0)
		buf_notef(findings->first, "%s", text);
	if (severity == CONF_WARNING && findings->load->hides_warnings)
		return;
	if (findings->load->is_bare)
		fprintf(stderr, "%s\n", text);
	else if (severity == CONF_WARNING)
		log_warn("%s", text);
	else
		log_error("%s", text);
}

enum hs_err
load_conf(const struct load *load, struct conf **out, struct buf *first)
{
	const struct conf_source source = {
		.path = load->path,
		.role = CONF_ROLE_WORKER,
		.flags = load->flags,
		.n_flags = load->n_flags,
		.env = look_up,
	};
	struct findings findings = { load, first };

	take_secrets();
	return conf_load(&source, on_finding, &findings, out);
}

enum hs_err
load_level(const struct load *load, const struct conf *conf,
	   enum log_level *out)
{
	return log_level_parse(
		load->log_level ? load->log_level : conf->log_level, out);
}
