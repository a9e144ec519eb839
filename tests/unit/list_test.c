/*
 * list_test: order, removal, and nodes that are on no list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct guest {
	int number;
	struct list node;
};

static int
number_of(struct list *node)
{
	return list_owner(node, struct guest, node)->number;
}

static void
guests_arrive(struct list *head, struct guest guests[3])
{
	list_init(head);
	for (int i = 0; i < 3; i++) {
		guests[i].number = i;
		list_init(&guests[i].node);
		list_push_back(head, &guests[i].node);
	}
}

static void
an_empty_list_gives_nothing(void **state)
{
	(void)state;
	struct list head;
	list_init(&head);
	assert_true(list_is_empty(&head));
	assert_null(list_pop_front(&head));
	int n = 0;
	list_each(node, &head)
		n++;
	assert_int_equal(n, 0);
}

static void
the_order_is_that_of_arrival(void **state)
{
	(void)state;
	struct guest guests[3];
	struct guest first = { .number = -1 };
	struct list head;
	guests_arrive(&head, guests);
	list_push_front(&head, &first.node);
	int expected = -1;
	list_each(node, &head)
		assert_int_equal(number_of(node), expected++);
	assert_int_equal(expected, 3);
	assert_int_equal(number_of(list_pop_front(&head)), -1);
	assert_int_equal(number_of(list_pop_front(&head)), 0);
	assert_int_equal(number_of(list_pop_front(&head)), 1);
	assert_int_equal(number_of(list_pop_front(&head)), 2);
	assert_true(list_is_empty(&head));
}

static void
a_node_may_be_removed_twice_and_come_back(void **state)
{
	(void)state;
	struct guest guests[3];
	struct list head;
	guests_arrive(&head, guests);
	list_remove(&guests[1].node);
	list_remove(&guests[1].node);
	assert_true(list_is_empty(&guests[1].node));
	list_push_back(&head, &guests[1].node);
	assert_int_equal(number_of(list_pop_front(&head)), 0);
	assert_int_equal(number_of(list_pop_front(&head)), 2);
	assert_int_equal(number_of(list_pop_front(&head)), 1);
}

static void
the_safe_walk_survives_removal(void **state)
{
	(void)state;
	struct guest guests[3];
	struct list head;
	guests_arrive(&head, guests);
	int n = 0;
	list_each_safe(node, &head) {
		list_remove(node);
		n++;
	}
	assert_int_equal(n, 3);
	assert_true(list_is_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_gives_nothing),
		cmocka_unit_test(the_order_is_that_of_arrival),
		cmocka_unit_test(a_node_may_be_removed_twice_and_come_back),
		cmocka_unit_test(the_safe_walk_survives_removal),
	};
	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
