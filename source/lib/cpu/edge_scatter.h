#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "deepmd/device.h"
#include "deepmd/edges.h"

namespace deepmd {

/// Calls body(c) for every center; `cost` is of one edge, in nanoseconds.
template <typename Body>
void for_centers(const CpuDevice& device, int64_t ncenters, const int64_t* edge_splits, int64_t cost,
                 const Body& body) {
  const int64_t row = edge_splits[ncenters] / std::max<int64_t>(ncenters, 1) + 1;
  device.parallel_for(ncenters, cost * row, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) body(c);
  });
}

/// The frame of an atom.
inline int64_t frame_of(const FrameSplits& frames, int64_t atom) {
  const int* end = frames.splits + frames.nframes + 1;
  return std::upper_bound(frames.splits, end, atom) - frames.splits - 1;
}

/// Sums of `kWidth` numbers for the atoms [first, last).
template <int kWidth>
struct AtomRange {
  int64_t first = 0;
  int64_t last = 0;
  std::vector<double> values;  ///< [last - first, kWidth]

  double* of(int64_t atom) { return values.data() + (atom - first) * kWidth; }
};

/// Sums what centers add to atoms, in an order that depends on the edges alone and not on the threads.
///
/// The centers are divided into a fixed number of blocks; each block adds, center after center, to an array of its own,
/// and the arrays are then added in order. An array holds only the atoms between the first and the last that its
/// centers have to do with: a batch of many frames needs no more memory than one frame. `add(c, sums)` adds what center
/// c contributes to itself and its neighbors; out [natoms, kWidth].
template <int kWidth, typename Add>
void edge_scatter(const CpuDevice& device, const EdgeList& edges, int64_t cost_per_edge, double* out, const Add& add) {
  constexpr int64_t kMaxBlocks = 16;
  constexpr int64_t kCentersPerBlock = 32;
  const int64_t blocks = std::clamp<int64_t>(edges.ncenters / kCentersPerBlock, 1, kMaxBlocks);
  std::vector<AtomRange<kWidth>> parts(blocks);
  device.parallel_for(blocks, cost_per_edge * (edges.nedge / blocks + 1), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      AtomRange<kWidth>& part = parts[b];
      const int64_t first = edges.ncenters * b / blocks, last = edges.ncenters * (b + 1) / blocks;
      if (first == last) continue;
      int32_t low = int32_t(first), high = int32_t(last - 1);
      for (int64_t e = edges.edge_splits[first]; e < edges.edge_splits[last]; ++e) {
        low = std::min(low, edges.neighbor[e]);
        high = std::max(high, edges.neighbor[e]);
      }
      part.first = low;
      part.last = int64_t(high) + 1;
      part.values.assign(size_t(part.last - part.first) * kWidth, 0.0);
      for (int64_t c = first; c < last; ++c) add(c, part);
    }
  });
  device.parallel_for(edges.natoms, 2 * blocks * kWidth, [&](int64_t begin, int64_t end) {
    std::fill(out + begin * kWidth, out + end * kWidth, 0.0);
    for (AtomRange<kWidth>& part : parts) {
      const int64_t first = std::max(begin, part.first), last = std::min(end, part.last);
      if (first >= last) continue;
      const double* values = part.of(first);
      double* sums = out + first * kWidth;
      for (int64_t k = 0; k < (last - first) * kWidth; ++k) sums[k] += values[k];
    }
  });
}

/// Sums atom_virial [natoms, 9] over the atoms of each frame.
inline void sum_frames(const CpuDevice& device, const FrameSplits& frames, const double* atom_virial, double* virial) {
  const int64_t natoms = frames.splits[frames.nframes];
  device.parallel_for(frames.nframes, 5 * natoms / std::max(frames.nframes, 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t f = begin; f < end; ++f) {
      double sums[9] = {};
      for (int64_t i = frames.splits[f]; i < frames.splits[f + 1]; ++i) {
        for (int k = 0; k < 9; ++k) sums[k] += atom_virial[9 * i + k];
      }
      std::copy_n(sums, 9, virial + 9 * f);
    }
  });
}

}  // namespace deepmd
