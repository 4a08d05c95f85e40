// Bindings, push constants and sizes of the kernels that give the finished picture its colours.
#ifndef RV_LAYOUT_TONES_H
#define RV_LAYOUT_TONES_H

#include "layout/types.h"

// Histograms have so many bins over the network's range [-1, 1]; values beyond it count at its ends.
#define RV_TONES_BINS 4096
#define RV_TONES_PLANES 3 // of a histogram: red, green, blue; or luma in the first alone

#define RV_BLEND_PICTURE 0
#define RV_BLEND_ORIGINAL 1
#define RV_BLEND_TARGET 2

#define RV_BLEND_SPEC_COLORS 0 // the original's chroma

#define RV_HISTOGRAM_COUNTS 0
#define RV_HISTOGRAM_PICTURE 1

#define RV_HISTOGRAM_SPEC_LUMA 0

#define RV_TABLE_TARGET 0 // for each bin, what its ends become
#define RV_TABLE_COUNTS 1
#define RV_TABLE_WANTED 2 // the counts that the picture shall have

#define RV_TABLE_SPEC_STRETCH 0 // not to match: only where black and white are

#define RV_TONES_PICTURE 0
#define RV_TONES_TABLE 1

#define RV_TONES_SPEC_STRETCH 0

struct rv_tones_push {
    RV_UINT pixels;
    RV_FLOAT share; // blend: of the dream; stretch: of the pixels below white
};

#endif
