/*
 * conf: the configuration, as one immutable tree of values.
 *
 * The order of precedence is the order of the calls in conf_load(). This file
 * reads (it is the only one on libconfig), gives what it read to settings, and
 * settings to the build_ files. libconfig gets a text, never a file, so that
 * what scan looked at is what it parses; only included files it opens itself.
 *
 * Known limit: of a text with a syntax error libconfig tells the first only.
 */
#include "conf/conf.h"

#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <libconfig.h>

#include "base/bounds.h"
#include "base/file.h"
#include "base/log.h"

#include "conf/build.h"
#include "conf/scan.h"

/* ---- files ---- */

struct reader {
	struct settings *settings;
	struct findings *findings;
	const char *path;   /* of the file at hand */
	const char *folder; /* of the main file */
};

/* libconfig 1.5 calls an included file as it is written in @include, 1.7 by its
 * path. The caller frees. */
static char *
included_path(const struct reader *reader, const char *file)
{
	if (LIBCONFIG_VER_MAJOR > 1 || LIBCONFIG_VER_MINOR >= 7)
		return xstrdup(file);
	return xasprintf("%s/%s", reader->folder, file);
}

/* "FILE:LINE" of a place in the file at hand or in one it includes. The caller
 * frees. */
static char *
origin_at(const struct reader *reader, const char *file, unsigned line)
{
	if (!file)
		return xasprintf("%s:%u", reader->path, line);
	char *path = included_path(reader, file);
	char *origin = xasprintf("%s:%u", path, line);
	free(path);
	return origin;
}

static void
put_list(const struct reader *reader, const config_setting_t *at,
	 const char *name, const char *origin)
{
	int n = config_setting_length(at);
	struct setting_value value = { .kind = SETTING_LIST };
	const char **texts = xcalloc((size_t)n + 1, sizeof(char *));
	for (int i = 0; i < n; i++) {
		texts[i] = config_setting_get_string_elem(at, i);
		if (!texts[i])
			value.kind = SETTING_ODD;
	}
	value.texts = texts;
	value.n_texts = (size_t)n;
	settings_put(reader->settings, name, &value, SETTING_FILE, origin,
		     reader->findings);
	free(texts);
}

static void put_group(const struct reader *reader, const config_setting_t *at,
		      const char *name);

static void
put_member(const struct reader *reader, const config_setting_t *at,
	   const char *name)
{
	char *origin = origin_at(reader, config_setting_source_file(at),
				 config_setting_source_line(at));
	struct setting_value value = { 0 };
	const char *text = NULL;
	switch (config_setting_type(at)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		value.kind = SETTING_INTEGER;
		value.number = config_setting_get_int64(at);
		break;
	case CONFIG_TYPE_FLOAT:
		value.kind = SETTING_FRACTION;
		break;
	case CONFIG_TYPE_BOOL:
		value.kind = SETTING_BOOL;
		value.number = config_setting_get_bool(at);
		break;
	case CONFIG_TYPE_STRING:
		value.kind = SETTING_TEXT;
		text = config_setting_get_string(at);
		value.texts = &text;
		value.n_texts = 1;
		break;
	case CONFIG_TYPE_GROUP:
		value.kind = SETTING_GROUP;
		break;
	default:
		put_list(reader, at, name, origin);
		free(origin);
		return;
	}
	bool is_known_group =
		settings_put(reader->settings, name, &value, SETTING_FILE,
			     origin, reader->findings);
	free(origin);
	if (is_known_group)
		put_group(reader, at, name);
}

/* Goes as deep as the table does, not as the file. */
static void
put_group(const struct reader *reader, const config_setting_t *at,
	  const char *name)
{
	int n = config_setting_length(at);
	for (int i = 0; i < n; i++) {
		const config_setting_t *member =
			config_setting_get_elem(at, (unsigned)i);
		char *full = name ? xasprintf("%s.%s", name,
					      config_setting_name(member))
				  : xstrdup(config_setting_name(member));
		put_member(reader, member, full);
		free(full);
	}
}

/* Which text libconfig's line counts in, for showing it. */
static void
explain(const struct reader *reader, const config_t *config, struct span text)
{
	const char *file = config_error_file(config);
	unsigned line = (unsigned)config_error_line(config);
	char *origin = origin_at(reader, file, line);
	const char *hint = NULL;
	struct buf included;
	struct buf shown;
	buf_init(&included, BOUNDS_CONF_FILE_BYTES);
	buf_init(&shown, BOUNDS_REASON_BYTES);
	if (file) {
		char *path = included_path(reader, file);
		bool is_read = file_read(path, &included) == HS_OK;
		text = is_read ? buf_span(&included) : span_of(NULL, 0);
		free(path);
	}
	scan_show_line(text, line, &shown, &hint);
	finding_error(reader->findings, origin, NULL,
		      "%s here or just before: %s%s%s%s",
		      config_error_text(config) ? config_error_text(config)
						: "syntax error",
		      buf_text(&shown), hint ? " (" : "", hint ? hint : "",
		      hint ? ")" : "");
	buf_fini(&shown);
	buf_fini(&included);
	free(origin);
}

static enum hs_err
read_file(const struct reader *reader)
{
	struct buf text;
	buf_init(&text, BOUNDS_CONF_FILE_BYTES);
	enum hs_err err = file_read(reader->path, &text);
	/* libconfig wants one behind a comment */
	if (err == HS_OK && text.len > 0 && text.data[text.len - 1] != '\n')
		err = buf_add_byte(&text, '\n');
	if (err == HS_DENIED) {
		finding_error(reader->findings, reader->path, NULL,
			      "cannot be read by this user: chmod 644 %s",
			      reader->path);
		buf_fini(&text);
		return HS_IO;
	}
	if (err != HS_OK) {
		const int why = errno;
		finding_error(reader->findings, reader->path, NULL,
			      err == HS_TOO_BIG ? "is over 1 MiB (%s)"
						: "cannot be read: %s",
			      err == HS_IO && why == EISDIR
				      ? "it is a folder, not a file"
				      : hs_err_text(err));
		buf_fini(&text);
		return HS_IO;
	}
	/* some editors begin with a byte order mark, which nobody sees */
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		memset(text.data, ' ', 3);
	if (!scan_text(buf_span(&text), reader->path, reader->folder,
		       reader->findings)) {
		buf_fini(&text);
		return HS_INVALID;
	}
	config_t config;
	config_init(&config);
	config_set_include_dir(&config, reader->folder);
	if (config_read_string(&config, buf_text(&text)) == CONFIG_TRUE) {
		put_group(reader, config_root_setting(&config), NULL);
	} else {
		explain(reader, &config, buf_span(&text));
		err = HS_INVALID;
	}
	config_destroy(&config);
	buf_fini(&text);
	return err;
}

/* The main file, then conf.d/ *.conf in C order. */
static enum hs_err
read_files(struct reader *reader)
{
	enum hs_err err = read_file(reader);
	if (err == HS_IO)
		return err;
	char **names = NULL;
	char *folder = xasprintf("%s/conf.d", reader->folder);
	if (file_names(folder, ".conf", &names) != HS_OK) {
		finding_error(reader->findings, folder, NULL,
			      "the folder cannot be read");
		free(folder);
		return HS_IO;
	}
	for (size_t i = 0; names && names[i]; i++) {
		char *path = xasprintf("%s/%s", folder, names[i]);
		reader->path = path;
		enum hs_err more = read_file(reader);
		if (more != HS_OK)
			err = more;
		free(path);
	}
	file_names_free(names);
	free(folder);
	return err;
}

/* ---- environment and flags ---- */

static const char *
process_env(const char *name)
{
	return getenv(name);
}

static void
read_env(struct settings *settings, struct findings *findings,
	 const char *(*env)(const char *name))
{
	for (size_t i = 0; i < option_table_len; i++) {
		const struct option *option = &option_table[i];
		char *variable = option_env_name(option);
		const char *text = variable ? env(variable) : NULL;
		if (text && *text) {
			struct setting_value value = { .kind = SETTING_WORD,
						       .texts = &text,
						       .n_texts = 1 };
			char *origin = xasprintf("environment %s", variable);
			if (strcmp(option->name, "redis.password") == 0)
				/* the one secret that stands there itself */
				settings_put_made(settings, option->name, text,
						  SETTING_ENV, origin, true);
			else
				settings_put(settings, option->name, &value,
					     SETTING_ENV, origin, findings);
			free(origin);
		}
		free(variable);
	}
}

static void
read_flags(struct settings *settings, struct findings *findings,
	   const struct conf_source *source)
{
	for (size_t i = 0; i < source->n_flags; i++) {
		const struct conf_flag *flag = &source->flags[i];
		struct setting_value value = { .kind = SETTING_WORD,
					       .texts = &flag->value,
					       .n_texts = 1 };
		settings_put(settings, flag->option, &value, SETTING_FLAG,
			     "flag", findings);
	}
}

/* ---- the whole ---- */

static struct conf_whole *
whole_of(const struct conf *conf)
{
	return (struct conf_whole *)(void *)(uintptr_t)conf;
}

static void
whole_free(struct conf_whole *whole)
{
	struct conf *conf = &whole->conf;
	for (size_t i = 0; conf->services && conf->services[i]; i++) {
		free(conf->services[i]->name);
		free(conf->services[i]->url);
		free(conf->services[i]);
	}
	for (size_t i = 0; conf->endpoints && conf->endpoints[i]; i++)
		endpoint_free(conf->endpoints[i]);
	for (size_t i = 0; conf->routes && conf->routes[i]; i++)
		route_free(conf->routes[i]);
	for (size_t i = 0; conf->worker.queues && conf->worker.queues[i]; i++)
		free(conf->worker.queues[i]);
	for (size_t i = 0; i < whole->n_secrets; i++)
		secret_free(whole->secrets[i]);
	free(conf->services);
	free(conf->endpoints);
	free(conf->routes);
	free(conf->worker.queues);
	free(conf->worker.name);
	free(conf->redis.unix_path);
	free(conf->redis.host);
	free(conf->redis.username);
	free(conf->queue.name);
	free(conf->queue.prefix);
	free(conf->responder.listen);
	free(conf->responder.public_url);
	free(conf->log_level);
	free(conf->path);
	free(whole->secrets);
	settings_fini(&whole->settings);
	free(whole);
}

static void
build_all(struct build *build)
{
	build_redis(build);
	build_queue(build);
	build_responder(build);
	build_services(build);
	build_endpoints(build);
	build_routes(build);
	build_worker(build);
	build_check(build);
}

enum hs_err
conf_load(const struct conf_source *source, conf_finding_fn fn, void *ctx,
	  struct conf **out)
{
	struct findings findings = { .fn = fn, .ctx = ctx };
	const char *path = source->path ? source->path : CONF_DEFAULT_PATH;
	const char *(*env)(const char *) =
		source->env ? source->env : process_env;
	struct conf_whole *whole = xcalloc(1, sizeof(*whole));
	char *folder = file_folder(path);
	*out = NULL;
	whole->n_refs = 1;
	whole->role = source->role;
	whole->conf.path = xstrdup(path);
	settings_init(&whole->settings);

	struct reader reader = { &whole->settings, &findings, path, folder };
	settings_put_defaults(&whole->settings, &findings);
	enum hs_err err = read_files(&reader);
	read_env(&whole->settings, &findings, env);
	read_flags(&whole->settings, &findings, source);
	/* what an unread file might have said must not be called missing */
	if (err == HS_OK) {
		struct build build = {
			.conf = &whole->conf,
			.whole = whole,
			.settings = &whole->settings,
			.findings = &findings,
			.role = source->role,
			.folder = folder,
			.env = env,
		};
		build_all(&build);
	}
	finding_end(&findings);
	free(folder);
	if (err == HS_OK && findings.n_errors > 0)
		err = HS_INVALID;
	if (err != HS_OK) {
		whole_free(whole);
		return err;
	}
	*out = &whole->conf;
	return HS_OK;
}

struct conf *
conf_ref(struct conf *conf)
{
	whole_of(conf)->n_refs++;
	return conf;
}

void
conf_unref(struct conf *conf)
{
	if (!conf)
		return;
	struct conf_whole *whole = whole_of(conf);
	log_assert(whole->n_refs > 0);
	if (--whole->n_refs == 0)
		whole_free(whole);
}

const struct conf_service *
conf_service_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; conf->services[i]; i++)
		if (strcmp(conf->services[i]->name, name) == 0)
			return conf->services[i];
	return NULL;
}

const struct endpoint *
conf_endpoint_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; conf->endpoints[i]; i++)
		if (strcmp(conf->endpoints[i]->name, name) == 0)
			return conf->endpoints[i];
	return NULL;
}

const struct route *
conf_route_find_job(const struct conf *conf, struct span job_name)
{
	for (size_t i = 0; conf->routes[i]; i++)
		if (span_is(job_name, conf->routes[i]->job))
			return conf->routes[i];
	return NULL;
}

/* ---- showing ---- */

struct shown { /* a setting and where it belongs */
	const struct setting *setting;
	size_t section; /* the first option of its section */
	size_t member;  /* in order of appearance; 0 outside named groups */
};

static size_t
section_of(const char *name)
{
	size_t len = strcspn(name, ".");
	for (size_t i = 0; i < option_table_len; i++)
		if (strncmp(option_table[i].name, name, len) == 0 &&
		    option_table[i].name[len] == '.')
			return i;
	return option_table_len;
}

static size_t
member_of(const struct settings *settings, const struct setting *setting)
{
	if (!strchr(setting->option->name, '*'))
		return 0;
	const char *dot = strchr(setting->name, '.');
	size_t len = (size_t)(dot + 1 - setting->name) + strcspn(dot + 1, ".");
	char *group = xstrndup(setting->name, len);
	const struct setting *found = settings_find(settings, group);
	free(group);
	return found ? found->place : 0;
}

static int
order(const void *a, const void *b)
{
	const struct shown *x = a;
	const struct shown *y = b;
	const struct option *x_option = x->setting->option;
	const struct option *y_option = y->setting->option;
	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	if (x->member != y->member)
		return x->member < y->member ? -1 : 1;
	if (x_option != y_option)
		return x_option < y_option ? -1 : 1;
	return x->setting->place < y->setting->place ? -1 : 1;
}

void
conf_each(const struct conf *conf, conf_value_fn fn, void *ctx)
{
	const struct settings *settings = &whole_of(conf)->settings;
	struct shown *all = xcalloc(settings->n + 1, sizeof(*all));
	size_t n = 0;
	for (size_t i = 0; i < settings->n; i++) {
		const struct setting *setting = settings->all[i];
		if (!setting->option || !setting->texts)
			continue;
		all[n++] = (struct shown){
			.setting = setting,
			.section = section_of(setting->name),
			.member = member_of(settings, setting),
		};
	}
	qsort(all, n, sizeof(*all), order);

	struct buf text;
	buf_init(&text, BOUNDS_CONF_FILE_BYTES);
	for (size_t i = 0; i < n; i++) {
		const struct setting *setting = all[i].setting;
		buf_reset(&text);
		setting_show(setting, &text);
		fn(ctx, setting->name, buf_text(&text), setting->origin,
		   setting->option->is_reloadable);
	}
	buf_fini(&text);
	free(all);
}

struct change {
	const struct conf_whole *running;
	const struct conf_whole *fresh;
	conf_value_fn fn;
	void *ctx;
};

static bool
is_fixed(const struct change *change, const char *name, bool is_reloadable)
{
	return !is_reloadable && option_is_for(name, change->running->role);
}

/* The one secret that only a start reads; a setting shows its name alone. */
static bool
is_same_password(const struct change *change)
{
	const struct secret *a = change->running->conf.redis.password;
	const struct secret *b = change->fresh->conf.redis.password;
	if (a == NULL || b == NULL)
		return a == b;
	return span_equal(buf_span(&a->value), buf_span(&b->value));
}

/* A text goes without the quotes it has in a file: a log puts its own. */
static void
tell_change(const struct change *change, const char *name, const char *value,
	    const char *origin)
{
	size_t len = strlen(value);
	bool is_quoted = len >= 2 && value[0] == '"' && value[len - 1] == '"';
	char *bare = is_quoted ? xstrndup(value + 1, len - 2) : xstrdup(value);
	change->fn(change->ctx, name, bare, origin, false);
	free(bare);
}

static void
on_value(void *ctx, const char *name, const char *value, const char *origin,
	 bool is_reloadable)
{
	const struct change *change = ctx;
	const struct setting *old =
		settings_find(&change->running->settings, name);
	struct buf text;
	if (!is_fixed(change, name, is_reloadable))
		return;
	buf_init(&text, BOUNDS_CONF_FILE_BYTES);
	if (old && old->texts)
		setting_show(old, &text);
	if (strcmp(buf_text(&text), value) != 0 ||
	    (strcmp(name, "redis.password") == 0 && !is_same_password(change)))
		tell_change(change, name, value, origin);
	buf_fini(&text);
}

static void
on_old_value(void *ctx, const char *name, const char *value, const char *origin,
	     bool is_reloadable)
{
	const struct change *change = ctx;
	const struct setting *fresh =
		settings_find(&change->fresh->settings, name);
	(void)value;
	if (is_fixed(change, name, is_reloadable) &&
	    (!fresh || !fresh->option || !fresh->texts))
		change->fn(change->ctx, name, "", origin, false);
}

void
conf_each_fixed_change(const struct conf *running, const struct conf *fresh,
		       conf_value_fn fn, void *ctx)
{
	struct change change = { whole_of(running), whole_of(fresh), fn, ctx };
	conf_each(fresh, on_value, &change);
	conf_each(running, on_old_value, &change);
}

void
conf_each_stale_secret(const struct conf *conf, int64_t since_at_ms,
		       conf_secret_fn fn, void *ctx)
{
	const struct conf_whole *whole = whole_of(conf);
	char *folder = file_folder(conf->path);
	for (size_t i = 0; i < whole->n_secrets; i++) {
		const struct secret *secret = whole->secrets[i];
		struct stat st;
		if (!secret->origin ||
		    strcmp(secret->origin, "credential") != 0)
			continue;
		char *path = xasprintf("%s/secrets/%s", folder, secret->name);
		if (stat(path, &st) == 0 &&
		    (int64_t)st.st_ctim.tv_sec * 1000 +
				    st.st_ctim.tv_nsec / 1000000 >
			    since_at_ms)
			fn(ctx, secret, path);
		free(path);
	}
	free(folder);
}
