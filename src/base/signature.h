/*
 * signature: how senders sign, as a table of schemes; signing and verifying
 * share it, so that `hooksync send` and the responder cannot disagree.
 *
 * Pure: raw bytes and headers in, a verdict out; nothing here parses the body.
 * Comparison is constant-time; every live secret is tried. Sources: Standard
 * Webhooks 1.0 (spec/standard-webhooks.md), GitHub "Validating webhook
 * deliveries".
 */
#ifndef BASE_SIGNATURE_H
#define BASE_SIGNATURE_H

#include <stdint.h>

#include "base/buf.h"

enum signature_scheme {
	SIGNATURE_NONE, /* nothing is checked; must be asked for */
	SIGNATURE_TOKEN, /* a fixed secret in a header of the operator's choice */
	SIGNATURE_GITHUB, /* X-Hub-Signature-256: sha256=<hex of HMAC(body)> */
	SIGNATURE_STANDARD_WEBHOOKS, /* webhook-id, -timestamp, -signature: v1,<base64> */
};
#define SIGNATURE_N_SCHEMES 4

/* "none", "token", "github", "standard-webhooks". */
const char *signature_scheme_name(enum signature_scheme scheme);
enum hs_err signature_scheme_parse(const char *name,
				   enum signature_scheme *out) HS_MUST_CHECK;
/* The header with the sender's delivery id ("webhook-id"), or NULL. */
const char *signature_delivery_header(enum signature_scheme scheme);
/* Is the text usable as a secret of this scheme (standard-webhooks: base64 of
 * 24 to 64 bytes after an optional "whsec_"; others: not empty)? On HS_INVALID
 * *why says what is wrong, without the secret. Static text. */
enum hs_err signature_secret_check(enum signature_scheme scheme,
				   struct span secret,
				   const char **why) HS_MUST_CHECK;

/* A header's value by its name (case-insensitive); ptr NULL when absent. A
 * header that came twice is reported as absent with *n = 2. */
typedef struct span (*signature_header_fn)(void *ctx, const char *name, int *n);

/* The delivery id the sender put into its headers (for standard-webhooks also
 * the older svix-id), or a span with ptr NULL: none, an empty one, two of them,
 * or a scheme without. To be believed only after signature_verify(), and even
 * then it is text from outside: github does not sign it. */
struct span signature_delivery_id(enum signature_scheme scheme,
				  signature_header_fn header, void *ctx);

struct signature_rules {
	enum signature_scheme scheme;
	const char *token_header;   /* SIGNATURE_TOKEN: its header's name */
	const struct span *secrets; /* as configured; borrowed */
	size_t n_secrets;
	int64_t tolerance_past_ms; /* 300000: the libraries' custom */
	int64_t tolerance_future_ms;
};

/* HS_OK, or HS_DENIED with *why a static text for our log (never for the
 * sender): "timestamp too old", "no secret matches". *which is the index of
 * the secret that matched (unset for SIGNATURE_NONE). */
enum hs_err signature_verify(const struct signature_rules *rules,
			     signature_header_fn header, void *ctx,
			     struct span body, int64_t now_ms, size_t *which,
			     const char **why) HS_MUST_CHECK;

/* The headers a sender would add, each as "name: value\n", appended to out.
 * Uses secrets[0]. delivery_id must be 1..128 bytes of [A-Za-z0-9._-]. */
enum hs_err signature_sign(const struct signature_rules *rules,
			   const char *delivery_id, struct span body,
			   int64_t now_ms, struct buf *out) HS_MUST_CHECK;

#endif
