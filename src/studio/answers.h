// What the answers to requests are made with and of: api.c has the table of them.
#ifndef RV_STUDIO_ANSWERS_H
#define RV_STUDIO_ANSWERS_H

#include <jansson.h>

#include "studio/api.h"

// An answer: reads the request, and fills in the reply.
typedef void rv_answer_fn(struct rv_studio *studio, const struct rv_request *request,
                          struct rv_reply *reply);

// Replies. A JSON object is dropped; bytes are taken over.
void rv_reply_json(struct rv_reply *reply, unsigned status, json_t *object);
void rv_reply_bytes(struct rv_reply *reply, const char *type, uint8_t *bytes, size_t size);
// What a failed call says about the request.
void rv_reply_failure(struct rv_reply *reply, enum rv_status status);
// That, or {"done": true}.
void rv_reply_done(struct rv_reply *reply, enum rv_status status);

// Of the address: a text or NULL; a whole number, or `usual`.
const char *rv_query(const struct rv_request *request, const char *name);
uint64_t rv_query_number(const struct rv_request *request, const char *name, uint64_t usual);
// The body as a JSON object; else the reply says why not.
json_t *rv_body_object(const struct rv_request *request, struct rv_reply *reply);
// Whether the body is a file, which the reply denies else. (A form of another page's cannot claim
// this type.)
bool rv_body_is_file(const struct rv_request *request, struct rv_reply *reply);
// The member "id" of a body; false if there is none, which the reply says.
bool rv_body_id(const struct rv_request *request, struct rv_reply *reply, uint64_t *id);

// pictures_out.c
rv_answer_fn rv_get_original, rv_get_picture, rv_get_save, rv_get_slot, rv_get_layer;
// pictures_in.c
rv_answer_fn rv_post_photo, rv_post_sample, rv_post_size, rv_post_recipe, rv_post_slot;
// steering.c
rv_answer_fn rv_get_about, rv_get_state, rv_post_change, rv_post_control, rv_post_back,
    rv_post_keep, rv_post_forget;
// frames.c
rv_answer_fn rv_post_frame, rv_post_live;

#endif
