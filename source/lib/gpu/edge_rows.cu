#include <cmath>

#include "deepmd/edges.h"
#include "gpu/launch.h"
#include "math/edge_row.h"

namespace deepmd {
namespace {

using namespace gpu;

enum class Map { kRows, kGrad, kTangent };

/// One warp per center processes its row. The results for an edge of zero length are NaN.
template <Map kMap>
__global__ void __launch_bounds__(kThreads) map_rows(EdgeRows edges, const double* in, double* out) {
  constexpr int kIn = kMap == Map::kGrad ? 4 : 3, kOut = kMap == Map::kGrad ? 3 : 4;
  for (int64_t c = warp_index(); c < edges.ncenters; c += warp_count()) {
    const int type = edges.type[c];
    const bool known = type >= 0 && type < edges.ntypes;
    const RowScale scale = known ? RowScale{edges.avg[type], 1 / edges.std_radial[type], 1 / edges.std_angular[type]}
                                 : RowScale{NAN, NAN, NAN};
    const int64_t end = edges.edge_splits[c + 1];
    for (int64_t e = edges.edge_splits[c] + lane_index(); e < end; e += kWarp) {
      const double* vec = edges.edge_vec + 3 * e;
      const double d[3] = {vec[0], vec[1], vec[2]};
      const double r = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
      const EnvironmentFactors<double> f =
          environment_factors(r > 0 ? r : NAN, edges.cutoff.rcut_smth, edges.cutoff.rcut);
      double value[4];
      if constexpr (kMap == Map::kRows) {
        scaled_row(f, d, scale, value);
      } else if constexpr (kMap == Map::kGrad) {
        scaled_row_grad(f, d, scale, in + kIn * e, value);
      } else {
        scaled_row_tangent(f, d, scale, in + kIn * e, value);
      }
      for (int k = 0; k < kOut; ++k) out[kOut * e + k] = value[k];
    }
  }
}

template <Map kMap>
void run(const GpuDevice& device, const EdgeRows& edges, const double* in, double* out) {
  check_cutoff(edges.cutoff);
  launch(device, grid_of_warps(edges.ncenters), map_rows<kMap>, edges, in, out);
}

}  // namespace

void edge_rows(const GpuDevice& device, const EdgeRows& edges, double* rows) {
  run<Map::kRows>(device, edges, nullptr, rows);
}

void edge_rows_grad(const GpuDevice& device, const EdgeRows& edges, const double* rows_grad, double* edge_grad) {
  run<Map::kGrad>(device, edges, rows_grad, edge_grad);
}

void edge_rows_tangent(const GpuDevice& device, const EdgeRows& edges, const double* v, double* rows_tangent) {
  run<Map::kTangent>(device, edges, v, rows_tangent);
}

}  // namespace deepmd
