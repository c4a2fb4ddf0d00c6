#pragma once

#include "math/host_device.h"
#include "math/smooth_weight.h"

namespace deepmd {

/// Factors of an environment row and its derivative. With w = s/r, the columns of the row are s and w d_a, and the
/// derivatives are ds/d d_b = radial d_b and d(w d_a)/d d_b = w delta_ab + mixed d_a d_b.
template <typename T>
struct EnvironmentFactors {
  T s;       ///< 1/Å
  T w;       ///< 1/Å^2
  T radial;  ///< s'/r, 1/Å^3
  T mixed;   ///< w'/r with w' = (s' - w)/r, 1/Å^4
};

template <typename T>
DEEPMD_HOST_DEVICE inline EnvironmentFactors<T> environment_factors(T r, T rcut_smth, T rcut) {
  const SmoothWeight<T> s = smooth_weight(r, rcut_smth, rcut);
  const T inverse = T(1) / r;
  const T w = s.value * inverse;
  return {s.value, w, s.derivative * inverse, (s.derivative - w) * inverse * inverse};
}

/// Computes the environment row of an edge d = r_ij of length r: the first kColumns of row = [s, s d/r], and derivative
/// [kColumns][3] = d row / d r_ij.
template <int kColumns = 4, typename T>
DEEPMD_HOST_DEVICE inline void environment_row(const T d[3], T r, T rcut_smth, T rcut, T row[kColumns],
                                               T derivative[3 * kColumns]) {
  static_assert(kColumns == 4 || kColumns == 1, "the whole row, or its radial column");
  const EnvironmentFactors<T> f = environment_factors(r, rcut_smth, rcut);
  row[0] = f.s;
  for (int b = 0; b < 3; ++b) derivative[b] = f.radial * d[b];
  if constexpr (kColumns == 4) {
    for (int b = 0; b < 3; ++b) {
      row[1 + b] = f.w * d[b];
      for (int a = 0; a < 3; ++a) {
        derivative[3 * (1 + a) + b] = f.mixed * d[a] * d[b] + (a == b ? f.w : T(0));
      }
    }
  }
}

}  // namespace deepmd
