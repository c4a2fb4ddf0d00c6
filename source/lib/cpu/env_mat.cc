#include "deepmd/env_mat.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "checks/search.h"
#include "math/cell.h"
#include "math/normalized_slot.h"

namespace deepmd {
namespace {

constexpr int64_t kNanosecondsPerSlot = 25;

/// Where the slots of one center begin in each output, and its rows of davg and dstd.
template <typename T, int kColumns>
struct Center {
  T* descrpt;
  T* descrpt_deriv;
  T* rij;
  int* nlist;
  const T* davg;
  const T* dstd;
};

template <typename T, int kColumns>
void fill_slot(const Center<T, kColumns>& center, int slot, int neighbor, const double* d, double r,
               const Cutoff& cutoff) {
  center.nlist[slot] = neighbor;
  for (int a = 0; a < 3; ++a) center.rij[3 * slot + a] = T(d[a]);
  const int k = kColumns * slot;
  normalized_slot<kColumns>(d, r, cutoff.rcut_smth, cutoff.rcut, center.davg + k, center.dstd + k, center.descrpt + k,
                            center.descrpt_deriv + 3 * k);
}

template <typename T, int kColumns>
void clear_slots(const Center<T, kColumns>& center, int begin, int end) {
  std::fill(center.nlist + begin, center.nlist + end, -1);
  std::fill(center.rij + 3 * begin, center.rij + 3 * end, T(0));
  std::fill(center.descrpt_deriv + 3 * kColumns * begin, center.descrpt_deriv + 3 * kColumns * end, T(0));
  for (int k = kColumns * begin; k < kColumns * end; ++k)
    center.descrpt[k] = empty_slot(center.davg[k], center.dstd[k]);
}

/// The slots of one center from its row of edges.
template <typename T, int kColumns>
void fill_center(const Atoms& atoms, const Neighbors& neighbors, const EnvMatSpec<T>& spec, int64_t c,
                 const Center<T, kColumns>& center) {
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
        throw_coincident(frame, c % atoms.nloc, neighbors.neighbor[e]);
      }
      if (slot < block_end) fill_slot(center, slot++, neighbors.neighbor[e], d, r, spec.cutoff);
    }
    clear_slots(center, slot, block_end);
    slot = block_end;
  }
}

}  // namespace

template <typename T, int kColumns>
void env_mat(const CpuDevice& device, const Atoms& atoms, const Neighbors& neighbors, const EnvMatSpec<T>& spec,
             const EnvMat<T>& out) {
  int nnei = 0;
  for (const int count : spec.sel) nnei += count;
  check_env_mat(spec, kColumns);
  const int64_t centers = int64_t(atoms.nframes) * atoms.nloc;
  device.parallel_for(centers, kNanosecondsPerSlot * nnei, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const int64_t first = c * nnei;
      const int64_t table = int64_t(atoms.type[c / atoms.nloc * atoms.nall + c % atoms.nloc]) * nnei * kColumns;
      fill_center(atoms, neighbors, spec, c,
                  Center<T, kColumns>{out.descrpt + kColumns * first, out.descrpt_deriv + 3 * kColumns * first,
                                      out.rij + 3 * first, out.nlist + first, spec.davg + table, spec.dstd + table});
    }
  });
}

#define DEEPMD_ENV_MAT(T, COLUMNS)                                                                          \
  template void env_mat<T, COLUMNS>(const CpuDevice&, const Atoms&, const Neighbors&, const EnvMatSpec<T>&, \
                                    const EnvMat<T>&)
DEEPMD_ENV_MAT(float, kFullRow);
DEEPMD_ENV_MAT(float, kRadialRow);
DEEPMD_ENV_MAT(double, kFullRow);
DEEPMD_ENV_MAT(double, kRadialRow);

}  // namespace deepmd
