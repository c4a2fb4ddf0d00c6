#pragma once

#include <cstring>

#include "gpu/launch.h"
#include "math/pair_panels.h"

namespace deepmd::gpu {

/// Rows of edges, and the parameters that define codes and panels of their pairs.
struct PairRows {
  EdgeTypes edges;
  const double* rows;       ///< [nedge, 4]
  const int32_t* neighbor;  ///< [nedge], types of the neighbors; -1 if invalid
  int ntypes;
  double inverse_unit;  ///< 1 / unit of the panels
  int octave_bits;      ///< base-2 logarithm of the number of panels per octave
};

/// Looks up the types of the neighbors, in device memory.
PairRows make_pair_rows(const GpuDevice& device, const EdgeTypes& edges, const double* rows, int ntypes,
                        const PairPanels& panels);

/// Theta, code and panel of a pair of edges.
struct PairAngle {
  double theta;
  int64_t code;   ///< -1 if a neighbor has no valid type
  int64_t panel;  ///< not negative; beyond all panels if theta is not finite
};

/// Returns the sum of products of the angular columns. The rounding is the same in all kernels and for both orders of
/// the arguments.
__device__ __forceinline__ double angular_product(const double* a, const double* b) {
  return fma(a[1], b[1], fma(a[2], b[2], a[3] * b[3]));
}

__device__ __forceinline__ PairAngle pair_angle(const PairRows& of, int64_t j, int64_t k) {
  const double theta = angular_product(of.rows + 4 * j, of.rows + 4 * k);
  const int type = of.neighbor[j], other = of.neighbor[k];
  const int64_t low = type < other ? type : other, high = type < other ? other : type;
  // The panel consists of the exponent and leading bits of |theta| / unit + 1, and of the sign.
  const double x = fma(fabs(theta), of.inverse_unit, 1.0);
  uint64_t bits, sign;
  memcpy(&bits, &x, sizeof bits);
  memcpy(&sign, &theta, sizeof sign);
  const int64_t outwards = int64_t(bits >> (52 - of.octave_bits)) - (int64_t(1023) << of.octave_bits);
  return {theta, low < 0 ? -1 : low * of.ntypes + high, 2 * outwards + int64_t(sign >> 63)};
}

}  // namespace deepmd::gpu
