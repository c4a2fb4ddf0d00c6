#include <cmath>
#include <string>

#include "deepmd/edges.h"
#include "deepmd/env_mat.h"
#include "deepmd/error.h"

namespace deepmd {

void check_cutoff(const Cutoff& cutoff) {
  if (!(cutoff.rcut_smth >= 0) || !(cutoff.rcut > cutoff.rcut_smth) || !std::isfinite(cutoff.rcut)) {
    throw InputError("expected 0 <= rcut_smth < rcut, got rcut_smth " + std::to_string(cutoff.rcut_smth) + ", rcut " +
                     std::to_string(cutoff.rcut));
  }
}

void check_edge_rows(const EdgeRows& edges) {
  check_cutoff(edges.cutoff);
  for (int t = 0; t < edges.ntypes; ++t) {
    const double one = edges.std_radial[t], other = edges.std_angular[t];
    if (one == 0 || other == 0 || !std::isfinite(one) || !std::isfinite(other) || !std::isfinite(edges.avg[t])) {
      throw InputError("avg, std_radial and std_angular must be finite and the last two not zero, got " +
                       std::to_string(edges.avg[t]) + ", " + std::to_string(one) + ", " + std::to_string(other) +
                       " for type " + std::to_string(t));
    }
  }
  for (int64_t c = 0; c < edges.ncenters; ++c) {
    if (edges.type[c] < 0 || edges.type[c] >= edges.ntypes) {
      throw InputError("type: expected numbers in [0, " + std::to_string(edges.ntypes) + "), got " +
                       std::to_string(edges.type[c]) + " for atom " + std::to_string(c));
    }
  }
}

template <typename T>
void check_env_mat(const EnvMatSpec<T>& spec, int columns) {
  check_cutoff(spec.cutoff);
  int64_t width = 0;
  for (const int count : spec.sel) width += int64_t(count) * columns;
  for (int64_t k = 0; k < int64_t(spec.sel.size()) * width; ++k) {
    if (spec.dstd[k] == T(0) || !std::isfinite(spec.dstd[k]) || !std::isfinite(spec.davg[k])) {
      throw InputError("davg and dstd must be finite and dstd not zero, got davg " + std::to_string(spec.davg[k]) +
                       ", dstd " + std::to_string(spec.dstd[k]) + " for type " + std::to_string(k / width));
    }
  }
}

template void check_env_mat(const EnvMatSpec<float>&, int);
template void check_env_mat(const EnvMatSpec<double>&, int);

}  // namespace deepmd
