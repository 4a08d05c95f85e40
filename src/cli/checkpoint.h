// What an interrupted dream leaves beside its output, OUT.resume, to be resumed from: the picture
// at the end of an octave, the recipe, and what tells the photograph from another. A safetensors
// file with the tensor "picture" of float32, [height, width, 3].
#ifndef RV_CLI_CHECKPOINT_H
#define RV_CLI_CHECKPOINT_H

#include <jansson.h>

#include "reverie/reverie.h"

struct rv_checkpoint {
    struct rv_session_state state; // owned
    uint32_t steps;                // done till then
};

// The file that belongs to an output. RV_ERR_USAGE if the path is too long.
enum rv_status rv_checkpoint_path(const char *output, char *path, size_t capacity);

// A number that tells one photograph's pixels from another's.
uint64_t rv_checkpoint_hash(const struct rv_picture *picture);

// Writes it, whole or not at all. `recipe` is what rv_recipe_describe makes.
enum rv_status rv_checkpoint_write(const char *path, const struct rv_checkpoint *checkpoint,
                                   const json_t *recipe, uint64_t picture_hash);

// Reads it; where there is no such file, state.octave is 0. RV_ERR_INPUT: it is none of ours, or of
// another photograph, or of other parameters, weights or another version; the text names what
// differs. The state is freed with rv_session_state_free.
enum rv_status rv_checkpoint_read(const char *path, const json_t *recipe, uint64_t picture_hash,
                                  struct rv_checkpoint *checkpoint);

#endif
