#include "deepmd/environment.h"

#include <cmath>

#include "gpu/store_rows.h"
#include "math/environment_row.h"

namespace deepmd {
namespace {

using namespace gpu;

/// One lane per edge.
__global__ void __launch_bounds__(kThreads)
    find_rows(int64_t nedge, const double* edge_vec, Cutoff cutoff, double* rows, double* derivative) {
  __shared__ double tiles[kThreads / kWarp][tile_size(12)];
  double* tile = tiles[threadIdx.x / kWarp];
  for (int64_t first = warp_index() * kWarp; first < nedge; first += warp_count() * kWarp) {
    const int64_t e = first + lane_index();
    double row[4] = {}, by_vec[12] = {};
    if (e < nedge) {
      const double d[3] = {edge_vec[3 * e], edge_vec[3 * e + 1], edge_vec[3 * e + 2]};
      const double r = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
      environment_row(d, r > 0 && isfinite(r) ? r : double(NAN), cutoff.rcut_smth, cutoff.rcut, row, by_vec);
    }
    store_rows(tile, row, first, nedge, rows);
    if (derivative != nullptr) store_rows(tile, by_vec, first, nedge, derivative);
  }
}

}  // namespace

void environment_rows(const GpuDevice& device, int64_t nedge, const double* edge_vec, const Cutoff& cutoff,
                      double* rows, double* derivative) {
  check_cutoff(cutoff);
  launch(device, grid_of_threads(nedge), find_rows, nedge, edge_vec, cutoff, rows, derivative);
}

}  // namespace deepmd
