// Weights for which there is no memory, wherever it runs out: an error that says so, nothing that
// leaks, no half of a file.
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/import.h"
#include "formats/weights_fixtures.h"
#include "support/faults.h"

#define CONV_COUNT 5 // the stem

static enum rv_status load(rv_weights **weights) {
    return rv_weights_load("w", weights);
}

static enum rv_status make_random(rv_weights **weights) {
    return rv_weights_random(1, weights);
}

// What was loaded must be what is in the file.
static enum rv_status import(rv_weights **weights) {
    struct stat info;
    *weights = NULL;
    remove("copy");
    enum rv_status status = rv_import_weights("w", "copy", false, NULL);
    cr_assert(status == RV_OK || stat("copy", &info) != 0, "a file stays");
    uint32_t failed = faults_disarm();
    if (status == RV_OK) {
        cr_assert_eq(failed, 0, "it did not notice");
        cr_assert_eq(rv_weights_load("copy", weights), RV_OK, "%s", rv_error_text());
    }
    return status;
}

// From the first place to the one that is not reached any more.
static uint32_t fail_everywhere(const char *name, enum rv_status (*make)(rv_weights **),
                                bool lasting) {
    rv_weights *expected, *weights;
    enum rv_status status = make(&expected);
    uint32_t at = 0;
    cr_assert_eq(status, RV_OK, "%s", rv_error_text());
    do {
        faults_arm(FAULTS_HEAP, ++at, lasting);
        status = make(&weights);
        faults_disarm();
        cr_assert(status == RV_OK || (status == RV_ERR_NO_MEMORY && rv_error_text()[0]),
                  "%s at %u: %s: %s", name, at, rv_status_name(status), rv_error_text());
        cr_assert(status == RV_OK ? fixture_equal(weights, expected) : !weights, "%s at %u", name,
                  at);
        rv_weights_destroy(&weights);
    } while (status != RV_OK);
    rv_weights_destroy(&expected);
    fprintf(stderr, "%s: out of heap%s: %u places\n", name, lasting ? " from there on" : "",
            at - 1);
    return at - 1;
}

Test(weights_faults, everywhere, .init = fixture_enter, .fini = fixture_leave) {
    struct rv_raw_weights raw;
    fixture_raw(3, CONV_COUNT, &raw);
    fixture_stem("w", &raw);
    rv_raw_weights_finish(&raw);
    for (int lasting = 0; lasting < 2; lasting++) {
        // the table of tensors, the weights and their numbers, a kernel for each convolution
        cr_expect_eq(fail_everywhere("load", load, lasting), 3 + CONV_COUNT);
        cr_expect_eq(fail_everywhere("random", make_random, lasting), 3);
        cr_expect_gt(fail_everywhere("import", import, lasting), 4);
    }
}

// jansson takes a want of memory for a mistake in the text where it copies a piece of that.
// Whatever it says, it is an error, and nothing leaks.
Test(weights_faults, of_jansson, .init = fixture_enter, .fini = fixture_leave) {
    struct rv_raw_weights raw;
    uint32_t told[2] = {0, 0}; // as what it is; as a mistake
    enum rv_status status;
    json_set_alloc_funcs(malloc, free); // ours, that can fail
    fixture_raw(3, CONV_COUNT, &raw);
    fixture_stem("w", &raw);
    rv_raw_weights_finish(&raw);
    uint32_t at = 0;
    do {
        rv_weights *weights;
        faults_arm(FAULTS_HEAP, ++at, true);
        status = load(&weights);
        faults_disarm();
        cr_assert(status == RV_OK || status == RV_ERR_NO_MEMORY || status == RV_ERR_WEIGHTS);
        cr_assert_eq(weights != NULL, status == RV_OK);
        told[0] += status == RV_ERR_NO_MEMORY;
        told[1] += status == RV_ERR_WEIGHTS;
        rv_weights_destroy(&weights);
    } while (status != RV_OK);
    fprintf(stderr, "load, with jansson: %u places told, %u told as damage\n", told[0], told[1]);
    cr_expect_gt(told[0], 2 * told[1]);
}
