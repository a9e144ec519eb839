/*
 * ident: any bytes a sender may put into its delivery id end up as a harmless
 * id: no ':' (BullMQ's separator), not only digits (its own counter's ids), none
 * of the queue's suffixes. The endpoint in front keeps two senders apart that
 * count alike; beside an endpoint crm-eu, the id eu-1 at the endpoint crm is
 * hashed, for crm-eu-1 is the other's id 1. (A hash has no '-', so it makes
 * nobody else's id.)
 */
#include "fcgi/ident.h"

#include <ctype.h>

#include "base/bounds.h"
#include "base/codec.h"
#include "base/digest.h"
#include "queue/keys.h"

#define DRAWN_BYTES 16

static struct span
on_header(void *ctx, const char *name, int *n)
{
	return request_header(ctx, name, n);
}

enum hs_err
ident_delivery(const struct endpoint *endpoint, const struct request *request,
	       struct span *delivery)
{
	int n = 0;
	const char *name = endpoint->delivery_header;
	struct request copy = *request;
	*delivery = (struct span){ NULL, 0 };
	if (name != NULL) {
		*delivery = request_header(request, name, &n);
	} else {
		/* knows the older names of a header, too */
		*delivery = signature_delivery_id(endpoint->scheme, on_header,
						  &copy);
		name = signature_delivery_header(endpoint->scheme);
		if (name != NULL)
			(void)request_header(request, name, &n);
	}
	return n > 1 ? HS_INVALID : HS_OK;
}

static bool
is_plain(struct span delivery)
{
	if (delivery.len > BOUNDS_DELIVERY_ID_BYTES)
		return false;
	for (size_t i = 0; i < delivery.len; i++) {
		unsigned char c = delivery.ptr[i];
		if (!isalnum(c) && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

static enum hs_err
add_id(const char *endpoint_name, struct span delivery, bool is_hex,
       struct buf *out)
{
	enum hs_err err = buf_addf(out, "%s-", endpoint_name);
	if (err != HS_OK)
		return err;
	return is_hex ? codec_hex_encode(delivery, out)
		      : buf_add_span(out, delivery);
}

/* Does the id begin as those of an endpoint with a longer name do? */
static bool
is_of_another(struct span id, size_t name_len, struct endpoint *const *all)
{
	for (; *all != NULL; all++) {
		size_t len = strlen((*all)->name);
		if (len > name_len && id.len > len && id.ptr[len] == '-' &&
		    memcmp(id.ptr, (*all)->name, len) == 0)
			return true;
	}
	return false;
}

enum hs_err
ident_job_id(const char *endpoint_name, struct endpoint *const *all,
	     struct span delivery, struct buf *out)
{
	unsigned char bytes[DIGEST_SHA256_BYTES];
	size_t start = out->len;
	if (delivery.len == 0) {
		digest_random(bytes, DRAWN_BYTES);
		return add_id(endpoint_name, span_of(bytes, DRAWN_BYTES), true,
			      out);
	}
	if (is_plain(delivery)) {
		enum hs_err err = add_id(endpoint_name, delivery, false, out);
		if (err != HS_OK)
			return err;
		struct span id = span_of(out->data + start, out->len - start);
		if (keys_job_id_is_valid(id) &&
		    !is_of_another(id, strlen(endpoint_name), all))
			return HS_OK;
		buf_cut(out, start);
	}
	digest_sha256(delivery, bytes);
	return add_id(endpoint_name, span_of(bytes, sizeof(bytes)), true, out);
}
