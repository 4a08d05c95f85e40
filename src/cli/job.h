// One picture's way through `reverie dream`: loaded, dreamed on, saved; and what is the same for
// all pictures of a command line.
#ifndef RV_CLI_JOB_H
#define RV_CLI_JOB_H

#include <jansson.h>

#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/pictures.h"
#include "cli/progress.h"

// What was asked for, checked as far as it can be before anything slow.
struct rv_job {
    const struct rv_arguments *arguments; // borrowed
    bool quiet, json, overwrite, resume;
    uint64_t size;                         // longest side; 0 = as it is
    struct rv_params params;               // resolved
    struct rv_picture_parameters pictures; // those among them
    struct rv_photo_save_params save;
    const char *preview; // file; NULL = none
    uint32_t preview_every;
    const char *steps_folder; // NULL = none
    struct rv_inputs inputs;
    rv_weights *weights;
    rv_context *context;
    double begun; // the clock at first
};

// A picture on its way.
struct rv_work {
    const struct rv_input *input; // borrowed from the job
    struct rv_photo photo;        // owned
    struct rv_dream_stats stats;
    uint32_t resumed;     // the octave that its checkpoint ended; 0 = none
    bool checkpoint;      // one is beside the output
    double start_seconds; // from the program's start to the first step
    enum rv_status status;
    char error[1024]; // if that failed
};

// Keeps the status, and this thread's error text, with the work.
void rv_work_judge(struct rv_work *work, enum rv_status status);

// Decodes and resizes the picture. May be called from any thread.
enum rv_status rv_job_load(const struct rv_job *job, struct rv_work *work);
// Dreams: the photo becomes the result, its recipe inside. Previews, single steps and checkpoints
// are written meanwhile. RV_ERR_CANCELLED says what is left behind.
enum rv_status rv_job_dream(const struct rv_job *job, struct rv_work *work,
                            struct rv_progress_line *line);
// Encodes and writes; then the checkpoint is no longer needed. May be called from any thread.
enum rv_status rv_job_save(const struct rv_job *job, struct rv_work *work);

// What became of it, as one JSON object. NULL if memory is short.
json_t *rv_job_describe(const struct rv_job *job, const struct rv_work *work);

// All of the job's pictures, of which there may be many: see batch.c.
enum rv_status rv_batch_run(struct rv_job *job);
// What would be done instead: see forecast.c.
enum rv_status rv_forecast_print(struct rv_job *job);

#endif
