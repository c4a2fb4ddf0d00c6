#pragma once

#include "math/host_device.h"
#include "math/smooth_weight.h"

namespace deepmd {

/// The environment row of an edge d = r_ij of length r: row = [s, s d/r], and derivative [4][3] = d row / d r_ij.
///
/// With w = s/r the angular columns are w d_a, whose derivative is w delta_ab + w' d_a d_b / r.
template <typename T>
DEEPMD_HOST_DEVICE inline void environment_row(const T d[3], T r, T rcut_smth, T rcut, T row[4], T derivative[12]) {
  const SmoothWeight<T> s = smooth_weight(r, rcut_smth, rcut);
  const T inverse = T(1) / r;
  const T w = s.value * inverse;
  const T radial = s.derivative * inverse;
  const T mixed = (s.derivative - w) * inverse * inverse;
  row[0] = s.value;
  for (int b = 0; b < 3; ++b) {
    row[1 + b] = w * d[b];
    derivative[b] = radial * d[b];
    for (int a = 0; a < 3; ++a) {
      derivative[3 * (1 + a) + b] = mixed * d[a] * d[b] + (a == b ? w : T(0));
    }
  }
}

}  // namespace deepmd
