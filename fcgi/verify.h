/*
 * verify: does the signature of a request fit its endpoint? The schemes are in
 * base/signature.c; here they meet a request's headers. Nothing of the body
 * has been parsed before this says yes.
 */
#ifndef FCGI_VERIFY_H
#define FCGI_VERIFY_H

#include "conf/endpoint.h"
#include "fcgi/request.h"

/* HS_OK, or HS_DENIED with *why (static text) for our log only. body is the
 * raw body; now_ms is wall time. */
enum hs_err verify_request(const struct endpoint *endpoint,
			   const struct request *request, struct span body,
			   int64_t now_ms, const char **why) HS_MUST_CHECK;

#endif
