// A whole dream in one call.
#include "dream/session.h"

enum rv_status rv_dream(rv_context *context, const rv_weights *weights,
                        const struct rv_picture *input, const struct rv_params *params,
                        rv_progress_fn progress, void *progress_user, struct rv_picture *output,
                        struct rv_dream_stats *stats) {
    rv_session *session;
    if (output)
        *output = (struct rv_picture){0};
    if (stats)
        *stats = (struct rv_dream_stats){0};
    if (!context || !weights || !input || !input->pixels || !output)
        return rv_fail(RV_ERR_USAGE, "rv_dream needs a context, weights, a picture and an output");
    enum rv_status status = rv_session_begin(context, weights, input, params, &session);
    if (status != RV_OK)
        return status;
    session->progress = progress;
    session->progress_user = progress_user;
    while (status == RV_OK && !rv_session_finished(session))
        status = rv_session_advance(session, &(struct rv_advance_params){.ahead = true}, NULL);
    if (status == RV_OK) {
        status = rv_session_picture(session, output);
    } else if (status == RV_ERR_CANCELLED) {
        enum rv_status shown = rv_session_picture(session, output);
        status = shown == RV_OK ? status : shown;
    }
    if (stats)
        rv_session_stats(session, stats);
    rv_session_end(&session);
    return status;
}
