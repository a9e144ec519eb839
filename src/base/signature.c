/*
 * signature: a table with a row per scheme. A row knows its secrets, how to
 * verify and how to sign; nobody else asks which scheme it is.
 *
 * Verifying is in this order: the headers are there, once each; the time is
 * near; the digest over the raw bytes equals what was sent, for one of the
 * live secrets. Every answer but yes is HS_DENIED, and the reason is for our
 * log only. Secrets that are no good for the scheme (empty, not base64, too
 * short) match nothing.
 *
 * Standard Webhooks joins id, time and body with full stops, so an id that holds
 * one can be cut elsewhere: "a.1" + "2" and "a" + "1.2" are the same bytes. The
 * time is digits only, so what is left for the body then begins with "2.{":
 * no JSON, which the caller refuses. Ids with full stops are therefore welcome.
 */
#include "base/signature.h"

#include <inttypes.h>

#include "base/bounds.h"
#include "base/codec.h"
#include "base/digest.h"
#include "base/num.h"

/* Standard Webhooks 1.0: 192 to 512 bits */
#define KEY_MIN_BYTES 24
#define KEY_MAX_BYTES 64

#define WHSEC_PREFIX "whsec_"
#define V1_PREFIX "v1,"
#define SHA256_PREFIX "sha256="

/* 9999-12-31; what is later is no time and would wrap in milliseconds */
#define TIMESTAMP_MAX_S 253402300799ULL

struct delivery { /* what is being verified */
	const struct signature_rules *rules;
	signature_header_fn header;
	void *ctx;
	struct span body;
	int64_t now_ms;
};

struct scheme {
	const char *name;
	const char *delivery_header;
	const char *delivery_header_alias;
	enum hs_err (*check)(struct span secret, const char **why);
	enum hs_err (*verify)(const struct delivery *delivery, size_t *which,
			      const char **why);
	enum hs_err (*sign)(struct span secret,
			    const struct signature_rules *rules,
			    const char *delivery_id, struct span body,
			    int64_t now_ms, struct buf *out);
};

static bool
has_prefix(struct span text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static struct span
without(struct span text, size_t n)
{
	return span_of(text.ptr + n, text.len - n);
}

static enum hs_err
denied(const char **why, const char *text)
{
	*why = text;
	return HS_DENIED;
}

/* A header that must be there once and hold something. */
static enum hs_err
take_header(const struct delivery *d, const char *name, struct span *value,
	    const char **why)
{
	int n = 0;

	*value = d->header(d->ctx, name, &n);
	if (n > 1)
		return denied(why, "a header of the signature came twice");
	if (value->ptr == NULL)
		return denied(why, "a header of the signature is missing");
	if (value->len == 0)
		return denied(why, "a header of the signature is empty");
	return HS_OK;
}

static bool
is_header_absent(signature_header_fn header, void *ctx, const char *name)
{
	int n = 0;
	struct span value = header(ctx, name, &n);

	return value.ptr == NULL && n < 2;
}

/* ---- none ---- */

static enum hs_err
none_check(struct span secret, const char **why)
{
	(void)secret;
	(void)why;
	return HS_OK;
}

static enum hs_err
none_verify(const struct delivery *d, size_t *which, const char **why)
{
	(void)d;
	(void)which;
	(void)why;
	return HS_OK;
}

static enum hs_err
none_sign(struct span secret, const struct signature_rules *rules,
	  const char *delivery_id, struct span body, int64_t now_ms,
	  struct buf *out)
{
	(void)secret;
	(void)rules;
	(void)delivery_id;
	(void)body;
	(void)now_ms;
	(void)out;
	return HS_OK;
}

/* ---- token ---- */

/* RFC 9110 5.5: what a header's value may be. */
static enum hs_err
token_check(struct span secret, const char **why)
{
	if (secret.len == 0) {
		*why = "the secret is empty";
		return HS_INVALID;
	}
	for (size_t i = 0; i < secret.len; i++) {
		unsigned char c = secret.ptr[i];
		bool is_edge = i == 0 || i == secret.len - 1;
		if (c < 0x20 || c == 0x7f || (c == ' ' && is_edge)) {
			*why = "the secret holds what a header cannot: "
			       "control characters, or blanks around it";
			return HS_INVALID;
		}
	}
	return HS_OK;
}

static enum hs_err
token_verify(const struct delivery *d, size_t *which, const char **why)
{
	struct span value;

	if (d->rules->token_header == NULL)
		return denied(why, "no header is configured for the token");
	enum hs_err err = take_header(d, d->rules->token_header, &value, why);
	if (err != HS_OK)
		return err;
	for (size_t i = 0; i < d->rules->n_secrets; i++) {
		if (d->rules->secrets[i].len > 0 &&
		    digest_equal(value, d->rules->secrets[i])) {
			*which = i;
			return HS_OK;
		}
	}
	return denied(why, "no secret matches");
}

static enum hs_err
token_sign(struct span secret, const struct signature_rules *rules,
	   const char *delivery_id, struct span body, int64_t now_ms,
	   struct buf *out)
{
	(void)delivery_id;
	(void)body;
	(void)now_ms;
	if (rules->token_header == NULL)
		return HS_INVALID;
	enum hs_err err = buf_addf(out, "%s: ", rules->token_header);
	if (err == HS_OK)
		err = buf_add_span(out, secret);
	return err == HS_OK ? buf_add_byte(out, '\n') : err;
}

/* ---- github ---- */

static enum hs_err
github_check(struct span secret, const char **why)
{
	if (secret.len == 0) {
		*why = "the secret is empty";
		return HS_INVALID;
	}
	return HS_OK;
}

static enum hs_err
github_verify(const struct delivery *d, size_t *which, const char **why)
{
	unsigned char ours[DIGEST_SHA256_BYTES];
	enum hs_err err;
	struct span value;
	struct buf theirs;

	err = take_header(d, "X-Hub-Signature-256", &value, why);
	if (err != HS_OK)
		return err;
	if (!has_prefix(value, SHA256_PREFIX))
		return denied(why, "the signature does not begin with sha256=");
	buf_init(&theirs, sizeof(ours));
	err = codec_hex_decode(without(value, strlen(SHA256_PREFIX)), &theirs);
	if (err != HS_OK || theirs.len != sizeof(ours)) {
		buf_fini(&theirs);
		return denied(why, "the signature is not 64 hex digits");
	}

	err = denied(why, "no secret matches");
	for (size_t i = 0; err != HS_OK && i < d->rules->n_secrets; i++) {
		if (d->rules->secrets[i].len == 0)
			continue;
		digest_hmac_sha256(d->rules->secrets[i], &d->body, 1, ours);
		if (digest_equal(buf_span(&theirs),
				 span_of(ours, sizeof(ours)))) {
			*which = i;
			err = HS_OK;
		}
	}
	buf_fini(&theirs);
	return err;
}

static enum hs_err
github_sign(struct span secret, const struct signature_rules *rules,
	    const char *delivery_id, struct span body, int64_t now_ms,
	    struct buf *out)
{
	unsigned char mac[DIGEST_SHA256_BYTES];

	(void)rules;
	(void)now_ms;
	digest_hmac_sha256(secret, &body, 1, mac);
	enum hs_err err = buf_addf(out,
				   "X-GitHub-Delivery: %s\n"
				   "X-Hub-Signature-256: " SHA256_PREFIX,
				   delivery_id);
	if (err == HS_OK)
		err = codec_hex_encode(span_of(mac, sizeof(mac)), out);
	return err == HS_OK ? buf_add_byte(out, '\n') : err;
}

/* ---- standard-webhooks ---- */

static const char *const standard_headers[2][3] = {
	{ "webhook-id", "webhook-timestamp", "webhook-signature" },
	{ "svix-id", "svix-timestamp", "svix-signature" }, /* the older names */
};

/* The key's bytes, to be wiped; false when the secret is none. */
static bool
standard_key(struct span secret, struct buf *key)
{
	unsigned char *room;

	if (has_prefix(secret, WHSEC_PREFIX))
		secret = without(secret, strlen(WHSEC_PREFIX));
	buf_init(key, KEY_MAX_BYTES);
	/* All of it at once: a buf that grows leaves copies behind. */
	if (buf_reserve(key, KEY_MAX_BYTES, &room) == HS_OK &&
	    codec_base64_decode(secret, key) == HS_OK &&
	    key->len >= KEY_MIN_BYTES)
		return true;
	buf_wipe(key);
	buf_fini(key);
	return false;
}

static enum hs_err
standard_check(struct span secret, const char **why)
{
	struct buf key;

	if (!standard_key(secret, &key)) {
		*why = "the secret must be the base64 of 24 to 64 bytes, "
		       "with or without whsec_ in front";
		return HS_INVALID;
	}
	buf_wipe(&key);
	buf_fini(&key);
	return HS_OK;
}

static void
standard_mac(struct span key, struct span id, struct span timestamp,
	     struct span body, unsigned char mac[DIGEST_SHA256_BYTES])
{
	const struct span parts[] = { id, span_text("."), timestamp,
				      span_text("."), body };

	digest_hmac_sha256(key, parts, sizeof(parts) / sizeof(parts[0]), mac);
}

/* Is the MAC one of the list's "v1,<base64>"? Other versions and what cannot
 * be read are passed over. */
static bool
standard_list_has(struct span list, struct span mac)
{
	size_t at = 0;
	bool is_found = false;

	while (at < list.len && !is_found) {
		size_t start = at;
		while (at < list.len && list.ptr[at] != ' ')
			at++;
		struct span item = span_of(list.ptr + start, at - start);
		at++;
		if (!has_prefix(item, V1_PREFIX))
			continue;
		struct buf theirs;
		buf_init(&theirs, DIGEST_SHA256_BYTES);
		is_found = codec_base64_decode(without(item, strlen(V1_PREFIX)),
					       &theirs) == HS_OK &&
			   digest_equal(buf_span(&theirs), mac);
		buf_fini(&theirs);
	}
	return is_found;
}

static enum hs_err
standard_time_check(const struct delivery *d, struct span timestamp,
		    const char **why)
{
	uint64_t timestamp_s;

	if (num_u64(timestamp, TIMESTAMP_MAX_S, &timestamp_s) != HS_OK)
		return denied(why, "the timestamp is not a number of seconds");
	int64_t age_ms = d->now_ms - (int64_t)timestamp_s * 1000;
	if (age_ms > d->rules->tolerance_past_ms)
		return denied(why, "timestamp too old");
	if (-age_ms > d->rules->tolerance_future_ms)
		return denied(why, "timestamp too far ahead");
	return HS_OK;
}

static enum hs_err
standard_verify(const struct delivery *d, size_t *which, const char **why)
{
	struct span values[3]; /* id, timestamp, signature */
	bool is_absent = true;

	for (size_t i = 0; i < 3; i++)
		is_absent =
			is_absent && is_header_absent(d->header, d->ctx,
						      standard_headers[0][i]);
	for (size_t i = 0; i < 3; i++) {
		enum hs_err err =
			take_header(d, standard_headers[is_absent ? 1 : 0][i],
				    &values[i], why);
		if (err != HS_OK)
			return err;
	}
	enum hs_err err = standard_time_check(d, values[1], why);
	if (err != HS_OK)
		return err;

	for (size_t i = 0; i < d->rules->n_secrets; i++) {
		unsigned char mac[DIGEST_SHA256_BYTES];
		struct buf key;
		if (!standard_key(d->rules->secrets[i], &key))
			continue;
		standard_mac(buf_span(&key), values[0], values[1], d->body,
			     mac);
		buf_wipe(&key);
		buf_fini(&key);
		if (standard_list_has(values[2], span_of(mac, sizeof(mac)))) {
			*which = i;
			return HS_OK;
		}
	}
	return denied(why, "no secret matches");
}

static enum hs_err
standard_sign(struct span secret, const struct signature_rules *rules,
	      const char *delivery_id, struct span body, int64_t now_ms,
	      struct buf *out)
{
	unsigned char mac[DIGEST_SHA256_BYTES];
	char timestamp[32];
	struct buf timestamp_buf;
	struct buf key;
	enum hs_err err;

	(void)rules;
	if (now_ms < 0 || now_ms / 1000 > (int64_t)TIMESTAMP_MAX_S ||
	    !standard_key(secret, &key))
		return HS_INVALID;
	buf_init(&timestamp_buf, sizeof(timestamp));
	err = buf_addf(&timestamp_buf, "%" PRId64, now_ms / 1000);
	if (err == HS_OK) {
		standard_mac(buf_span(&key), span_text(delivery_id),
			     buf_span(&timestamp_buf), body, mac);
		err = buf_addf(out,
			       "webhook-id: %s\n"
			       "webhook-timestamp: %s\n"
			       "webhook-signature: " V1_PREFIX,
			       delivery_id, buf_text(&timestamp_buf));
	}
	if (err == HS_OK)
		err = codec_base64_encode(span_of(mac, sizeof(mac)), out);
	if (err == HS_OK)
		err = buf_add_byte(out, '\n');
	buf_fini(&timestamp_buf);
	buf_wipe(&key);
	buf_fini(&key);
	return err;
}

/* ---- the table ---- */

static const struct scheme schemes[SIGNATURE_N_SCHEMES] = {
	[SIGNATURE_NONE] = { "none", NULL, NULL, none_check, none_verify,
			     none_sign },
	[SIGNATURE_TOKEN] = { "token", NULL, NULL, token_check, token_verify,
			      token_sign },
	[SIGNATURE_GITHUB] = { "github", "X-GitHub-Delivery", NULL,
			       github_check, github_verify, github_sign },
	[SIGNATURE_STANDARD_WEBHOOKS] = { "standard-webhooks", "webhook-id",
					  "svix-id", standard_check,
					  standard_verify, standard_sign },
};

static bool
is_delivery_id(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= BOUNDS_DELIVERY_ID_BYTES &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

const char *
signature_scheme_name(enum signature_scheme scheme)
{
	return schemes[scheme].name;
}

enum hs_err
signature_scheme_parse(const char *name, enum signature_scheme *out)
{
	for (int i = 0; i < SIGNATURE_N_SCHEMES; i++) {
		if (strcmp(name, schemes[i].name) == 0) {
			*out = (enum signature_scheme)i;
			return HS_OK;
		}
	}
	return HS_INVALID;
}

const char *
signature_delivery_header(enum signature_scheme scheme)
{
	return schemes[scheme].delivery_header;
}

enum hs_err
signature_secret_check(enum signature_scheme scheme, struct span secret,
		       const char **why)
{
	return schemes[scheme].check(secret, why);
}

struct span
signature_delivery_id(enum signature_scheme scheme, signature_header_fn header,
		      void *ctx)
{
	const char *name = schemes[scheme].delivery_header;
	const char *alias = schemes[scheme].delivery_header_alias;
	int n = 0;

	if (name == NULL)
		return span_of(NULL, 0);
	if (alias != NULL && is_header_absent(header, ctx, name))
		name = alias;
	struct span id = header(ctx, name, &n);
	return n < 2 && id.len > 0 ? id : span_of(NULL, 0);
}

enum hs_err
signature_verify(const struct signature_rules *rules,
		 signature_header_fn header, void *ctx, struct span body,
		 int64_t now_ms, size_t *which, const char **why)
{
	const struct delivery delivery = { .rules = rules,
					   .header = header,
					   .ctx = ctx,
					   .body = body,
					   .now_ms = now_ms };

	return schemes[rules->scheme].verify(&delivery, which, why);
}

enum hs_err
signature_sign(const struct signature_rules *rules, const char *delivery_id,
	       struct span body, int64_t now_ms, struct buf *out)
{
	const struct scheme *scheme = &schemes[rules->scheme];
	struct span secret =
		rules->n_secrets > 0 ? rules->secrets[0] : span_of(NULL, 0);
	const char *why;
	size_t old_len = out->len;

	if (!is_delivery_id(delivery_id) ||
	    scheme->check(secret, &why) != HS_OK)
		return HS_INVALID;
	enum hs_err err =
		scheme->sign(secret, rules, delivery_id, body, now_ms, out);
	if (err != HS_OK)
		buf_cut(out, old_len);
	return err;
}
