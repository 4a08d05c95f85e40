#include "studio/portraits.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "formats/picture.h"

#define SIDE 96u
#define GRAIN 24u // the noise is enlarged from so many pixels a side: fine noise grows speckles
#define GREY 0.5f
#define CONTRAST 0.12f
#define QUALITY 85
#define FILE_BYTES_MAX 65536u
#define PATH_SIZE 768
#define TAG_SIZE 40

// How they are dreamed. Whoever changes anything here or above changes the version, so that those
// of before are made again.
#define VERSION 1
static const struct rv_params dream = {.octaves = 3,
                                       .octave_scale = 1.13f,
                                       .iterations = 12,
                                       .step = 0.022f,
                                       .jitter = 8,
                                       .seed = 1,
                                       .precision = RV_PRECISION_FP32};

struct portrait {
    const struct rv_layer_info *layer;
    uint8_t *bytes; // written before `there`
    size_t size;
    char tag[TAG_SIZE];
    atomic_bool there;
};

struct rv_portraits {
    const rv_weights *weights;
    const char *weights_path;
    struct portrait *list;
    uint32_t count, next; // next: to be made; = count: none
    char folder[PATH_SIZE];
    uint64_t key; // of the weights and of how it is done
    bool looked;  // at the folder
    struct rv_picture noise;
    rv_session *session;
};

bool rv_layer_is_drawn(const struct rv_layer_info *layer) {
    return layer->is_block || (layer->block == 0 && (strncmp(layer->name, "activation", 10) == 0 ||
                                                     strncmp(layer->name, "max_pool", 8) == 0));
}

// ------------------------------------------------------------------------------------------------
// Beginning and end

// The same on every machine: a multiplicative generator's high bits.
static enum rv_status make_noise(struct rv_picture *noise) {
    uint64_t state = 1;
    struct rv_photo photo = {.picture = {GRAIN, GRAIN, malloc((size_t)GRAIN * GRAIN * 12)}};
    if (!photo.picture.pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the layers' pictures");
    for (size_t i = 0; i < (size_t)GRAIN * GRAIN * 3; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        photo.picture.pixels[i] = GREY + CONTRAST * ((float)(state >> 40) / 8388608.0f - 1);
    }
    enum rv_status status = rv_photo_resize(&photo, SIDE, SIDE);
    *noise = photo.picture;
    return status;
}

rv_portraits *rv_portraits_create(const rv_weights *weights, const char *weights_path) {
    uint32_t count;
    const struct rv_layer_info *layers = rv_layers(&count);
    rv_portraits *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    *p = (struct rv_portraits){.weights = weights, .weights_path = weights_path};
    p->list = calloc(count, sizeof *p->list);
    if (!p->list || make_noise(&p->noise) != RV_OK) {
        rv_portraits_destroy(&p);
        return NULL;
    }
    // The blocks first: they are what is looked at.
    for (int blocks = 1; blocks >= 0; blocks--)
        for (uint32_t i = 0; i < count; i++)
            if (rv_layer_is_drawn(&layers[i]) && layers[i].is_block == (blocks == 1) &&
                rv_weights_reach(weights, &layers[i]))
                p->list[p->count++].layer = &layers[i];
    return p;
}

void rv_portraits_destroy(rv_portraits **portraits) {
    rv_portraits *p = *portraits;
    if (!p)
        return;
    rv_portraits_rest(p);
    for (uint32_t i = 0; i < p->count; i++)
        free(p->list[i].bytes);
    free(p->list);
    rv_picture_free(&p->noise);
    free(p);
    *portraits = NULL;
}

// ------------------------------------------------------------------------------------------------
// On disk. Whatever goes wrong here, they are made again.

static void find_folder(rv_portraits *p) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char weights[4096];
    const uint8_t *bytes;
    size_t size;
    if (p->weights_path)
        snprintf(weights, sizeof weights, "%s", p->weights_path);
    else
        rv_weights_default_path(weights, sizeof weights);
    p->key = RV_HASH_START + VERSION;
    if (rv_file_map(weights, &bytes, &size) != RV_OK)
        return; // unknown weights: nothing is kept
    p->key = rv_hash_bytes(p->key, bytes, size);
    rv_file_unmap(bytes, size);
    if (cache && cache[0] == '/')
        snprintf(p->folder, sizeof p->folder, "%.600s/reverie/layers-%016llx", cache,
                 (unsigned long long)p->key);
    else if (home && home[0] == '/')
        snprintf(p->folder, sizeof p->folder, "%.600s/.cache/reverie/layers-%016llx", home,
                 (unsigned long long)p->key);
}

static bool name_file(const rv_portraits *p, const struct portrait *one,
                      char path[PATH_SIZE + 64]) {
    snprintf(path, PATH_SIZE + 64, "%s/%.40s.jpg", p->folder, one->layer->name);
    return p->folder[0] != '\0';
}

// Takes `bytes` over.
static void publish(const rv_portraits *p, struct portrait *one, uint8_t *bytes, size_t size) {
    one->bytes = bytes;
    one->size = size;
    snprintf(one->tag, sizeof one->tag, "\"%016llx\"",
             (unsigned long long)rv_hash_bytes(p->key, bytes, size));
    atomic_store(&one->there, true);
}

// What is kept already. Returns whether there was any.
static bool look_for_kept(rv_portraits *p) {
    char path[PATH_SIZE + 64];
    bool any = false;
    find_folder(p);
    for (uint32_t i = 0; i < p->count; i++) {
        uint8_t *bytes;
        size_t size;
        if (!name_file(p, &p->list[i], path) ||
            rv_file_read(path, FILE_BYTES_MAX, &bytes, &size) != RV_OK)
            continue;
        if (size > 2 && bytes[0] == 0xff && bytes[1] == 0xd8) {
            publish(p, &p->list[i], bytes, size);
            any = true;
        } else
            free(bytes);
    }
    return any;
}

static void keep(const rv_portraits *p, const struct portrait *one) {
    char path[PATH_SIZE + 64];
    if (name_file(p, one, path) && rv_file_make_folder(p->folder) == RV_OK)
        (void)rv_file_write(path, one->bytes, one->size);
}

// ------------------------------------------------------------------------------------------------
// Making them

void rv_portraits_rest(rv_portraits *p) {
    rv_session_end(&p->session);
}

bool rv_portraits_wanted(const rv_portraits *p) {
    return !p->looked || p->next < p->count;
}

static enum rv_status begin(rv_portraits *p, rv_context *context) {
    struct rv_params params = dream;
    snprintf(params.layers, sizeof params.layers, "%s", p->list[p->next].layer->name);
    return rv_session_begin(context, p->weights, &p->noise, &params, &p->session);
}

static enum rv_status finish(rv_portraits *p) {
    const struct rv_photo_save_params params = {.format = RV_PHOTO_JPEG, .quality = QUALITY};
    struct portrait *one = &p->list[p->next];
    struct rv_photo photo = {0};
    uint8_t *bytes;
    size_t size;
    enum rv_status status;
    RV_TRY(rv_session_picture(p->session, &photo.picture));
    RV_TRY(rv_photo_encode(&photo, &params, one->layer->name, &bytes, &size));
    publish(p, one, bytes, size);
    keep(p, one);
done:
    rv_photo_free(&photo);
    return status;
}

static enum rv_status go_on(rv_portraits *p, rv_context *context, double seconds, bool *made) {
    const struct rv_advance_params slice = {.size = sizeof slice, .seconds = seconds};
    struct rv_progress progress;
    enum rv_status status = RV_OK;
    if (!p->session)
        RV_TRY(begin(p, context));
    status = rv_session_advance(p->session, &slice, &progress);
    if (status == RV_OK && !progress.finished)
        return RV_OK;
    if (status == RV_OK) {
        RV_TRY(finish(p));
        *made = true;
    } else if (status != RV_ERR_NUMERIC) // of this one nothing can be seen
        goto done;
    rv_portraits_rest(p);
    p->next++;
    return RV_OK;
done:
    return status;
}

enum rv_status rv_portraits_advance(rv_portraits *p, rv_context *context, double seconds,
                                    bool *made) {
    *made = false;
    if (!p->looked) {
        p->looked = true;
        *made = look_for_kept(p);
        return RV_OK;
    }
    while (p->next < p->count && p->list[p->next].there)
        p->next++;
    if (p->next == p->count)
        return RV_OK;
    enum rv_status status = go_on(p, context, seconds, made);
    if (status != RV_OK) {
        rv_portraits_rest(p);
        p->next = p->count;
    }
    return status;
}

bool rv_portraits_find(const rv_portraits *p, const char *layer, struct rv_portrait *portrait) {
    for (uint32_t i = 0; i < p->count; i++) {
        const struct portrait *one = &p->list[i];
        if (strcmp(one->layer->name, layer) != 0 || !atomic_load(&one->there))
            continue;
        *portrait = (struct rv_portrait){one->bytes, one->size, one->tag};
        return true;
    }
    return false;
}
