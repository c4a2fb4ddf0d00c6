#pragma once

#include "deepmd/edges.h"
#include "deepmd/gpu_device.h"

namespace deepmd::gpu {

/// Sums atom_virial [natoms, 9] over the atoms of each frame to virial [nframes, 9]; all arrays are on the device.
void sum_frames(const GpuDevice& device, const FrameSplits& frames, int64_t natoms, const double* atom_virial,
                double* virial);

}  // namespace deepmd::gpu
