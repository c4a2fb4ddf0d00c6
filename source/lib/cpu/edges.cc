#include "deepmd/edges.h"

#include <string>

#include "cpu/edge_scatter.h"
#include "deepmd/error.h"

namespace deepmd {
namespace {

/// Throws unless the neighbors of the center are in [first, last).
void check_row(const EdgeList& edges, int64_t center, int64_t first, int64_t last) {
  const int64_t begin = edges.edge_splits[center], end = edges.edge_splits[center + 1];
  const uint32_t count = uint32_t(last - first);
  const auto outside = [&](int64_t e) { return uint32_t(edges.neighbor[e]) - uint32_t(first) >= count; };
  uint32_t bad = 0;  // without a branch, so that the loop is vectorized
  for (int64_t e = begin; e < end; ++e) bad |= outside(e);
  if (bad == 0) return;
  int64_t e = begin;
  while (!outside(e)) ++e;
  throw InputError("neighbor: expected an atom in [" + std::to_string(first) + ", " + std::to_string(last) + "), got " +
                   std::to_string(edges.neighbor[e]) + " for center " + std::to_string(center));
}

}  // namespace

void check_edge_neighbors(const CpuDevice& device, const EdgeList& edges) {
  check_edge_natoms(edges);
  for_centers(device, edges.ncenters, edges.edge_splits, 1, [&](int64_t c) { check_row(edges, c, 0, edges.natoms); });
}

void check_edge_neighbors(const CpuDevice& device, const EdgeList& edges, const FrameSplits& frames) {
  check_edge_natoms(edges);
  for_centers(device, edges.ncenters, edges.edge_splits, 1, [&](int64_t c) {
    const int64_t frame = frame_of(frames, c);
    check_row(edges, c, frames.splits[frame], frames.splits[frame + 1]);
  });
}

}  // namespace deepmd
