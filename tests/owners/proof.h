// What the tests on other people's devices share: a picture, a dream of it on a device of our own,
// and the comparison with what came out of theirs. They use the public headers alone and link the
// library as others do.
#ifndef RV_TESTS_PROOF_H
#define RV_TESTS_PROOF_H

#include <reverie/reverie.h>

#define PROOF_WIDTH 101
#define PROOF_HEIGHT 79
#define PROOF_PITCH ((size_t)PROOF_WIDTH * 4) // bytes of a row of pixels

struct proof {
    struct rv_params params;
    rv_weights *weights;
    struct rv_picture expected;
    uint8_t pixels[PROOF_HEIGHT * PROOF_WIDTH * 4]; // what is dreamed on: red, green, blue, alpha
};

// Dreams on a device of our own. Fails the running test if that cannot be done.
void proof_begin(struct proof *proof);
void proof_end(struct proof *proof);

// A row of the picture in the order of channels that the owner's format has.
void proof_row(const struct proof *proof, uint32_t y, bool blue_first, uint8_t *row);

// Dreams to the end, whole steps at a time.
void proof_finish(rv_session *session);

// Fails the running test unless these pixels are what was expected, rounded to 8 bits. `pitch` is
// the bytes from one row to the next; `what` stands in the message.
void proof_check(const struct proof *proof, const uint8_t *pixels, size_t pitch, bool blue_first,
                 const char *what);

#endif
