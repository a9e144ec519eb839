/*
 * digest: what we take from libcrypto, behind seven lines of header.
 *
 * One function compares secrets in the whole house, digest_equal(). A hash
 * that libcrypto refuses to compute would mean that the process is broken (no
 * memory, no SHA-256 provider); nothing can be verified or named then, so it
 * ends the process and never yields a digest that was not computed.
 *
 * HMAC goes through EVP_DigestSign, the one interface that is current in both
 * OpenSSL 1.1.1 and 3. Random bytes come from the kernel.
 */
#include "base/digest.h"

#include <errno.h>
#include <sys/random.h>
#include <sysexits.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/log.h"

void
digest_sha256(struct span in, unsigned char out[DIGEST_SHA256_BYTES])
{
	const void *bytes = in.len > 0 ? (const void *)in.ptr : "";

	if (EVP_Digest(bytes, in.len, out, NULL, EVP_sha256(), NULL) != 1)
		log_fatal(EX_OSERR, "libcrypto cannot compute SHA-256");
}

void
digest_hmac_sha256(struct span key, const struct span *parts, size_t n_parts,
		   unsigned char out[DIGEST_SHA256_BYTES])
{
	const unsigned char *key_bytes =
		key.len > 0 ? key.ptr : (const unsigned char *)"";
	size_t out_len = DIGEST_SHA256_BYTES;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL,
						      key_bytes, key.len);

	bool is_good =
		ctx != NULL && pkey != NULL &&
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1;
	for (size_t i = 0; is_good && i < n_parts; i++) {
		if (parts[i].len > 0)
			is_good = EVP_DigestSignUpdate(ctx, parts[i].ptr,
						       parts[i].len) == 1;
	}
	if (is_good)
		is_good = EVP_DigestSignFinal(ctx, out, &out_len) == 1 &&
			  out_len == DIGEST_SHA256_BYTES;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	if (!is_good)
		log_fatal(EX_OSERR, "libcrypto cannot compute HMAC-SHA256");
}

bool
digest_equal(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	return a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

void
digest_random(void *out, size_t len)
{
	unsigned char *to = out;

	while (len > 0) {
		ssize_t n = getrandom(to, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			log_bug("the kernel has no random bytes errno=%d",
				errno);
		to += n;
		len -= (size_t)n;
	}
}

uint64_t
digest_random_below(uint64_t below)
{
	uint64_t value;

	log_assert(below > 0);
	/* The 2^64 % below lowest values are drawn again; without that, the
	 * low results would come up more often than the high ones. */
	uint64_t lowest = (0 - below) % below;
	do {
		digest_random(&value, sizeof(value));
	} while (value < lowest);
	return value % below;
}
