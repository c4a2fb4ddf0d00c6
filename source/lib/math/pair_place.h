#pragma once

namespace deepmd {

/// Where pairs of a cell lie in it: u = (theta - start) scale - 1.
struct PairPlace {
  double start, scale;
};

}  // namespace deepmd
