/*
 * The topology of most houses: one server, at the address in the settings.
 */
#include "redis/topo.h"

#include <stdlib.h>

struct topo {
	struct topo_address address;
	char *unix_path;
	char *host;
	char *text;
};

struct topo *
topo_static_new(const struct topo_address *address)
{
	struct topo *topo = xcalloc(1, sizeof(*topo));

	topo->address.port = address->port;
	if (address->unix_path != NULL) {
		topo->unix_path = xstrdup(address->unix_path);
		topo->address.unix_path = topo->unix_path;
		topo->text = xasprintf("unix:%s", topo->unix_path);
		return topo;
	}
	topo->host = xstrdup(address->host);
	topo->address.host = topo->host;
	/* an IPv6 address wants its brackets */
	topo->text =
		xasprintf(strchr(topo->host, ':') != NULL ? "[%s]:%d" : "%s:%d",
			  topo->host, topo->address.port);
	return topo;
}

void
topo_free(struct topo *topo)
{
	if (topo == NULL)
		return;
	free(topo->unix_path);
	free(topo->host);
	free(topo->text);
	free(topo);
}

const struct topo_address *
topo_resolve(struct topo *topo)
{
	return &topo->address;
}

const char *
topo_text(const struct topo *topo)
{
	return topo->text;
}
