// What a picture remembers about how it was made: JSON, stored where its format has a place for it.
#ifndef RV_FORMATS_RECIPE_H
#define RV_FORMATS_RECIPE_H

#include <jansson.h>

#include "formats/picture.h"
#include "reverie/reverie.h"
#include "reverie/see.h"

// All resolved parameters as a JSON object, one member for each row of rv_options() that is set.
// NULL if memory is short. The caller owns it.
json_t *rv_recipe_parameters(const struct rv_params *resolved);

// How a picture came about. Everything is borrowed.
struct rv_making {
    uint32_t width, height; // pixels
    const struct rv_device_info *device;
    const char *weights_path; // NULL = the default place; only the file's name is told
    const rv_weights *weights;
    const struct rv_params *params; // resolved; NULL = it was not dreamed
    uint64_t size; // longest side that the photograph was resized to; 0 = it was not
};

// The same as JSON: what is stored, for a program to add to. NULL if memory is short. The caller
// owns it.
json_t *rv_recipe_describe(const struct rv_making *making);

// The parameters of a picture that was grown for a layer, as a JSON object. NULL if memory is
// short. The caller owns it.
json_t *rv_recipe_see(const struct rv_see_params *resolved);

// Replaces the photo's text by the recipe, which is dropped; NULL is a lack of memory.
enum rv_status rv_recipe_attach(json_t *recipe, struct rv_photo *photo);

// Reads back what a result holds: fills *params and, if the picture was resized, *size (longest
// side; else 0). `text` is a photo's, NULL included; `name` only appears in errors. RV_ERR_INPUT if
// there is nothing of ours in it, or nothing sensible.
enum rv_status rv_recipe_parse(const char *text, const char *name, struct rv_params *params,
                               uint64_t *size);

// What the recipe in a photo's text (NULL included) says of a parameter that is a picture: what it
// can be known again by, "" = there was none.
void rv_recipe_picture(const char *text, const char *option, char *identity, size_t capacity);

// Sets those parameters that are members of the object, but pictures. RV_ERR_INPUT names `name` and
// the member.
enum rv_status rv_recipe_apply(const json_t *object, const char *name, struct rv_params *params);

// The same from a file.
enum rv_status rv_recipe_read(const char *path, struct rv_params *params, uint64_t *size);

// A recipe only names the pictures among its parameters. RV_ERR_USAGE if the file's has one that
// `params` lack, such as a mask; another one in its place is the caller's choice.
enum rv_status rv_recipe_check_pictures(const char *path, const struct rv_params *params);

// A text of any origin as a JSON string: bytes that are no UTF-8 (in file names) become "?".
json_t *rv_json_text(const char *text);

// Prints `result` on standard output as one JSON object and drops it.
enum rv_status rv_json_print(json_t *result);

#endif
