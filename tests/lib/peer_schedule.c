/*
 * peer_schedule: job schedulers, as requests.
 */
#include "tests/lib/peer.h"

const struct peer_op peer_schedule_ops[] = {
	{ 0 },
};
