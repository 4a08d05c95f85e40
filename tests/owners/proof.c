#include "owners/proof.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// Soft waves and a little noise, so that no two neighbouring pixels and no two channels are alike.
static void paint(uint8_t *pixels) {
    uint32_t noise = 1;
    for (size_t i = 0; i < (size_t)PROOF_WIDTH * PROOF_HEIGHT * 4; i++) {
        double x = (double)(i / 4 % PROOF_WIDTH), y = (double)(i / PROOF_PITCH);
        noise = noise * 1664525 + 1013904223;
        double wave = sin(x / (5 + (double)(i % 4)) + y / 11) + cos(y / (7 - (double)(i % 4)));
        pixels[i] = (uint8_t)(128 + 45 * wave + (double)(noise >> 27));
    }
}

void proof_begin(struct proof *proof) {
    struct rv_context_params own = {.validate = true};
    struct rv_picture input = {PROOF_WIDTH, PROOF_HEIGHT, malloc(sizeof proof->pixels / 4 * 12)};
    rv_context *context;
    // Full precision: what the owner has enabled must not make a difference.
    proof->params = (struct rv_params){.layers = "mixed0",
                                       .octaves = 2,
                                       .octave_scale = 1.05f,
                                       .iterations = 2,
                                       .jitter = 9,
                                       .step = 0.03f,
                                       .precision = RV_PRECISION_FP32};
    paint(proof->pixels);
    for (size_t i = 0; i < sizeof proof->pixels / 4 * 3; i++)
        input.pixels[i] = (float)proof->pixels[i / 3 * 4 + i % 3] / 255.0f;
    cr_assert_eq(rv_weights_random(1, &proof->weights), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_context_create(&own, &context), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_dream(context, proof->weights, &input, &proof->params, NULL, NULL,
                          &proof->expected, NULL),
                 RV_OK, "%s", rv_error_text());
    rv_context_destroy(&context);
    free(input.pixels);
}

void proof_end(struct proof *proof) {
    rv_picture_free(&proof->expected);
    rv_weights_destroy(&proof->weights);
}

void proof_row(const struct proof *proof, uint32_t y, bool blue_first, uint8_t *row) {
    const uint8_t *from = &proof->pixels[y * PROOF_PITCH];
    for (size_t i = 0; i < PROOF_PITCH; i++)
        row[i] = from[blue_first && i % 4 < 3 ? i / 4 * 4 + 2 - i % 4 : i];
}

void proof_finish(rv_session *session) {
    struct rv_progress progress = {0};
    while (!progress.finished)
        cr_assert_eq(rv_session_advance(session, NULL, &progress), RV_OK, "%s", rv_error_text());
}

void proof_check(const struct proof *proof, const uint8_t *pixels, size_t pitch, bool blue_first,
                 const char *what) {
    double off = 0, changed = 0;
    for (size_t y = 0; y < PROOF_HEIGHT; y++) {
        for (size_t x = 0; x < PROOF_WIDTH; x++) {
            const uint8_t *pixel = &pixels[y * pitch + x * 4];
            size_t at = y * PROOF_WIDTH + x;
            cr_assert_eq(pixel[3], 255, "%s: alpha %u at %zu, %zu", what, pixel[3], x, y);
            for (size_t c = 0; c < 3; c++) {
                double value = pixel[blue_first ? 2 - c : c];
                off = fmax(off, fabs((double)proof->expected.pixels[at * 3 + c] * 255 - value));
                changed = fmax(changed, fabs(proof->pixels[at * 4 + c] - value));
            }
        }
    }
    fprintf(stderr, "%s: %.4f of an 8-bit step off; the dream changed pixels by up to %.0f\n", what,
            off, changed);
    cr_expect(off <= 0.51, "%s: %.4f of an 8-bit step off", what, off);
    cr_expect(changed > 10, "%s: nothing was dreamed", what);
}
