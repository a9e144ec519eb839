/*
 * list: intrusive doubly linked lists. A node lies inside its owner; a node
 * that is on no list points to itself (list_init). No allocation, no thread
 * safety of its own.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list { /* head and node alike */
	struct list *next;
	struct list *prev;
};

#define list_owner(node, type, member) \
	((type *)(void *)((char *)(node)-offsetof(type, member)))

#define list_each(node, head)                                  \
	for (struct list *node = (head)->next; node != (head); \
	     node = node->next)
/* Survives the removal of node itself, of no other. */
#define list_each_safe(node, head)                                        \
	for (struct list *node = (head)->next, *node##_next = node->next; \
	     node != (head); node = node##_next, node##_next = node->next)

static inline void
list_init(struct list *node)
{
	node->next = node;
	node->prev = node;
}
static inline bool
list_is_empty(const struct list *head)
{
	return head->next == head;
}
static inline void
list_push_back(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}
static inline void
list_push_front(struct list *head, struct list *node)
{
	list_push_back(head->next, node);
}
/* Takes node off its list, if it is on one; it may be pushed again. */
static inline void
list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
/* NULL when empty. */
static inline struct list *
list_pop_front(struct list *head)
{
	struct list *node = head->next;
	if (node == head)
		return NULL;
	list_remove(node);
	return node;
}

#endif
