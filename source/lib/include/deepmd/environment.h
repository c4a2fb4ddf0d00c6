#pragma once

#include <cstdint>

#include "deepmd/device.h"
#include "deepmd/gpu_device.h"

namespace deepmd {

/// Where the smooth weight starts to fall and where it reaches zero, Å.
struct Cutoff {
  double rcut_smth;
  double rcut;
};

/// Throws InputError unless 0 <= rcut_smth < rcut and both are finite.
void check_cutoff(const Cutoff& cutoff);

/// Environment rows R = [s, s x/r, s y/r, s z/r] of edges [nedge, 3], written to rows [nedge, 4], 1/Å; and, when
/// `derivative` is not null, dR/d edge_vec [nedge, 4, 3], 1/Å^2.
void environment_rows(const CpuDevice& device, int64_t nedge, const double* edge_vec, const Cutoff& cutoff,
                      double* rows, double* derivative);

/// The same on a GPU; an edge whose length is zero or not finite has NaN.
void environment_rows(const GpuDevice& device, int64_t nedge, const double* edge_vec, const Cutoff& cutoff,
                      double* rows, double* derivative);

}  // namespace deepmd
