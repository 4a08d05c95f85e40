// The same library from C++.
#include "layers.h"

#include <algorithm>
#include <string>

#include <reverie/reverie.h>

unsigned count_layers() {
    std::uint32_t count = 0;
    const rv_layer_info *layers = rv_layers(&count);
    rv_params params{}, resolved{};
    bool sound = std::all_of(layers, layers + count, [](const rv_layer_info &layer) {
        return rv_layer_find(layer.name) == &layer;
    });
    sound = sound && rv_params_resolve(&params, &resolved) == RV_OK &&
            std::string(resolved.preset) == rv_presets(nullptr)->name;
    return sound ? count : 0;
}
