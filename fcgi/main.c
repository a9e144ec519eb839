/*
 * hooksync-fcgi, the responder: webhooks in, jobs out.
 *
 * Boot order: arguments; configuration; limits of the system; the socket;
 * signals; Redis; the front; and then the loop, until it is told to stop. A
 * stop takes no new connection, answers the requests inside within a grace,
 * and ends with 0. One thread; nothing in it blocks.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "conf/conf.h"
#include "fcgi/enqueuer.h"
#include "fcgi/front.h"
#include "fcgi/intake.h"
#include "fcgi/listener.h"

/* Redis, logs, the socket, the slow lane's files. */
#define RESERVED_FDS 64
/* Where the limit is infinite; a web server keeps hundreds. */
#define MAX_CONNECTIONS 65536
#define STOP_TICK_MS 20
#define STOP_EXTRA_MS 1000 /* beyond the deadlines a request has anyway */
#define MAX_FLAGS 64

struct responder {
	struct event_base *base;
	struct conf *conf;
	struct listener listener;
	struct enqueuer *enqueuer;
	struct intake *intake;
	struct front *front;
	struct event *signals[3];
	struct event *watchdog;
	struct event *stop_tick;
	bool is_stopping;
	int64_t stop_due_ms;
};

struct arguments {
	const char *path;
	const char *listen;
	struct conf_flag flags[MAX_FLAGS];
	size_t n_flags;
};

/* ---- arguments ---- */

static const char usage_text[] =
	"Usage: hooksync-fcgi [OPTION]...\n"
	"Takes webhooks over FastCGI and puts them as jobs into Redis.\n\n"
	"  -c, --config=FILE      settings (" CONF_DEFAULT_PATH ")\n"
	"      --listen=ADDRESS   unix:PATH or HOST:PORT; default: the "
	"setting\n"
	"                         responder.listen, else the socket inherited\n"
	"                         from systemd or as descriptor 0\n"
	"      --log-level=LEVEL  debug, info, notice, warn or error\n"
	"  -o, --option=OPTION=VALUE\n"
	"                         another value for one setting\n"
	"  -h, --help             this text\n"
	"  -V, --version          the version\n";

static void
add_flag(struct arguments *arguments, const char *option, const char *value)
{
	if (arguments->n_flags == MAX_FLAGS)
		log_fatal(EX_USAGE, "more than %d options with -o", MAX_FLAGS);
	arguments->flags[arguments->n_flags++] =
		(struct conf_flag){ option, value };
}

/* Splits "name=value" in place: argv is ours. */
static void
add_assignment(struct arguments *arguments, char *text)
{
	char *sign = strchr(text, '=');
	if (sign == NULL || sign == text)
		log_fatal(EX_USAGE, "-o wants OPTION=VALUE, not \"%s\"", text);
	*sign = '\0';
	add_flag(arguments, text, sign + 1);
}

static void
parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	enum { LISTEN = 256, LEVEL };
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "option", required_argument, NULL, 'o' },
		{ "listen", required_argument, NULL, LISTEN },
		{ "log-level", required_argument, NULL, LEVEL },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;
	while ((c = getopt_long(argc, argv, "c:o:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			arguments->path = optarg;
			break;
		case 'o':
			add_assignment(arguments, optarg);
			break;
		case LISTEN:
			arguments->listen = optarg;
			break;
		case LEVEL:
			add_flag(arguments, "log.level", optarg);
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(EX_OK);
		case 'V':
			puts("hooksync-fcgi " PACKAGE_VERSION);
			exit(EX_OK);
		default:
			fputs(usage_text, stderr);
			exit(EX_USAGE);
		}
	}
	if (optind < argc)
		log_fatal(EX_USAGE, "what is \"%s\"? See --help", argv[optind]);
}

/* ---- boot ---- */

static void
on_finding(void *ctx, enum conf_severity severity, const char *text)
{
	(void)ctx;
	log_at(severity == CONF_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s",
	       text);
}

static struct conf *
load_conf(const struct arguments *arguments)
{
	struct conf *conf = NULL;
	enum log_level level = LOG_LEVEL_INFO;
	const struct conf_source source = {
		.path = arguments->path,
		.role = CONF_ROLE_RESPONDER,
		.flags = arguments->flags,
		.n_flags = arguments->n_flags,
	};
	if (conf_load(&source, on_finding, NULL, &conf) != HS_OK)
		log_fatal(EX_CONFIG, "the settings are not usable, see above");
	if (log_level_parse(conf->log_level, &level) == HS_OK)
		log_open("hooksync-fcgi", level);
	return conf;
}

/* The soft limit of descriptors up to the hard one; how many connections that
 * allows. */
static size_t
raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_fatal(EX_OSERR, "getrlimit: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur <= 2 * RESERVED_FDS)
		log_fatal(EX_OSERR,
			  "%llu descriptors are too few: raise LimitNOFILE",
			  (unsigned long long)limit.rlim_cur);
	if (limit.rlim_cur > MAX_CONNECTIONS)
		return MAX_CONNECTIONS;
	return (size_t)limit.rlim_cur - RESERVED_FDS;
}

static void
open_listener(struct responder *responder, const char *text)
{
	struct buf why;
	if (text == NULL)
		text = responder->conf->responder.listen;
	if (text == NULL || listener_is_inherited(text)) {
		if (listener_inherit(&responder->listener) == HS_OK)
			return;
		log_fatal(EX_USAGE, "no socket: say --listen unix:PATH or "
				    "--listen HOST:PORT, set responder.listen, "
				    "or be started by systemd's socket unit, "
				    "spawn-fcgi or mod_fcgid");
	}
	buf_init(&why, 1024);
	enum hs_err err = listener_open(text, &responder->listener, &why);
	if (err != HS_OK)
		log_fatal(err == HS_INVALID ? EX_USAGE : EX_OSERR,
			  "cannot listen on %s", buf_text(&why));
	buf_fini(&why);
	if (notify_listen_fd() >= 0)
		log_warn("listening on %s, not on systemd's socket: who comes "
			 "there waits in vain",
			 responder->listener.text);
}

/* ---- running ---- */

static void
report_status(const struct responder *responder)
{
	notify_status("listening on %s", responder->listener.text);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	notify_watchdog();
}

static void
on_stop_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct responder *responder = ctx;
	size_t n = front_n_inside(responder->front);
	(void)fd;
	(void)what;
	if (n > 0 && clock_mono_ms() < responder->stop_due_ms)
		return;
	if (n > 0)
		log_warn("stopping with requests that are not answered n=%zu",
			 n);
	event_base_loopbreak(responder->base);
}

static void
on_stop_signal(evutil_socket_t signal_number, short what, void *ctx)
{
	struct responder *responder = ctx;
	const struct timeval tv = { 0, STOP_TICK_MS * 1000 };
	(void)what;
	if (responder->is_stopping) {
		event_base_loopbreak(responder->base);
		return;
	}
	responder->is_stopping = true;
	notify_stopping();
	log_event(LOG_LEVEL_NOTICE, MESSAGE_STOPPING, "stopping signal=%s",
		  signal_number == SIGTERM ? "TERM" : "INT");
	front_stop(responder->front);
	responder->stop_due_ms = clock_mono_ms() + STOP_EXTRA_MS +
				 responder->conf->responder.request_timeout_ms +
				 responder->conf->redis.enqueue_timeout_ms;
	event_add(responder->stop_tick, &tv);
}

static void
on_reload_signal(evutil_socket_t signal_number, short what, void *ctx)
{
	(void)signal_number;
	(void)what;
	(void)ctx;
	log_notice("SIGHUP changes nothing yet: restart for new settings");
}

/* What this process will do, for who reads its log. */
static void
tell_endpoints(const struct conf *conf)
{
	if (conf->endpoints[0] == NULL)
		log_event(LOG_LEVEL_WARN, MESSAGE_NO_ENDPOINT,
			  "no endpoint is configured: every webhook is "
			  "answered 404");
	for (size_t i = 0; conf->endpoints[i] != NULL; i++) {
		const struct endpoint *endpoint = conf->endpoints[i];
		log_notice("accepts webhooks endpoint=%s path=%s scheme=%s "
			   "queue=%s name=\"%s\"",
			   endpoint->name, endpoint->path,
			   signature_scheme_name(endpoint->scheme),
			   endpoint->queue, endpoint->job);
	}
}

static struct event *
must(struct event *event, const struct timeval *tv, bool is_added)
{
	if (event == NULL || (is_added && event_add(event, tv) != 0))
		log_fatal(EX_OSERR, "no event: out of memory");
	return event;
}

static void
add_events(struct responder *responder)
{
	struct event_base *base = responder->base;
	int interval_ms = notify_watchdog_interval_ms();
	const struct timeval tv = { interval_ms / 1000,
				    interval_ms % 1000 * 1000 };
	responder->signals[0] =
		must(evsignal_new(base, SIGTERM, on_stop_signal, responder),
		     NULL, true);
	responder->signals[1] =
		must(evsignal_new(base, SIGINT, on_stop_signal, responder),
		     NULL, true);
	responder->signals[2] =
		must(evsignal_new(base, SIGHUP, on_reload_signal, responder),
		     NULL, true);
	responder->watchdog =
		must(event_new(base, -1, EV_PERSIST, on_watchdog, responder),
		     &tv, interval_ms > 0);
	responder->stop_tick =
		must(event_new(base, -1, EV_PERSIST, on_stop_tick, responder),
		     NULL, false);
}

static void
fini(struct responder *responder)
{
	enqueuer_free(responder->enqueuer); /* answers what is parked */
	front_free(responder->front);
	intake_free(responder->intake);
	listener_close(&responder->listener);
	for (size_t i = 0; i < 3; i++)
		event_free(responder->signals[i]);
	event_free(responder->watchdog);
	event_free(responder->stop_tick);
	event_base_free(responder->base);
	conf_unref(responder->conf);
}

int
main(int argc, char **argv)
{
	struct arguments arguments = { .path = NULL };
	struct responder responder = { .listener = { .fd = -1 } };

	log_open("hooksync-fcgi", LOG_LEVEL_INFO);
	parse_arguments(argc, argv, &arguments);
	responder.conf = load_conf(&arguments);
	size_t max_connections = raise_limits();
	open_listener(&responder, arguments.listen);
	signal(SIGPIPE, SIG_IGN);
	responder.base = event_base_new();
	if (responder.base == NULL)
		log_fatal(EX_OSERR, "no event loop");
	responder.enqueuer = enqueuer_new(responder.base, responder.conf);
	responder.intake = intake_new(responder.conf, responder.enqueuer);
	const struct front_settings settings = {
		.listen_fd = responder.listener.fd,
		.max_connections = max_connections,
		.request_timeout_ms =
			responder.conf->responder.request_timeout_ms,
		.web_server_addrs = getenv("FCGI_WEB_SERVER_ADDRS"),
		.fn = intake_take,
		.limit = intake_limit,
		.ctx = responder.intake,
	};
	responder.front = front_new(responder.base, &settings);
	add_events(&responder); /* after libfcgi, which sets handlers, too */
	enqueuer_start(responder.enqueuer);

	log_event(LOG_LEVEL_NOTICE, MESSAGE_STARTED, "started, listening on %s",
		  responder.listener.text);
	tell_endpoints(responder.conf);
	notify_ready();
	report_status(&responder);
	event_base_dispatch(responder.base);

	fini(&responder);
	log_event(LOG_LEVEL_NOTICE, MESSAGE_STOPPED, "stopped");
	return EX_OK;
}
