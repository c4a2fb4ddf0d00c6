#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "deepmd/error.h"
#include "deepmd/pair_moments.h"
#include "math/host_device.h"
#include "math/pair_place.h"
#include "math/panels.h"

namespace deepmd {

/// The square of a row's angular part beyond which it counts as not finite.
constexpr double kLargestTheta = 1e100;

/// The panel of theta on its side of zero; as the loops for vectors find it.
DEEPMD_HOST_DEVICE inline int64_t panel_of_angle(double theta, const PairPanels& panels) {
  return panel_of(fabs(theta), Panels{0, panels.unit, panels.per_octave});
}

/// How many panels, numbered as in PairPanels, there are for rows of which the longest has this square. No theta is
/// larger than that, but for rounding.
inline int64_t count_pair_panels(double longest, const PairPanels& panels) {
  return 2 * (panel_of_angle(longest * (1 + 1e-9), panels) + 1);
}

/// What a panel, numbered as in PairPanels, spans in theta.
DEEPMD_HOST_DEVICE inline Interval interval_of_angles(int panel, const PairPanels& panels) {
  const Interval outside = interval_of(panel / 2, Panels{0, panels.unit, panels.per_octave});
  return panel % 2 == 0 ? outside : Interval{-(outside.start + outside.width), outside.width};
}

DEEPMD_HOST_DEVICE inline PairPlace place_of(int panel, const PairPanels& panels) {
  const Interval at = interval_of_angles(panel, panels);
  return {at.start, 2 / at.width};
}

/// Throws InputError unless these are panels.
inline void check_pair_panels(const PairPanels& panels) {
  const int n = panels.per_octave;
  if (panels.unit > 0 && std::isfinite(panels.unit) && n > 0 && n <= 1 << 20 && (n & (n - 1)) == 0) return;
  throw InputError("panels: expected a positive unit and a power of two per octave, got " +
                   std::to_string(panels.unit) + " and " + std::to_string(n));
}

/// Throws InputError unless the panels are panels and the terms as many as a cell can have.
inline void check_pair_moments(const PairMoments& shape) {
  check_pair_panels(shape.panels);
  check_terms(shape.terms);
}

}  // namespace deepmd
