// The pictures that the objective compares with. Of a guide whose columns or channel sums count,
// and of a style, the features alone are made on the device, once for an octave, by a plan of their
// own over the network's arena. The content, and a guide that counts position by position, are
// pictures of the octave's size, whose layers every gradient computes anew: they are rolled as the
// picture is.
#ifndef RV_DREAM_REFERENCE_H
#define RV_DREAM_REFERENCE_H

#include "dream/budget.h"
#include "dream/network.h"

#define RV_GUIDE_SIDE 512 // pixels, longest side at which a guide's features are made (crowsonkb)

struct rv_references {
    const struct rv_picture *guide, *style; // borrowed; NULL where no target needs it
};

// Sets in the request what of its plan depends on the guide.
void rv_references_request(const struct rv_references *references, struct rv_plan_request *request);

// What making the features of all these pictures' dreams takes: bytes of the arena, and of a
// picture beside it. Both 0 if there are none.
enum rv_status rv_references_bytes(const struct rv_references *references,
                                   const struct rv_plan_request *request,
                                   const struct rv_extent *pictures, uint32_t count,
                                   uint64_t *arena, uint64_t *picture);

// RV_ERR_USAGE if a target needs the whole picture, and the tiling cuts it.
enum rv_status rv_references_check(const struct rv_plan_request *request,
                                   const struct rv_tiling *tiling);

// Makes the features, and the guide's picture, for a dream of that size. The network is ready;
// nothing else is needed of its arena and its control yet. Waits.
enum rv_status rv_references_make(const struct rv_references *references,
                                  const struct rv_network *network,
                                  const struct rv_plan_request *request, struct rv_extent size);

// Makes the content's picture from one on the device. Waits.
enum rv_status rv_references_content(const struct rv_network *network, struct rv_range picture,
                                     struct rv_extent from, struct rv_extent to);

#endif
