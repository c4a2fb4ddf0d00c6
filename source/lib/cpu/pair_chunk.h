#pragma once

#include <cstdint>

#include "math/pair_place.h"

namespace deepmd {

/// Pairs (j, k) of neighbors of a center for k in [begin, end), all of one code.
struct PairRow {
  int64_t j;
  int64_t begin, end;
  int32_t bins;  ///< what panel 0 of the code is numbered
};

/// Some of the pairs of a center, one row after another. Arrays of neighbors and of pairs may be read and written
/// kPairSlack beyond their ends.
struct PairChunk {
  const double* a[3];  ///< the neighbors' angular columns, three arrays
  const PairRow* rows;
  int64_t nrows;
  double inverse_unit;  ///< of the panels
  int octave_bits;      ///< the logarithm of the panels of an octave
};

/// Two of the longest vectors, in doubles: how far beyond the ends of arrays.
constexpr int64_t kPairSlack = 16;

}  // namespace deepmd
