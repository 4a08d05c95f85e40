// What the studio knows, and wishes.
#include <string.h>

#include "base/status.h"
#include "formats/recipe.h"
#include "studio/answers.h"
#include "studio/describe.h"

void rv_get_about(struct rv_studio *studio, const struct rv_request *request,
                  struct rv_reply *reply) {
    (void)request;
    rv_reply_json(reply, 200, rv_describe_studio(studio));
}

void rv_get_state(struct rv_studio *studio, const struct rv_request *request,
                  struct rv_reply *reply) {
    struct rv_dreamer_state state;
    rv_dreamer_state(studio->dreamer, rv_query_number(request, "after", 0), RV_WAIT_SECONDS,
                     &state);
    rv_reply_json(reply, 200, rv_describe_state(studio, &state));
    rv_dreamer_state_finish(&state);
}

// Sets one as a picture's recipe would have it; "" leaves it to the preset.
static enum rv_status set(struct rv_settings *settings, const char *name, const json_t *value) {
    uint32_t slot = rv_slot_find(name);
    if (slot == RV_SLOT_NONE) // what is known is read with the others
        return rv_params_set(&settings->params, name, "");
    if (!json_is_string(value))
        return rv_fail(RV_ERR_INPUT, "%s: give what a picture is known again by", name);
    rv_settings_want(settings, slot, json_string_value(value));
    return RV_OK;
}

// {"parameters": {name: value, ...}}: those named are set, "" leaves one to the preset again. With
// "only" true all others but pictures are left to the preset. A picture is named by its identity.
void rv_post_change(struct rv_studio *studio, const struct rv_request *request,
                    struct rv_reply *reply) {
    struct rv_settings settings;
    json_t *object = rv_body_object(request, reply);
    const json_t *parameters = json_object_get(object, "parameters");
    const char *name;
    json_t *value;
    enum rv_status status = RV_OK;
    if (!object)
        return;
    rv_dreamer_edit(studio->dreamer, &settings);
    if (json_is_true(json_object_get(object, "only"))) {
        settings.params = (struct rv_params){0};
        rv_settings_refer(&settings);
    }
    if (!json_is_object(parameters))
        status = rv_fail(RV_ERR_INPUT, "the request: its \"parameters\" are missing");
    json_object_foreach((json_t *)parameters, name, value) {
        if (status == RV_OK)
            status = set(&settings, name, value);
    }
    if (status == RV_OK)
        status = rv_recipe_apply(parameters, "the request", &settings.params);
    enum rv_status edited = rv_dreamer_edited(studio->dreamer, &settings, status == RV_OK);
    json_decref(object);
    rv_reply_done(reply, status == RV_OK ? edited : status);
}

// {"do": "go" | "pause" | "step" | "restart"}
void rv_post_control(struct rv_studio *studio, const struct rv_request *request,
                     struct rv_reply *reply) {
    json_t *object = rv_body_object(request, reply);
    const char *wish = json_string_value(json_object_get(object, "do"));
    if (!object)
        return;
    if (wish && strcmp(wish, "go") == 0)
        rv_dreamer_pause(studio->dreamer, false);
    else if (wish && strcmp(wish, "pause") == 0)
        rv_dreamer_pause(studio->dreamer, true);
    else if (wish && strcmp(wish, "step") == 0)
        rv_dreamer_step(studio->dreamer);
    else if (wish && strcmp(wish, "restart") == 0)
        rv_dreamer_restart(studio->dreamer);
    else
        wish = NULL;
    json_decref(object);
    if (wish)
        rv_reply_done(reply, RV_OK);
    else
        rv_api_fail(reply, 400, "the request: its \"do\" is none of go, pause, step, restart");
}

void rv_post_back(struct rv_studio *studio, const struct rv_request *request,
                  struct rv_reply *reply) {
    uint64_t id;
    if (rv_body_id(request, reply, &id))
        rv_reply_done(reply, rv_dreamer_back(studio->dreamer, id));
}

void rv_post_keep(struct rv_studio *studio, const struct rv_request *request,
                  struct rv_reply *reply) {
    uint64_t id;
    if (rv_body_id(request, reply, &id))
        rv_reply_done(reply, rv_dreamer_keep(studio->dreamer, id));
}

void rv_post_forget(struct rv_studio *studio, const struct rv_request *request,
                    struct rv_reply *reply) {
    uint64_t id;
    if (!rv_body_id(request, reply, &id))
        return;
    rv_dreamer_forget(studio->dreamer, id);
    rv_reply_done(reply, RV_OK);
}
