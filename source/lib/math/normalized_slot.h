#pragma once

#include "math/environment_row.h"

namespace deepmd {

/// Computes the values of a slot with a neighbor at d, a distance r away: descrpt [kColumns], and descrpt_deriv
/// [kColumns][3], its derivative with respect to the position of the center. davg and dstd [kColumns] are the mean and
/// standard deviation of the slot.
template <int kColumns, typename T>
DEEPMD_HOST_DEVICE inline void normalized_slot(const double d[3], double r, double rcut_smth, double rcut,
                                               const T* davg, const T* dstd, T* descrpt, T* descrpt_deriv) {
  double row[kColumns], derivative[3 * kColumns];
  environment_row<kColumns>(d, r, rcut_smth, rcut, row, derivative);
  for (int a = 0; a < kColumns; ++a) {
    const double scale = 1.0 / double(dstd[a]);
    descrpt[a] = T((row[a] - double(davg[a])) * scale);
    for (int b = 0; b < 3; ++b) descrpt_deriv[3 * a + b] = T(-derivative[3 * a + b] * scale);
  }
}

/// Returns a component of descrpt of an empty slot.
template <typename T>
DEEPMD_HOST_DEVICE inline T empty_slot(T davg, T dstd) {
  return -davg / dstd;
}

}  // namespace deepmd
