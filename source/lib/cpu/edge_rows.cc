#include <algorithm>
#include <cmath>
#include <string>

#include "cpu/edge_scatter.h"
#include "deepmd/edges.h"
#include "deepmd/error.h"
#include "math/edge_row.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerEdge = 12;
constexpr int kTile = 32;

/// Some edges of one center with their components side by side, so that the arithmetic is vectorized.
struct Tile {
  int64_t first;
  int count;
  double d[3][kTile];
  double s[kTile], w[kTile], radial[kTile], mixed[kTile];

  struct Edge {
    double d[3];
  };
  Edge edge(int k) const { return {{d[0][k], d[1][k], d[2][k]}}; }
  EnvironmentFactors<double> factors(int k) const { return {s[k], w[k], radial[k], mixed[k]}; }
};

void load(const EdgeRows& edges, Tile& tile) {
  const double* vec = edges.edge_vec + 3 * tile.first;
  double distance2[kTile];
  for (int k = 0; k < tile.count; ++k) {
    for (int a = 0; a < 3; ++a) tile.d[a][k] = vec[3 * k + a];
  }
  for (int k = 0; k < tile.count; ++k) {
    distance2[k] = tile.d[0][k] * tile.d[0][k] + tile.d[1][k] * tile.d[1][k] + tile.d[2][k] * tile.d[2][k];
  }
  bool bad = false;
  for (int k = 0; k < tile.count; ++k) bad |= !(distance2[k] > 0) || !std::isfinite(distance2[k]);
  if (bad) {
    throw InputError("edge_vec: expected edges of finite length above zero, got another among edges " +
                     std::to_string(tile.first) + " to " + std::to_string(tile.first + tile.count - 1));
  }
  const double rcut_smth = edges.cutoff.rcut_smth, rcut = edges.cutoff.rcut;
  for (int k = 0; k < tile.count; ++k) {
    const EnvironmentFactors<double> f = environment_factors(std::sqrt(distance2[k]), rcut_smth, rcut);
    tile.s[k] = f.s;
    tile.w[k] = f.w;
    tile.radial[k] = f.radial;
    tile.mixed[k] = f.mixed;
  }
}

/// Calls body(tile, scale) for the edges of all centers, some at a time.
template <typename Body>
void for_tiles(const CpuDevice& device, const EdgeRows& edges, const Body& body) {
  check_edge_rows(edges);
  for_centers(device, edges.ncenters, edges.edge_splits, kNanosecondsPerEdge, [&](int64_t c) {
    const int type = edges.type[c];
    const RowScale scale{edges.avg[type], 1.0 / edges.std_radial[type], 1.0 / edges.std_angular[type]};
    Tile tile;
    for (int64_t e = edges.edge_splits[c]; e < edges.edge_splits[c + 1]; e += kTile) {
      tile.first = e;
      tile.count = int(std::min<int64_t>(kTile, edges.edge_splits[c + 1] - e));
      load(edges, tile);
      body(tile, scale);
    }
  });
}

}  // namespace

void edge_rows(const CpuDevice& device, const EdgeRows& edges, double* rows) {
  for_tiles(device, edges, [rows](const Tile& tile, const RowScale& scale) {
    double* out = rows + 4 * tile.first;
    for (int k = 0; k < tile.count; ++k) scaled_row(tile.factors(k), tile.edge(k).d, scale, out + 4 * k);
  });
}

void edge_rows_grad(const CpuDevice& device, const EdgeRows& edges, const double* rows_grad, double* edge_grad) {
  for_tiles(device, edges, [rows_grad, edge_grad](const Tile& tile, const RowScale& scale) {
    const double* in = rows_grad + 4 * tile.first;
    double* out = edge_grad + 3 * tile.first;
    for (int k = 0; k < tile.count; ++k) {
      scaled_row_grad(tile.factors(k), tile.edge(k).d, scale, in + 4 * k, out + 3 * k);
    }
  });
}

void edge_rows_tangent(const CpuDevice& device, const EdgeRows& edges, const double* v, double* rows_tangent) {
  for_tiles(device, edges, [v, rows_tangent](const Tile& tile, const RowScale& scale) {
    const double* in = v + 3 * tile.first;
    double* out = rows_tangent + 4 * tile.first;
    for (int k = 0; k < tile.count; ++k) {
      scaled_row_tangent(tile.factors(k), tile.edge(k).d, scale, in + 3 * k, out + 4 * k);
    }
  });
}

}  // namespace deepmd
