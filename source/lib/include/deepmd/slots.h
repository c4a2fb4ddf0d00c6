#pragma once

#include <cstdint>

namespace deepmd {

/// How many columns of the environment row [s, s x/r, s y/r, s z/r] a descriptor takes.
constexpr int kFullRow = 4;
constexpr int kRadialRow = 1;

/// The sizes of a batch in padded form.
struct SlotShape {
  int nframes;
  int nloc;  ///< centers of a frame, its first atoms
  int nall;  ///< atoms of a frame
  int nnei;  ///< slots of a center

  constexpr int64_t centers() const { return int64_t(nframes) * nloc; }
  constexpr int64_t slots() const { return centers() * nnei; }
};

/// Throws InputError unless every entry of nlist [nframes, nloc, nnei] is -1 or in [0, nall).
void check_nlist(const SlotShape& shape, const int* nlist);

}  // namespace deepmd
