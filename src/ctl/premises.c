/*
 * premises: see premises.h.
 *
 * The socket is first looked at and then used: what keeps a person who is not
 * root from using it need not keep the web server from it, and is not called an
 * error. A host where the socket's unit is not enabled has chosen to have no
 * responder, or lets mod_fcgid start it.
 */
#include "config.h"

#include "ctl/premises.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "ctl/fcgi_client.h"
#include "ctl/guide.h"
#include "ctl/session.h"
#include "ctl/sibling.h"
#include "ctl/vault.h"

#define SOCKET_PATH RUNSTATEDIR "/hooksync/fcgi.sock"
#define SOCKET_WANTED \
	"/etc/systemd/system/sockets.target.wants/hooksync-fcgi.socket"

enum {
	ANSWER_MS = 5000, /* it answers from memory, at once */
	/* a responder without Redis tries again every 2 s at least: who has just
	 * started Redis need not be told that it had not noticed yet */
	PATIENCE_MS = 4000,
	PAUSE_MS = 100,
};

struct note {
	const char *where; /* static */
	const char *kind;  /* static */
	enum diagnosis_severity severity;
	char *text;
	char *remedy;
};

struct premises {
	struct note *notes;
	size_t n;
};

struct premises *
premises_new(void)
{
	return xcalloc(1, sizeof(struct premises));
}

void
premises_free(struct premises *premises)
{
	if (!premises)
		return;
	for (size_t i = 0; i < premises->n; i++) {
		free(premises->notes[i].text);
		free(premises->notes[i].remedy);
	}
	free(premises->notes);
	free(premises);
}

/* keeps text and remedy */
static void
add(struct premises *premises, const char *where, const char *kind,
    enum diagnosis_severity severity, char *text, char *remedy)
{
	premises->notes = xreallocarray(premises->notes, premises->n + 1,
					sizeof *premises->notes);
	premises->notes[premises->n++] =
		(struct note){ where, kind, severity, text, remedy };
}

void
premises_tell(const struct premises *premises, premises_fn fn, void *ctx)
{
	for (size_t i = 0; i < premises->n; i++) {
		const struct note *note = &premises->notes[i];
		const struct diagnosis diagnosis = {
			.severity = note->severity,
			.kind = note->kind,
			.text = note->text,
			.remedy = note->remedy,
		};
		fn(ctx, note->where, &diagnosis);
	}
}

/* ---- the settings ---- */

struct reading {
	struct premises *premises;
	size_t n_errors;
	size_t n_warnings;
};

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	struct reading *reading = ctx;
	if (severity == CONF_WARNING) {
		reading->n_warnings++;
		return;
	}
	reading->n_errors++;
	add(reading->premises, "settings", "settings", DIAGNOSIS_ERROR,
	    xstrdup(text), xstrdup("hooksync check tells all of them"));
}

static void
on_vault(void *ctx, const char *text)
{
	on_finding(ctx, CONF_ERROR, text);
}

void
premises_look_at_settings(struct premises *premises,
			  const struct cmd_line *line)
{
	const struct conf_source source = {
		.path = line->conf_path,
		.role = CONF_ROLE_CHECK,
		.flags = line->flags,
		.n_flags = line->n_flags,
	};
	struct reading reading = { .premises = premises };
	struct conf *conf = NULL;

	vault_judge_ours(line->conf_path, on_vault, &reading);
	if (conf_load(&source, on_finding, &reading, &conf) != HS_OK)
		return;
	if (reading.n_errors > 0) {
		conf_unref(conf);
		return;
	}
	if (!conf->endpoints[0] && !conf->routes[0])
		add(premises, "settings", "settings", DIAGNOSIS_INFO,
		    xstrdup("no endpoint yet, so no webhook is accepted"),
		    xstrdup("hooksync check shows how to write one"));
	else if (reading.n_warnings > 0)
		add(premises, "settings", "settings", DIAGNOSIS_INFO,
		    xasprintf("good, with %zu %s", reading.n_warnings,
			      reading.n_warnings == 1 ? "warning" : "warnings"),
		    xstrdup("hooksync check tells them"));
	else
		add(premises, "settings", "settings", DIAGNOSIS_INFO,
		    xstrdup("good"), xstrdup(""));
	conf_unref(conf);
}

/* ---- Redis ---- */

void
premises_add_lost_redis(struct premises *premises, const struct conf *conf,
			const char *why)
{
	struct buf advice;
	char *address = session_address_of(conf);
	size_t why_len = strlen(why);

	/* Redis ends some of its errors as sentences, and ours goes on */
	while (why_len > 0 && why[why_len - 1] == '.')
		why_len--;

	buf_init(&advice, BOUNDS_LOG_LINE_BYTES);
	guide_redis(&conf->redis, why, &advice);
	add(premises, "redis", "unreachable", DIAGNOSIS_ERROR,
	    xasprintf("Redis at %s cannot be used: %.*s", address, (int)why_len,
		      why),
	    xstrdup(buf_text(&advice)));
	buf_fini(&advice);
	free(address);
}

/* ---- the socket ---- */

static const char *
group_name(gid_t gid)
{
	const struct group *group = getgrgid(gid);
	return group ? group->gr_name : "its group";
}

/* The unit's own, or one that responder.listen names. */
static bool
is_of_unit(const char *path)
{
	return strcmp(path, SOCKET_PATH) == 0;
}

/* Whoever disabled the unit has chosen so. */
static bool
is_unwanted(const struct conf *conf)
{
	return !conf->responder.listen && access(SOCKET_WANTED, F_OK) != 0;
}

static void
add_unwanted(struct premises *premises, const char *path)
{
	add(premises, "socket", "socket", DIAGNOSIS_INFO,
	    xasprintf("nobody listens on %s: hooksync-fcgi.socket is not "
		      "enabled on this host",
		      path),
	    xstrdup("if webhooks shall arrive by it: systemctl enable --now "
		    "hooksync-fcgi.socket"));
}

static void
add_no_socket(struct premises *premises, const struct conf *conf,
	      const char *path)
{
	bool is_unit = is_of_unit(path);
	if (is_unwanted(conf)) {
		add_unwanted(premises, path);
		return;
	}
	add(premises, "socket", "socket",
	    conf->endpoints[0] ? DIAGNOSIS_ERROR : DIAGNOSIS_WARNING,
	    xasprintf("there is no %s, so the web server finds nobody", path),
	    xstrdup(is_unit ? "systemctl enable --now hooksync-fcgi.socket"
			    : "systemctl start hooksync-fcgi, or compare "
			      "responder.listen with what it says"));
}

/* True: it is there, and ours to use. */
static bool
look_at_socket(struct premises *premises, const struct conf *conf,
	       const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
		add_no_socket(premises, conf, path);
		return false;
	}
	if (access(path, W_OK) != 0) {
		int saved = errno;
		char *text =
			stat(path, &st) == 0
				? xasprintf("%s is there, for root and the "
					    "group %s; not for you, so the "
					    "responder was not asked",
					    path, group_name(st.st_gid))
				: xasprintf("%s cannot be looked at: %s", path,
					    strerror(saved));
		add(premises, "socket", "socket", DIAGNOSIS_INFO, text,
		    xstrdup("sudo hooksync doctor"));
		return false;
	}
	if (is_of_unit(path) && !(st.st_mode & S_IWGRP) &&
	    !(st.st_mode & S_IWOTH))
		add(premises, "socket", "socket", DIAGNOSIS_ERROR,
		    xasprintf("%s (mode %04o) lets only its owner in, not the "
			      "web server",
			      path, (unsigned)(st.st_mode & 07777)),
		    xstrdup("systemctl restart hooksync-fcgi.socket"));
	return true;
}

/* ---- the responder ---- */

static void
add_no_answer(struct premises *premises, const char *path, enum hs_err err,
	      const char *why)
{
	const char *remedy =
		"systemctl status hooksync-fcgi; journalctl -u hooksync-fcgi "
		"-n 20";
	if (err == HS_UNAVAILABLE)
		remedy = path && is_of_unit(path)
				 ? "systemctl restart hooksync-fcgi.socket "
				   "hooksync-fcgi.service; journalctl -u "
				   "hooksync-fcgi -n 20 tells why it ended"
				 : "systemctl start hooksync-fcgi, or whatever "
				   "starts it here";
	add(premises, "responder", "responder", DIAGNOSIS_ERROR, xstrdup(why),
	    xstrdup(remedy));
}

/* It has no Redis. If we have, it is kept from it, or knows another. */
static void
add_not_ready(struct premises *premises, const struct conf *conf,
	      bool is_redis_up)
{
	if (!is_redis_up) {
		add(premises, "responder", "responder", DIAGNOSIS_ERROR,
		    xstrdup("it answers, and refuses webhooks (503) while "
			    "Redis is away"),
		    xstrdup("see Redis, above"));
		return;
	}
	bool is_local = guide_is_local(conf->redis.host);
	add(premises, "responder", "responder", DIAGNOSIS_ERROR,
	    xstrdup("it answers, and refuses webhooks (503): it does not reach "
		    "Redis, though this command does"),
	    is_local
		    ? xstrdup("systemctl restart hooksync-fcgi, if the "
			      "settings or a secret have changed; does "
			      "/etc/default/hooksync name another Redis? "
			      "journalctl -u hooksync-fcgi -n 20 tells why")
		    : xasprintf("its unit may talk to this host and private "
				"networks only: if %s has another address, "
				"systemctl edit hooksync-fcgi, write [Service] "
				"and IPAddressAllow= with it, then systemctl "
				"restart hooksync-fcgi",
				conf->redis.host));
}

static void
add_answer(struct premises *premises, const struct conf *conf, int status,
	   bool is_redis_up)
{
	if (status == 200)
		add(premises, "responder", "responder", DIAGNOSIS_INFO,
		    xstrdup("it answers, and is ready"), xstrdup(""));
	else if (status == 503)
		add_not_ready(premises, conf, is_redis_up);
	else
		add(premises, "responder", "responder", DIAGNOSIS_ERROR,
		    xasprintf("it answers %d to /readyz", status),
		    xstrdup("does another program listen there?"));
}

/* Its status for /readyz, or *why it gave none. */
static enum hs_err
ask_responder(const char *address, int *status, struct buf *why)
{
	const struct fcgi_param params[] = {
		{ "REQUEST_METHOD", "GET" },
		{ "REQUEST_URI", "/readyz" },
		{ "DOCUMENT_URI", "/readyz" },
		{ "SCRIPT_NAME", "/readyz" },
		{ "QUERY_STRING", "" },
		{ "CONTENT_LENGTH", "0" },
		{ "SERVER_PROTOCOL", "HTTP/1.1" },
		{ "GATEWAY_INTERFACE", "CGI/1.1" },
		{ "SERVER_SOFTWARE", "hooksync/" PACKAGE_VERSION },
		{ "SERVER_NAME", "localhost" },
		{ "SERVER_PORT", "80" },
		{ "REQUEST_SCHEME", "http" },
		{ "REMOTE_ADDR", "127.0.0.1" },
	};
	struct fcgi_answer answer;
	struct buf out;

	buf_init(&out, BOUNDS_PARAMS_BYTES);
	enum hs_err err = fcgi_client_post(
		address, params, sizeof params / sizeof params[0],
		span_of(NULL, 0), ANSWER_MS, &out, why);
	if (err == HS_OK) {
		err = fcgi_client_head(buf_span(&out), &answer);
		if (err != HS_OK)
			buf_notef(why, "%s: the answer has no head", address);
		else
			*status = answer.status;
	}
	buf_fini(&out);
	return err;
}

static void
look_at_responder(struct premises *premises, const struct conf *conf,
		  const char *address, const char *path, bool is_redis_up)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	const int64_t due_ms = clock_mono_ms() + PATIENCE_MS;
	int status = 0;
	struct buf why;

	buf_init(&why, BOUNDS_REASON_BYTES);
	enum hs_err err = ask_responder(address, &status, &why);
	while (err == HS_OK && status == 503 && is_redis_up &&
	       clock_mono_ms() < due_ms) {
		nanosleep(&pause, NULL);
		err = ask_responder(address, &status, &why);
	}
	if (err == HS_OK)
		add_answer(premises, conf, status, is_redis_up);
	else if (err == HS_UNAVAILABLE && path && is_unwanted(conf))
		add_unwanted(premises, path); /* its file was left behind */
	else
		add_no_answer(premises, path, err, buf_text(&why));
	buf_fini(&why);
}

void
premises_look_at_door(struct premises *premises, const struct conf *conf,
		      bool is_redis_up)
{
	const char *address = conf->responder.listen ? conf->responder.listen
						     : "unix:" SOCKET_PATH;
	const char *path =
		strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;

	if (!path || look_at_socket(premises, conf, path))
		look_at_responder(premises, conf, address, path, is_redis_up);
}

/* ---- the workers ---- */

/* One that gets no job has no other trace than jobs that wait. */
void
premises_add_worker_status(struct premises *premises, struct span lines)
{
	static const char words[] = "; Redis refuses our commands: ";

	while (lines.len > 0) {
		const unsigned char *end = memchr(lines.ptr, '\n', lines.len);
		const size_t len = end ? (size_t)(end - lines.ptr) : lines.len;
		char *line = span_dup(span_of(lines.ptr, len));
		const char *found = line ? strstr(line, words) : NULL;

		if (found)
			add(premises, "worker", "refused", DIAGNOSIS_ERROR,
			    xasprintf("it takes no job: Redis refuses its "
				      "commands: %s",
				      found + strlen(words)),
			    xstrdup("journalctl -u 'hooksync-worker*' -p err "
				    "-n 20 says what to do"));
		free(line);
		lines.ptr += end ? len + 1 : len;
		lines.len -= end ? len + 1 : len;
	}
}

void
premises_look_at_workers(struct premises *premises, const struct cmd_line *line)
{
	char *words[] = {
		xstrdup("/usr/bin/systemctl"),
		xstrdup("show"),
		xstrdup("--no-pager"),
		xstrdup("--property=StatusText"),
		xstrdup("--value"),
		xstrdup("hooksync-worker.service"),
		xstrdup("hooksync-worker@*.service"),
		NULL,
	};
	struct buf statuses;
	int code = 0;

	buf_init(&statuses, BOUNDS_PARAMS_BYTES);
	if (!line->conf_path && line->n_flags == 0 &&
	    access("/run/systemd/system", F_OK) == 0 &&
	    sibling_run(words, &statuses, &code) == HS_OK && code == 0)
		premises_add_worker_status(premises, buf_span(&statuses));
	buf_fini(&statuses);
	for (size_t i = 0; words[i]; i++)
		free(words[i]);
}
