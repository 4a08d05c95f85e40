// The program `reverie`: finds the command, runs it, says what went wrong.
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/help.h"

static const char *const all_parameters[] = {"*", NULL};
// One step follows another for ever, and none leaves the range that can be shown.
static const char *const live_parameters[] = {"preset",       "layers",   "objective", "octaves",
                                              "octave-scale", "step",     "jitter",    "border",
                                              "normalize",    "strength", "seed",      "precision",
                                              "octave-sizes", "min-size", NULL};
static const char *const see_parameters[] = {"objective", "seed", "precision", NULL};
static const char *const probe_parameters[] = {
    "layers", "objective",    "border",       "precision",      "guide",          "guide-match",
    "style",  "style-layers", "style-weight", "content-layers", "content-weight", "dream-weight",
    NULL};

const struct rv_command rv_commands[] = {
    {"dream", "IN... [-o OUT] [options]", "dream on photographs",
     "Dreams on the picture IN (\"-\" = standard input) and writes OUT (\"-\" = standard output, and\n"
     "nothing else is said). PNG, JPEG, PPM and PAM, and, as the build has them, WebP, TIFF and EXR:\n"
     "what IN is, its first bytes tell; OUT is what --format or its name says. Without -o the result\n"
     "of photo.jpg is photo.dream.png beside it. An existing file is not replaced without\n"
     "--overwrite. The result keeps all parameters and the seed (a JPEG does not); --like takes them\n"
     "from there, and options given beside it count more. `reverie layers` lists the layers.\n"
     "Several pictures, a folder (its pictures, in the order of their names) or a quoted pattern\n"
     "such as 'in/*.tif': then -o names a folder, made if it is not there. In it, or else beside\n"
     "each, a.jpg becomes a.dream.png, or what --format says. Results that are there already are\n"
     "skipped, unless --overwrite; files named *.dream.* are no photographs. A picture that fails\n"
     "does not stop the others: exit code 7.\n"
     "Ctrl-C stops after the current step. A dream that takes longer than ten seconds leaves\n"
     "OUT.resume at each octave's end, until OUT is written: the same command with --resume goes on\n"
     "there, and gives the same bytes. It refuses what is of another photograph or other parameters.\n"
     "With --resume a checkpoint is written at every octave's end, however soon.",
     all_parameters, RV_CLI_DREAM, 1, RV_MANY, rv_command_dream},
    {"studio", "[PHOTO] [options]", "dream in the browser",
     "Serves a page on this machine, prints its address, and opens it: drop a photograph there,\n"
     "watch it dream, and change everything meanwhile. The page works offline. Nobody else can open\n"
     "it: the address holds a secret made at every start, and only 127.0.0.1 is listened on.\n"
     "Parameters given here are those it begins with. Ctrl-C ends it. A reverie built without\n"
     "libmicrohttpd says so and exits with 2.",
     all_parameters, RV_CLI_STUDIO, 0, 1, rv_command_studio},
    {"presets", "[NAME|FILE.json] [options]", "list the presets, or make one",
     "Lists the presets and where they differ from the default one. With NAME or options it prints\n"
     "that preset, with the options in place of its own, as JSON: kept in a file, such as\n"
     "mine.json, it is what `--preset mine.json` takes. Those in ~/.config/reverie/presets (or\n"
     "$XDG_CONFIG_HOME/reverie/presets) go by their bare names: --preset mine.",
     all_parameters, RV_CLI_PRESETS, 0, 1, rv_command_presets},
    {"live", "[-i FILE] [-o FILE] [options]", "dream on a camera or a video",
     "Dreams on a camera's frames and shows them in a window; what was dreamed is carried along by the\n"
     "optical flow, and deepens where nothing moves. The input is one of:\n"
     "  a camera, /dev/video0 and so on (YUYV, NV12 or MJPEG)\n"
     "  a y4m file, or raw frames of --pixel-format and --size\n"
     "  any video file, or lavfi:GRAPH for a picture of ffmpeg's, as lavfi:testsrc2=size=640x480\n"
     "  \"-\", y4m or another video on standard input\n"
     "and the output one of:\n"
     "  window, where keys change the dream: H lists them\n"
     "  a file that ends in .y4m, .mjpeg or .raw, or \"-\", y4m on standard output\n"
     "  a device of v4l2loopback, which other programs take for a camera\n"
     "  none, for --bench\n"
     "Of a camera only the newest frame is dreamed on; of a file every one, unless --realtime. Ctrl-C\n"
     "ends a run: the output is complete then, and the exit code 0, as when whoever reads the output\n"
     "has closed it. Without a word about it steps, octaves and the size that is dreamed on give way\n"
     "until a camera's rate is held. A reverie built without SDL2 or libavformat says so where they\n"
     "are needed, and exits with 2.",
     live_parameters, RV_CLI_LIVE, 0, 0, rv_command_live},
    {"devices", "[--json]", "list the Vulkan devices",
     "Lists the Vulkan devices, what they offer, and why one cannot be used.", NULL, RV_CLI_DEVICES,
     0, 0, rv_command_devices},
    {"layers", "[--all] [--json]", "list the layers that a dream can name",
     "Lists the blocks of InceptionV3 under Keras' and torchvision's names, their channels, how\n"
     "many picture pixels lie between neighbouring positions (stride), how wide a part of the\n"
     "picture one position depends on (field), and whether the weights reach them.\n"
     "conv2d_N is a convolution's output before batch normalisation, batch_normalization_N before\n"
     "and activation_N after its ReLU; torchvision's X.conv, X.bn and X are the same three.",
     NULL, RV_CLI_LAYERS, 0, 0, rv_command_layers},
    {"weights fetch", "", "obtain the default weights",
     "Fetches the npm package nsfwjs (25 MB) through npm, checks its hash, and imports the model\n"
     "inside it. Nothing of the package is run. Weights that are there already are left alone.",
     NULL, RV_CLI_FETCH, 0, 0, rv_command_fetch},
    {"weights import", "SOURCE [-o FILE] [--fp16]", "make a weights file for reverie",
     "Reads the InceptionV3 weights in SOURCE and writes them as one safetensors file, by default\n"
     "where `reverie dream` looks for it. SOURCE is one of:\n"
     "  the unpacked npm package nsfwjs, or its folder dist/models/inception_v3 (up to mixed5)\n"
     "  Keras' inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 (all layers)\n"
     "  a safetensors file with timm's or torchvision's names (all layers)\n"
     "  a file that reverie wrote",
     NULL, RV_CLI_IMPORT, 1, 1, rv_command_import},
    {"weights verify", "[FILE]", "check a weights file",
     "Checks names, types, shapes, finiteness and hashes of FILE, or of the file that `reverie\n"
     "dream` would use.",
     NULL, RV_CLI_VERIFY, 0, 1, rv_command_verify},
    {"probe", "PHOTO [options]", "run the network once, for study",
     "Takes PHOTO at its own size (or --size), scales it to [-1, 1], runs the network once forward\n"
     "and once backward, and prints the objective. Writes the gradient and activations as float32\n"
     "arrays of shape [height, width, channels] in NumPy's format; existing files are replaced.",
     probe_parameters, RV_CLI_PROBE, 1, 1, rv_command_probe},
    {"see", "--layer NAME [--channel N] [options]", "grow a picture that shows what a channel sees",
     "Grows a picture from noise that makes a layer or one of its channels answer most, as lucid\n"
     "does: Adam on the picture's spectrum in decorrelated colours, the network's view of it shifted,\n"
     "scaled and turned a little in every step. Without -o, channel 77 of mixed4 is written to\n"
     "mixed4-77.png. The PNG keeps all parameters and the seed.",
     see_parameters, RV_CLI_SEE, 0, 0, rv_command_see},
    {"atlas", "--layer NAME [--channels FIRST-LAST] [-o OUT]",
     "see all channels of a layer on one sheet",
     "Grows a picture for each channel, as `reverie see` does, and puts them on one labelled sheet, by\n"
     "default NAME.atlas.png. Finished pictures are kept beside it, in the folder OUT.tiles, and used\n"
     "again when their parameters are the same: after Ctrl-C the same command goes on where it was.\n"
     "A channel that nothing excites is left grey.",
     see_parameters, RV_CLI_ATLAS, 0, 0, rv_command_atlas},
    {"completions", "bash|zsh|fish", "print completions for a shell",
     "Prints what makes the shell complete commands, options and their values. For the shell that is\n"
     "running: source <(reverie completions bash).",
     NULL, RV_CLI_COMPLETIONS, 1, 1, rv_command_completions},
    {0}};

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static int exit_code(enum rv_status status) {
    if (status == RV_CLI_PARTIAL)
        return 7;
    switch (status) {
    case RV_OK:
        return 0;
    case RV_ERR_USAGE:
        return 2;
    case RV_ERR_NO_DEVICE:
        return 3;
    case RV_ERR_WEIGHTS:
        return 4;
    case RV_ERR_NO_MEMORY:
        return 5;
    case RV_ERR_DEVICE_LOST:
        return 6;
    case RV_ERR_CANCELLED:
        return 130;
    case RV_ERR_INPUT:
    case RV_ERR_IO:
    case RV_ERR_NUMERIC:
        break;
    }
    return 1;
}

// Finds the command that argv[first...] names, in one word or two; *words says in how many.
static const struct rv_command *find_command(int argc, char **argv, int first, int *words) {
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        char name[32];
        *words = strchr(command->name, ' ') ? 2 : 1;
        if (first + *words > argc)
            continue;
        snprintf(name, sizeof name, "%s%s%s", argv[first], *words == 2 ? " " : "",
                 *words == 2 ? argv[first + 1] : "");
        if (strcmp(name, command->name) == 0)
            return command;
    }
    return NULL;
}

static enum rv_status fail_command(int argc, char **argv, int first) {
    const char *nearest = rv_commands[0].name;
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", argv[first], first + 1 < argc ? " " : "",
             first + 1 < argc ? argv[first + 1] : "");
    if (strcmp(argv[first], "weights") == 0)
        return rv_fail(RV_ERR_USAGE, "weights: write `reverie weights fetch`, `reverie weights "
                                     "import SOURCE` or `reverie weights verify [FILE]`");
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        const char *given = strchr(command->name, ' ') ? name : argv[first];
        const char *given_before = strchr(nearest, ' ') ? name : argv[first];
        if (rv_edit_distance(given, command->name) < rv_edit_distance(given_before, nearest))
            nearest = command->name;
    }
    bool close = rv_may_mean(strchr(nearest, ' ') ? name : argv[first], nearest);
    return rv_fail(RV_ERR_USAGE, "there is no command \"%s\":%s%s%s `reverie help` lists them",
                   argv[first], close ? " did you mean \"" : "", close ? nearest : "",
                   close ? "\"?" : "");
}

// `word` alone may stand for several commands of two words.
static bool help_group(const char *word) {
    size_t length = strlen(word);
    bool found = false;
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        if (strncmp(command->name, word, length) != 0 || command->name[length] != ' ')
            continue;
        printf("%s", found ? "\n" : "");
        rv_help_command(stdout, command);
        found = true;
    }
    return found;
}

static enum rv_status help(int argc, char **argv) {
    int words;
    if (argc <= 2) {
        rv_help_overview(stdout);
        return RV_OK;
    }
    if (strcmp(argv[2], "--man") == 0) { // for the installation; a reader has `man reverie`
        rv_help_man(stdout);
        return RV_OK;
    }
    const struct rv_command *command = find_command(argc, argv, 2, &words);
    if (command)
        rv_help_command(stdout, command);
    else if (!help_group(argv[2]))
        return fail_command(argc, argv, 2);
    return RV_OK;
}

static enum rv_status run_command(int argc, char **argv) {
    struct rv_arguments arguments;
    int words;
    const struct rv_command *command = find_command(argc, argv, 1, &words);
    bool asks = argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
    if (!command && asks && help_group(argv[1]))
        return RV_OK;
    if (!command)
        return fail_command(argc, argv, 1);
    enum rv_status status = rv_arguments_parse(command, argc - words, argv + words, &arguments);
    if (status != RV_OK)
        return status;
    if (arguments.value[RV_CLI_HELP]) {
        rv_help_command(stdout, command);
        return RV_OK;
    }
    return command->run(&arguments);
}

// The picture formats of this build.
static void print_formats(void) {
    const char *gap = "pictures: ";
    for (int i = RV_PHOTO_PNG; i < RV_PHOTO_FORMATS; i++) {
        const struct rv_photo_format_info *about = rv_photo_format_about((enum rv_photo_format)i);
        enum rv_photo_format found;
        if (rv_photo_format_named(about->extension, &found) != RV_OK)
            continue;
        printf("%s%s", gap, about->name);
        gap = ", ";
    }
    printf("\n");
}

static enum rv_status run(int argc, char **argv) {
    if (argc < 2)
        return rv_fail(RV_ERR_USAGE, "no command: write for example `reverie dream photo.jpg`; "
                                     "`reverie help` lists the commands");
    if (strcmp(argv[1], "--version") == 0) {
        uint32_t features = rv_features();
        printf("reverie %s (%s, %s%s%s)\n", rv_version(), RV_BUILD_TYPE, COMPILER,
               features & RV_FEATURE_COOPMAT ? ", coopmat" : "",
               features & RV_FEATURE_COOPMAT2 ? ", coopmat2" : "");
        print_formats();
        return RV_OK;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0)
        return help(argc, argv);
    return run_command(argc, argv);
}

int main(int argc, char **argv) {
    enum rv_status status = run(argc, argv);
    if (status == RV_OK && fflush(stdout) != 0)
        status = rv_fail(RV_ERR_IO, "standard output: cannot write: check where it goes");
    if (status != RV_OK)
        fprintf(stderr, "reverie: %s\n", rv_error_text());
    return exit_code(status);
}
