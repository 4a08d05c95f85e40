// Work over all processors: every piece once, and the same error however many threads there are.
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/parallel.h"
#include "base/status.h"

#define PIECES 1000

struct counted {
    atomic_uint calls[PIECES];
    uint32_t fail_from; // pieces from here on fail
};

static enum rv_status count_piece(void *user, uint32_t index) {
    struct counted *counted = user;
    atomic_fetch_add(&counted->calls[index], 1);
    if (index >= counted->fail_from)
        return rv_fail(RV_ERR_INPUT, "piece %u", index);
    return RV_OK;
}

Test(parallel, does_every_piece_once) {
    static struct counted counted;
    counted.fail_from = PIECES;
    cr_assert_eq(rv_parallel(PIECES, count_piece, &counted), RV_OK);
    for (uint32_t i = 0; i < PIECES; i++)
        cr_assert_eq(counted.calls[i], 1, "piece %u: %u calls", i, counted.calls[i]);
}

Test(parallel, does_nothing_of_nothing) {
    static struct counted counted;
    cr_assert_eq(rv_parallel(0, count_piece, &counted), RV_OK);
    cr_assert_eq(counted.calls[0], 0);
}

Test(parallel, fails_as_the_first_piece_that_failed) {
    for (uint32_t round = 0; round < 50; round++) {
        struct counted counted = {.fail_from = round * 7};
        cr_assert_eq(rv_parallel(PIECES, count_piece, &counted), RV_ERR_INPUT);
        char expected[32];
        snprintf(expected, sizeof expected, "piece %u", counted.fail_from);
        cr_assert_str_eq(rv_error_text(), expected);
        for (uint32_t i = 0; i < counted.fail_from; i++)
            cr_assert_eq(counted.calls[i], 1, "piece %u before the failing one was left out", i);
    }
}
