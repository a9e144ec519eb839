/*
 * conf_fuzz: any bytes as the main settings file, and what must hold whatever
 * they are.
 *
 * The file lies in memory and is loaded by its path under /proc; there is no
 * conf.d beside it and no secret but one in the environment. Either there is a
 * configuration and no error was told, or at least one error was and there is
 * none. What is loaded is complete: it is gone through, its paths are filled
 * in with a hostile id, and what it shows of itself loads again as the same.
 * The secret is never told.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>

#include "base/bounds.h"
#include "base/err.h"
#include "base/log.h"

#include "conf/url.h"

#define HUSH "dGhpcyBpcyBhIHNlY3JldCBvZiB0d2VudHkgZm91cg=="

/* libconfig 1.5 leaks a text at a syntax error; that is not ours to free. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
fuzz_env(const char *name)
{
	return strcmp(name, "HOOKSYNC_SECRET_S") == 0 ? HUSH : NULL;
}

/* Whoever writes the secret into the file may see it again. */
static bool is_hush_known;

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	unsigned *n = ctx;
	log_assert(*text);
	log_assert(is_hush_known || !strstr(text, HUSH));
	log_assert(!strchr(text, '\n'));
	if (severity == CONF_ERROR)
		(*n)++;
}

static struct conf *
load_path(const char *path)
{
	struct conf_source source = {
		.path = path,
		.role = CONF_ROLE_CHECK,
		.env = fuzz_env,
	};
	unsigned n_errors = 0;
	struct conf *conf = NULL;
	enum hs_err err = conf_load(&source, on_finding, &n_errors, &conf);
	log_assert((err == HS_OK) == (conf != NULL));
	log_assert((err == HS_OK) == (n_errors == 0));
	return conf;
}

static struct conf *
load_bytes(const void *bytes, size_t len)
{
	int fd = memfd_create("conf_fuzz", MFD_CLOEXEC);
	log_assert(fd >= 0);
	log_assert(write(fd, bytes, len) == (ssize_t)len);
	/* a folder where no file of another name is */
	char *path = xasprintf("/proc/self/fd/%d", fd);
	struct conf *conf = load_path(path);
	free(path);
	close(fd);
	return conf;
}

/* ---- what is loaded is complete ---- */

static enum hs_err
hostile_id(void *ctx, const char *field, struct buf *text)
{
	(void)ctx;
	(void)field;
	return buf_add(text, "../\0%2f?#", 9);
}

static void
check_call(const struct route_call *call)
{
	struct buf path;
	const char *field;
	if (!call)
		return;
	log_assert(call->service && call->method && call->path);
	buf_init(&path, 1 << 20);
	log_assert(route_call_expand(call, hostile_id, NULL, &path, &field) ==
		   HS_OK);
	log_assert(path.data[0] == '/');
	log_assert(!url_path_has_dots(buf_span(&path)));
	log_assert(!memchr(path.data, '#', path.len));
	log_assert(!memchr(path.data, '{', path.len));
	buf_fini(&path);
}

static void
check_endpoint(const struct endpoint *endpoint)
{
	struct span secrets[64];
	struct signature_rules rules;
	log_assert(endpoint->path[0] == '/');
	log_assert(*endpoint->job && *endpoint->queue);
	log_assert(endpoint->scheme == SIGNATURE_NONE ||
		   endpoint->n_secrets > 0);
	log_assert(endpoint->scheme != SIGNATURE_TOKEN ||
		   endpoint->token_header);
	log_assert(endpoint->max_body_bytes > 0 &&
		   endpoint->max_body_bytes <= BOUNDS_BODY_BYTES);
	if (endpoint->n_secrets <= 64)
		endpoint_rules(endpoint, secrets, &rules);
}

static void
check_whole(const struct conf *conf)
{
	log_assert(conf->redis.unix_path || *conf->redis.host);
	log_assert(conf->worker.queues[0]);
	log_assert(conf->worker.concurrency > 0);
	for (size_t i = 0; conf->services[i]; i++)
		log_assert(conf_service_find(conf, conf->services[i]->name) ==
			   conf->services[i]);
	for (size_t i = 0; conf->endpoints[i]; i++) {
		check_endpoint(conf->endpoints[i]);
		log_assert(conf_endpoint_find(conf, conf->endpoints[i]->name) ==
			   conf->endpoints[i]);
	}
	for (size_t i = 0; conf->routes[i]; i++) {
		const struct route *route = conf->routes[i];
		check_call(route->fetch);
		check_call(route->push);
		check_call(route->gone);
		log_assert(conf_route_find_job(conf, span_text(route->job)) ==
			   route);
	}
}

/* ---- what it shows loads as the same ---- */

struct shown { /* each value as a flag */
	struct conf_flag *flags;
	size_t n;
	bool is_scalar_only;
};

static char *
unquoted(const char *value)
{
	size_t len = strlen(value);
	if (value[0] != '"')
		return xstrdup(value);
	return xstrndup(value + 1, len - 2);
}

static void
on_value(void *ctx, const char *name, const char *value, const char *origin,
	 bool is_reloadable)
{
	struct shown *shown = ctx;
	(void)is_reloadable;
	log_assert(*name && *value && *origin);
	log_assert(is_hush_known || !strstr(value, HUSH));
	if (value[0] == '[' || strchr(value, '\\') || strstr(value, "****"))
		shown->is_scalar_only = false;
	shown->flags = xreallocarray(shown->flags, shown->n + 1,
				     sizeof(*shown->flags));
	shown->flags[shown->n++] =
		(struct conf_flag){ xstrdup(name), unquoted(value) };
}

static void
check_again(const struct conf *conf, struct shown *shown)
{
	struct conf_source source = {
		.role = CONF_ROLE_CHECK,
		.flags = shown->flags,
		.n_flags = shown->n,
		.env = fuzz_env,
	};
	int fd = memfd_create("conf_fuzz", MFD_CLOEXEC);
	log_assert(fd >= 0);
	char *path = xasprintf("/proc/self/fd/%d", fd);
	unsigned n_errors = 0;
	struct conf *again = NULL;
	source.path = path;
	log_assert(conf_load(&source, on_finding, &n_errors, &again) == HS_OK);
	log_assert(again->worker.concurrency == conf->worker.concurrency);
	log_assert(again->redis.port == conf->redis.port);
	log_assert(strcmp(again->queue.name, conf->queue.name) == 0);
	for (size_t i = 0; conf->endpoints[i]; i++)
		log_assert(strcmp(again->endpoints[i]->path,
				  conf->endpoints[i]->path) == 0);
	conf_unref(again);
	free(path);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	is_hush_known = memmem(data, size, HUSH, strlen(HUSH)) != NULL;
	struct conf *conf = load_bytes(data, size);
	struct shown shown = { .is_scalar_only = true };
	if (!conf)
		return 0;
	check_whole(conf);
	conf_each(conf, on_value, &shown);
	/* lists and escapes have no form as a flag */
	if (shown.is_scalar_only)
		check_again(conf, &shown);
	for (size_t i = 0; i < shown.n; i++) {
		free((void *)(uintptr_t)shown.flags[i].option);
		free((void *)(uintptr_t)shown.flags[i].value);
	}
	free(shown.flags);
	conf_unref(conf);
	return 0;
}
