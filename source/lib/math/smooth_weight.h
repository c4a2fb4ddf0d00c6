#pragma once

#include "math/host_device.h"

namespace deepmd {

template <typename T>
struct SmoothWeight {
  T value;       ///< s(r), 1/Å
  T derivative;  ///< ds/dr, 1/Å^2
};

/// Computes the smooth weight s(r): 1/r below rcut_smth, 0 beyond rcut, and in between 1/r times a quintic polynomial
/// with continuous first and second derivatives at both ends (DeePMD-kit v2 paper, J. Chem. Phys. 159, 054801).
///
/// With x = (r - rcut_smth) / (rcut - rcut_smth), the polynomial x^3 (-6x^2 + 15x - 10) + 1 is written as
/// (1 - x)^3 (6x^2 + 3x + 1), which is accurate relative to its value near zero. Both factors are clamped without
/// branches, so that loops over edges are vectorized.
template <typename T>
DEEPMD_HOST_DEVICE inline SmoothWeight<T> smooth_weight(T r, T rcut_smth, T rcut) {
  const T inverse = T(1) / r;
  const T inverse_width = T(1) / (rcut - rcut_smth);
  const T inside = r > rcut_smth ? r : rcut_smth;
  const T x = (inside - rcut_smth) * inverse_width;
  const T before = (rcut - inside) * inverse_width;
  const T y = before > T(0) ? before : T(0);
  const T fall = y * y * y * (T(6) * x * x + T(3) * x + T(1));
  const T fall_derivative = T(-30) * x * x * y * y * inverse_width;
  const T value = fall * inverse;
  return {value, (fall_derivative - value) * inverse};
}

}  // namespace deepmd
