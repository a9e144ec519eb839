/*
 * signature_test: the senders' own vectors, and everything a forger may try.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/signature.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Standard Webhooks' published vector */
#define SW_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SW_ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define SW_TIME "1614265330"
#define SW_NOW_MS (1614265330LL * 1000)
#define SW_BODY "{\"test\": 2432232314}"
#define SW_MAC "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define SW_SIGNATURE "v1," SW_MAC

/* GitHub's */
#define GH_SECRET "It's a Secret to Everybody"
#define GH_BODY "Hello, World!"
#define GH_MAC \
	"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define GH_SIGNATURE "sha256=" GH_MAC

/* Name, value, name, value ... NULL. A name given twice came twice. */
struct headers {
	const char *const *pairs;
};

static struct span
find_header(void *ctx, const char *name, int *n)
{
	const struct headers *headers = ctx;
	struct span value = span_of(NULL, 0);
	*n = 0;
	for (const char *const *at = headers->pairs; *at != NULL; at += 2) {
		if (!span_is_nocase(span_text(at[0]), name))
			continue;
		value = span_text(at[1]);
		(*n)++;
	}
	if (*n > 1) {
		*n = 2;
		return span_of(NULL, 0);
	}
	return value;
}

static struct signature_rules
rules_of(enum signature_scheme scheme, const struct span *secrets, size_t n)
{
	return (struct signature_rules){ .scheme = scheme,
					 .token_header = "X-Hook-Token",
					 .secrets = secrets,
					 .n_secrets = n,
					 .tolerance_past_ms = 300000,
					 .tolerance_future_ms = 300000 };
}

/* Verifies at the vector's time; "" or the reason why not. */
static const char *
verdict_of(enum signature_scheme scheme, const char *secret,
	   const char *const *pairs, const char *body, int64_t now_ms)
{
	struct headers headers = { pairs };
	struct span secrets[1] = { span_text(secret) };
	struct signature_rules rules = rules_of(scheme, secrets, 1);
	const char *why = "";
	size_t which = 99;
	enum hs_err err =
		signature_verify(&rules, find_header, &headers, span_text(body),
				 now_ms, &which, &why);
	if (err == HS_OK) {
		assert_int_equal(which, 0);
		return "";
	}
	assert_int_equal(err, HS_DENIED);
	assert_int_equal(which, 99);
	assert_string_not_equal(why, "");
	assert_null(strstr(why, secret[0] != '\0' ? secret : "\x01"));
	return why;
}

static const char *
sw_verdict(const char *id, const char *timestamp, const char *signature,
	   const char *body, int64_t now_ms)
{
	const char *const pairs[] = { "Webhook-Id",
				      id,
				      "Webhook-Timestamp",
				      timestamp,
				      "Webhook-Signature",
				      signature,
				      NULL };
	return verdict_of(SIGNATURE_STANDARD_WEBHOOKS, SW_SECRET, pairs, body,
			  now_ms);
}

static const char *
gh_verdict(const char *signature, const char *body)
{
	const char *const pairs[] = { "X-Hub-Signature-256", signature, NULL };
	return verdict_of(SIGNATURE_GITHUB, GH_SECRET, pairs, body, 0);
}

static void
schemes_have_names(void **state)
{
	(void)state;
	enum signature_scheme scheme;
	for (int i = 0; i < SIGNATURE_N_SCHEMES; i++) {
		const char *name =
			signature_scheme_name((enum signature_scheme)i);
		assert_int_equal(signature_scheme_parse(name, &scheme), HS_OK);
		assert_int_equal(scheme, i);
	}
	assert_int_equal(signature_scheme_parse("github", &scheme), HS_OK);
	assert_int_equal(scheme, SIGNATURE_GITHUB);
	assert_int_equal(signature_scheme_parse("GitHub", &scheme), HS_INVALID);
	assert_int_equal(signature_scheme_parse("", &scheme), HS_INVALID);
	assert_string_equal(
		signature_delivery_header(SIGNATURE_STANDARD_WEBHOOKS),
		"webhook-id");
	assert_string_equal(signature_delivery_header(SIGNATURE_GITHUB),
			    "X-GitHub-Delivery");
	assert_null(signature_delivery_header(SIGNATURE_TOKEN));
	assert_null(signature_delivery_header(SIGNATURE_NONE));
}

static void
none_asks_nothing(void **state)
{
	(void)state;
	const char *const pairs[] = { NULL };
	struct headers headers = { pairs };
	struct signature_rules rules = rules_of(SIGNATURE_NONE, NULL, 0);
	const char *why = "";
	size_t which;
	assert_int_equal(signature_verify(&rules, find_header, &headers,
					  span_text("x"), 0, &which, &why),
			 HS_OK);
}

static void
standard_webhooks_vector(void **state)
{
	(void)state;
	assert_string_equal(
		sw_verdict(SW_ID, SW_TIME, SW_SIGNATURE, SW_BODY, SW_NOW_MS),
		"");
}

static void
a_secret_needs_no_whsec(void **state)
{
	(void)state;
	const char *const pairs[] = { "webhook-id",
				      SW_ID,
				      "webhook-timestamp",
				      SW_TIME,
				      "webhook-signature",
				      SW_SIGNATURE,
				      NULL };
	assert_string_equal(verdict_of(SIGNATURE_STANDARD_WEBHOOKS,
				       &SW_SECRET[strlen("whsec_")], pairs,
				       SW_BODY, SW_NOW_MS),
			    "");
}

static void
any_item_of_the_list_will_do(void **state)
{
	(void)state;
	static const char *const good[] = {
		"v1a,zzzz " SW_SIGNATURE,
		SW_SIGNATURE " v2,abc",
		"v1,AAAA v1,not*base64 " SW_SIGNATURE " v1,",
		"  " SW_SIGNATURE "  ",
		", , v1 " SW_SIGNATURE,
	};
	for (size_t i = 0; i < N_OF(good); i++)
		assert_string_equal(
			sw_verdict(SW_ID, SW_TIME, good[i], SW_BODY, SW_NOW_MS),
			"");
}

static void
no_other_item_will_do(void **state)
{
	(void)state;
	static const char *const bad[] = {
		SW_MAC,
		"v1 " SW_MAC,
		"v1=" SW_MAC,
		"v1," SW_MAC "x",
		"v1," SW_MAC "=",
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE",  /* no pad */
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=", /* bits */
		"V1," SW_MAC,
		"v1a," SW_MAC,
		"v2," SW_MAC,
		"v1," SW_MAC ",",
		"v1,",
		"v1,AAAA",
		"v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		" ",
	};
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_string_equal(
			sw_verdict(SW_ID, SW_TIME, bad[i], SW_BODY, SW_NOW_MS),
			"no secret matches");
}

static void
every_signed_byte_counts(void **state)
{
	(void)state;
	const char *no = "no secret matches";
	assert_string_equal(sw_verdict(SW_ID "x", SW_TIME, SW_SIGNATURE,
				       SW_BODY, SW_NOW_MS),
			    no);
	assert_string_equal(sw_verdict(SW_ID, "1614265331", SW_SIGNATURE,
				       SW_BODY, SW_NOW_MS),
			    no);
	assert_string_equal(sw_verdict(SW_ID, SW_TIME, SW_SIGNATURE,
				       SW_BODY " ", SW_NOW_MS),
			    no);
	assert_string_equal(
		sw_verdict(SW_ID, SW_TIME, SW_SIGNATURE, "", SW_NOW_MS), no);
}

static void
each_header_must_come_once(void **state)
{
	(void)state;
	const char *const names[] = { "webhook-id", "webhook-timestamp",
				      "webhook-signature" };
	const char *const values[] = { SW_ID, SW_TIME, SW_SIGNATURE };
	for (size_t bad = 0; bad < 3; bad++) {
		const char *pairs[16];
		size_t n = 0;
		for (size_t i = 0; i < 3; i++) {
			if (i == bad)
				continue;
			pairs[n++] = names[i];
			pairs[n++] = values[i];
		}
		pairs[n] = NULL;
		assert_string_equal(verdict_of(SIGNATURE_STANDARD_WEBHOOKS,
					       SW_SECRET, pairs, SW_BODY,
					       SW_NOW_MS),
				    "a header of the signature is missing");
		pairs[n] = names[bad];
		pairs[n + 1] = "";
		pairs[n + 2] = NULL;
		assert_string_equal(verdict_of(SIGNATURE_STANDARD_WEBHOOKS,
					       SW_SECRET, pairs, SW_BODY,
					       SW_NOW_MS),
				    "a header of the signature is empty");
		pairs[n + 1] = values[bad];
		pairs[n + 2] = names[bad];
		pairs[n + 3] = values[bad];
		pairs[n + 4] = NULL;
		assert_string_equal(verdict_of(SIGNATURE_STANDARD_WEBHOOKS,
					       SW_SECRET, pairs, SW_BODY,
					       SW_NOW_MS),
				    "a header of the signature came twice");
	}
}

static void
the_older_names_are_an_alias(void **state)
{
	(void)state;
	const char *const old_names[] = { "svix-id",
					  SW_ID,
					  "svix-timestamp",
					  SW_TIME,
					  "svix-signature",
					  SW_SIGNATURE,
					  NULL };
	assert_string_equal(verdict_of(SIGNATURE_STANDARD_WEBHOOKS, SW_SECRET,
				       old_names, SW_BODY, SW_NOW_MS),
			    "");
	struct headers headers = { old_names };
	assert_true(span_is(signature_delivery_id(SIGNATURE_STANDARD_WEBHOOKS,
						  find_header, &headers),
			    SW_ID));
	/* never a mixture: what is signed and what is used as id agree */
	const char *const mixed[] = { "webhook-id",
				      "msg_other",
				      "svix-id",
				      SW_ID,
				      "svix-timestamp",
				      SW_TIME,
				      "svix-signature",
				      SW_SIGNATURE,
				      NULL };
	assert_string_equal(verdict_of(SIGNATURE_STANDARD_WEBHOOKS, SW_SECRET,
				       mixed, SW_BODY, SW_NOW_MS),
			    "a header of the signature is missing");
}

static void
time_is_near_both_ways(void **state)
{
	(void)state;
	static const struct {
		int64_t shift_ms;
		const char *verdict;
	} cases[] = {
		{ 300000, "" },
		{ 300001, "timestamp too old" },
		{ -300000, "" },
		{ -300001, "timestamp too far ahead" },
		{ 86400000LL * 365, "timestamp too old" },
	};
	for (size_t i = 0; i < N_OF(cases); i++)
		assert_string_equal(sw_verdict(SW_ID, SW_TIME, SW_SIGNATURE,
					       SW_BODY,
					       SW_NOW_MS + cases[i].shift_ms),
				    cases[i].verdict);
}

static void
a_time_is_digits(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"-1614265330",
		"+1614265330",
		" 1614265330",
		"1614265330 ",
		"1614265330.0",
		"01614265330",
		"0x6037c0f2",
		"1.61426533e9",
		"now",
		"1614265330\n",
		"18446744073709551616",
		"253402300800",
		"99999999999999999999999999999",
	};
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_string_equal(sw_verdict(SW_ID, bad[i], SW_SIGNATURE,
					       SW_BODY, SW_NOW_MS),
				    "the timestamp is not a number of seconds");
	assert_string_equal(sw_verdict(SW_ID, "253402300799", SW_SIGNATURE,
				       SW_BODY, SW_NOW_MS),
			    "timestamp too far ahead");
	assert_string_equal(
		sw_verdict(SW_ID, "0", SW_SIGNATURE, SW_BODY, SW_NOW_MS),
		"timestamp too old");
}

/* Full stops join the parts of what is signed; an id may hold them too. */
static void
an_id_may_hold_full_stops(void **state)
{
	(void)state;
	static const char *const ids[] = { "a.b", "a.1.b", "1.2.3", "2026.11" };
	struct span secret = span_text(SW_SECRET);
	struct signature_rules rules =
		rules_of(SIGNATURE_STANDARD_WEBHOOKS, &secret, 1);
	for (size_t i = 0; i < N_OF(ids); i++) {
		struct buf out;
		buf_init(&out, 1000);
		assert_int_equal(signature_sign(&rules, ids[i], span_text("{}"),
						SW_NOW_MS, &out),
				 HS_OK);
		const char *signature = strstr(buf_text(&out), "v1,");
		assert_non_null(signature);
		char copy[100];
		(void)snprintf(copy, sizeof(copy), "%.*s",
			       (int)strcspn(signature, "\n"), signature);
		assert_string_equal(
			sw_verdict(ids[i], SW_TIME, copy, "{}", SW_NOW_MS), "");
		assert_string_equal(
			sw_verdict("a", SW_TIME, copy, "{}", SW_NOW_MS),
			"no secret matches");
		buf_fini(&out);
	}
}

static void
github_vector(void **state)
{
	(void)state;
	assert_string_equal(gh_verdict(GH_SIGNATURE, GH_BODY), "");
	assert_string_equal(gh_verdict("sha256=757107EA0EB2509FC211221CCE984B8A"
				       "37570B6D7586C22C46F4379C8B043E17",
				       GH_BODY),
			    "");
	assert_string_equal(gh_verdict(GH_SIGNATURE, GH_BODY "!"),
			    "no secret matches");
	assert_string_equal(gh_verdict(GH_SIGNATURE, ""), "no secret matches");
}

static void
what_github_never_sends(void **state)
{
	(void)state;
	static const char *const shapeless[] = {
		"sha256=",
		"sha256=75",
		GH_SIGNATURE "00",
		GH_SIGNATURE " ",
		"sha256= " GH_MAC,
		GH_SIGNATURE ", " GH_SIGNATURE,
		"sha256=zz7107ea0eb2509fc211221cce984b8a"
		"37570b6d7586c22c46f4379c8b043e17",
	};
	for (size_t i = 0; i < N_OF(shapeless); i++)
		assert_string_equal(gh_verdict(shapeless[i], GH_BODY),
				    "the signature is not 64 hex digits");
	static const char *const other[] = { GH_MAC, "sha1=" GH_MAC,
					     "SHA256=" GH_MAC, "sha256",
					     " " GH_SIGNATURE };
	for (size_t i = 0; i < N_OF(other); i++)
		assert_string_equal(
			gh_verdict(other[i], GH_BODY),
			"the signature does not begin with sha256=");
	assert_string_equal(gh_verdict("", GH_BODY),
			    "a header of the signature is empty");
	const char *const twice[] = { "X-Hub-Signature-256", GH_SIGNATURE,
				      "x-hub-signature-256", GH_SIGNATURE,
				      NULL };
	assert_string_equal(
		verdict_of(SIGNATURE_GITHUB, GH_SECRET, twice, GH_BODY, 0),
		"a header of the signature came twice");
}

static void
tokens_are_compared_whole(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		const char *verdict;
	} cases[] = {
		{ "open sesame", "" },
		{ "open sesam", "no secret matches" },
		{ "open sesame ", "no secret matches" },
		{ "Open sesame", "no secret matches" },
		{ "open sesame, open sesame", "no secret matches" },
		{ "", "a header of the signature is empty" },
	};
	for (size_t i = 0; i < N_OF(cases); i++) {
		const char *const pairs[] = { "x-hook-token", cases[i].value,
					      NULL };
		assert_string_equal(verdict_of(SIGNATURE_TOKEN, "open sesame",
					       pairs, "", 0),
				    cases[i].verdict);
	}
	const char *const none[] = { NULL };
	assert_string_equal(
		verdict_of(SIGNATURE_TOKEN, "open sesame", none, "", 0),
		"a header of the signature is missing");
}

static void
a_token_needs_its_header(void **state)
{
	(void)state;
	const char *const pairs[] = { "x-hook-token", "open sesame", NULL };
	struct headers headers = { pairs };
	struct span secret = span_text("open sesame");
	struct signature_rules rules = rules_of(SIGNATURE_TOKEN, &secret, 1);
	const char *why = "";
	size_t which;
	struct buf out;
	rules.token_header = NULL;
	assert_int_equal(signature_verify(&rules, find_header, &headers,
					  span_text(""), 0, &which, &why),
			 HS_DENIED);
	buf_init(&out, 100);
	assert_int_equal(signature_sign(&rules, "a", span_text(""), 0, &out),
			 HS_INVALID);
	buf_fini(&out);
}

static void
an_empty_secret_matches_nothing(void **state)
{
	(void)state;
	/* HMAC-SHA256 with no key of GitHub's and of Standard Webhooks' text */
	const char *const token[] = { "x-hook-token", "", NULL };
	assert_string_not_equal(verdict_of(SIGNATURE_TOKEN, "", token, "", 0),
				"");
	const char *const github[] = { "X-Hub-Signature-256",
				       "sha256=b613679a0814d9ec772f95d778c35fc5"
				       "ff1697c493715653c6c712144292c5ad",
				       NULL };
	assert_string_equal(verdict_of(SIGNATURE_GITHUB, "", github, "", 0),
			    "no secret matches");
	const char *const standard[] = { "webhook-id",
					 SW_ID,
					 "webhook-timestamp",
					 SW_TIME,
					 "webhook-signature",
					 SW_SIGNATURE,
					 NULL };
	static const char *const bad[] = { "", "whsec_", "whsec_AAAA",
					   "not base64", SW_SECRET "=" };
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_string_equal(verdict_of(SIGNATURE_STANDARD_WEBHOOKS,
					       bad[i], standard, SW_BODY,
					       SW_NOW_MS),
				    "no secret matches");
	struct headers headers = { standard };
	struct signature_rules rules =
		rules_of(SIGNATURE_STANDARD_WEBHOOKS, NULL, 0);
	const char *why = "";
	size_t which;
	assert_int_equal(signature_verify(&rules, find_header, &headers,
					  span_text(SW_BODY), SW_NOW_MS, &which,
					  &why),
			 HS_DENIED);
}

static void
every_live_secret_is_tried(void **state)
{
	(void)state;
	static const struct {
		enum signature_scheme scheme;
		const char *secret;
		const char *body;
		const char *const pairs[7];
	} cases[] = {
		{ SIGNATURE_GITHUB,
		  GH_SECRET,
		  GH_BODY,
		  { "x-hub-signature-256", GH_SIGNATURE } },
		{ SIGNATURE_TOKEN, "t", "", { "x-hook-token", "t" } },
		{ SIGNATURE_STANDARD_WEBHOOKS,
		  SW_SECRET,
		  SW_BODY,
		  { "webhook-id", SW_ID, "webhook-timestamp", SW_TIME,
		    "webhook-signature", SW_SIGNATURE } },
	};
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct span secrets[] = { span_text(""),
					  span_text("another one"),
					  span_text(cases[i].secret) };
		struct headers headers = { cases[i].pairs };
		struct signature_rules rules =
			rules_of(cases[i].scheme, secrets, 3);
		const char *why = "";
		size_t which = 99;
		assert_int_equal(signature_verify(&rules, find_header, &headers,
						  span_text(cases[i].body),
						  SW_NOW_MS, &which, &why),
				 HS_OK);
		assert_int_equal(which, 2);
	}
}

static void
secrets_are_checked(void **state)
{
	(void)state;
	static const struct {
		enum signature_scheme scheme;
		const char *secret;
		enum hs_err err;
	} cases[] = {
		{ SIGNATURE_NONE, "", HS_OK },
		{ SIGNATURE_GITHUB, "x", HS_OK },
		{ SIGNATURE_GITHUB, "", HS_INVALID },
		{ SIGNATURE_TOKEN, "x y", HS_OK },
		{ SIGNATURE_TOKEN, "", HS_INVALID },
		{ SIGNATURE_TOKEN, "x\n", HS_INVALID },
		{ SIGNATURE_TOKEN, " x", HS_INVALID },
		{ SIGNATURE_TOKEN, "x ", HS_INVALID },
		{ SIGNATURE_TOKEN, "x\r\nX-Other: y", HS_INVALID },
		{ SIGNATURE_STANDARD_WEBHOOKS, SW_SECRET, HS_OK },
		/* 23, 24, 64 and 65 bytes */
		{ SIGNATURE_STANDARD_WEBHOOKS,
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", HS_INVALID },
		{ SIGNATURE_STANDARD_WEBHOOKS,
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", HS_OK },
		{ SIGNATURE_STANDARD_WEBHOOKS,
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		  HS_OK },
		{ SIGNATURE_STANDARD_WEBHOOKS,
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  HS_INVALID },
		{ SIGNATURE_STANDARD_WEBHOOKS, "", HS_INVALID },
		{ SIGNATURE_STANDARD_WEBHOOKS, "whsec_", HS_INVALID },
		{ SIGNATURE_STANDARD_WEBHOOKS, "whsec_" SW_SECRET, HS_INVALID },
		{ SIGNATURE_STANDARD_WEBHOOKS, SW_SECRET "\n", HS_INVALID },
	};
	for (size_t i = 0; i < N_OF(cases); i++) {
		const char *why = NULL;
		assert_int_equal(signature_secret_check(
					 cases[i].scheme,
					 span_text(cases[i].secret), &why),
				 cases[i].err);
		if (cases[i].err != HS_OK)
			assert_non_null(why);
	}
}

static void
signing_gives_the_vectors(void **state)
{
	(void)state;
	struct span secret = span_text(SW_SECRET);
	struct signature_rules rules =
		rules_of(SIGNATURE_STANDARD_WEBHOOKS, &secret, 1);
	struct buf out;
	buf_init(&out, 1000);
	assert_int_equal(signature_sign(&rules, SW_ID, span_text(SW_BODY),
					SW_NOW_MS + 999, &out),
			 HS_OK);
	assert_string_equal(buf_text(&out),
			    "webhook-id: " SW_ID "\n"
			    "webhook-timestamp: " SW_TIME "\n"
			    "webhook-signature: " SW_SIGNATURE "\n");
	buf_reset(&out);
	secret = span_text(GH_SECRET);
	rules.scheme = SIGNATURE_GITHUB;
	assert_int_equal(
		signature_sign(&rules, "d-1", span_text(GH_BODY), 0, &out),
		HS_OK);
	assert_string_equal(buf_text(&out),
			    "X-GitHub-Delivery: d-1\n"
			    "X-Hub-Signature-256: " GH_SIGNATURE "\n");
	buf_reset(&out);
	rules.scheme = SIGNATURE_TOKEN;
	assert_int_equal(signature_sign(&rules, "d-1", span_text(""), 0, &out),
			 HS_OK);
	assert_string_equal(buf_text(&out), "X-Hook-Token: " GH_SECRET "\n");
	buf_reset(&out);
	rules.scheme = SIGNATURE_NONE;
	rules.n_secrets = 0;
	assert_int_equal(signature_sign(&rules, "d-1", span_text(""), 0, &out),
			 HS_OK);
	assert_string_equal(buf_text(&out), "");
	buf_fini(&out);
}

static void
what_cannot_be_signed(void **state)
{
	(void)state;
	char long_id[130];
	memset(long_id, 'a', sizeof(long_id) - 1);
	long_id[sizeof(long_id) - 1] = '\0';
	const char *const bad_ids[] = { "",    "a b",      "a\n",  "a:b",
					"a/b", "\xc3\xa9", long_id };
	struct span secret = span_text(SW_SECRET);
	struct signature_rules rules =
		rules_of(SIGNATURE_STANDARD_WEBHOOKS, &secret, 1);
	struct buf out;
	buf_init(&out, 1000);
	assert_int_equal(buf_add_text(&out, "kept"), HS_OK);
	for (size_t i = 0; i < N_OF(bad_ids); i++)
		assert_int_equal(signature_sign(&rules, bad_ids[i],
						span_text(""), SW_NOW_MS, &out),
				 HS_INVALID);
	assert_int_equal(signature_sign(&rules, "a", span_text(""), -1, &out),
			 HS_INVALID);
	assert_int_equal(
		signature_sign(&rules, "a", span_text(""), INT64_MAX, &out),
		HS_INVALID);
	rules.n_secrets = 0;
	assert_int_equal(signature_sign(&rules, "a", span_text(""), 0, &out),
			 HS_INVALID);
	rules.n_secrets = 1;
	secret = span_text("whsec_short");
	assert_int_equal(signature_sign(&rules, "a", span_text(""), 0, &out),
			 HS_INVALID);
	assert_string_equal(buf_text(&out), "kept");
	buf_fini(&out);
	for (size_t max = 0; max < 100; max++) {
		secret = span_text(SW_SECRET);
		buf_init(&out, max);
		assert_int_equal(
			signature_sign(&rules, "a", span_text(""), 0, &out),
			HS_TOO_BIG);
		assert_int_equal(out.len, 0);
		buf_fini(&out);
	}
}

static void
delivery_ids(void **state)
{
	(void)state;
	const char *const pairs[] = { "X-GitHub-Delivery", "72d3162e", NULL };
	const char *const twice[] = { "X-GitHub-Delivery", "72d3162e",
				      "X-GitHub-Delivery", "72d3162f", NULL };
	const char *const empty[] = { "X-GitHub-Delivery", "", NULL };
	struct headers headers = { pairs };
	assert_true(span_is(
		signature_delivery_id(SIGNATURE_GITHUB, find_header, &headers),
		"72d3162e"));
	assert_null(signature_delivery_id(SIGNATURE_NONE, find_header, &headers)
			    .ptr);
	assert_null(signature_delivery_id(SIGNATURE_STANDARD_WEBHOOKS,
					  find_header, &headers)
			    .ptr);
	headers.pairs = twice;
	assert_null(
		signature_delivery_id(SIGNATURE_GITHUB, find_header, &headers)
			.ptr);
	headers.pairs = empty;
	assert_null(
		signature_delivery_id(SIGNATURE_GITHUB, find_header, &headers)
			.ptr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemes_have_names),
		cmocka_unit_test(none_asks_nothing),
		cmocka_unit_test(standard_webhooks_vector),
		cmocka_unit_test(a_secret_needs_no_whsec),
		cmocka_unit_test(any_item_of_the_list_will_do),
		cmocka_unit_test(no_other_item_will_do),
		cmocka_unit_test(every_signed_byte_counts),
		cmocka_unit_test(each_header_must_come_once),
		cmocka_unit_test(the_older_names_are_an_alias),
		cmocka_unit_test(time_is_near_both_ways),
		cmocka_unit_test(a_time_is_digits),
		cmocka_unit_test(an_id_may_hold_full_stops),
		cmocka_unit_test(github_vector),
		cmocka_unit_test(what_github_never_sends),
		cmocka_unit_test(tokens_are_compared_whole),
		cmocka_unit_test(a_token_needs_its_header),
		cmocka_unit_test(an_empty_secret_matches_nothing),
		cmocka_unit_test(every_live_secret_is_tried),
		cmocka_unit_test(secrets_are_checked),
		cmocka_unit_test(signing_gives_the_vectors),
		cmocka_unit_test(what_cannot_be_signed),
		cmocka_unit_test(delivery_ids),
	};
	return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
