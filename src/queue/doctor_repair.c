/*
 * doctor_repair: some troubles of a report to the script that puts them right,
 * and what it says came of them. It may do fewer than it was given.
 */
#include "queue/doctor.h"

#include <stdlib.h>

#include "queue/call.h"
#include "queue/scripts.h"

struct repair_call {
	doctor_repair_fn fn;
	void *ctx;
	size_t n;
};

static void
on_repaired(void *ctx, enum hs_err err, const struct reply *reply)
{
	struct repair_call *call = ctx;
	enum doctor_repaired results[DOCTOR_BATCH];
	struct span texts[DOCTOR_BATCH];
	const char *text;
	err = call_check(err, reply, REPLY_ARRAY, &text);
	size_t n = err == HS_OK ? reply->n_items / 2 : 0;
	if (err == HS_OK && (n < 1 || n > call->n)) {
		err = HS_PROTOCOL;
		text = "unexpected reply of a script";
	}
	for (size_t i = 0; err == HS_OK && i < n; i++) {
		int64_t result;
		if (reply_i64(reply->items[2 * i], &result) != HS_OK)
			result = 0;
		results[i] = result > 0   ? DOCTOR_DONE
			     : result < 0 ? DOCTOR_REFUSED
					  : DOCTOR_NOT_NEEDED;
		texts[i] = reply->items[2 * i + 1]->text;
	}
	call->fn(call->ctx, err, text, results, texts, err == HS_OK ? n : 0);
	free(call);
}

enum hs_err
doctor_repair(struct queue *queue, const struct doctor_repair *repair,
	      doctor_repair_fn fn, void *ctx)
{
	if (repair->n == 0 || repair->n > DOCTOR_BATCH)
		return HS_INVALID;
	struct call *call = call_new(queue, 3 + 3 * repair->n);
	call_i64(call, repair->now_ms);
	call_i64(call, repair->max_stalled_count);
	call_i64(call, DOCTOR_VISITS);
	for (size_t i = 0; i < repair->n; i++) {
		const struct doctor_trouble *trouble = &repair->troubles[i];
		call_text(call, doctor_kind_text(trouble->kind));
		call_span(call, span_of(trouble->id, trouble->id_len));
		call_i64(call, repair->max_number);
	}
	struct repair_call *answer = xcalloc(1, sizeof(*answer));
	*answer = (struct repair_call){ fn, ctx, repair->n };
	enum hs_err err = call_send(call, &queue_script_doctor_repair,
				    on_repaired, answer);
	if (err != HS_OK)
		free(answer);
	return err;
}
