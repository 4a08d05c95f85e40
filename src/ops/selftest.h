// The profiles' self-test: does this driver compute what the kernels say?
#ifndef RV_OPS_SELFTEST_H
#define RV_OPS_SELFTEST_H

#include "vk/device.h"

// Runs the convolutions of the profile in use, at small odd sizes, forward and backward, against
// plain C, unless the device is known to have passed; a profile that fails is given up for the next
// (see rv_device_judge_profile), and so on to the scalar one, which is what the others are measured
// by on every device and is not tested here. What was found is kept in the cache folder.
// REVERIE_SELFTEST_FAULT=PROFILE makes that profile's test fail, by a wrong weight: to see the
// guard at work; it neither uses nor changes what is kept.
enum rv_status rv_op_settle_profile(struct rv_device *device);

#endif
