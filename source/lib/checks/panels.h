#pragma once

#include "deepmd/pair_moments.h"

namespace deepmd {

/// Throws InputError unless the panels of theta have a positive unit and a power of two per octave.
void check_pair_panels(const PairPanels& panels);

/// Throws InputError unless the panels are usable and the number of terms is one that a cell can have.
void check_pair_moments(const PairMoments& shape);

}  // namespace deepmd
