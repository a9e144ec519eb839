/*
 * digest: SHA-256, HMAC-SHA256, constant-time comparison, randomness. The only
 * file on OpenSSL's libcrypto.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdint.h>

#include "base/buf.h"

#define DIGEST_SHA256_BYTES 32

void digest_sha256(struct span in, unsigned char out[DIGEST_SHA256_BYTES]);
/* The parts are hashed one after the other, as if joined. */
void digest_hmac_sha256(struct span key, const struct span *parts,
			size_t n_parts, unsigned char out[DIGEST_SHA256_BYTES]);
/* Time depends on the lengths only. */
bool digest_equal(struct span a, struct span b);

/* From the system's generator; never fails (aborts where it would). */
void digest_random(void *out, size_t len);
/* Uniform in [0, below); below > 0. */
uint64_t digest_random_below(uint64_t below);

#endif
