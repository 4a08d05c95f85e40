// A device for the tests: with the validation layer, which must stay silent.
#ifndef RV_TESTS_DEVICE_H
#define RV_TESTS_DEVICE_H

#include "dream/context.h"

// Opens the context that the environment asks for; fails the running test if there is none.
// Messages of the validation layer go to standard error and are counted.
rv_context *rv_test_context(void);
// Fails the test if the validation layer had anything to say, and closes the context.
void rv_test_context_end(rv_context **context);

#endif
