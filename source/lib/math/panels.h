#pragma once

#include <cmath>

#include "deepmd/radial_cells.h"
#include "math/host_device.h"

namespace deepmd {

/// Returns the panel of a finite s; panels.per_octave must be positive.
DEEPMD_HOST_DEVICE inline int panel_of(double s, const Panels& panels) {
  // The lowest s belongs to the first panel, even if it is slightly below it because of rounding.
  const double place = (s - panels.lowest) / panels.unit + 1, x = place > 1.0 ? place : 1.0;
  int exponent;
  const double mantissa = frexp(x, &exponent);  // in [0.5, 1)
  const int part = int((2 * mantissa - 1) * panels.per_octave), last = panels.per_octave - 1;
  return (exponent - 1) * panels.per_octave + (part < last ? part : last);
}

/// Interval of s.
struct Interval {
  double start;
  double width;
};

/// Returns the interval of a panel.
DEEPMD_HOST_DEVICE inline Interval interval_of(int panel, const Panels& panels) {
  const double width = ldexp(panels.unit, panel / panels.per_octave) / panels.per_octave;
  return {panels.lowest - panels.unit + width * (panels.per_octave + panel % panels.per_octave), width};
}

DEEPMD_HOST_DEVICE inline int64_t count_codes(const Codes& codes) {
  return int64_t(codes.ntypes) * (codes.one_side ? 1 : codes.ntypes);
}

DEEPMD_HOST_DEVICE inline int code_of(int center_type, int neighbor_type, const Codes& codes) {
  return codes.one_side ? neighbor_type : center_type * codes.ntypes + neighbor_type;
}

DEEPMD_HOST_DEVICE inline bool interacts(int center_type, int neighbor_type, const Codes& codes) {
  return codes.interacting == nullptr || codes.interacting[center_type * codes.ntypes + neighbor_type];
}

}  // namespace deepmd
