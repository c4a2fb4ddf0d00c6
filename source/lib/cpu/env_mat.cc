#include "deepmd/env_mat.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "cpu/cell.h"
#include "deepmd/error.h"
#include "math/environment_row.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerSlot = 25;

/// Where the slots of one centre begin in each output, and its rows of davg and dstd.
template <typename T>
struct Centre {
  T* descrpt;
  T* descrpt_deriv;
  T* rij;
  int* nlist;
  const T* davg;
  const T* dstd;
};

template <typename T>
void fill_slot(const Centre<T>& centre, int slot, int neighbor, const double* d, double r, const Cutoff& cutoff) {
  double row[4], derivative[12];
  environment_row(d, r, cutoff.rcut_smth, cutoff.rcut, row, derivative);
  centre.nlist[slot] = neighbor;
  for (int a = 0; a < 3; ++a) centre.rij[3 * slot + a] = T(d[a]);
  for (int a = 0; a < 4; ++a) {
    const double scale = 1.0 / double(centre.dstd[4 * slot + a]);
    centre.descrpt[4 * slot + a] = T((row[a] - double(centre.davg[4 * slot + a])) * scale);
    for (int b = 0; b < 3; ++b) {
      centre.descrpt_deriv[12 * slot + 3 * a + b] = T(-derivative[3 * a + b] * scale);
    }
  }
}

template <typename T>
void clear_slots(const Centre<T>& centre, int begin, int end) {
  std::fill(centre.nlist + begin, centre.nlist + end, -1);
  std::fill(centre.rij + 3 * begin, centre.rij + 3 * end, T(0));
  std::fill(centre.descrpt_deriv + 12 * begin, centre.descrpt_deriv + 12 * end, T(0));
  for (int k = 4 * begin; k < 4 * end; ++k) centre.descrpt[k] = -centre.davg[k] / centre.dstd[k];
}

template <typename T>
void check_spec(const EnvMatSpec<T>& spec, int nnei) {
  check_cutoff(spec.cutoff);
  for (int64_t k = 0; k < int64_t(spec.sel.size()) * nnei * 4; ++k) {
    if (spec.dstd[k] == T(0) || !std::isfinite(spec.dstd[k]) || !std::isfinite(spec.davg[k])) {
      throw InputError("davg and dstd must be finite and dstd not zero, got davg " + std::to_string(spec.davg[k]) +
                       ", dstd " + std::to_string(spec.dstd[k]) + " for type " + std::to_string(k / (nnei * 4)));
    }
  }
}

/// The slots of one centre from its row of edges.
template <typename T>
void fill_centre(const Atoms& atoms, const Neighbors& neighbors, const EnvMatSpec<T>& spec, int64_t c,
                 const Centre<T>& centre) {
  const int64_t frame = c / atoms.nloc;
  const int* type = atoms.type + frame * atoms.nall;
  int64_t e = neighbors.edge_splits[c];
  const int64_t row_end = neighbors.edge_splits[c + 1];
  int slot = 0;
  for (int t = 0; t < int(spec.sel.size()); ++t) {
    const int block_end = slot + spec.sel[t];
    for (; e < row_end && type[neighbors.neighbor[e]] == t; ++e) {
      const double* d = &neighbors.edge_vec[3 * e];
      const double r = std::sqrt(dot(d, d));
      if (r < kCoincident) {
        throw InputError("frame " + std::to_string(frame) + ": atoms " + std::to_string(c % atoms.nloc) + " and " +
                         std::to_string(neighbors.neighbor[e]) + " are at the same position");
      }
      if (slot < block_end) fill_slot(centre, slot++, neighbors.neighbor[e], d, r, spec.cutoff);
    }
    clear_slots(centre, slot, block_end);
    slot = block_end;
  }
}

}  // namespace

template <typename T>
void env_mat_a(const CpuDevice& device, const Atoms& atoms, const Neighbors& neighbors, const EnvMatSpec<T>& spec,
               const EnvMat<T>& out) {
  int nnei = 0;
  for (const int count : spec.sel) nnei += count;
  check_spec(spec, nnei);
  const int64_t centres = int64_t(atoms.nframes) * atoms.nloc;
  device.parallel_for(centres, kNanosecondsPerSlot * nnei, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const int64_t first = c * nnei;
      const int64_t table = int64_t(atoms.type[c / atoms.nloc * atoms.nall + c % atoms.nloc]) * nnei * 4;
      fill_centre(atoms, neighbors, spec, c,
                  Centre<T>{out.descrpt + 4 * first, out.descrpt_deriv + 12 * first, out.rij + 3 * first,
                            out.nlist + first, spec.davg + table, spec.dstd + table});
    }
  });
}

template void env_mat_a<float>(const CpuDevice&, const Atoms&, const Neighbors&, const EnvMatSpec<float>&,
                               const EnvMat<float>&);
template void env_mat_a<double>(const CpuDevice&, const Atoms&, const Neighbors&, const EnvMatSpec<double>&,
                                const EnvMat<double>&);

}  // namespace deepmd
