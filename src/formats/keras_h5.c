#include "formats/keras_h5.h"

#include "base/status.h"

#if defined(RV_HAVE_HDF5)

#include <hdf5.h>
#include <md5.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"

#define NAMES_MAX 2048 // InceptionV3 has 311 layers
#define NAME_SIZE 128

struct name {
    char text[NAME_SIZE];
};

struct names {
    struct name *list; // owned
    size_t count;
};

// A layer that has weights, and the number that its name ends in.
struct layer {
    const char *name; // borrowed from the file's list
    unsigned long number;
};

struct reader {
    const char *label;
    hid_t file, root, access;
    struct names layer_names;
    struct layer convs[RV_CONV_COUNT], norms[RV_CONV_COUNT]; // in order
};

static void close_id(hid_t id) {
    if (id >= 0)
        H5Idec_ref(id);
}

// A file may name other files to read from; this one may not.
static herr_t refuse_external(const char *parent_file, const char *parent_group,
                              const char *child_file, const char *child_object,
                              unsigned *access_flags, hid_t access, void *user) {
    (void)parent_file, (void)parent_group, (void)child_file, (void)child_object;
    (void)access_flags, (void)access, (void)user;
    return -1;
}

// ------------------------------------------------------------------------------------------------
// Attributes

// Reads `count` strings of an attribute whose type is variable-length.
static bool read_variable(hid_t attribute, hid_t stored, hid_t space, struct names *names) {
    char **texts = calloc(names->count, sizeof *texts);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5Tget_cset(stored));
    bool good = texts && H5Aread(attribute, type, texts) >= 0;
    if (good) {
        for (size_t i = 0; i < names->count; i++) {
            const char *text = texts[i] ? texts[i] : "";
            good = good && strlen(text) < NAME_SIZE;
            snprintf(names->list[i].text, NAME_SIZE, "%s", text);
        }
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
    }
    close_id(type);
    free(texts);
    return good;
}

// The same for a fixed length; the strings need not end in a zero.
static bool read_fixed(hid_t attribute, hid_t stored, struct names *names) {
    const size_t length = H5Tget_size(stored);
    if (length == 0 || length >= NAME_SIZE)
        return false;
    char *texts = calloc(names->count, length);
    const bool good = texts && H5Aread(attribute, stored, texts) >= 0;
    for (size_t i = 0; good && i < names->count; i++)
        memcpy(names->list[i].text, texts + i * length, length);
    free(texts);
    return good;
}

// Reads a list of strings. On failure there is nothing to free.
static bool read_names(hid_t object, const char *attribute_name, struct names *names) {
    *names = (struct names){0};
    const hid_t attribute = H5Aopen(object, attribute_name, H5P_DEFAULT);
    const hid_t type = attribute < 0 ? -1 : H5Aget_type(attribute);
    const hid_t space = attribute < 0 ? -1 : H5Aget_space(attribute);
    const hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    bool good = false;
    if (count >= 1 && count <= NAMES_MAX && H5Tget_class(type) == H5T_STRING) {
        names->count = (size_t)count;
        names->list = calloc(names->count, sizeof *names->list);
        if (names->list)
            good = H5Tis_variable_str(type) > 0 ? read_variable(attribute, type, space, names)
                                                : read_fixed(attribute, type, names);
    }
    if (!good) {
        free(names->list);
        *names = (struct names){0};
    }
    close_id(space);
    close_id(type);
    close_id(attribute);
    return good;
}

// ------------------------------------------------------------------------------------------------
// Layers

// "conv2d" is number 0, "conv2d_7" number 7; other names are not of this kind.
static bool layer_number(const char *name, const char *kind, unsigned long *number) {
    const size_t length = strlen(kind);
    *number = 0;
    if (strncmp(name, kind, length) != 0)
        return false;
    if (!name[length])
        return true;
    const char *digits = name + length + 1;
    if (name[length] != '_' || !*digits || strlen(digits) > 9 ||
        digits[strspn(digits, "0123456789")])
        return false;
    *number = strtoul(digits, NULL, 10);
    return true;
}

static int compare_number(const void *a, const void *b) {
    const struct layer *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

// Keras numbers layers in the order of creation, from wherever the session's counter stood.
static enum rv_status find_layers(const struct reader *reader, const char *kind,
                                  struct layer layers[RV_CONV_COUNT]) {
    size_t count = 0;
    for (size_t i = 0; i < reader->layer_names.count; i++) {
        const char *name = reader->layer_names.list[i].text;
        unsigned long number;
        if (!layer_number(name, kind, &number))
            continue;
        if (count < RV_CONV_COUNT)
            layers[count] = (struct layer){name, number};
        count++;
    }
    if (count != RV_CONV_COUNT)
        return rv_fail(RV_ERR_WEIGHTS, "%s: has %zu layers %s, InceptionV3 has %d", reader->label,
                       count, kind, RV_CONV_COUNT);
    qsort(layers, count, sizeof *layers, compare_number);
    for (size_t i = 1; i < count; i++)
        if (layers[i].number == layers[i - 1].number)
            return rv_fail(RV_ERR_WEIGHTS, "%s: has layer %s twice", reader->label,
                           rv_printable(layers[i].name).text);
    return RV_OK;
}

// "conv2d_7/kernel:0" -> the variable is "kernel".
static bool variable_is(const char *weight_name, const char *variable) {
    const char *slash = strrchr(weight_name, '/');
    const char *last = slash ? slash + 1 : weight_name;
    const size_t length = strlen(variable);
    return strncmp(last, variable, length) == 0 && (!last[length] || last[length] == ':');
}

// Data of an object that is a dataset of floating-point numbers of just these dimensions.
static bool read_floats(hid_t dataset, const uint64_t *shape, uint32_t rank, float *values) {
    const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    const hid_t creation = H5Dget_create_plist(dataset);
    hsize_t extents[4] = {0};
    bool good = space >= 0 && type >= 0 && creation >= 0 &&
                H5Sget_simple_extent_ndims(space) == (int)rank &&
                H5Sget_simple_extent_dims(space, extents, NULL) == (int)rank &&
                H5Tget_class(type) == H5T_FLOAT && H5Pget_external_count(creation) == 0 &&
                H5Pget_layout(creation) != H5D_VIRTUAL;
    for (uint32_t i = 0; i < rank; i++)
        good = good && extents[i] == shape[i];
    good = good && H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    close_id(creation);
    close_id(type);
    close_id(space);
    return good;
}

// Reads the variables of one layer: variables[i] into values[i], where that is not NULL. Each must
// be there, and no others.
static enum rv_status read_layer(const struct reader *reader, const char *layer,
                                 const char *const *variables, float *const *values, size_t count,
                                 const uint64_t *shape, uint32_t rank) {
    enum rv_status status = RV_OK;
    struct names names = {0};
    const struct rv_printable shown = rv_printable(layer);
    hid_t dataset = -1;
    const hid_t group = H5Oopen(reader->root, layer, reader->access);
    if (group < 0 || !read_names(group, "weight_names", &names))
        RV_TRY(rv_fail(RV_ERR_WEIGHTS, "%s: layer %s has no list of weight_names", reader->label,
                       shown.text));
    size_t expected = 0;
    for (size_t v = 0; v < count; v++) {
        if (!values[v])
            continue;
        expected++;
        size_t n = 0;
        while (n < names.count && !variable_is(names.list[n].text, variables[v]))
            n++;
        if (n == names.count)
            RV_TRY(rv_fail(RV_ERR_WEIGHTS, "%s: layer %s has no %s", reader->label, shown.text,
                           variables[v]));
        dataset = H5Oopen(group, names.list[n].text, reader->access);
        if (dataset < 0 || !read_floats(dataset, shape, rank, values[v]))
            RV_TRY(rv_fail(RV_ERR_WEIGHTS,
                           "%s: %s of layer %s cannot be read or has not the "
                           "shape of InceptionV3's",
                           reader->label, variables[v], shown.text));
        close_id(dataset);
        dataset = -1;
    }
    if (names.count != expected)
        RV_TRY(rv_fail(RV_ERR_WEIGHTS, "%s: layer %s has %zu variables, InceptionV3's has %zu",
                       reader->label, shown.text, names.count, expected));
done:
    close_id(dataset);
    close_id(group);
    free(names.list);
    return status;
}

// Keras' InceptionV3 has no gammas; a file that has them in its first layer must have all.
static bool has_gamma(const struct reader *reader) {
    struct names names;
    bool found = false;
    const hid_t group = H5Oopen(reader->root, reader->norms[0].name, reader->access);
    if (group >= 0 && read_names(group, "weight_names", &names)) {
        for (size_t i = 0; i < names.count; i++)
            found |= variable_is(names.list[i].text, "gamma");
        free(names.list);
    }
    close_id(group);
    return found;
}

// ------------------------------------------------------------------------------------------------
// The file

static enum rv_status open_file(struct reader *reader) {
    reader->file = H5Fopen(reader->label, H5F_ACC_RDONLY, H5P_DEFAULT);
    reader->access = H5Pcreate(H5P_LINK_ACCESS);
    if (reader->file < 0 || reader->access < 0 ||
        H5Pset_elink_cb(reader->access, refuse_external, NULL) < 0)
        return rv_fail(RV_ERR_WEIGHTS, "%s: damaged: libhdf5 cannot open it", reader->label);
    // A file of weights has the list at its root, a file of a whole model one level below.
    static const char *const roots[] = {"/", "/model_weights"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        reader->root = H5Oopen(reader->file, roots[i], reader->access);
        if (reader->root >= 0 && read_names(reader->root, "layer_names", &reader->layer_names))
            return RV_OK;
        close_id(reader->root);
        reader->root = -1;
    }
    return rv_fail(RV_ERR_WEIGHTS,
                   "%s: has no list of layer_names, so it is not one of Keras' "
                   "\"..._notop.h5\" files",
                   reader->label);
}

static enum rv_status read_convs(const struct reader *reader, float *keras_kernel,
                                 struct rv_raw_weights *raw) {
    static const char *const kernel_name[] = {"kernel"};
    static const char *const norm_names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < RV_CONV_COUNT; i++) {
        const struct rv_conv_info *info = &rv_convs[i];
        const uint64_t shape[4] = {info->height, info->width, info->in, info->out};
        RV_TRY(read_layer(reader, reader->convs[i].name, kernel_name, &keras_kernel, 1, shape, 4));
        RV_TRY(read_layer(reader, reader->norms[i].name, norm_names, &raw->parts[i][RV_GAMMA], 4,
                          shape + 3, 1));
        rv_kernel_from_keras(i, keras_kernel, raw->parts[i][RV_KERNEL]);
    }
done:
    return status;
}

static enum rv_status read_file(struct reader *reader, struct rv_raw_weights *raw) {
    enum rv_status status;
    float *kernel = NULL;
    RV_TRY(open_file(reader));
    RV_TRY(find_layers(reader, "conv2d", reader->convs));
    RV_TRY(find_layers(reader, "batch_normalization", reader->norms));
    RV_TRY(rv_raw_weights_init(raw, RV_CONV_COUNT, has_gamma(reader)));
    size_t largest = 0;
    for (uint32_t i = 0; i < RV_CONV_COUNT; i++)
        if (rv_part_count(i, RV_KERNEL) > largest)
            largest = rv_part_count(i, RV_KERNEL);
    kernel = malloc(largest * sizeof *kernel);
    if (!kernel)
        RV_TRY(rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", reader->label));
    status = read_convs(reader, kernel, raw);
done:
    free(kernel);
    return status;
}

enum rv_status rv_keras_import(const char *path, const uint8_t *bytes, size_t size,
                               struct rv_raw_weights *raw) {
    *raw = (struct rv_raw_weights){0};
    // libhdf5 would print every error it meets; ours are returned.
    H5E_auto2_t print;
    void *print_data;
    H5Eget_auto2(H5E_DEFAULT, &print, &print_data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);

    struct reader reader = {.label = path, .file = -1, .root = -1, .access = -1};
    enum rv_status status = read_file(&reader, raw);
    free(reader.layer_names.list);
    close_id(reader.root);
    close_id(reader.access);
    close_id(reader.file);
    H5Eset_auto2(H5E_DEFAULT, print, print_data);
    if (status != RV_OK) {
        rv_raw_weights_finish(raw);
        return status;
    }
    const char *slash = strrchr(path, '/');
    snprintf(raw->source, sizeof raw->source, "Keras HDF5 %s",
             rv_printable(slash ? slash + 1 : path).text);
    SHA256Data(bytes, size, raw->source_sha256);
    MD5Data(bytes, size, raw->source_md5);
    return RV_OK;
}

#else

enum rv_status rv_keras_import(const char *path, const uint8_t *bytes, size_t size,
                               struct rv_raw_weights *raw) {
    (void)bytes, (void)size;
    *raw = (struct rv_raw_weights){0};
    return rv_fail(RV_ERR_USAGE,
                   "%s: an HDF5 file, but Reverie was built without libhdf5: install "
                   "libhdf5-dev and build again",
                   path);
}

#endif
