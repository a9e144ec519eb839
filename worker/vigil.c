/*
 * vigil: one due function per kind of debt, each the earliest of all who may owe
 * it.
 */
#include "worker/vigil.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/err.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/pulse.h"
#include "worker/bell.h"

struct vigil {
	struct pulse *pulse;
	struct event *timer;
	struct event *echo;
};

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
of_pumps(const struct vigil_wards *wards,
	 int64_t (*due_ms)(const struct pump *pump))
{
	int64_t earliest_ms = PULSE_NOTHING;

	for (size_t i = 0; i < wards->n_pumps; i++)
		earliest_ms = sooner(earliest_ms, due_ms(wards->pumps[i]));
	return earliest_ms;
}

static int64_t
redis_due(void *ctx)
{
	const struct vigil_wards *wards = ctx;

	return sooner(rconn_due_ms(wards->conn),
		      of_pumps(wards, pump_redis_due_ms));
}

static int64_t
take_due(void *ctx)
{
	const struct vigil_wards *wards = ctx;
	size_t n = 0;

	/* slots that nobody has a claim to would never be free again */
	for (size_t i = 0; i < wards->n_pumps; i++)
		n += pump_n_slots(wards->pumps[i]);
	if (n != wards->slots->n_used)
		return 0;
	return of_pumps(wards, pump_take_due_ms);
}

static int64_t
attempt_due(void *ctx)
{
	return of_pumps(ctx, pump_attempt_due_ms);
}

static int64_t
settle_due(void *ctx)
{
	return of_pumps(ctx, pump_settle_due_ms);
}

static int64_t
lease_due(void *ctx)
{
	return of_pumps(ctx, pump_lease_due_ms);
}

static int64_t
map_due(void *ctx)
{
	const struct vigil_wards *wards = ctx;

	return map_due_ms(wards->map);
}

/* One plan's service may be another's gate with another timeout: the longer
 * one counts, and that is the earlier plan's as long as it lives. */
static int64_t
timeout_of(const struct vigil_wards *wards, const struct gate *gate)
{
	int64_t longest_ms = 0;

	list_each(node, wards->plans) {
		const struct plan *plan = list_owner(node, struct plan, node);

		for (size_t i = 0; i < plan->n_gates; i++) {
			const int64_t ms = plan->conf->services[i]->timeout_ms;

			if (plan->gates[i] == gate && ms > longest_ms)
				longest_ms = ms;
		}
	}
	return longest_ms;
}

static int64_t
gate_due(void *ctx)
{
	const struct vigil_wards *wards = ctx;
	int64_t earliest_ms = PULSE_NOTHING;

	list_each(node, wards->plans) {
		const struct plan *plan = list_owner(node, struct plan, node);

		for (size_t i = 0; i < plan->n_gates; i++) {
			const struct gate *gate = plan->gates[i];
			const int64_t since_ms = gate_waits_since_ms(gate);

			if (since_ms >= 0)
				earliest_ms = sooner(
					earliest_ms,
					since_ms + timeout_of(wards, gate));
		}
	}
	return earliest_ms;
}

static int64_t
stop_due(void *ctx)
{
	const struct vigil_wards *wards = ctx;

	return wards->stop_due_ms;
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct vigil *vigil = ctx;

	(void)fd;
	(void)what;
	pulse_beat(vigil->pulse);
}

static void
on_echo(evutil_socket_t fd, short what, void *ctx)
{
	struct vigil *vigil = ctx;

	(void)fd;
	(void)what;
	if (pulse_answer(vigil->pulse))
		notify_watchdog();
}

struct vigil *
vigil_new(struct event_base *base, const struct vigil_wards *wards)
{
	static const struct {
		const char *name;
		pulse_due_fn fn;
	} debts[] = {
		{ "a Redis command or connection", redis_due },
		{ "a take", take_due },
		{ "an attempt's end", attempt_due },
		{ "telling Redis of ended jobs", settle_due },
		{ "the renewal of locks", lease_due },
		{ "a map", map_due },
		{ "a gate's line", gate_due },
		{ "the end of the grace", stop_due },
	};
	const int interval_ms = notify_watchdog_interval_ms();
	struct vigil *vigil;

	if (interval_ms <= 0)
		return NULL;
	vigil = xcalloc(1, sizeof(*vigil));
	vigil->pulse = pulse_new();
	for (size_t i = 0; i < sizeof(debts) / sizeof(debts[0]); i++)
		pulse_ask(vigil->pulse, debts[i].name, debts[i].fn,
			  (void *)(uintptr_t)wards);
	vigil->echo = event_new(base, pulse_fd(vigil->pulse),
				EV_READ | EV_PERSIST, on_echo, vigil);
	if (!vigil->echo || event_add(vigil->echo, NULL))
		log_fatal(71, "cannot watch an eventfd"); /* EX_OSERR */
	vigil->timer = bell_every(base, interval_ms, on_timer, vigil);
	return vigil;
}

void
vigil_free(struct vigil *vigil)
{
	if (!vigil)
		return;
	event_free(vigil->timer);
	event_free(vigil->echo);
	pulse_free(vigil->pulse);
	free(vigil);
}
