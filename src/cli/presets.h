// Presets: the library's, and those that users keep as JSON files.
#ifndef RV_CLI_PRESETS_H
#define RV_CLI_PRESETS_H

#include "reverie/reverie.h"

// Applies what --preset gives: a name of rv_presets(); a file NAME.json, or the one of that name in
// the user's folder, an object of parameters. RV_ERR_USAGE if there is none of that name.
enum rv_status rv_preset_apply(const char *name, struct rv_params *params);

#endif
