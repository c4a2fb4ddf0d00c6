#include <cmath>

#include "deepmd/edges.h"
#include "gpu/incoming.h"
#include "gpu/launch.h"

namespace deepmd {
namespace {

using namespace gpu;

/// One warp per atom sums the edges that start at it, then those that end at it. An invalid neighbor index makes the
/// force on the center NaN.
__global__ void __launch_bounds__(kThreads)
    sum_force(EdgeList edges, Incoming incoming, const double* edge_grad, double* force) {
  for (int64_t i = warp_index(); i < edges.natoms; i += warp_count()) {
    double sum[3] = {0, 0, 0};
    if (i < edges.ncenters) {
      for (int64_t e = edges.edge_splits[i] + lane_index(); e < edges.edge_splits[i + 1]; e += kWarp) {
        const bool known = edges.neighbor[e] >= 0 && edges.neighbor[e] < edges.natoms;
        for (int a = 0; a < 3; ++a) sum[a] += known ? edge_grad[3 * e + a] : NAN;
      }
    }
    for (int64_t k = incoming.splits[i] + lane_index(); k < incoming.splits[i + 1]; k += kWarp) {
      const int64_t e = incoming.items[k];
      for (int a = 0; a < 3; ++a) sum[a] -= edge_grad[3 * e + a];
    }
    store_warp_sums(sum, force + 3 * i);
  }
}

__global__ void __launch_bounds__(kThreads) spread_grad(EdgeList edges, const double* grad, double* edge_grad) {
  for (int64_t c = warp_index(); c < edges.ncenters; c += warp_count()) {
    const double own[3] = {grad[3 * c], grad[3 * c + 1], grad[3 * c + 2]};
    for (int64_t e = edges.edge_splits[c] + lane_index(); e < edges.edge_splits[c + 1]; e += kWarp) {
      const int64_t j = edges.neighbor[e];
      const bool known = j >= 0 && j < edges.natoms;
      for (int a = 0; a < 3; ++a) edge_grad[3 * e + a] = known ? own[a] - grad[3 * j + a] : NAN;
    }
  }
}

}  // namespace

void edge_force(const GpuDevice& device, const EdgeList& edges, const double* edge_grad, double* force) {
  const Incoming incoming = incoming_items(device, edges.natoms, edges.nedge, edges.neighbor);
  launch(device, grid_of_warps(edges.natoms), sum_force, edges, incoming, edge_grad, force);
}

void edge_force_grad(const GpuDevice& device, const EdgeList& edges, const double* grad, double* edge_grad) {
  launch(device, grid_of_warps(edges.ncenters), spread_grad, edges, grad, edge_grad);
}

}  // namespace deepmd
