/*
 * records_fuzz: any bytes as a FastCGI connection's. The first byte says how
 * large the pieces are in which they arrive.
 *
 * Looked for, apart from memory errors: another verdict for the same bytes in
 * other pieces; more content than a ceiling; a request that, rebuilt, is not
 * the same request; parameters called good that do not add up.
 */
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "fcgi/records.h"

#define MAX_PARAMS 2000
#define MAX_BODY 3000

struct walk {
	struct records records;
	struct buf params;
	struct buf body;
	enum records_verdict verdict;
	size_t at;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(struct walk *walk, struct span bytes, size_t step)
{
	records_init(&walk->records);
	buf_init(&walk->params, MAX_PARAMS);
	buf_init(&walk->body, MAX_BODY);
	walk->verdict = RECORDS_MORE;
	walk->at = 0;
	while (walk->at < bytes.len && walk->verdict != RECORDS_WHOLE &&
	       walk->verdict != RECORDS_BAD) {
		size_t left = bytes.len - walk->at;
		size_t n = left < step ? left : step;
		size_t used;
		walk->verdict =
			records_feed(&walk->records, bytes.ptr + walk->at, n,
				     &walk->params, &walk->body, &used);
		log_assert(used <= n);
		log_assert(used > 0 || walk->verdict == RECORDS_BAD);
		log_assert(walk->verdict != RECORDS_MORE || used == n);
		walk->at += used;
	}
	if (walk->verdict == RECORDS_BAD)
		log_assert(walk->records.why != NULL);
	else
		log_assert(walk->records.n_body == walk->body.len);
}

static void
fini(struct walk *walk)
{
	buf_fini(&walk->params);
	buf_fini(&walk->body);
}

static void
check_rebuilt(const struct walk *whole)
{
	struct buf bytes;
	struct walk again;
	buf_init(&bytes, MAX_PARAMS + 1000);
	log_assert(records_rebuild(&whole->records, buf_span(&whole->params),
				   &bytes) == HS_OK);
	walk(&again, buf_span(&bytes), bytes.len);
	log_assert(again.verdict == RECORDS_WHOLE && again.at == bytes.len);
	log_assert(again.records.id == whole->records.id);
	log_assert(again.records.is_kept == whole->records.is_kept);
	log_assert(
		span_equal(buf_span(&again.params), buf_span(&whole->params)));
	fini(&again);
	buf_fini(&bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct walk whole;
	struct walk pieces;
	size_t record_len;
	if (size == 0)
		return 0;
	struct span bytes = span_of(data + 1, size - 1);
	walk(&whole, bytes, bytes.len + 1);
	walk(&pieces, bytes, (size_t)data[0] % 16 + 1);
	log_assert((whole.verdict == RECORDS_BAD) ==
		   (pieces.verdict == RECORDS_BAD));
	log_assert((whole.verdict == RECORDS_WHOLE) ==
		   (pieces.verdict == RECORDS_WHOLE));
	log_assert(whole.verdict == RECORDS_BAD ||
		   (whole.at == pieces.at &&
		    span_equal(buf_span(&whole.params),
			       buf_span(&pieces.params)) &&
		    span_equal(buf_span(&whole.body), buf_span(&pieces.body))));
	(void)records_params_check(buf_span(&whole.params));
	(void)records_params_check(bytes);
	if (records_management(bytes.ptr, bytes.len, &record_len) == HS_OK)
		log_assert(record_len == 0 || record_len >= 8);
	if (whole.verdict == RECORDS_WHOLE)
		check_rebuilt(&whole);
	fini(&whole);
	fini(&pieces);
	return 0;
}
