#pragma once

namespace deepmd {

/// Map from theta to the coordinate u in [-1, 1] of a cell: u = (theta - start) scale - 1.
struct PairPlace {
  double start, scale;
};

}  // namespace deepmd
