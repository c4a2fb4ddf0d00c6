#include "cpu/edge_scatter.h"
#include "deepmd/edges.h"

namespace deepmd {
namespace {
constexpr int64_t kNanosecondsPerEdge = 3;
}

void edge_force(const CpuDevice& device, const EdgeList& edges, const double* edge_grad, double* force) {
  edge_scatter<3>(device, edges, kNanosecondsPerEdge, force, [&](int64_t c, AtomRange<3>& sums) {
    double own[3] = {0, 0, 0};
    for (int64_t e = edges.edge_splits[c]; e < edges.edge_splits[c + 1]; ++e) {
      double* other = sums.of(edges.neighbor[e]);
      for (int a = 0; a < 3; ++a) {
        own[a] += edge_grad[3 * e + a];
        other[a] -= edge_grad[3 * e + a];
      }
    }
    double* center = sums.of(c);
    for (int a = 0; a < 3; ++a) center[a] += own[a];
  });
}

void edge_force_grad(const CpuDevice& device, const EdgeList& edges, const double* grad, double* edge_grad) {
  for_centers(device, edges.ncenters, edges.edge_splits, kNanosecondsPerEdge, [&](int64_t c) {
    const double own[3] = {grad[3 * c], grad[3 * c + 1], grad[3 * c + 2]};
    for (int64_t e = edges.edge_splits[c]; e < edges.edge_splits[c + 1]; ++e) {
      const double* other = grad + 3 * int64_t(edges.neighbor[e]);
      for (int a = 0; a < 3; ++a) edge_grad[3 * e + a] = own[a] - other[a];
    }
  });
}

}  // namespace deepmd
