#include "studio/live.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

// ------------------------------------------------------------------------------------------------
// The desk

void rv_live_desk_close(struct rv_live_desk *desk) {
    rv_live_end(&desk->live);
    rv_settings_release(&desk->settings);
    *desk = (struct rv_live_desk){0};
}

static void remember(struct rv_live_desk *desk, const struct rv_settings *settings,
                     const struct rv_live_params *params) {
    struct rv_settings before = desk->settings;
    rv_settings_copy(settings, &desk->settings);
    rv_settings_release(&before);
    desk->params = *params;
}

static enum rv_status prepare(struct rv_live_desk *desk, rv_context *context,
                              const rv_weights *weights, const struct rv_settings *settings,
                              const struct rv_live_params *params, const struct rv_frame *frame) {
    bool same = memcmp(&desk->settings.params, &settings->params, sizeof settings->params) == 0;
    bool same_live = memcmp(&desk->params, params, sizeof *params) == 0;
    enum rv_status status = RV_OK;
    if (desk->live && (desk->width != frame->width || desk->height != frame->height))
        rv_live_desk_close(desk);
    if (!desk->live)
        RV_TRY(rv_live_begin(context, weights, frame->width, frame->height, &settings->params,
                             params, &desk->live));
    else if (!same || !same_live)
        RV_TRY(
            rv_live_change(desk->live, same ? NULL : &settings->params, same_live ? NULL : params));
    desk->width = frame->width;
    desk->height = frame->height;
    remember(desk, settings, params);
done:
    return status;
}

enum rv_status rv_live_desk_dream(struct rv_live_desk *desk, rv_context *context,
                                  const rv_weights *weights, const struct rv_settings *settings,
                                  const struct rv_live_params *params, struct rv_live_job *job) {
    enum rv_status status = prepare(desk, context, weights, settings, params, job->in);
    if (status == RV_OK)
        status = rv_live_frame(desk->live, job->in, job->out, &job->stats);
    if (status != RV_OK)
        rv_live_desk_close(desk);
    return status;
}

// ------------------------------------------------------------------------------------------------
// The table

static const char *const switches[] = {"on", "off", NULL};

static const struct rv_option options[] = {
    {"steps", "N", RV_OPTION_INT, 0, 64, NULL, "steps",
     "steps a frame; 0 = as many as the rate leaves time for"},
    {"rate", "X", RV_OPTION_REAL, 0.1, 120, NULL, "frames a second", "to hold, if steps is 0"},
    {"size-limit", "N", RV_OPTION_INT, 75, 4096, NULL, "pixels",
     "longer side of the picture that is dreamed on"},
    {"decay", "X", RV_OPTION_REAL, 0, 1, NULL, "",
     "share of the dream that is left from frame to frame; 0 = each begins anew"},
    {"strength", "X", RV_OPTION_REAL, 0, 4, NULL, "", "of the dream in what is shown; 0 = unseen"},
    {"flow", "SWITCH", RV_OPTION_CHOICE, 0, 0, switches, "",
     "the dream moves along with what is seen"},
    {"scene-cut", "X", RV_OPTION_REAL, 0, 1, NULL, "",
     "share of a frame that must be new for the dream to begin anew; 0 = never"},
};

enum row { ROW_STEPS, ROW_RATE, ROW_SIZE, ROW_DECAY, ROW_STRENGTH, ROW_FLOW, ROW_CUT, ROWS };
_Static_assert(sizeof options / sizeof options[0] == ROWS, "a row for each option");

// What rv_live_params says its zeros are.
static const double usual[ROWS] = {0, 30, 640, 0.92, 1, 0, 0.6};

const struct rv_option *rv_live_options(uint32_t *count) {
    *count = ROWS;
    return options;
}

static int find(const char *name) {
    for (int i = 0; i < ROWS; i++)
        if (strcmp(options[i].name, name) == 0)
            return i;
    return ROWS;
}

// Where RV_OFF is what is meant by 0.
static float or_off(double value) {
    return value == 0 ? RV_OFF : (float)value;
}

static void set(struct rv_live_params *params, enum row row, double value) {
    switch (row) {
    case ROW_STEPS:
        params->steps = (uint32_t)value;
        break;
    case ROW_RATE:
        params->rate = (float)value;
        break;
    case ROW_SIZE:
        params->size_limit = (uint32_t)value;
        break;
    case ROW_DECAY:
        params->decay = or_off(value);
        break;
    case ROW_STRENGTH:
        params->strength = or_off(value);
        break;
    case ROW_FLOW:
        params->no_flow = value != 0;
        break;
    case ROW_CUT:
        params->scene_cut = or_off(value);
        break;
    case ROWS:
        break;
    }
}

static double get(const struct rv_live_params *params, enum row row) {
    const double values[ROWS] = {params->steps,
                                 (double)params->rate,
                                 params->size_limit,
                                 (double)params->decay,
                                 (double)params->strength,
                                 params->no_flow,
                                 (double)params->scene_cut};
    return values[row] == 0 ? usual[row] : values[row] < 0 ? 0 : values[row];
}

enum rv_status rv_live_params_set(struct rv_live_params *params, const char *name,
                                  const char *value) {
    int row = find(name);
    char *end;
    if (row == ROWS)
        return rv_fail(RV_ERR_USAGE, "there is no parameter \"%s\" of live dreams", name);
    const struct rv_option *option = &options[row];
    if (!*value) {
        set(params, (enum row)row, usual[row]);
        return RV_OK;
    }
    double number = strtod(value, &end);
    if (option->type == RV_OPTION_CHOICE) {
        bool off = strcmp(value, "off") == 0;
        if (!off && strcmp(value, "on") != 0)
            return rv_fail(RV_ERR_USAGE, "%s: give on or off", name);
        number = off;
    } else if (end == value || *end || !(number >= option->minimum && number <= option->maximum) ||
               (option->type == RV_OPTION_INT && number != floor(number)))
        return rv_fail(RV_ERR_USAGE, "%s: give a%s number from %g to %g", name,
                       option->type == RV_OPTION_INT ? " whole" : "", option->minimum,
                       option->maximum);
    set(params, (enum row)row, number);
    return RV_OK;
}

void rv_live_params_get(const struct rv_live_params *params, const char *name, char *value,
                        size_t capacity) {
    int row = find(name);
    value[0] = '\0';
    if (row == ROWS)
        return;
    double number = get(params, (enum row)row);
    if (options[row].type == RV_OPTION_CHOICE)
        snprintf(value, capacity, "%s", number != 0 ? "off" : "on");
    else
        snprintf(value, capacity, "%.6g", number);
}
