/*
 * ctl_doctor: "hooksync doctor": what is wrong with this installation, with
 * Redis and with the queues, one line for each; and with --repair what can be
 * done about the queues.
 *
 * It goes the way of a webhook, so that the first finding is the one to mend
 * first: settings, Redis, the socket, the responder, then each queue and its
 * workers. With --queue it is asked about that queue alone.
 *
 * It looks before it acts, acts only on a yes, and looks again afterwards: the
 * exit code tells what is left. A repair may uncover more (a key that could not
 * be read before), so there are some rounds.
 *
 * Known limit: a queue is looked at while workers go on. What is told was true
 * when it was judged; information (counts, ages) is that of the end of the look.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bounds.h"
#include "base/clock.h"
#include "queue/diagnosis.h"
#include "queue/doctor.h"
#include "queue/server.h"
#include "ctl/ctl.h"
#include "ctl/premises.h"
#include "ctl/progress.h"
#include "ctl/session.h"
#include "ctl/show.h"

enum {
	ROUNDS_MAX = 4,
	ASLEEP_MS = 1000, /* whoever took the marker takes a job within this */
	SHOWN_REPAIRS = 20, /* of each queue and round; then they are counted */
};

struct ward { /* one visit of the doctor */
	struct session *session;
	const struct conf *conf;
	const struct cmd_line *line;
	struct premises *before; /* Redis on a webhook's way: the settings */
	struct premises *behind; /* the socket, the responder, workers */
	struct server server;
	int64_t n_of[DIAGNOSIS_ERROR + 1];
	int64_t n_repairable; /* findings */
	int64_t n_done;       /* repairs */
	int64_t n_refused;
	bool is_first; /* of a JSON array */
};

struct patient { /* one queue */
	struct ward *ward;
	const char *name;
	struct queue *queue;
	struct doctor *doctor;
	const struct doctor_report *report; /* the doctor's */
	struct doctor_vitals moment;
	struct progress *progress;
	const struct doctor_trouble *batch;
	size_t n_batch;
	int64_t n_shown;
	bool is_foreign; /* BullMQ Pro's: only looked at */
	bool is_asleep;
};

/* ---- telling ---- */

static void
print_ids(const struct diagnosis *diagnosis)
{
	if (diagnosis->n_examples == 0)
		return;
	fputs(" (", stdout);
	for (size_t i = 0; i < diagnosis->n_examples; i++) {
		const struct doctor_trouble *trouble = &diagnosis->examples[i];
		if (i > 0)
			fputs(", ", stdout);
		show_text(stdout, span_of(trouble->id, trouble->id_len));
		if (trouble->kind == DOCTOR_LOCKLESS || !trouble->detail[0])
			continue;
		fputs(trouble->id_len > 0 ? ": " : "", stdout);
		show_text(stdout, span_text(trouble->detail));
	}
	if ((int64_t)diagnosis->n_examples < diagnosis->n)
		fputs(", ...", stdout);
	putchar(')');
}

static void
print_finding(const char *where, const struct diagnosis *diagnosis)
{
	printf("%s: ", diagnosis_severity_text(diagnosis->severity));
	show_text(stdout, span_text(where));
	fputs(": ", stdout);
	show_text(stdout, span_text(diagnosis->text));
	print_ids(diagnosis);
	if (diagnosis->is_repairable)
		printf("; --repair %s", diagnosis->remedy);
	else if (diagnosis->remedy[0])
		printf("; %s", diagnosis->remedy);
	putchar('\n');
}

static void
print_finding_json(const char *where, const struct diagnosis *diagnosis,
		   bool is_first)
{
	fputs(is_first ? "\n  {\"queue\":" : ",\n  {\"queue\":", stdout);
	if (where)
		show_json_text(stdout, span_text(where));
	else
		fputs("null", stdout);
	printf(",\"severity\":\"%s\",\"kind\":\"%s\",\"n\":%" PRId64
	       ",\"text\":",
	       diagnosis_severity_text(diagnosis->severity), diagnosis->kind,
	       diagnosis->n);
	show_json_text(stdout, span_text(diagnosis->text));
	fputs(",\"remedy\":", stdout);
	show_json_text(stdout, span_text(diagnosis->remedy));
	printf(",\"is_repairable\":%s,\"ids\":[",
	       diagnosis->is_repairable ? "true" : "false");
	for (size_t i = 0; i < diagnosis->n_examples; i++) {
		if (i > 0)
			putchar(',');
		show_json_text(stdout, span_of(diagnosis->examples[i].id,
					       diagnosis->examples[i].id_len));
	}
	fputs("]}", stdout);
}

/* where: the queue's name; queue: the same, or NULL when it is about another
 * thing than a queue. */
static void
tell(struct ward *ward, const char *where, const char *queue,
     const struct diagnosis *diagnosis)
{
	ward->n_of[diagnosis->severity]++;
	ward->n_repairable += diagnosis->is_repairable;
	if (ward->line->is_json) {
		print_finding_json(queue, diagnosis, ward->is_first);
		ward->is_first = false;
	} else {
		print_finding(where, diagnosis);
	}
}

static void
on_server_finding(void *ctx, const struct diagnosis *diagnosis)
{
	tell(ctx, "redis", NULL, diagnosis);
}

static void
on_premises(void *ctx, const char *where, const struct diagnosis *diagnosis)
{
	tell(ctx, where, NULL, diagnosis);
}

static void
on_queue_finding(void *ctx, const struct diagnosis *diagnosis)
{
	struct patient *patient = ctx;
	struct diagnosis told = *diagnosis;
	/* nobody else knows what is right in a queue of BullMQ Pro */
	if (patient->is_foreign)
		told.is_repairable = false;
	tell(patient->ward, patient->name, patient->name, &told);
}

/* ---- looking ---- */

static void
on_server(void *ctx, enum hs_err err, const char *text, struct server *server)
{
	struct ward *ward = ctx;
	if (err == HS_OK) {
		server_fini(&ward->server);
		ward->server = *server;
	}
	session_end(ward->session, err, text);
}

static int
look_at_server(struct ward *ward, const struct queue *queue)
{
	session_begin(ward->session);
	enum hs_err err =
		server_read(queue->conn, queue->timeout_ms, on_server, ward);
	if (err != HS_OK)
		session_end(ward->session, err, NULL);
	return session_wait(ward->session);
}

static void
on_progress(void *ctx, int64_t n_done, int64_t total)
{
	struct patient *patient = ctx;
	progress_set_total(patient->progress, total);
	progress_set(patient->progress, n_done);
}

static void
on_look(void *ctx, enum hs_err err, const char *text,
	const struct doctor_report *report)
{
	struct patient *patient = ctx;
	patient->report = report;
	session_end(patient->ward->session, err, text);
}

static void
on_moment(void *ctx, enum hs_err err, const char *text,
	  const struct doctor_vitals *vitals)
{
	struct patient *patient = ctx;
	if (err == HS_OK)
		patient->moment = *vitals;
	session_end(patient->ward->session, err, text);
}

/* Nobody wakes a worker: only time tells that from a worker that is about to
 * take. */
static int
look_for_sleep(struct patient *patient)
{
	struct session *session = patient->ward->session;
	const struct doctor_report *report = patient->report;
	patient->is_asleep = doctor_is_asleep(&report->first, &report->last);
	int64_t due_ms = clock_mono_ms() + ASLEEP_MS -
			 (report->last.redis_at_ms - report->first.redis_at_ms);
	if (!patient->is_asleep || due_ms <= clock_mono_ms())
		return CTL_OK;
	for (int64_t left_ms = due_ms - clock_mono_ms(); left_ms > 0;
	     left_ms = due_ms - clock_mono_ms())
		session_turn(session, left_ms);
	session_begin(session);
	enum hs_err err =
		doctor_read_vitals(patient->queue, on_moment, patient);
	if (err != HS_OK)
		session_end(session, err, NULL);
	int code = session_wait(session);
	if (code == CTL_OK)
		patient->is_asleep =
			doctor_is_asleep(&report->first, &patient->moment);
	return code;
}

static int
look(struct patient *patient)
{
	struct session *session = patient->ward->session;
	char *label = xasprintf("looking at %s", patient->name);
	patient->progress = progress_new(label, 0);
	free(label);
	session_begin(session);
	enum hs_err err =
		doctor_look(patient->doctor, on_progress, on_look, patient);
	if (err != HS_OK)
		session_end(session, err, NULL);
	int code = session_wait(session);
	progress_free(patient->progress);
	patient->progress = NULL;
	if (code != CTL_OK)
		return code;
	patient->is_foreign =
		!patient->ward->conf->worker.force_pro &&
		strncmp(patient->report->last.version, "bullmq-pro", 10) == 0;
	return look_for_sleep(patient);
}

static int
look_and_tell(struct patient *patient)
{
	struct ward *ward = patient->ward;
	int code = look(patient);
	if (code != CTL_OK)
		return code;
	const struct diagnosis_facts facts = {
		.report = patient->report,
		.is_asleep = patient->is_asleep,
		.n_workers =
			server_n_workers(&ward->server, patient->queue->keys),
		.stalled_interval_ms = ward->conf->worker.stalled_interval_ms,
		.lock_duration_ms = ward->conf->worker.lock_duration_ms,
		.has_no_route = !ward->conf->routes[0],
	};
	diagnosis_of_queue(&facts, on_queue_finding, patient);
	return CTL_OK;
}

/* ---- repairing ---- */

static void
print_repair(struct patient *patient, const struct doctor_trouble *trouble,
	     enum doctor_repaired result, struct span text)
{
	if (result == DOCTOR_NOT_NEEDED || patient->ward->line->is_json)
		return;
	if (result == DOCTOR_DONE && ++patient->n_shown > SHOWN_REPAIRS)
		return;
	fputs(result == DOCTOR_DONE ? "repaired: " : "refused: ", stdout);
	show_text(stdout, span_text(patient->name));
	printf(": %s ", doctor_kind_text(trouble->kind));
	show_text(stdout, span_of(trouble->id, trouble->id_len));
	fputs(trouble->id_len > 0 ? ": " : "", stdout);
	show_text(stdout, text);
	putchar('\n');
}

static void
on_repaired(void *ctx, enum hs_err err, const char *text,
	    const enum doctor_repaired *results, const struct span *texts,
	    size_t n)
{
	struct patient *patient = ctx;
	struct ward *ward = patient->ward;
	for (size_t i = 0; i < n; i++) {
		ward->n_done += results[i] == DOCTOR_DONE;
		ward->n_refused += results[i] == DOCTOR_REFUSED;
		progress_hide(patient->progress);
		print_repair(patient, &patient->batch[i], results[i], texts[i]);
	}
	patient->n_batch = n;
	session_end(ward->session, err, text);
}

static int
repair_batch(struct patient *patient, const struct doctor_trouble *troubles,
	     size_t n)
{
	struct ward *ward = patient->ward;
	const struct doctor_repair repair = {
		.troubles = troubles,
		.n = n,
		.now_ms = patient->report->last.redis_at_ms,
		.max_stalled_count = ward->conf->worker.max_stalled_count,
		.max_number = patient->report->max_number,
	};
	patient->batch = troubles;
	patient->n_batch = 0;
	session_begin(ward->session);
	enum hs_err err =
		doctor_repair(patient->queue, &repair, on_repaired, patient);
	if (err != HS_OK)
		session_end(ward->session, err, NULL);
	return session_wait(ward->session);
}

/* All that one look has found; in the order of the kinds, so that a key of a
 * wrong type is out of the way first. *n counts what was tried. */
static int
repair_found(struct patient *patient, int64_t *n)
{
	const struct doctor_report *report = patient->report;
	int code = CTL_OK;
	*n = 0;
	if (patient->is_foreign)
		return CTL_OK;
	patient->n_shown = 0;
	patient->progress =
		progress_new(patient->name, (int64_t)report->n_troubles);
	for (size_t i = 0; code == CTL_OK && i < report->n_troubles;) {
		size_t end = i;
		while (end < report->n_troubles && end - i < DOCTOR_BATCH &&
		       doctor_is_repairable(report->troubles[end].kind))
			end++;
		if (end == i) {
			i++;
			continue;
		}
		code = repair_batch(patient, report->troubles + i, end - i);
		*n += (int64_t)patient->n_batch;
		i += patient->n_batch;
		progress_set(patient->progress, (int64_t)i);
	}
	if (code == CTL_OK && patient->is_asleep) {
		char none[] = "";
		const struct doctor_trouble marker = { DOCTOR_MARKER, none, 0,
						       none, 0 };
		code = repair_batch(patient, &marker, 1);
		++*n;
	}
	progress_free(patient->progress);
	patient->progress = NULL;
	if (patient->n_shown > SHOWN_REPAIRS && !patient->ward->line->is_json)
		printf("repaired: %s: and %" PRId64 " more\n", patient->name,
		       patient->n_shown - SHOWN_REPAIRS);
	return code;
}

/* Repairs until a look finds nothing more to do, or nothing more can be
 * done. */
static int
repair(struct patient *patient)
{
	struct ward *ward = patient->ward;
	int code = CTL_OK;
	for (int round = 0; code == CTL_OK && round < ROUNDS_MAX; round++) {
		int64_t n_before = ward->n_done;
		int64_t n;
		code = repair_found(patient, &n);
		if (code == CTL_OK && n > 0)
			code = look(patient);
		if (n == 0 || ward->n_done == n_before)
			break;
	}
	return code;
}

/* ---- the visit ---- */

/* A yes: given by --yes, or at the terminal. */
static bool
is_confirmed(const struct ward *ward)
{
	char answer[16];
	if (ward->line->is_sure)
		return true;
	if (ward->line->is_json || !isatty(STDIN_FILENO) ||
	    !isatty(STDOUT_FILENO))
		return false;
	fputs("Do what stands behind --repair? [y/N] ", stdout);
	fflush(stdout);
	return fgets(answer, sizeof answer, stdin) &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

static void
print_sum(const struct ward *ward, const char *when)
{
	int64_t n_errors = ward->n_of[DIAGNOSIS_ERROR];
	int64_t n_warnings = ward->n_of[DIAGNOSIS_WARNING];
	if (n_errors + n_warnings == 0)
		printf("%sall is well\n", when);
	else
		printf("%s%" PRId64 " %s, %" PRId64 " %s\n", when, n_errors,
		       n_errors == 1 ? "error" : "errors", n_warnings,
		       n_warnings == 1 ? "warning" : "warnings");
}

static void
print_sum_json(const struct ward *ward)
{
	int64_t n_errors = ward->n_of[DIAGNOSIS_ERROR];
	int64_t n_warnings = ward->n_of[DIAGNOSIS_WARNING];
	printf("\n ],\n \"is_healthy\":%s,\"n_errors\":%" PRId64
	       ",\"n_warnings\":%" PRId64 ",\"n_repaired\":%" PRId64
	       ",\"n_refused\":%" PRId64 "}\n",
	       n_errors + n_warnings == 0 ? "true" : "false", n_errors,
	       n_warnings, ward->n_done, ward->n_refused);
}

static void
tally_reset(struct ward *ward)
{
	memset(ward->n_of, 0, sizeof ward->n_of);
	ward->n_repairable = 0;
	ward->is_first = true;
}

static void
tell_way(struct ward *ward, bool is_redis_up)
{
	tally_reset(ward);
	if (ward->line->is_json)
		fputs("{\"findings\":[", stdout);
	premises_tell(ward->before, on_premises, ward);
	if (is_redis_up)
		diagnosis_of_server(&ward->server, on_server_finding, ward);
	premises_tell(ward->behind, on_premises, ward);
}

static void
print_end(const struct ward *ward)
{
	if (ward->line->is_json)
		print_sum_json(ward);
	else
		print_sum(ward, "");
}

static int
examine(struct ward *ward, struct patient *patients, size_t n)
{
	tell_way(ward, true);
	for (size_t i = 0; i < n; i++) {
		int code = look_and_tell(&patients[i]);
		if (code != CTL_OK)
			return code;
		fflush(stdout);
	}
	return CTL_OK;
}

static int
repair_all(struct ward *ward, struct patient *patients, size_t n)
{
	int code = CTL_OK;
	for (size_t i = 0; code == CTL_OK && i < n; i++)
		code = repair(&patients[i]);
	if (code == CTL_OK)
		code = look_at_server(ward, patients[0].queue);
	return code;
}

static int
ends_with(const struct ward *ward)
{
	return ward->n_of[DIAGNOSIS_ERROR] + ward->n_of[DIAGNOSIS_WARNING] > 0
		       ? CTL_NO_MATCH
		       : CTL_OK;
}

static int
visit(struct ward *ward, struct patient *patients, size_t n)
{
	const struct cmd_line *line = ward->line;
	int code = look_at_server(ward, patients[0].queue);
	if (code != CTL_OK)
		return code;
	/* in JSON there is one answer: what is left in the end */
	if (line->is_json && line->is_repair && line->is_sure) {
		for (size_t i = 0; code == CTL_OK && i < n; i++)
			code = look(&patients[i]);
		if (code == CTL_OK)
			code = repair_all(ward, patients, n);
		if (code == CTL_OK)
			code = examine(ward, patients, n);
		if (code == CTL_OK)
			print_sum_json(ward);
		return code == CTL_OK ? ends_with(ward) : code;
	}
	code = examine(ward, patients, n);
	if (code != CTL_OK)
		return code;
	print_end(ward);
	if (!line->is_repair || ward->n_repairable == 0)
		return ends_with(ward);
	if (!is_confirmed(ward)) {
		ctl_complain("nothing was changed; --repair --yes does what "
			     "stands behind --repair");
		return CTL_UNCONFIRMED;
	}
	code = repair_all(ward, patients, n);
	if (code != CTL_OK)
		return code;
	printf("%" PRId64 " repaired, %" PRId64 " refused; now:\n",
	       ward->n_done, ward->n_refused);
	code = examine(ward, patients, n);
	if (code != CTL_OK)
		return code;
	print_sum(ward, "");
	return ends_with(ward);
}

static int
visit_queues(struct ward *ward, const char **names)
{
	size_t n = 0;
	while (names[n])
		n++;
	struct patient *patients = xcalloc(n, sizeof *patients);
	for (size_t i = 0; i < n; i++) {
		patients[i].ward = ward;
		patients[i].name = names[i];
		patients[i].queue = session_queue(ward->session, names[i]);
		patients[i].doctor = doctor_new(patients[i].queue);
	}
	int code = visit(ward, patients, n);
	for (size_t i = 0; i < n; i++)
		doctor_free(patients[i].doctor);
	free(patients);
	return code;
}

/* What can be told without Redis. */
static int
visit_without_redis(struct ward *ward, const char *why)
{
	premises_add_lost_redis(ward->before, ward->conf, why);
	if (!ward->line->queue)
		premises_look_at_door(ward->behind, ward->conf, false);
	tell_way(ward, false);
	print_end(ward);
	return CTL_UNAVAILABLE;
}

static int
visit_installation(struct ward *ward)
{
	const char **queues =
		ctl_queues(ward->line, ward->conf, CTL_QUEUES_ALL);
	struct buf why;
	int code = CTL_USAGE;

	if (!queues)
		return code;
	buf_init(&why, BOUNDS_REASON_BYTES);
	ward->session = session_try(ward->conf, &why);
	if (!ward->session) {
		code = visit_without_redis(ward, buf_text(&why));
	} else {
		if (!ward->line->queue) {
			premises_look_at_door(ward->behind, ward->conf, true);
			premises_look_at_workers(ward->behind, ward->line);
		}
		code = visit_queues(ward, queues);
	}
	session_close(ward->session);
	buf_fini(&why);
	free(queues);
	return code;
}

/* Settings so wrong that not even Redis is known from them. */
static int
visit_settings(struct ward *ward)
{
	premises_look_at_settings(ward->before, ward->line);
	tell_way(ward, false);
	print_end(ward);
	return CTL_CONFIG;
}

static void
on_nothing(void *ctx, enum conf_severity severity, const char *text)
{
	(void)ctx;
	(void)severity;
	(void)text; /* premises_look_at_settings() says it */
}

int
ctl_doctor(const struct cmd_line *line)
{
	const struct conf_source source = {
		.path = line->conf_path,
		.role = CONF_ROLE_COMMAND,
		.flags = line->flags,
		.n_flags = line->n_flags,
	};
	struct ward ward = {
		.line = line,
		.before = premises_new(),
		.behind = premises_new(),
	};
	struct conf *conf = NULL;
	int code;

	if (conf_load(&source, on_nothing, NULL, &conf) == HS_OK) {
		ward.conf = conf;
		if (!line->queue)
			premises_look_at_settings(ward.before, line);
		code = visit_installation(&ward);
	} else {
		code = visit_settings(&ward);
	}
	server_fini(&ward.server);
	premises_free(ward.before);
	premises_free(ward.behind);
	conf_unref(conf);
	return code;
}
