// Weights files made up for tests.
#ifndef RV_TESTS_WEIGHTS_FIXTURES_H
#define RV_TESTS_WEIGHTS_FIXTURES_H

#include "formats/raw_weights.h"

// A new folder that becomes the current one; its name has a space.
void fixture_enter(void);
void fixture_leave(void);

void fixture_write(const char *path, const void *data, size_t size);
// The file's bytes, a zero appended; the caller frees them.
char *fixture_read(const char *path, size_t *size);
void fixture_copy(const char *from, const char *to);

// A copy of `text` with the first `from` after the first `after` (NULL = the start) replaced. Both
// must occur. The caller frees it.
char *fixture_replace(const char *text, const char *after, const char *from, const char *to);

// Fails the test, naming the case, unless status and error text are as expected.
void fixture_expect(const char *name, enum rv_status status, enum rv_status expected,
                    const char *text);

// The numbers of rv_weights_random before folding, for the first `conv_count` convolutions.
void fixture_raw(uint64_t seed, uint32_t conv_count, struct rv_raw_weights *raw);

// Our file of the stem, with tensors that are nobody's but have the sizes of others.
void fixture_stem(const char *path, const struct rv_raw_weights *raw);

// Whether two sets of folded weights are equal in every bit.
bool fixture_equal(const rv_weights *a, const rv_weights *b);

// Writes the folder "package" in the manner of the npm package's dist/models/inception_v3: all 50
// convolutions, quantised values from a seed, two shards and one tensor that nobody wants.
void fixture_tfjs(void);
// The value of element e of variable v (0 kernel, in Keras' order; 1 beta, 2 mean, 3 variance) of
// convolution i.
float fixture_tfjs_value(uint32_t i, int v, size_t e);

#endif
