// Numbers in texts have a point, also in a program that speaks a language with commas.
#include <criterion/criterion.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "reverie/reverie.h"

Test(locale, commas) {
    struct rv_params params = {0}, resolved;
    char text[32];
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        cr_skip_test("there is no locale de_DE.UTF-8");
    cr_assert_str_eq(localeconv()->decimal_point, ",");
    cr_expect_eq(rv_params_set(&params, "step", "0.05"), RV_OK, "%s", rv_error_text());
    cr_expect_eq(rv_params_set(&params, "step", "0,05"), RV_ERR_USAGE);
    cr_expect_eq(rv_params_set(&params, "layers", "mixed3=0.5"), RV_OK, "%s", rv_error_text());
    cr_expect_eq(rv_params_resolve(&params, &resolved), RV_OK, "%s", rv_error_text());
    cr_expect(resolved.step == 0.05f && resolved.octave_scale == 1.4f);
    cr_expect_eq(rv_params_get(&resolved, "octave-scale", text, sizeof text), RV_OK);
    cr_expect_str_eq(text, "1.4");
    // The program's own numbers are as they were.
    cr_expect(strtod("0,5", NULL) == 0.5);
}
