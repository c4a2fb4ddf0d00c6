#include "gpu/atom_forces.h"

#include "gpu/incoming.h"

namespace deepmd::gpu {
namespace {

/// One warp per atom sums the edges that start at it, then those that end at it.
__global__ void __launch_bounds__(kThreads, 1)
    sum_edges(RowEdges edges, Incoming incoming, const double* edge_grad, double* force, double* atom_virial) {
  for (int64_t i = warp_index(); i < edges.natoms; i += warp_count()) {
    double sum[3] = {}, virial[9] = {};
    if (i < edges.ncenters) {
      for (int64_t e = edges.splits[i] + lane_index(); e < edges.splits[i + 1]; e += kWarp) {
        for (int a = 0; a < 3; ++a) sum[a] += edge_grad[3 * e + a];
      }
    }
    for (int64_t k = incoming.splits[i] + lane_index(); k < incoming.splits[i + 1]; k += kWarp) {
      const int64_t e = incoming.items[k];
      const double g[3] = {edge_grad[3 * e], edge_grad[3 * e + 1], edge_grad[3 * e + 2]};
      const double d[3] = {edges.vec[3 * e], edges.vec[3 * e + 1], edges.vec[3 * e + 2]};
      for (int a = 0; a < 3; ++a) {
        sum[a] -= g[a];
        for (int b = 0; b < 3; ++b) virial[3 * a + b] -= g[a] * d[b];
      }
    }
    store_warp_sums(sum, force + 3 * i);
    store_warp_sums(virial, atom_virial + 9 * i);
  }
}

}  // namespace

void atom_forces(const GpuDevice& device, const RowEdges& edges, const double* edge_grad, double* force,
                 double* atom_virial) {
  const Incoming incoming = incoming_items(device, edges.natoms, edges.nedge, edges.neighbor);
  launch(device, grid_of_warps(edges.natoms), sum_edges, edges, incoming, edge_grad, force, atom_virial);
}

}  // namespace deepmd::gpu
