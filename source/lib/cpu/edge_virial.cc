#include <algorithm>

#include "cpu/edge_scatter.h"
#include "deepmd/edges.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerEdge = 8;

}  // namespace

void edge_virial(const CpuDevice& device, const EdgeList& edges, const FrameSplits& frames, const double* edge_grad,
                 const double* edge_vec, double* virial, double* atom_virial) {
  edge_scatter<9>(device, edges, kNanosecondsPerEdge, atom_virial, [&](int64_t c, AtomRange<9>& sums) {
    for (int64_t e = edges.edge_splits[c]; e < edges.edge_splits[c + 1]; ++e) {
      const double *g = edge_grad + 3 * e, *d = edge_vec + 3 * e;
      double* other = sums.of(edges.neighbor[e]);
      for (int a = 0; a < 3; ++a) {
        for (int b = 0; b < 3; ++b) other[3 * a + b] -= g[a] * d[b];
      }
    }
  });
  sum_frames(device, frames, atom_virial, virial);
}

void edge_virial_grad(const CpuDevice& device, const EdgeList& edges, const FrameSplits& frames, const double* grad,
                      const double* grad_atom, const double* edge_vec, double* edge_grad) {
  for_centers(device, edges.ncenters, edges.edge_splits, kNanosecondsPerEdge, [&](int64_t c) {
    const double* total = grad + 9 * frame_of(frames, c);
    for (int64_t e = edges.edge_splits[c]; e < edges.edge_splits[c + 1]; ++e) {
      const double *other = grad_atom + 9 * int64_t(edges.neighbor[e]), *d = edge_vec + 3 * e;
      for (int a = 0; a < 3; ++a) {
        double sum = 0;
        for (int b = 0; b < 3; ++b) sum -= (total[3 * a + b] + other[3 * a + b]) * d[b];
        edge_grad[3 * e + a] = sum;
      }
    }
  });
}

}  // namespace deepmd
