/*
 * quote: nothing from outside looks like a further key of a log line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/quote.h"

static void
an_id_is_one_word(void **state)
{
	struct quote_id id;
	char long_id[QUOTE_ID_BYTES + 50];

	(void)state;
	assert_string_equal(quote_id(&id, span_text("identity-crm-1")),
			    "identity-crm-1");
	assert_string_equal(quote_id(&id, span_text("a b=\"c\"\n\\\x7f")),
			    "a?b=?c????");
	assert_string_equal(quote_id(&id, span_of("a\0b", 3)), "a?b");
	assert_string_equal(quote_id(&id, span_text("")), "");
	memset(long_id, 'x', sizeof(long_id));
	assert_int_equal(
		strlen(quote_id(&id, span_of(long_id, sizeof(long_id)))),
		QUOTE_ID_BYTES - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_one_word),
	};

	return cmocka_run_group_tests_name("quote", tests, NULL, NULL);
}
