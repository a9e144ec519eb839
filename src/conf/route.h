/*
 * route: what a job name leads to: fetch, map, push, and gone for an object
 * that the source no longer has.
 *
 * Paths are templates: "/identities/{identityId}" takes the field from the
 * job's data. This room splits them once, so that a worker only joins.
 */
#ifndef CONF_ROUTE_H
#define CONF_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct conf_service;

struct route_piece {   /* literal text, then the value of a field of the data */
	char *literal; /* never NULL */
	char *field;   /* NULL after the last literal */
};

struct route_call { /* one request to a service */
	char *service_name;
	const struct conf_service *service; /* resolved when loaded */
	char *method;                       /* GET, POST, PUT, PATCH, DELETE */
	char *path;                         /* as written */
	struct route_piece *pieces;
	size_t n_pieces;
};

struct route {
	char *name;
	char *job;                /* default: the route's name */
	struct route_call *fetch; /* NULL: the map sees no .source */
	char *map; /* jq program (map, or map_file's content); NULL: pushes .source, else .data.rawPayload */
	char *map_file;          /* NULL: inline */
	char *map_origin;        /* where that was set: "FILE:LINE" */
	struct route_call *push; /* NULL: done after the map */
	struct route_call *gone; /* NULL: a 404 on fetch is just done */
};

void route_free(struct route *route);
void route_call_free(struct route_call *call);
/* Splits a path template. HS_INVALID with *why (static) for unbalanced braces, an
 * empty or odd field name, a path that does not start with '/', or with '..'
 * segments, a fragment. */
enum hs_err route_call_parse_path(struct route_call *call, const char *path,
				  const char **why) HS_MUST_CHECK;
/* The value of one field for a path, as text: strings as they are, integers as
 * written. */
typedef enum hs_err (*route_field_fn)(void *ctx, const char *field,
				      struct buf *text);
/* Appends the path with each field percent-encoded. HS_INVALID when a value is
 * empty, "." or ".."; HS_NOT_FOUND when there is none; *field names it. */
enum hs_err route_call_expand(const struct route_call *call,
			      route_field_fn value, void *ctx, struct buf *out,
			      const char **field) HS_MUST_CHECK;

#endif
