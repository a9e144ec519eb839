/*
 * digest_test: FIPS 180-4's and RFC 4231's vectors, comparison, randomness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/digest.h"

static void
check_hex(const unsigned char digest[DIGEST_SHA256_BYTES], const char *expected)
{
	struct buf hex;
	buf_init(&hex, 64);
	assert_int_equal(
		codec_hex_encode(span_of(digest, DIGEST_SHA256_BYTES), &hex),
		HS_OK);
	assert_string_equal(buf_text(&hex), expected);
	buf_fini(&hex);
}

static void
sha256_vectors(void **state)
{
	(void)state;
	unsigned char out[DIGEST_SHA256_BYTES];
	digest_sha256(span_text("abc"), out);
	check_hex(out, "ba7816bf8f01cfea414140de5dae2223"
		       "b00361a396177a9cb410ff61f20015ad");
	digest_sha256(span_of(NULL, 0), out);
	check_hex(out, "e3b0c44298fc1c149afbf4c8996fb924"
		       "27ae41e4649b934ca495991b7852b855");
}

static void
hmac_vectors(void **state)
{
	(void)state;
	unsigned char out[DIGEST_SHA256_BYTES];
	unsigned char key[131];
	struct span part = span_text("Hi There");
	memset(key, 0x0b, 20);
	digest_hmac_sha256(span_of(key, 20), &part, 1, out);
	check_hex(out, "b0344c61d8db38535ca8afceaf0bf12b"
		       "881dc200c9833da726e9376c2e32cff7");
	part = span_text("what do ya want for nothing?");
	digest_hmac_sha256(span_text("Jefe"), &part, 1, out);
	check_hex(out, "5bdcc146bf60754e6a042426089575c7"
		       "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	part = span_text("Test Using Larger Than Block-Size Key - "
			 "Hash Key First");
	digest_hmac_sha256(span_of(key, sizeof(key)), &part, 1, out);
	check_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f"
		       "8e0bc6213728c5140546040f0ee37f54");
}

static void
parts_are_hashed_as_if_joined(void **state)
{
	(void)state;
	unsigned char joined[DIGEST_SHA256_BYTES];
	unsigned char parted[DIGEST_SHA256_BYTES];
	struct span whole = span_text("id.123.body");
	const struct span parts[] = { span_text("id"), span_text("."),
				      span_of(NULL, 0), span_text("123"),
				      span_text(".body") };
	digest_hmac_sha256(span_text("key"), &whole, 1, joined);
	digest_hmac_sha256(span_text("key"), parts, 5, parted);
	assert_memory_equal(joined, parted, sizeof(joined));
}

static void
nothing_can_be_hashed_under_no_key(void **state)
{
	(void)state;
	unsigned char out[DIGEST_SHA256_BYTES];
	digest_hmac_sha256(span_of(NULL, 0), NULL, 0, out);
	check_hex(out, "b613679a0814d9ec772f95d778c35fc5"
		       "ff1697c493715653c6c712144292c5ad");
}

static void
equal_means_all_bytes(void **state)
{
	(void)state;
	assert_true(digest_equal(span_text("secret"), span_text("secret")));
	assert_false(digest_equal(span_text("secret"), span_text("secreT")));
	assert_false(digest_equal(span_text("Secret"), span_text("secret")));
	assert_false(digest_equal(span_text("secret"), span_text("secre")));
	assert_false(digest_equal(span_text(""), span_text("s")));
	assert_true(digest_equal(span_of(NULL, 0), span_text("")));
	assert_false(digest_equal(span_of("a\0b", 3), span_of("a\0c", 3)));
}

static void
random_bytes_differ(void **state)
{
	(void)state;
	unsigned char a[32] = { 0 };
	unsigned char b[32] = { 0 };
	digest_random(a, sizeof(a));
	digest_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	digest_random(NULL, 0);
}

static void
random_numbers_stay_below(void **state)
{
	(void)state;
	/* 0.5 + 1/2^63 of the range must be refused again and again */
	const uint64_t half = (UINT64_C(1) << 63) + 1;
	unsigned seen = 0;
	for (int i = 0; i < 2000; i++) {
		seen |= 1U << digest_random_below(6);
		assert_true(digest_random_below(half) < half);
		assert_true(digest_random_below(1) == 0);
	}
	/* a face that never shows in 2000 throws: 6 * (5/6)^2000 = 1e-157 */
	assert_int_equal(seen, 0x3f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_vectors),
		cmocka_unit_test(hmac_vectors),
		cmocka_unit_test(parts_are_hashed_as_if_joined),
		cmocka_unit_test(nothing_can_be_hashed_under_no_key),
		cmocka_unit_test(equal_means_all_bytes),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(random_numbers_stay_below),
	};
	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
