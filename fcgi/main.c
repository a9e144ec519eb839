/*
 * hooksync-fcgi, the responder: webhooks in, jobs out.
 *
 * Boot order: arguments; configuration; limits of the system; the socket;
 * signals; Redis; the front; and then the loop, until it is told to stop. A
 * stop takes no new connection, answers the requests inside within a grace,
 * and ends with 0. A reload puts a new configuration in force, or keeps the old
 * one. One thread; nothing in it blocks.
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
#include "base/hangup.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/pulse.h"
#include "conf/conf.h"
#include "fcgi/enqueuer.h"
#include "fcgi/front.h"
#include "fcgi/intake.h"
#include "fcgi/listener.h"
#include "fcgi/reload.h"
#include "fcgi/status.h"

/* Redis, logs, the socket, the slow lane's files. */
#define RESERVED_FDS 64
/* Where the limit is infinite; a web server keeps hundreds. */
#define MAX_CONNECTIONS 65536
#define STOP_TICK_MS 20
#define STOP_EXTRA_MS 1000   /* beyond the deadlines a request has anyway */
#define GRACE_MARGIN_MS 5000 /* and to leave, on a busy host */
#define TICK_MS 1000
#define WHY_BYTES 512
#define MAX_FLAGS 64

/* What ends us: systemd's word, the terminal's, and that of FastCGI's own
 * process managers. */
static const int stop_signals[] = { SIGTERM, SIGINT, SIGUSR1 };
#define N_STOP_SIGNALS (sizeof(stop_signals) / sizeof(stop_signals[0]))

struct responder {
	struct event_base *base;
	const struct arguments *arguments;
	struct conf *conf;
	struct conf *boot; /* as conf was at the start */
	struct listener listener;
	struct enqueuer *enqueuer;
	struct intake *intake;
	struct front *front;
	struct pulse *pulse;
	struct status status;
	struct event *stop[N_STOP_SIGNALS];
	struct event *hangup;
	struct event *reload; /* once for all SIGHUPs of a turn */
	struct event *beat;
	struct event *pulse_event;
	struct event *tick;
	struct event *stop_tick;
	int64_t started_at_ms;
	struct buf reload_error; /* empty: none */
	int64_t reload_failed_at_ms;
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

static struct conf_source
conf_source(const struct arguments *arguments)
{
	return (struct conf_source){
		.path = arguments->path,
		.role = CONF_ROLE_RESPONDER,
		.flags = arguments->flags,
		.n_flags = arguments->n_flags,
	};
}

static void
set_log_level(const struct conf *conf)
{
	enum log_level level = LOG_LEVEL_INFO;
	if (log_level_parse(conf->log_level, &level) == HS_OK)
		log_set_level(level);
}

static struct conf *
load_conf(const struct arguments *arguments)
{
	struct conf *conf = NULL;
	const struct conf_source source = conf_source(arguments);
	if (conf_load(&source, on_finding, NULL, &conf) != HS_OK)
		log_fatal(EX_CONFIG, "the settings are not usable, see above");
	set_log_level(conf);
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
tell_status(struct responder *responder)
{
	const struct intake_counts counts = intake_counts(responder->intake);
	const struct status_facts facts = {
		.listening = responder->listener.text,
		.has_endpoints = responder->conf->endpoints[0] != NULL,
		.n_accepted = counts.n_accepted,
		.n_refused = counts.n_refused,
		.is_redis_up = enqueuer_is_up(responder->enqueuer),
		.redis_error = enqueuer_error(responder->enqueuer),
		.redis_away_since_at_ms =
			enqueuer_away_since_at_ms(responder->enqueuer),
		.reload_error = responder->reload_error.len > 0
					? buf_text(&responder->reload_error)
					: NULL,
		.reload_failed_at_ms = responder->reload_failed_at_ms,
		.is_stopping = responder->is_stopping,
		.n_inside = front_n_inside(responder->front),
	};
	status_tell(&responder->status, &facts);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct responder *responder = ctx;
	(void)fd;
	(void)what;
	intake_tick(responder->intake);
	tell_status(responder);
}

/* ---- the watchdog ---- */

static int64_t
front_owes(void *ctx)
{
	return front_due_ms(ctx);
}

static int64_t
enqueuer_owes(void *ctx)
{
	return enqueuer_due_ms(ctx);
}

static int64_t
redis_owes(void *ctx)
{
	return enqueuer_redis_due_ms(ctx);
}

static void
on_beat(evutil_socket_t fd, short what, void *ctx)
{
	const struct responder *responder = ctx;
	(void)fd;
	(void)what;
	pulse_beat(responder->pulse);
}

static void
on_pulse(evutil_socket_t fd, short what, void *ctx)
{
	const struct responder *responder = ctx;
	(void)fd;
	(void)what;
	if (pulse_answer(responder->pulse))
		notify_watchdog();
}

/* ---- stop ---- */

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
		  sigabbrev_np((int)signal_number));
	front_stop(responder->front);
	responder->stop_due_ms = clock_mono_ms() + STOP_EXTRA_MS +
				 responder->conf->responder.request_timeout_ms +
				 responder->conf->redis.enqueue_timeout_ms;
	notify_grace(responder->stop_due_ms - clock_mono_ms() +
		     GRACE_MARGIN_MS);
	event_add(responder->stop_tick, &tv);
	tell_status(responder);
}

/* ---- reload ---- */

static void
take_over(struct responder *responder, struct conf *fresh)
{
	struct conf *old = responder->conf;
	responder->conf = fresh;
	set_log_level(fresh);
	intake_reload(responder->intake, fresh);
	enqueuer_reload(responder->enqueuer, fresh);
	front_set_request_timeout(responder->front,
				  fresh->responder.request_timeout_ms);
	log_event(LOG_LEVEL_NOTICE, MESSAGE_RELOADED,
		  "reloaded: new settings are in force");
	reload_tell_endpoints(old, fresh);
	conf_unref(old); /* what is under way may have it still */
}

static void
on_reload(evutil_socket_t fd, short what, void *ctx)
{
	struct responder *responder = ctx;
	const struct conf_source source = conf_source(responder->arguments);
	struct conf *fresh = NULL;
	(void)fd;
	(void)what;
	if (responder->is_stopping)
		return;
	notify_reloading();
	buf_reset(&responder->reload_error);
	if (reload_conf(&source, responder->boot, responder->started_at_ms,
			&fresh, &responder->reload_error) == HS_OK)
		take_over(responder, fresh);
	else
		responder->reload_failed_at_ms = clock_wall_ms();
	notify_ready();
	tell_status(responder);
}

static void
on_hangup(evutil_socket_t signal_number, short what, void *ctx)
{
	const struct responder *responder = ctx;
	(void)signal_number;
	(void)what;
	event_active(responder->reload, EV_TIMEOUT, 0);
}

/* ---- */

static struct event *
must(struct event *event, const struct timeval *tv, bool is_added)
{
	if (event == NULL || (is_added && event_add(event, tv) != 0))
		log_fatal(EX_OSERR, "no event: out of memory");
	return event;
}

static struct event *
add_signal(struct responder *responder, int number, event_callback_fn fn)
{
	return must(evsignal_new(responder->base, number, fn, responder), NULL,
		    true);
}

static struct event *
make_timer(struct responder *responder, event_callback_fn fn)
{
	return must(event_new(responder->base, -1, EV_PERSIST, fn, responder),
		    NULL, false);
}

static void
add_events(struct responder *responder)
{
	int interval_ms = notify_watchdog_interval_ms();
	const struct timeval beat = clock_timeval(interval_ms);
	const struct timeval tick = clock_timeval(TICK_MS);
	for (size_t i = 0; i < N_STOP_SIGNALS; i++)
		responder->stop[i] =
			add_signal(responder, stop_signals[i], on_stop_signal);
	responder->hangup = add_signal(responder, SIGHUP, on_hangup);
	responder->reload = make_timer(responder, on_reload);
	responder->beat = make_timer(responder, on_beat);
	responder->tick = make_timer(responder, on_tick);
	responder->stop_tick = make_timer(responder, on_stop_tick);
	responder->pulse_event =
		must(event_new(responder->base, pulse_fd(responder->pulse),
			       EV_READ | EV_PERSIST, on_pulse, responder),
		     NULL, true);
	if (interval_ms > 0)
		must(responder->beat, &beat, true);
	must(responder->tick, &tick, true);
}

static void
start_pulse(struct responder *responder)
{
	responder->pulse = pulse_new();
	pulse_ask(responder->pulse, "a peer to be given up", front_owes,
		  responder->front);
	pulse_ask(responder->pulse, "an answer to a delivery", enqueuer_owes,
		  responder->enqueuer);
	pulse_ask(responder->pulse, "a command to Redis or the next try",
		  redis_owes, responder->enqueuer);
}

static void
fini(struct responder *responder)
{
	enqueuer_free(responder->enqueuer); /* answers what is parked */
	front_free(responder->front);
	intake_free(responder->intake);
	listener_close(&responder->listener);
	for (size_t i = 0; i < N_STOP_SIGNALS; i++)
		event_free(responder->stop[i]);
	event_free(responder->hangup);
	event_free(responder->reload);
	event_free(responder->beat);
	event_free(responder->pulse_event);
	event_free(responder->tick);
	event_free(responder->stop_tick);
	event_base_free(responder->base);
	pulse_free(responder->pulse);
	buf_fini(&responder->reload_error);
	conf_unref(responder->conf);
	conf_unref(responder->boot);
}

int
main(int argc, char **argv)
{
	struct arguments arguments = { .path = NULL };
	struct responder responder = { .arguments = &arguments,
				       .listener = { .fd = -1 } };

	hangup_hold();
	log_open("hooksync-fcgi", LOG_LEVEL_INFO);
	parse_arguments(argc, argv, &arguments);
	responder.started_at_ms = clock_wall_ms();
	buf_init(&responder.reload_error, WHY_BYTES);
	responder.conf = load_conf(&arguments);
	responder.boot = conf_ref(responder.conf);
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
	start_pulse(&responder);
	add_events(&responder); /* after libfcgi, which sets handlers, too */
	hangup_let_in();
	enqueuer_start(responder.enqueuer);

	log_event(LOG_LEVEL_NOTICE, MESSAGE_STARTED, "started, listening on %s",
		  responder.listener.text);
	reload_tell_endpoints(NULL, responder.conf);
	notify_ready();
	tell_status(&responder);
	event_base_dispatch(responder.base);

	fini(&responder);
	log_event(LOG_LEVEL_NOTICE, MESSAGE_STOPPED, "stopped");
	return EX_OK;
}
