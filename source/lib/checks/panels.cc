#include "checks/panels.h"

#include <cmath>
#include <string>

#include "deepmd/contraction.h"
#include "deepmd/error.h"
#include "deepmd/radial_cells.h"

namespace deepmd {

void check_panels(const Panels& panels, int min_per_octave) {
  if (panels.unit > 0 && std::isfinite(panels.unit) && std::isfinite(panels.lowest) &&
      panels.per_octave >= min_per_octave) {
    return;
  }
  throw InputError("panels: expected a positive unit and at least " + std::to_string(min_per_octave) +
                   " per octave, got " + std::to_string(panels.unit) + " and " + std::to_string(panels.per_octave));
}

void check_terms(int terms) {
  if (terms >= 2 && terms <= kMaxTerms) return;
  throw InputError("expected 2 to " + std::to_string(kMaxTerms) + " terms in a cell, got " + std::to_string(terms));
}

void check_pair_panels(const PairPanels& panels) {
  const int n = panels.per_octave;
  if (panels.unit > 0 && std::isfinite(panels.unit) && n > 0 && n <= 1 << 20 && (n & (n - 1)) == 0) return;
  throw InputError("panels: expected a positive unit and a power of two per octave, got " +
                   std::to_string(panels.unit) + " and " + std::to_string(n));
}

void check_pair_moments(const PairMoments& shape) {
  check_pair_panels(shape.panels);
  check_terms(shape.terms);
}

}  // namespace deepmd
