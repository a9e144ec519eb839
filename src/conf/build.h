/*
 * build: from settings to the configuration: required ones, references, the
 * limits that two settings have together.
 *
 * Private to this folder: conf.c gives the order, each build_<section>.c knows
 * one section. They go on after a mistake with whatever is at hand, so that one
 * load finds as much as possible; the result is thrown away if there was one.
 */
#ifndef CONF_BUILD_H
#define CONF_BUILD_H

#include "conf/setting.h"

struct conf_whole { /* what a struct conf stands at the head of */
	struct conf conf;
	unsigned n_refs;
	enum conf_role role;
	struct settings settings;
	struct secret **secrets;
	size_t n_secrets;
};

struct build {
	struct conf *conf;
	struct conf_whole *whole;
	struct settings *settings;
	struct findings *findings;
	enum conf_role role;
	const char *folder; /* of the main file */
	const char *(*env)(const char *name);
};

void build_redis(struct build *build);
void build_queue(struct build *build);
void build_services(struct build *build);
void build_endpoints(struct build *build);
void build_routes(struct build *build);
void build_responder(struct build *build);
void build_worker(struct build *build);
/* What endpoints, routes and queues owe each other. */
void build_check(struct build *build);

/* ---- reading settings; `group` is a full name, "services.crm" ---- */

/* The setting, its default when nothing was said, or NULL. */
struct setting *build_get(struct build *build, const char *group,
			  const char *key);
/* A copy or NULL; the caller frees. */
char *build_text(struct build *build, const char *group, const char *key);
int64_t build_number(struct build *build, const char *group, const char *key);
/* As build_text; a finding with `instead` when nothing was said. */
char *build_required(struct build *build, const char *group, const char *key,
		     const char *instead);
/* As build_text; when nothing was said `text` is kept as the default. */
char *build_text_or(struct build *build, const char *group, const char *key,
		    const char *text);
/* Was anything said, though it be wrong? */
bool build_is_said(struct build *build, const char *group, const char *key);
/* Where a group, or the nearest one around it, stands: for what is missing. */
const char *build_origin(struct build *build, const char *group);

/* The next member of a section ("services") from *place on: the whole name of
 * its group, or NULL. Start with *place = 0. Borrowed; settings may be put
 * meanwhile. */
const char *build_next_member(struct build *build, const char *section,
			      size_t *place);
/* "crm" of "services.crm"; checked, a finding when it is no name. */
const char *build_member_name(struct build *build, const char *group);

/* ---- secrets ---- */

enum build_need { BUILD_UNNEEDED, BUILD_WANTED, BUILD_NEEDED };
enum build_need build_need_of_services(const struct build *build);
enum build_need build_need_of_endpoints(const struct build *build);
/* The secret that a setting's text names. Without value when it is not needed
 * or (BUILD_WANTED) cannot be had; a finding when it is needed. Kept by the
 * configuration. */
const struct secret *build_secret(struct build *build,
				  const struct setting *setting, size_t index,
				  enum build_need need);
/* A secret whose value is at hand. Its name must be none that a file could say,
 * "(redis.url)", or a service could be given it by that name. */
const struct secret *build_secret_made(struct build *build, const char *name,
				       const char *origin, struct span value);

/* Is the text printable and at most BOUNDS_NAME_BYTES long? Else a finding. */
bool build_check_name(struct build *build, const char *group, const char *key,
		      const char *text);
bool build_check_queue_name(struct build *build, const char *group,
			    const char *key, const char *text);
/* A header's name (RFC 9110 token)? Else a finding. */
bool build_check_header(struct build *build, const char *group, const char *key,
			const char *text);

/* Findings about "group.key", with the origin of its value. */
void build_error(struct build *build, const char *group, const char *key,
		 const char *fmt, ...) HS_PRINTF(4, 5);
void build_warn(struct build *build, const char *group, const char *key,
		const char *fmt, ...) HS_PRINTF(4, 5);

#endif
