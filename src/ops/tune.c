#include "ops/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "ops/conv_kernel.h"
#include "vk/shaders.h"

#define KINDS_MAX 4096
#define SECONDS_MAX 4.0 // of one call; the kind at hand is finished
#define ROUNDS 5        // of short steps; after LONG a second one tells nothing new
#define LONG 5e-3
#define REPEATS 4     // of a step in a submission, so that its own cost does not count
#define CLEARLY 0.97  // times the shipped choice's: less is taken for noise
#define DISPATCHES 64 // that one step may need

// What the choice may depend on. Without padding: it is compared and kept as bytes.
struct kind {
    uint32_t profile, shape, taps, channels, depth, positions;
};

struct entry {
    struct kind kind;
    uint32_t kernel; // row of rv_conv_kernels
};

struct header {
    char magic[8];
    uint8_t uuid[VK_UUID_SIZE]; // pipelineCacheUUID
    uint64_t shaders, kernels;  // hashes of all of them
    uint64_t clamped;           // other limits, other kernels
    uint64_t count, hash;       // of the entries that follow
};

struct rv_tuning {
    struct entry entries[KINDS_MAX];
    uint32_t count, measured;
};

// Above this many positions every processor of the device is busy, and more change nothing.
static uint32_t positions_class(enum rv_profile profile, uint64_t positions) {
    uint32_t class = 0, most = profile == RV_PROFILE_CPU ? 12 : 17;
    while (class < most && positions >> class)
        class ++;
    return class;
}

static struct kind kind_of(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_conv *conv = &step->conv;
    const struct rv_plan_source *a = &conv->source[0], *b = &conv->source[1];
    enum rv_profile profile = context->recorder->device->limits.profile;
    return (struct kind){
        .profile = (uint32_t)profile,
        .shape = (uint32_t)context->plan->fp16 | (uint32_t)conv->backward << 1 |
                 (uint32_t)conv->image << 2 | (uint32_t)conv->wrap << 3 |
                 (uint32_t)conv->parity << 4 | (uint32_t)conv->add << 5 |
                 (uint32_t)step->seed.active << 6 | (uint32_t)(conv->split < conv->channels) << 7,
        .taps = (uint32_t)a->tap_width | (uint32_t)a->tap_height << 4 | a->scale << 8 |
                (uint32_t)b->tap_width << 16 | (uint32_t)b->tap_height << 20 | b->scale << 24,
        .channels = conv->channels,
        .depth = a->channels | b->channels << 16,
        .positions = positions_class(profile, (uint64_t)conv->grid_height * conv->grid_width)};
}

static struct entry *find(struct rv_tuning *tuning, const struct kind *kind) {
    for (uint32_t i = 0; i < tuning->count; i++)
        if (memcmp(&tuning->entries[i].kind, kind, sizeof *kind) == 0)
            return &tuning->entries[i];
    return NULL;
}

// ---- The file

static uint64_t hash_kernels(void) {
    uint64_t hash = RV_HASH_START;
    for (uint32_t i = 0; i < RV_CONV_KERNELS; i++)
        hash = rv_hash_bytes(hash, rv_conv_kernels[i].name, strlen(rv_conv_kernels[i].name) + 1);
    return hash;
}

static void identify(const struct rv_device *device, struct header *header, char *path,
                     size_t capacity) {
    VkPhysicalDeviceProperties2 properties = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    device->vk.GetPhysicalDeviceProperties2(device->physical, &properties);
    memset(header, 0, sizeof *header);
    memcpy(header->magic, "RVTUNED1", sizeof header->magic);
    memcpy(header->uuid, properties.properties.pipelineCacheUUID, VK_UUID_SIZE);
    header->shaders = rv_shaders_hash();
    header->kernels = hash_kernels();
    header->clamped = rv_device_clamped();
    snprintf(path, capacity, "%.500s/tuning-%08x-%08x%s.bin", device->cache_dir,
             device->info.vendor_id, device->info.device_id, header->clamped ? "-clamped" : "");
}

static bool is_good(const struct header *expected, const uint8_t *data, size_t size) {
    struct header found;
    if (size < sizeof found)
        return false;
    memcpy(&found, data, sizeof found);
    return memcmp(&found, expected, offsetof(struct header, count)) == 0 &&
           found.count <= KINDS_MAX && size - sizeof found == found.count * sizeof(struct entry) &&
           found.hash == rv_hash_bytes(RV_HASH_START, data + sizeof found, size - sizeof found);
}

static void load(struct rv_device *device) {
    struct rv_tuning *tuning = device->tuning;
    struct header expected;
    struct rv_error_kept error; // knowing nothing is no failing call
    char path[600];
    uint8_t *data = NULL;
    size_t size = 0;
    if (!device->cache_dir[0])
        return;
    identify(device, &expected, path, sizeof path);
    rv_error_keep(&error);
    enum rv_status status =
        rv_file_read(path, sizeof expected + sizeof tuning->entries, &data, &size);
    rv_error_put_back(&error);
    if (status != RV_OK)
        return;
    if (is_good(&expected, data, size)) {
        tuning->count = (uint32_t)((size - sizeof expected) / sizeof(struct entry));
        memcpy(tuning->entries, data + sizeof expected, size - sizeof expected);
    } else {
        rv_device_log(device, RV_LOG_INFO, "%s: not this driver's or this build's, ignored", path);
    }
    free(data);
}

static enum rv_status save(const struct rv_device *device) {
    const struct rv_tuning *tuning = device->tuning;
    enum rv_status status = RV_OK;
    struct header header;
    char path[600];
    size_t size = tuning->count * sizeof(struct entry);
    if (!device->cache_dir[0])
        return RV_OK;
    uint8_t *data = malloc(sizeof header + size);
    if (!data)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory");
    identify(device, &header, path, sizeof path);
    header.count = tuning->count;
    header.hash = rv_hash_bytes(RV_HASH_START, tuning->entries, size);
    memcpy(data, &header, sizeof header);
    memcpy(data + sizeof header, tuning->entries, size);
    RV_TRY(rv_file_make_folder(device->cache_dir));
    RV_TRY(rv_file_write(path, data, sizeof header + size));
done:
    free(data);
    return status;
}

enum rv_status rv_tuning_create(struct rv_device *device) {
    device->tuning = calloc(1, sizeof *device->tuning);
    if (!device->tuning)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while opening a device");
    load(device);
    return RV_OK;
}

void rv_tuning_destroy(struct rv_device *device) {
    free(device->tuning);
    device->tuning = NULL;
}

uint32_t rv_tuning_known(const struct rv_device *device) {
    return device->tuning ? device->tuning->count : 0;
}

uint32_t rv_tuning_measured(const struct rv_device *device) {
    return device->tuning ? device->tuning->measured : 0;
}

// ---- Choosing and measuring

uint32_t rv_tuning_choose(const struct rv_op_context *context, const struct rv_step *step) {
    struct rv_tuning *tuning = context->recorder->device->tuning;
    uint32_t rows[RV_CONV_KERNELS], count;
    struct kind kind = kind_of(context, step);
    const struct entry *entry = tuning ? find(tuning, &kind) : NULL;
    if (entry) { // kept, so not taken on trust
        count = rv_conv_candidates(context, step, rows);
        for (uint32_t i = 0; i < count; i++)
            if (rows[i] == entry->kernel)
                return rows[i];
    }
    return rv_conv_shipped(context, step);
}

// One candidate, recorded to be run again and again.
struct trial {
    uint32_t row, repeats;
    struct rv_recorder recorder;
    double seconds; // the least so far; of the last run while there is no other
};

// Runs it once. What the device says it took, or the clock where it does not.
static enum rv_status run(struct rv_recorder *recorder, double *seconds) {
    enum rv_status status;
    uint64_t value;
    double begun = rv_clock_seconds();
    RV_TRY(rv_recorder_submit(recorder, &value));
    RV_TRY(rv_device_wait(recorder->device, value));
    *seconds = rv_clock_seconds() - begun;
    if (recorder->queries)
        RV_TRY(rv_recorder_times(recorder, seconds));
done:
    return status;
}

static enum rv_status begin_trial(struct rv_op_context context, const struct rv_step *step,
                                  struct trial *trial) {
    enum rv_status status;
    struct rv_device *device = context.recorder->device;
    trial->repeats = device->info.type == RV_DEVICE_CPU ? 1 : REPEATS; // there steps are long
    RV_TRY(rv_recorder_init(&trial->recorder, device, REPEATS * DISPATCHES));
    RV_TRY(rv_recorder_time(&trial->recorder));
    context.recorder = &trial->recorder;
    context.kernel = 1 + trial->row;
    for (uint32_t i = 0; i < trial->repeats; i++) // one after the other, since they write the same
        RV_TRY(rv_op_record(&context, step));
    RV_TRY(rv_recorder_end(&trial->recorder));
    RV_TRY(run(&trial->recorder, &trial->seconds)); // warms up, and on some drivers compiles
    RV_TRY(run(&trial->recorder, &trial->seconds));
done:
    return status;
}

static void report(struct rv_device *device, const struct rv_step *step, const struct trial *trials,
                   uint32_t count, uint32_t best) {
    char text[256] = "";
    for (uint32_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s %s %.3f ms", i ? "," : "",
                 rv_conv_kernels[trials[i].row].name, trials[i].seconds / trials[i].repeats * 1e3);
    rv_device_log(device, RV_LOG_DEBUG, "tuning: %s: %s of%s", step->label,
                  rv_conv_kernels[trials[best].row].name, text);
}

// The step's result is in its target afterwards, or (if it adds to it) something like it.
static enum rv_status measure_step(const struct rv_op_context *context,
                                   const struct rv_step *step) {
    enum rv_status status = RV_OK;
    struct rv_device *device = context->recorder->device;
    struct rv_tuning *tuning = device->tuning;
    struct trial trials[RV_CONV_KERNELS] = {0};
    uint32_t rows[RV_CONV_KERNELS], count = rv_conv_candidates(context, step, rows), best = 0;
    for (uint32_t i = 0; i < count; i++) {
        trials[i].row = rows[i];
        RV_TRY(begin_trial(*context, step, &trials[i]));
    }
    for (uint32_t round = 1; round < ROUNDS && trials[0].seconds < trials[0].repeats * LONG;
         round++)
        for (uint32_t i = 0; i < count; i++) { // in turns: a disturbance meets them all
            double seconds;
            RV_TRY(run(&trials[i].recorder, &seconds));
            if (seconds < trials[i].seconds)
                trials[i].seconds = seconds;
        }
    for (uint32_t i = 1; i < count; i++)
        if (trials[i].seconds < (best ? trials[best].seconds : CLEARLY * trials[0].seconds))
            best = i;
    report(device, step, trials, count, best);
    tuning->entries[tuning->count++] =
        (struct entry){.kind = kind_of(context, step), .kernel = trials[best].row};
    tuning->measured++;
done:
    for (uint32_t i = 0; i < count; i++)
        rv_recorder_finish(&trials[i].recorder);
    return status;
}

static bool is_wanted(const struct rv_op_context *context, const struct rv_step *step) {
    struct rv_tuning *tuning = context->recorder->device->tuning;
    uint32_t rows[RV_CONV_KERNELS];
    if (step->op != RV_OP_CONV || tuning->count == KINDS_MAX)
        return false;
    struct kind kind = kind_of(context, step);
    return !find(tuning, &kind) && rv_conv_candidates(context, step, rows) > 1;
}

enum rv_status rv_tuning_begin(const struct rv_op_context *of, struct rv_tuning_run *run) {
    enum rv_status status = RV_OK;
    struct rv_op_context context = *of;
    struct rv_recorder recorder;
    uint32_t rows[RV_CONV_KERNELS];
    *run = (struct rv_tuning_run){0};
    if (!of->recorder->device->tuning)
        return RV_OK;
    rv_recorder_foresee(&recorder, of->recorder->device);
    context.recorder = &recorder;
    for (uint32_t i = 0; i < context.plan->step_count; i++)
        if (is_wanted(&context, &context.plan->steps[i]))
            run->end = i + 1;
    for (uint32_t i = 0; i < run->end; i++) {
        const struct rv_step *step = &context.plan->steps[i];
        uint32_t count = is_wanted(&context, step) ? rv_conv_candidates(&context, step, rows) : 0;
        for (uint32_t j = 0; j < count; j++) {
            context.kernel = 1 + rows[j];
            RV_TRY(rv_op_record(&context, step));
        }
        context.kernel = 0;
        RV_TRY(rv_op_record(&context, step));
    }
done:
    return status;
}

// Runs a step, so that those behind it find what they read. On its own: others may want the queue.
static enum rv_status run_step(struct rv_op_context context, const struct rv_step *step) {
    enum rv_status status;
    struct rv_recorder recorder = {0};
    RV_TRY(rv_recorder_init(&recorder, context.recorder->device, DISPATCHES));
    context.recorder = &recorder;
    RV_TRY(rv_op_record(&context, step));
    RV_TRY(rv_recorder_run(&recorder));
done:
    rv_recorder_finish(&recorder);
    return status;
}

static void keep(struct rv_device *device, const struct rv_tuning_run *run) {
    struct rv_error_kept error;
    rv_device_log(device, RV_LOG_INFO, "tuning: %u kinds of convolution measured in %.2f s",
                  run->measured, run->seconds);
    rv_error_keep(&error);
    if (save(device) != RV_OK)
        rv_device_log(device, RV_LOG_INFO, "tuning not kept: %s", rv_error_text());
    rv_error_put_back(&error);
}

enum rv_status rv_tuning_advance(const struct rv_op_context *context, struct rv_tuning_run *run,
                                 double most_flops) {
    enum rv_status status;
    const struct rv_step *steps = context->plan->steps;
    double begun = rv_clock_seconds(), flops = 0;
    bool measures = false;
    do {
        const struct rv_step *step = &steps[run->next];
        measures = is_wanted(context, step);
        RV_TRY(measures ? measure_step(context, step) : run_step(*context, step));
        run->measured += measures;
        flops += step->flops;
        run->next++;
    } while (!measures && run->next < run->end && flops + steps[run->next].flops <= most_flops);
    run->seconds += rv_clock_seconds() - begun;
    if (run->seconds > SECONDS_MAX)
        run->end = run->next;
    if (run->next == run->end && run->measured > 0)
        keep(context->recorder->device, run);
done:
    return status;
}
