/*
 * removal: taking a single job away, for the verbs that do so (remove, and clean
 * with filters).
 */
#ifndef CTL_REMOVAL_H
#define CTL_REMOVAL_H

#include "ctl/act.h"

/* with_children: those that were added with it go as well; kept by the act. */
struct act removal_act(const bool *with_children);

#endif
