/*
 * queue: adding in all its forms, on a real redis-server: deduplication, parents
 * and flows, and what becomes of a batch of which Redis refuses a part.
 * tests/compat compares the same with BullMQ's own; this runs without Node.
 */
#include "tests/lib/queue_stage.h"

static struct add_item
deduplicated(const char *id, struct add_dedup dedup)
{
	struct add_item one = item(id);
	dedup.id = span_text("d");
	one.dedup = dedup;
	return one;
}

static void
check_added(size_t i, enum add_result result, const char *id)
{
	assert_int_equal(got.added[i], result);
	assert_string_equal(got.ids[i], id);
}

static void
add_one(struct add_item one, enum add_result result, const char *id)
{
	add(one);
	check_added(0, result, id);
}

static void
check_opts(struct add_item one, const char *expected)
{
	struct doc *left = NULL, *right = NULL;
	struct buf a;
	one.id = span_text("x");
	REDIS("DEL", "bull:sync:x", "bull:sync:de:d");
	add_one(one, ADD_NEW, "x");
	const char *stored = REDIS("HGET", "bull:sync:x", "opts");
	assert_int_equal(doc_parse(span_text(stored), &left), HS_OK);
	assert_int_equal(doc_parse(span_text(expected), &right), HS_OK);
	buf_init(&a, 4096);
	assert_int_equal(doc_print(right, false, &a), HS_OK);
	assert_string_equal(stored, buf_text(&a));
	buf_fini(&a);
	doc_free(left);
	doc_free(right);
}

static void
options_are_printed_as_bullmq_reads_them(void **state)
{
	struct add_item one = item("");
	(void)state;
	add_one(item("p"), ADD_NEW, "p");
	one.options = (struct job_options){
		.attempts = 3,
		.backoff = JOB_BACKOFF_FIXED,
		.backoff_delay_ms = 5,
		.backoff_jitter = 0.25,
		.keep_completed = { .is_set = true, .count = 0 },
		.keep_failed = { .is_set = true, .count = 7 },
		.keep_logs = 4,
		.has_stacktrace_limit = true,
		.size_limit = 1000,
	};
	check_opts(one, "{\"attempts\":3,\"backoff\":{\"type\":\"fixed\","
			"\"delay\":5,\"jitter\":0.25},\"jobId\":\"x\","
			"\"removeOnComplete\":true,\"removeOnFail\":7,\"kl\":4,"
			"\"stackTraceLimit\":0,\"sizeLimit\":1000}");
	one.options = (struct job_options){
		.keep_completed = { .is_set = true, .count = -1 },
		.keep_failed = { .is_set = true,
				 .count = 2,
				 .age_s = 60,
				 .limit = 9 },
	};
	check_opts(one, "{\"attempts\":0,\"jobId\":\"x\","
			"\"removeOnComplete\":false,\"removeOnFail\":"
			"{\"age\":60,\"count\":2,\"limit\":9}}");
	one = deduplicated("", (struct add_dedup){ .ttl_ms = 5000,
						   .extends = true,
						   .replaces = true,
						   .keeps_last_if_active = true,
						   .reschedules = true });
	check_opts(one, "{\"attempts\":0,\"jobId\":\"x\",\"de\":{\"id\":\"d\","
			"\"ttl\":5000,\"extend\":true,\"replace\":true,"
			"\"keepLastIfActive\":true,\"reschedule\":true}}");
	check_opts(deduplicated("", (struct add_dedup){ 0 }),
		   "{\"attempts\":0,\"jobId\":\"x\",\"de\":{\"id\":\"d\"}}");
	CHECK("d", "HGET", "bull:sync:x", "deid");
}

static void
a_childs_flag_is_in_both_places(void **state)
{
	static const char *const flags[] = { "", "fpof", "cpof", "idof",
					     "rdof" };
	(void)state;
	add_one(item("p"), ADD_NEW, "p");
	for (int i = ADD_FAILURE_HOLDS; i <= ADD_FAILURE_REMOVED; i++) {
		struct add_item one = item("");
		char opts[128], parent[128], flag[32] = "";
		one.parent = (struct add_parent){
			.base = span_text("bull:sync"),
			.id = span_text("p"),
			.on_failure = (enum add_on_failure)i,
		};
		if (i > 0)
			snprintf(flag, sizeof(flag), ",\"%s\":true", flags[i]);
		snprintf(opts, sizeof(opts),
			 "{\"attempts\":0,\"jobId\":\"x\",\"parent\":"
			 "{\"id\":\"p\",\"queue\":\"bull:sync\"}%s}",
			 flag);
		check_opts(one, opts);
		snprintf(parent, sizeof(parent),
			 "[ bull:sync:p {\"id\":\"p\",\"queueKey\":"
			 "\"bull:sync\"%s} ]",
			 flag);
		CHECK(parent, "HMGET", "bull:sync:x", "parentKey", "parent");
	}
	CHECK("[ bull:sync:x ]", "SMEMBERS", "bull:sync:p:dependencies");
}

static void
raw_options_are_stored_byte_for_byte(void **state)
{
	static const char opts[] = "{ \"mine\" : [1.50, null, \"a\\/b\"]}";
	struct add_item one = item("repeat:x:1900000000000");
	(void)state;
	one.opts = span_text(opts);
	one.scheduler = span_text("x");
	assert_int_equal(try_add(one), HS_INVALID);
	one.is_checked = true;
	add_one(one, ADD_NEW, "repeat:x:1900000000000");
	CHECK("[ { \"mine\" : [1.50, null, \"a\\/b\"]} x ]", "HMGET",
	      "bull:sync:repeat:x:1900000000000", "opts", "rjk");
}

static void
what_cannot_be_is_refused_at_once(void **state)
{
	struct add_item one = deduplicated("", (struct add_dedup){ 0 });
	char longer[BOUNDS_JOB_ID_BYTES + 1];
	(void)state;
	memset(longer, 'x', sizeof(longer));
	one.parent = (struct add_parent){ .base = span_text("bull:up"),
					  .id = span_text("p") };
	assert_int_equal(try_add(one), HS_INVALID);
	one.parent = (struct add_parent){ 0 };
	one.has_children = true;
	assert_int_equal(try_add(one), HS_INVALID);
	one.has_children = false;
	one.dedup.ttl_ms = -1;
	assert_int_equal(try_add(one), HS_INVALID);
	one.dedup.ttl_ms = INT64_C(1) << 41;
	assert_int_equal(try_add(one), HS_INVALID);
	one.dedup.ttl_ms = 0;
	one.dedup.id = span_of(longer, sizeof(longer));
	assert_int_equal(try_add(one), HS_INVALID);
	one.dedup.id = span_of("a\0b", 3);
	assert_int_equal(try_add(one), HS_INVALID);

	one = item("a");
	one.parent.base = span_text("bull:up");
	assert_int_equal(try_add(one), HS_INVALID);
	one.parent = (struct add_parent){ .id = span_text("p") };
	assert_int_equal(try_add(one), HS_INVALID);
	one.parent.base = span_text("\xff");
	assert_int_equal(try_add(one), HS_INVALID);
	one.parent.base = span_text("bull:up");
	one.parent.on_failure = (enum add_on_failure)9;
	assert_int_equal(try_add(one), HS_INVALID);
	one = item("a");
	one.opts = span_text("[]");
	assert_int_equal(try_add(one), HS_INVALID);
	one = item("a");
	one.base = span_of(longer, sizeof(longer));
	assert_int_equal(try_add(one), HS_INVALID);
	one = item("a");
	one.is_checked = true;
	one.id = span_of("a\0b", 3);
	assert_int_equal(try_add(one), HS_INVALID);
	CHECK("0", "EXISTS", "bull:sync:id");
}

/* ---- deduplication ---- */

static void
the_first_holds_the_id(void **state)
{
	(void)state;
	add_one(deduplicated("", (struct add_dedup){ 0 }), ADD_NEW, "1");
	add_one(deduplicated("", (struct add_dedup){ 0 }), ADD_DEDUPLICATED,
		"1");
	CHECK("2", "GET", "bull:sync:id");
	CHECK("[ 1 ]", "LRANGE", "bull:sync:wait", "0", "-1");
	check_events("added jobId=1 name=n; waiting jobId=1; deduplicated "
		     "jobId=1 deduplicationId=d deduplicatedJobId=2");
	queue->level = QUEUE_LEVEL_5;
	add_one(deduplicated("x", (struct add_dedup){ 0 }), ADD_DEDUPLICATED,
		"1");
	check_events("debounced jobId=1 debounceId=d; deduplicated jobId=1 "
		     "deduplicationId=d deduplicatedJobId=x");
	take_one("1");
	assert_int_equal(finish(completed("1")), CODE_DONE);
	add_one(deduplicated("x", (struct add_dedup){ 0 }), ADD_NEW, "x");
}

static void
an_id_may_be_taken_for_a_time(void **state)
{
	struct add_dedup dedup = { .ttl_ms = 50000 };
	(void)state;
	add_one(deduplicated("", dedup), ADD_NEW, "1");
	dedup.ttl_ms = 90000;
	add_one(deduplicated("", dedup), ADD_DEDUPLICATED, "1");
	assert_in_range(atoll(REDIS("PTTL", "bull:sync:de:d")), 40000, 50000);
	take_one("1");
	assert_int_equal(finish(completed("1")), CODE_DONE);
	add_one(deduplicated("", dedup), ADD_DEDUPLICATED, "1");
	dedup.extends = true;
	add_one(deduplicated("", dedup), ADD_DEDUPLICATED, "1");
	assert_in_range(atoll(REDIS("PTTL", "bull:sync:de:d")), 80000, 90000);
}

static void
a_delayed_owner_is_replaced(void **state)
{
	struct add_dedup dedup = { .replaces = true };
	struct add_item one = deduplicated("", dedup);
	(void)state;
	one.options.delay_ms = 1000;
	add_one(one, ADD_NEW, "1");
	REDIS("DEL", "bull:sync:events");
	one.options.delay_ms = 2000;
	add_one(one, ADD_NEW, "2");
	check_events("removed jobId=1 prev=delayed; deduplicated jobId=2 "
		     "deduplicationId=d deduplicatedJobId=1; added jobId=2 "
		     "name=n; delayed jobId=2 delay=1900000002000");
	CHECK("0", "EXISTS", "bull:sync:1");
	CHECK("[ 2 ]", "ZRANGE", "bull:sync:delayed", "0", "-1");
	one.options.delay_ms = 0;
	add_one(one, ADD_NEW, "3");
	REDIS("DEL", "bull:sync:events");
	add_one(one, ADD_DEDUPLICATED, "3");
	CHECK("0", "EXISTS", "bull:sync:events");
	CHECK("3", "GET", "bull:sync:de:d");
}

static void
a_delayed_owner_is_moved_in_time(void **state)
{
	struct add_dedup dedup = { .reschedules = true };
	struct add_item one = deduplicated("", dedup);
	(void)state;
	one.options.delay_ms = 1000;
	add_one(one, ADD_NEW, "1");
	REDIS("DEL", "bull:sync:events");
	one.options.delay_ms = 3000;
	one.data = span_text("[2]");
	add_one(one, ADD_DEDUPLICATED, "1");
	CHECK("7782400012288000", "ZSCORE", "bull:sync:delayed", "1");
	CHECK("[ 3000 {} ]", "HMGET", "bull:sync:1", "delay", "data");
	CHECK("[ 1 1900000003000 ]", "ZRANGE", "bull:sync:marker", "0", "-1",
	      "WITHSCORES");
	check_events("deduplicated jobId=1 deduplicationId=d "
		     "deduplicatedJobId=2; delayed jobId=1 "
		     "delay=1900000003000");
	/* version 5 does not know that */
	queue->level = QUEUE_LEVEL_5;
	one.options.delay_ms = 5;
	add_one(one, ADD_DEDUPLICATED, "1");
	CHECK("7782400012288000", "ZSCORE", "bull:sync:delayed", "1");
}

static void
the_last_one_is_kept_while_the_owner_is_active(void **state)
{
	struct add_dedup dedup = { .keeps_last_if_active = true,
				   .ttl_ms = 5000 };
	(void)state;
	add_one(deduplicated("", dedup), ADD_NEW, "1");
	CHECK("-1", "PTTL", "bull:sync:de:d");
	take_one("1");
	add_one(deduplicated("", dedup), ADD_DEDUPLICATED, "1");
	CHECK("[ n {} 2 ]", "HMGET", "bull:sync:dn:d", "name", "data", "jid");
	add_one(deduplicated("mine", dedup), ADD_DEDUPLICATED, "1");
	CHECK("mine", "HGET", "bull:sync:dn:d", "jid");
	assert_int_equal(finish(completed("1")), CODE_DONE);
	CHECK("0", "EXISTS", "bull:sync:dn:d");
	CHECK("mine", "GET", "bull:sync:de:d");
	take_one("mine");
	assert_int_equal(finish(completed("1")), CODE_DONE);
	CHECK("0", "EXISTS", "bull:sync:de:d");
}

static void
an_id_without_its_owner_is_free(void **state)
{
	(void)state;
	REDIS("SET", "bull:sync:de:d", "gone");
	REDIS("HSET", "bull:sync:dn:d", "name", "n");
	queue->level = QUEUE_LEVEL_5; /* there it stays taken */
	add_one(deduplicated("a", (struct add_dedup){ 0 }), ADD_DEDUPLICATED,
		"gone");
	queue->level = QUEUE_LEVEL_6;
	add_one(deduplicated("a", (struct add_dedup){ 0 }), ADD_NEW, "a");
	CHECK("a", "GET", "bull:sync:de:d");
	CHECK("0", "EXISTS", "bull:sync:dn:d");
}

/* ---- parents ---- */

static struct add_item
child(const char *id, const char *parent)
{
	struct add_item one = item(id);
	one.parent = (struct add_parent){ .base = span_text("bull:up"),
					  .id = span_text(parent) };
	return one;
}

static struct add_item
parent_of_some(const char *id)
{
	struct add_item one = item(id);
	one.base = span_text("bull:up");
	one.has_children = true;
	one.is_in_flow = true;
	return one;
}

static struct add_item
flow_child(const char *id, const char *parent)
{
	struct add_item one = child(id, parent);
	one.is_in_flow = true;
	return one;
}

static void
a_child_needs_its_parent(void **state)
{
	struct add_item items[] = { item("a"), child("b", "gone"), item("c") };
	(void)state;
	add_many(items, 3);
	assert_int_equal(got.err, HS_OK);
	check_added(0, ADD_NEW, "a");
	check_added(1, ADD_NO_PARENT, "");
	check_added(2, ADD_NEW, "c");
	CHECK("2", "GET", "bull:sync:id");
	CHECK("0", "EXISTS", "bull:sync:b", "bull:up:gone:dependencies");
	CHECK("[ c a ]", "LRANGE", "bull:sync:wait", "0", "-1");
}

static void
a_known_child_has_one_parent(void **state)
{
	(void)state;
	REDIS("HSET", "bull:up:p", "name", "p");
	REDIS("HSET", "bull:up:q", "name", "q");
	add_one(item("a"), ADD_NEW, "a");
	add_one(child("a", "p"), ADD_DUPLICATE, "a");
	CHECK("[ bull:sync:a ]", "SMEMBERS", "bull:up:p:dependencies");
	CHECK("bull:up:p", "HGET", "bull:sync:a", "parentKey");
	REDIS("DEL", "bull:sync:events");
	add_one(child("a", "q"), ADD_OTHER_PARENT, "");
	CHECK("0", "EXISTS", "bull:sync:events");
	REDIS("DEL", "bull:up:p");
	queue->level = QUEUE_LEVEL_5;
	add_one(child("a", "q"), ADD_DUPLICATE, "a");
	CHECK("bull:up:p", "HGET", "bull:sync:a", "parentKey");
	queue->level = QUEUE_LEVEL_6;
	add_one(child("a", "q"), ADD_DUPLICATE, "a");
	CHECK("bull:up:q", "HGET", "bull:sync:a", "parentKey");
	CHECK("[ bull:sync:a ]", "SMEMBERS", "bull:up:q:dependencies");
}

static void
complete_one(const char *id)
{
	add_one(item(id), ADD_NEW, id);
	take_one(id);
	assert_int_equal(finish(completed("[1]")), CODE_DONE);
}

static void
a_child_may_have_completed_before(void **state)
{
	(void)state;
	complete_one("a");
	REDIS("HSET", "bull:up:p", "name", "p", "priority", "0");
	REDIS("ZADD", "bull:up:waiting-children", "1", "p");
	add_one(child("a", "p"), ADD_DUPLICATE, "a");
	CHECK("[1]", "HGET", "bull:up:p:processed", "bull:sync:a");
	CHECK("0", "EXISTS", "bull:up:p:dependencies",
	      "bull:up:waiting-children");
	CHECK("[ p ]", "LRANGE", "bull:up:wait", "0", "-1");
	CHECK("[ 0 0 ]", "ZRANGE", "bull:up:marker", "0", "-1", "WITHSCORES");
	check_events_of("bull:up:events",
			"waiting jobId=p prev=waiting-children");
}

static void
a_flow_is_one_call(void **state)
{
	struct add_item items[] = {
		parent_of_some("r"),
		flow_child("m", "r"),
		flow_child("b", "r"),
		flow_child("a", "m"),
	};
	(void)state;
	items[1].has_children = true;
	items[3].parent.base = span_text("bull:sync");
	items[3].options.priority = 2;
	add_many(items, 4);
	assert_int_equal(got.err, HS_OK);
	check_added(0, ADD_NEW, "r");
	check_added(3, ADD_NEW, "a");
	CHECK("[ r 1900000000000 ]", "ZRANGE", "bull:up:waiting-children", "0",
	      "-1", "WITHSCORES");
	CHECK("[ m ]", "ZRANGE", "bull:sync:waiting-children", "0", "-1");
	CHECK("[ b ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("[ a ]", "ZRANGE", "bull:sync:prioritized", "0", "-1");
	CHECK("[ bull:sync:b bull:sync:m ]", "SORT", "bull:up:r:dependencies",
	      "ALPHA");
	CHECK("[ bull:sync:a ]", "SMEMBERS", "bull:sync:m:dependencies");
	CHECK("1", "GET", "bull:up:id");
	CHECK("10000", "HGET", "bull:up:meta", "opts.maxLenEvents");
	CHECK("0", "EXISTS", "bull:up:marker");
	CHECK("[ 0 0 ]", "ZRANGE", "bull:sync:marker", "0", "-1", "WITHSCORES");
	check_events_of("bull:up:events",
			"added jobId=r name=n; waiting-children jobId=r");
	/* the whole tree in its turn */
	for (const char *const *id =
		     (const char *const[]){ "b", "a", "m", NULL };
	     *id; id++) {
		take_one(*id);
		assert_int_equal(finish(completed("1")), CODE_DONE);
	}
	CHECK("[ r ]", "LRANGE", "bull:up:wait", "0", "-1");
}

static void
a_flow_is_looked_at_when_it_is_whole(void **state)
{
	struct add_item items[] = { parent_of_some("r"), flow_child("a", "r"),
				    flow_child("b", "r") };
	(void)state;
	complete_one("a");
	complete_one("b");
	complete_one("c");
	complete_one("d");
	add_many(items, 3);
	check_added(1, ADD_DUPLICATE, "a");
	CHECK("[ r ]", "LRANGE", "bull:up:wait", "0", "-1");
	CHECK("[ [1] [1] ]", "HMGET", "bull:up:r:processed", "bull:sync:a",
	      "bull:sync:b");
	check_events_of("bull:up:events", "added jobId=r name=n; "
					  "waiting-children jobId=r; waiting "
					  "jobId=r prev=waiting-children");
	/* one still to come: version 6 waits for it, 5 does not */
	items[0] = parent_of_some("s");
	items[1] = flow_child("c", "s");
	items[2] = flow_child("new", "s");
	add_many(items, 3);
	CHECK("[ s ]", "ZRANGE", "bull:up:waiting-children", "0", "-1");
	queue->level = QUEUE_LEVEL_5;
	items[0] = parent_of_some("t");
	items[1] = flow_child("d", "t");
	items[2] = flow_child("newer", "t");
	add_many(items, 3);
	CHECK("[ r t ]", "LRANGE", "bull:up:wait", "0", "-1");
	CHECK("[ s ]", "ZRANGE", "bull:up:waiting-children", "0", "-1");
}

static void
a_parent_that_did_not_get_a_child_waits_on(void **state)
{
	struct add_item items[] = { parent_of_some("r"), flow_child("a", "r"),
				    flow_child("z", "r") };
	(void)state;
	complete_one("a");
	REDIS("HSET", "bull:up:other", "name", "other");
	add_one(child("z", "other"), ADD_NEW, "z");
	add_many(items, 3);
	check_added(0, ADD_NEW, "r");
	check_added(1, ADD_DUPLICATE, "a");
	check_added(2, ADD_OTHER_PARENT, "");
	CHECK("[ r ]", "ZRANGE", "bull:up:waiting-children", "0", "-1");
	CHECK("0", "EXISTS", "bull:up:wait");
}

/* ---- what Redis refuses ---- */

static void
what_is_refused_leaves_nothing(void **state)
{
	struct add_item items[] = { item("a"), item("b"), item("c"),
				    item("d") };
	(void)state;
	items[1].options.priority = 1;
	items[2].options.delay_ms = 5;
	REDIS("SET", "bull:sync:prioritized", "no set");
	REDIS("SET", "bull:sync:delayed", "no set");
	add_many(items, 4);
	assert_int_equal(got.err, HS_OK);
	assert_non_null(strstr(got.text, "WRONGTYPE"));
	check_added(0, ADD_NEW, "a");
	check_added(1, ADD_REFUSED, "");
	check_added(2, ADD_REFUSED, "");
	check_added(3, ADD_NEW, "d");
	CHECK("0", "EXISTS", "bull:sync:b", "bull:sync:c");
	CHECK("[ d a ]", "LRANGE", "bull:sync:wait", "0", "-1");

	/* after the job was put where it waits, all of it goes again */
	REDIS("SET", "bull:sync:events", "no stream");
	REDIS("DEL", "bull:sync:prioritized", "bull:sync:delayed");
	REDIS("HSET", "bull:up:p", "name", "p");
	items[0] = child("e", "p");
	items[3] = deduplicated("f", (struct add_dedup){ 0 });
	add_many(items, 4);
	assert_int_equal(got.err, HS_PROTOCOL);
	assert_non_null(strstr(got.text, "WRONGTYPE"));
	CHECK("[ d a ]", "LRANGE", "bull:sync:wait", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:b", "bull:sync:c", "bull:sync:e",
	      "bull:sync:f", "bull:sync:prioritized", "bull:sync:delayed",
	      "bull:sync:de:d", "bull:up:p:dependencies");

	/* the parent's keys are broken */
	REDIS("DEL", "bull:sync:events");
	REDIS("SET", "bull:up:p:dependencies", "no set");
	add_many(items, 4);
	assert_int_equal(got.err, HS_OK);
	check_added(0, ADD_REFUSED, "");
	check_added(1, ADD_NEW, "b");
	check_added(2, ADD_NEW, "c");
	check_added(3, ADD_NEW, "f");
	CHECK("0", "EXISTS", "bull:sync:e");
	CHECK("[ f d a ]", "LRANGE", "bull:sync:wait", "0", "-1");
}

static void
no_memory_is_told_and_nothing_is_left(void **state)
{
	struct add_item items[] = { item("a"), parent_of_some("p") };
	(void)state;
	REDIS("CONFIG", "SET", "maxmemory", "1");
	add_many(items, 2);
	enum hs_err err = got.err;
	bool is_told = strncmp(got.text, "OOM ", 4) == 0;
	REDIS("CONFIG", "SET", "maxmemory", "0");
	assert_int_equal(err, HS_PROTOCOL);
	assert_true(is_told);
	CHECK("0", "EXISTS", "bull:sync:a", "bull:sync:id", "bull:sync:wait",
	      "bull:up:p", "bull:up:waiting-children");
}

static void
an_owner_is_not_removed_for_nothing(void **state)
{
	struct add_item one =
		deduplicated("a", (struct add_dedup){ .replaces = true });
	(void)state;
	one.options.delay_ms = 1000;
	add_one(one, ADD_NEW, "a");
	REDIS("SET", "bull:sync:wait", "no list");
	one.id = span_text("b");
	one.options.delay_ms = 0;
	add_many(&one, 1);
	assert_int_equal(got.err, HS_PROTOCOL);
	assert_non_null(strstr(got.text, "WRONGTYPE"));
	CHECK("[ a ]", "ZRANGE", "bull:sync:delayed", "0", "-1");
	CHECK("1", "EXISTS", "bull:sync:a");
	CHECK("0", "EXISTS", "bull:sync:b");
	CHECK("a", "GET", "bull:sync:de:d");
}

static void
what_was_kept_is_refused_whole(void **state)
{
	struct add_dedup dedup = { .keeps_last_if_active = true };
	struct add_item kept = deduplicated("kept", dedup);
	(void)state;
	add_one(deduplicated("a", dedup), ADD_NEW, "a");
	take_one("a");
	kept.options.delay_ms = 3;
	add_one(kept, ADD_DEDUPLICATED, "a");
	REDIS("SET", "bull:sync:delayed", "no set");
	struct finish_item end = completed("1");
	end.job = got.jobs[0];
	finish_many(TOKEN, &end, 1);
	assert_int_equal(got.err, HS_PROTOCOL);
	assert_non_null(strstr(got.text, "WRONGTYPE"));
	CHECK("[ a ]", "ZRANGE", "bull:sync:completed", "0", "-1");
	CHECK("0", "EXISTS", "bull:sync:kept", "bull:sync:wait",
	      "bull:sync:de:d");
	/* it is kept on, and follows the next one */
	REDIS("DEL", "bull:sync:delayed");
	add_one(deduplicated("b", dedup), ADD_NEW, "b");
	take_one("b");
	assert_int_equal(finish(completed("1")), CODE_DONE);
	CHECK("[ kept ]", "ZRANGE", "bull:sync:delayed", "0", "-1");
	CHECK("kept", "GET", "bull:sync:de:d");
}

/* ---- batches ---- */

/* All of a queue that has no time of its own. */
static void
check_equal_queues(const char *one, const char *other)
{
	static const char digest[] =
		"local function all(base) local out = {} "
		"for _, key in ipairs(redis.call('KEYS', base .. ':*')) do "
		"local kind = redis.call('TYPE', key).ok local v "
		"if kind == 'string' then v = redis.call('GET', key) "
		"elseif kind == 'list' then "
		"v = table.concat(redis.call('LRANGE', key, 0, -1), ' ') "
		"elseif kind == 'zset' then v = table.concat(redis.call("
		"'ZRANGE', key, 0, -1, 'WITHSCORES'), ' ') "
		"elseif kind == 'set' then v = redis.call('SMEMBERS', key) "
		"table.sort(v) v = table.concat(v, ' ') "
		"elseif kind == 'hash' then "
		"v = table.concat(redis.call('HGETALL', key), ' ') "
		"else v = '' for _, e in ipairs(redis.call('XRANGE', key, "
		"'-', '+')) do v = v .. table.concat(e[2], ' ') .. ';' end end "
		"out[#out + 1] = string.sub(key, #base + 1) .. '=' .. "
		"string.gsub(v, base, 'BASE') end "
		"table.sort(out) return table.concat(out, '\\n') end "
		"local a, b = all(ARGV[1]), all(ARGV[2]) "
		"return a == b and 'equal' or a .. '\\n-----\\n' .. b";
	CHECK("equal", "EVAL", digest, "0", one, other);
}

static size_t
fill(struct add_item *items)
{
	size_t n = 0;
	items[n++] = item("p");
	items[n] = item("late");
	items[n++].options.delay_ms = 500;
	items[n] = deduplicated("x", (struct add_dedup){ .replaces = true });
	items[n++].options.delay_ms = 100;
	items[n++] = deduplicated("y", (struct add_dedup){ .replaces = true });
	items[n] = item("");
	items[n++].options.priority = 3;
	items[n] = item("c");
	items[n++].parent.id = span_text("p");
	items[n] = item("c");
	items[n++].parent.id = span_text("gone");
	items[n++] = item("p");
	assert_in_range(n, 1, MAX_JOBS);
	return n;
}

static void
a_batch_leaves_what_single_adds_leave(void **state)
{
	struct add_item items[MAX_JOBS];
	(void)state;
	for (int is_batch = 0; is_batch <= 1; is_batch++) {
		size_t n = fill(items);
		for (size_t i = 0; i < n; i++) {
			struct span where =
				span_text(is_batch ? "bull:many" : "bull:ones");
			items[i].base = where;
			if (items[i].parent.id.len > 0)
				items[i].parent.base = where;
			if (!is_batch)
				add_many(&items[i], 1);
		}
		if (is_batch)
			add_many(items, n);
		assert_int_equal(got.err, HS_OK);
	}
	check_equal_queues("bull:ones", "bull:many");
	CHECK("[ c y p ]", "LRANGE", "bull:many:wait", "0", "-1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(options_are_printed_as_bullmq_reads_them),
		STORY(a_childs_flag_is_in_both_places),
		STORY(raw_options_are_stored_byte_for_byte),
		STORY(what_cannot_be_is_refused_at_once),
		STORY(the_first_holds_the_id),
		STORY(an_id_may_be_taken_for_a_time),
		STORY(a_delayed_owner_is_replaced),
		STORY(a_delayed_owner_is_moved_in_time),
		STORY(the_last_one_is_kept_while_the_owner_is_active),
		STORY(an_id_without_its_owner_is_free),
		STORY(a_child_needs_its_parent),
		STORY(a_known_child_has_one_parent),
		STORY(a_child_may_have_completed_before),
		STORY(a_flow_is_one_call),
		STORY(a_flow_is_looked_at_when_it_is_whole),
		STORY(a_parent_that_did_not_get_a_child_waits_on),
		STORY(what_is_refused_leaves_nothing),
		STORY(no_memory_is_told_and_nothing_is_left),
		STORY(an_owner_is_not_removed_for_nothing),
		STORY(what_was_kept_is_refused_whole),
		STORY(a_batch_leaves_what_single_adds_leave),
	};
	if (!redis_server_is_here())
		return 0;
	return cmocka_run_group_tests_name("queue_add", tests, group_setup,
					   group_teardown);
}
