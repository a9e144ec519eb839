/*
 * build: reading settings, for the files that know one section each.
 */
#include "conf/build.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bounds.h"

static char *
join(const char *group, const char *key)
{
	return xasprintf("%s.%s", group, key);
}

struct setting *
build_get(struct build *build, const char *group, const char *key)
{
	char *name = join(group, key);
	struct setting *setting = settings_find(build->settings, name);
	if (!setting) {
		const struct option *option = option_find(name);
		if (option && option->fallback)
			settings_put_made(build->settings, name,
					  option->fallback, SETTING_DEFAULT,
					  "default", false);
		setting = settings_find(build->settings, name);
	}
	free(name);
	return setting && setting->texts ? setting : NULL;
}

char *
build_text(struct build *build, const char *group, const char *key)
{
	struct setting *setting = build_get(build, group, key);
	return setting ? xstrdup(setting->texts[0]) : NULL;
}

int64_t
build_number(struct build *build, const char *group, const char *key)
{
	struct setting *setting = build_get(build, group, key);
	return setting ? setting->number : 0;
}

bool
build_is_said(struct build *build, const char *group, const char *key)
{
	char *name = join(group, key);
	struct setting *setting = settings_find(build->settings, name);
	free(name);
	return setting && setting->level != SETTING_DEFAULT;
}

const char *
build_origin(struct build *build, const char *group)
{
	char *name = xstrdup(group);
	const char *origin = build->conf->path;
	for (;;) {
		struct setting *setting = settings_find(build->settings, name);
		if (setting && setting->level != SETTING_DEFAULT) {
			origin = setting->origin;
			break;
		}
		char *dot = strrchr(name, '.');
		if (!dot)
			break;
		*dot = '\0';
	}
	free(name);
	return origin;
}

static const char *
origin_of(struct build *build, const char *group, const char *name)
{
	struct setting *setting = settings_find(build->settings, name);
	if (setting && setting->level != SETTING_DEFAULT)
		return setting->origin;
	return build_origin(build, group);
}

void
build_error(struct build *build, const char *group, const char *key,
	    const char *fmt, ...)
{
	char what[768];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	char *name = key ? join(group, key) : xstrdup(group);
	finding_error(build->findings, origin_of(build, group, name), name,
		      "%s", what);
	free(name);
}

void
build_warn(struct build *build, const char *group, const char *key,
	   const char *fmt, ...)
{
	char what[768];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	char *name = key ? join(group, key) : xstrdup(group);
	finding_warn(build->findings, origin_of(build, group, name), name, "%s",
		     what);
	free(name);
}

char *
build_required(struct build *build, const char *group, const char *key,
	       const char *instead)
{
	char *text = build_text(build, group, key);
	if (!text && !build_is_said(build, group, key))
		build_error(build, group, key, "is missing: write %s", instead);
	return text;
}

char *
build_text_or(struct build *build, const char *group, const char *key,
	      const char *text)
{
	char *said = build_text(build, group, key);
	if (said || build_is_said(build, group, key))
		return said ? said : xstrdup(text);
	char *name = join(group, key);
	settings_put_made(build->settings, name, text, SETTING_DEFAULT,
			  "default", false);
	free(name);
	return xstrdup(text);
}

const char *
build_next_member(struct build *build, const char *section, size_t *place)
{
	size_t len = strlen(section);
	while (*place < build->settings->n) {
		const struct setting *setting =
			build->settings->all[(*place)++];
		if (!setting->option &&
		    strncmp(setting->name, section, len) == 0 &&
		    setting->name[len] == '.' &&
		    !strchr(setting->name + len + 1, '.'))
			return setting->name;
	}
	return NULL;
}

const char *
build_member_name(struct build *build, const char *group)
{
	const char *name = strchr(group, '.') + 1;
	if (!endpoint_name_is_valid(name))
		build_error(build, group, NULL,
			    "a name has letters, digits, '_' and '-', at least "
			    "one that is no digit, and at most %d bytes",
			    BOUNDS_NAME_BYTES);
	return name;
}

/* ---- secrets ---- */

enum build_need
build_need_of_services(const struct build *build)
{
	if (build->role == CONF_ROLE_WORKER || build->role == CONF_ROLE_CHECK)
		return BUILD_NEEDED;
	return build->role == CONF_ROLE_COMMAND ? BUILD_WANTED : BUILD_UNNEEDED;
}

enum build_need
build_need_of_endpoints(const struct build *build)
{
	if (build->role == CONF_ROLE_RESPONDER ||
	    build->role == CONF_ROLE_CHECK)
		return BUILD_NEEDED;
	return build->role == CONF_ROLE_COMMAND ? BUILD_WANTED : BUILD_UNNEEDED;
}

static void
keep_secret(struct build *build, struct secret *secret)
{
	struct conf_whole *whole = build->whole;
	whole->secrets = xreallocarray(whole->secrets, whole->n_secrets + 1,
				       sizeof(struct secret *));
	whole->secrets[whole->n_secrets++] = secret;
}

const struct secret *
build_secret_made(struct build *build, const char *name, const char *origin,
		  struct span value)
{
	struct secret *secret = xcalloc(1, sizeof(*secret));
	secret->name = xstrdup(name);
	secret->origin = xstrdup(origin);
	buf_init(&secret->value, BOUNDS_SECRET_BYTES);
	if (buf_add_span(&secret->value, value) != HS_OK)
		finding_error(build->findings, origin, name,
			      "is over %d bytes: this is no secret",
			      BOUNDS_SECRET_BYTES);
	keep_secret(build, secret);
	return secret;
}

static const struct secret *
find_secret(const struct build *build, const char *name, enum build_need need)
{
	for (size_t i = 0; i < build->whole->n_secrets; i++) {
		const struct secret *secret = build->whole->secrets[i];
		if (strcmp(secret->name, name) == 0 &&
		    (secret->value.len > 0 || need != BUILD_NEEDED))
			return secret;
	}
	return NULL;
}

/* A person who checks may be nobody to the secrets, and the programs still be
 * given them: by systemd, or by their group. A unit that checks itself before a
 * reload has credentials, and what it cannot read it cannot use. */
static bool
is_onlooker(const struct build *build)
{
	const char *credentials = build->env("CREDENTIALS_DIRECTORY");
	return build->role == CONF_ROLE_CHECK && !(credentials && *credentials);
}

const struct secret *
build_secret(struct build *build, const struct setting *setting, size_t index,
	     enum build_need need)
{
	const char *name = setting->texts[index] + strlen("secret:");
	const struct secret *known = find_secret(build, name, need);
	if (known)
		return known;

	struct secret *secret = NULL;
	struct buf why;
	buf_init(&why, BOUNDS_REASON_BYTES);
	enum hs_err err = HS_NOT_FOUND;
	if (need != BUILD_UNNEEDED)
		err = secret_load(name, build->folder, build->env, &secret,
				  &why);
	if (err == HS_DENIED && need == BUILD_NEEDED && is_onlooker(build))
		finding_warn(build->findings, setting->origin, setting->name,
			     "%s; it was not looked at: sudo hooksync check",
			     buf_text(&why));
	else if (err != HS_OK && need == BUILD_NEEDED)
		finding_error(build->findings, setting->origin, setting->name,
			      "%s", buf_text(&why));
	buf_fini(&why);
	if (err != HS_OK)
		return build_secret_made(build, name, "not loaded",
					 span_of(NULL, 0));
	keep_secret(build, secret);
	return secret;
}

/* ---- names ---- */

bool
build_check_name(struct build *build, const char *group, const char *key,
		 const char *text)
{
	if (strlen(text) <= BOUNDS_NAME_BYTES)
		return true;
	build_error(build, group, key, "has more than %d bytes",
		    BOUNDS_NAME_BYTES);
	return false;
}

bool
build_check_queue_name(struct build *build, const char *group, const char *key,
		       const char *text)
{
	if (strchr(text, ':')) {
		build_error(build, group, key,
			    "a queue's name has no ':' (it separates the parts "
			    "of keys): write \"-\" or \".\" instead");
		return false;
	}
	return build_check_name(build, group, key, text);
}

bool
build_check_header(struct build *build, const char *group, const char *key,
		   const char *text)
{
	for (const char *c = text; *c; c++) {
		if (isalnum((unsigned char)*c) || strchr("!#$%&'*+-.^_`|~", *c))
			continue;
		build_error(build, group, key,
			    "a header's name has letters, digits and '-' "
			    "only, such as \"X-Webhook-Token\"");
		return false;
	}
	return build_check_name(build, group, key, text);
}
