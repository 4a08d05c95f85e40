// Requests to a studio without a server.
#ifndef RV_TESTS_STUDIO_REQUESTS_H
#define RV_TESTS_STUDIO_REQUESTS_H

#include <jansson.h>

#include "studio/api.h"
#include "studio/fake.h"

// A studio on the fake, with random weights, made once; never taken down by a fuzzer.
struct rv_studio requests_begin(void);
void requests_end(struct rv_studio *studio);

// Answers; `path` may have ?name=value&... . Returns the status; *json (unless NULL) is the
// caller's.
unsigned requests_ask(struct rv_studio *studio, const char *method, const char *path,
                      const char *type, const void *body, size_t size, json_t **json);
unsigned requests_post(struct rv_studio *studio, const char *path, const char *json);
// A PNG of noise, freed by the caller.
uint8_t *requests_png(uint32_t width, uint32_t height, size_t *size);

#endif
