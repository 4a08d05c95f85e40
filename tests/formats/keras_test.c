// Importing other people's full weights, from files that their own libraries wrote (make-weights).
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "formats/import.h"
#include "formats/weights_fixtures.h"

// Debian's interpreter has the libraries of Debian's packages; another one may not.
static void make_weights(const char *kind, const char *libraries) {
    char command[1024];
    snprintf(command, sizeof command, "%s '%s/formats/make-weights' %s .",
             access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3", RV_TEST_FOLDER,
             kind);
    const int status = system(command);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127))
        cr_skip_test("needs Python with %s", libraries);
    cr_assert_eq(status, 0, "make-weights %s failed", kind);
}

// Imports a file that holds rv_weights_random(3), and compares in memory what the import gives.
static void expect_random(const char *source, const char *words, bool pool_counts_padding,
                          struct rv_import_report *report) {
    struct rv_verify_report verified;
    rv_weights *imported = NULL, *expected = NULL;
    cr_assert_eq(rv_import_weights(source, "w", false, report), RV_OK, "%s", rv_error_text());
    cr_expect_str_eq(report->depth, "mixed10");
    cr_expect_str_eq(report->source, words);
    cr_assert_eq(rv_verify_weights("w", &verified), RV_OK, "%s", rv_error_text());
    cr_expect_eq(verified.pool_counts_padding, pool_counts_padding, "%s", source);
    cr_assert_eq(rv_weights_load("w", &imported), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_random(3, &expected), RV_OK);
    cr_expect_eq(imported->pool_counts_padding, pool_counts_padding, "%s", source);
    cr_expect(fixture_equal(imported, expected), "%s: other numbers than those written", source);
    rv_weights_destroy(&imported);
    rv_weights_destroy(&expected);
}

static const struct {
    const char *file, *error;
} damaged[] = {
    {"no_list", "has no list of layer_names"},
    {"list_of_numbers", "has no list of layer_names"},
    {"long_name", "has no list of layer_names"},
    {"one_conv_less", "has 93 layers conv2d"},
    {"one_norm_more", "has 95 layers batch_normalization"},
    {"twice", "has layer conv2d_99 twice"},
    {"no_group", "layer conv2d_95 has no list of weight_names"},
    {"no_weight_names", "layer conv2d_95 has no list of weight_names"},
    {"no_kernel", "layer conv2d_95 has no kernel"},
    {"a_bias", "layer conv2d_95 has 2 variables"},
    {"no_dataset", "kernel of layer conv2d_95 cannot be read"},
    {"wrong_order", "has not the shape"},
    {"wrong_rank", "has not the shape"},
    {"integers", "beta of layer batch_normalization_95 cannot be read"},
    {"a_group", "beta of layer batch_normalization_95 cannot be read"},
    {"no_beta", "layer batch_normalization_95 has no beta"},
    {"elsewhere", "layer conv2d_95 has no list"},
    {"other_file", "beta of layer batch_normalization_95 cannot be read"},
    {"late", "layer conv2d_97 has no list"},
    {"cut", "libhdf5 cannot open it"},
    {"magic", "libhdf5 cannot open it"},
};

Test(keras, hdf5_files, .init = fixture_enter, .fini = fixture_leave) {
    make_weights("keras", "h5py and NumPy");
    struct rv_import_report report;
    if (rv_import_weights("fixed.h5", "w", false, &report) == RV_ERR_USAGE) {
        fixture_expect("without libhdf5", RV_ERR_USAGE, RV_ERR_USAGE, "install libhdf5-dev");
        cr_skip_test("built without libhdf5");
    }
    expect_random("fixed.h5", "Keras HDF5 fixed.h5", false, &report);
    expect_random("variable.h5", "Keras HDF5 variable.h5", false, &report);

    // The hashes are those that other programs compute.
    char command[256];
    snprintf(command, sizeof command,
             "echo '%s  variable.h5' | sha256sum -c --quiet && "
             "echo '%s  variable.h5' | md5sum -c --quiet",
             report.source_sha256, report.source_md5);
    cr_expect_eq(system(command), 0, "the hashes of variable.h5");

    unlink("w");
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s.h5", damaged[i].file);
        fixture_expect(path, rv_import_weights(path, "w", false, NULL), RV_ERR_WEIGHTS,
                       damaged[i].error);
    }
    cr_expect_neq(access("w", F_OK), 0, "a failed import wrote something");
}

Test(keras, torchvision_names, .init = fixture_enter, .fini = fixture_leave) {
    make_weights("torchvision", "PyTorch and torchvision");
    struct rv_import_report report;
    expect_random("torchvision.safetensors", "safetensors torchvision.safetensors", true, &report);

    // Such a file is also loaded as it is.
    rv_weights *weights = NULL, *expected = NULL;
    cr_assert_eq(rv_weights_load("torchvision.safetensors", &weights), RV_OK, "%s",
                 rv_error_text());
    cr_assert_eq(rv_weights_random(3, &expected), RV_OK);
    cr_expect(fixture_equal(weights, expected) && weights->pool_counts_padding);
    rv_weights_destroy(&expected);
    rv_weights_destroy(&weights);
    fixture_expect("incomplete", rv_weights_load("incomplete.safetensors", &weights),
                   RV_ERR_WEIGHTS, "Mixed_7c.branch_pool.bn.running_var is missing");
}
