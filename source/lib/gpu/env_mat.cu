#include "deepmd/env_mat.h"

#include <cmath>

#include "gpu/store_rows.h"
#include "math/normalized_slot.h"

namespace deepmd {
namespace {

using namespace gpu;

// Markers for slots without an edge.
constexpr int32_t kEmpty = -1;
constexpr int32_t kUnusable = -2;

/// Blocks of slots; the slots of type t are start[t] .. start[t + 1].
struct Blocks {
  int ntypes;
  int nnei;
  const int* start;  ///< [ntypes + 1]
};

/// Counts the consecutive edges, starting at `e`, with neighbors of type t. All lanes get the result.
__device__ int64_t count_edges(const DeviceNeighbors& neighbors, const int* type, int nall, int t, int64_t e,
                               int64_t row_end) {
  for (const int64_t first = e;;) {
    const int64_t k = e + lane_index();
    const int j = k < row_end ? neighbors.neighbor[k] : -1;
    const unsigned others = ~__ballot_sync(kAllLanes, j >= 0 && j < nall && type[j] == t);
    e += others == 0 ? kWarp : __ffs(int(others)) - 1;
    if (others != 0) return e - first;
  }
}

/// One warp per center finds the edge of its row for each slot: place [nslots].
__global__ void __launch_bounds__(kThreads)
    match_slots(Atoms atoms, DeviceNeighbors neighbors, Blocks blocks, int* nlist, int32_t* place) {
  for (int64_t c = warp_index(); c < int64_t(atoms.nframes) * atoms.nloc; c += warp_count()) {
    const int64_t frame = c / atoms.nloc;
    const int* type = atoms.type + frame * atoms.nall;
    const int64_t row_begin = neighbors.edge_splits[c], row_end = neighbors.edge_splits[c + 1];
    int64_t e = row_begin;
    for (int t = 0; t < blocks.ntypes; ++t) {
      const int64_t count = count_edges(neighbors, type, atoms.nall, t, e, row_end);
      const int begin = blocks.start[t], end = blocks.start[t + 1];
      for (int s = begin + lane_index(); s < end; s += kWarp) {
        const bool filled = s - begin < count;
        place[c * blocks.nnei + s] = filled ? int32_t(e - row_begin) + s - begin : kEmpty;
        nlist[c * blocks.nnei + s] = filled ? neighbors.neighbor[e + s - begin] : -1;
      }
      e += count;
    }
    const int own = type[c - frame * atoms.nloc];
    if (e == row_end && own >= 0 && own < blocks.ntypes) continue;
    __syncwarp();
    for (int s = lane_index(); s < blocks.nnei; s += kWarp) {
      place[c * blocks.nnei + s] = kUnusable;
      nlist[c * blocks.nnei + s] = -1;
    }
  }
}

/// Values of one slot.
template <typename T, int kColumns>
struct Slot {
  T descrpt[kColumns];
  T descrpt_deriv[3 * kColumns];
  T rij[3];

  __device__ void fill(T value) {
    for (int k = 0; k < kColumns; ++k) descrpt[k] = value;
    for (int k = 0; k < 3 * kColumns; ++k) descrpt_deriv[k] = value;
    for (int k = 0; k < 3; ++k) rij[k] = value;
  }
};

template <typename T, int kColumns>
__device__ Slot<T, kColumns> slot_of(const double* d, const Cutoff& cutoff, const T* davg, const T* dstd) {
  Slot<T, kColumns> slot;
  const double vec[3] = {d[0], d[1], d[2]};
  const double r = sqrt(vec[0] * vec[0] + vec[1] * vec[1] + vec[2] * vec[2]);
  normalized_slot<kColumns>(vec, r >= kCoincident ? r : double(NAN), cutoff.rcut_smth, cutoff.rcut, davg, dstd,
                            slot.descrpt, slot.descrpt_deriv);
  for (int a = 0; a < 3; ++a) slot.rij[a] = T(vec[a]);
  return slot;
}

/// Inputs of a launch.
template <typename T>
struct Source {
  Atoms atoms;
  DeviceNeighbors neighbors;
  Cutoff cutoff;
  const T* davg;
  const T* dstd;
  int nnei;
  const int32_t* place;
};

/// One lane per slot.
template <typename T, int kColumns>
__global__ void __launch_bounds__(kThreads) fill_slots(Source<T> in, EnvMat<T> out) {
  __shared__ T tiles[kThreads / kWarp][tile_size(3 * kColumns)];
  T* tile = tiles[threadIdx.x / kWarp];
  const int64_t nslots = int64_t(in.atoms.nframes) * in.atoms.nloc * in.nnei;
  for (int64_t first = warp_index() * kWarp; first < nslots; first += warp_count() * kWarp) {
    const int64_t s = first + lane_index();
    const int32_t place = s < nslots ? in.place[s] : kUnusable;
    Slot<T, kColumns> slot;
    slot.fill(place == kUnusable ? T(NAN) : T(0));
    if (place != kUnusable) {
      const int64_t c = s / in.nnei, frame = c / in.atoms.nloc;
      const int64_t type = in.atoms.type[frame * in.atoms.nall + c - frame * in.atoms.nloc];
      const int64_t table = (type * in.nnei + s - c * in.nnei) * kColumns;
      const T *davg = in.davg + table, *dstd = in.dstd + table;
      if (place == kEmpty) {
        for (int a = 0; a < kColumns; ++a) slot.descrpt[a] = empty_slot(davg[a], dstd[a]);
      } else {
        const double* d = in.neighbors.edge_vec + 3 * (in.neighbors.edge_splits[c] + place);
        slot = slot_of<T, kColumns>(d, in.cutoff, davg, dstd);
      }
    }
    store_rows(tile, slot.descrpt, first, nslots, out.descrpt);
    store_rows(tile, slot.descrpt_deriv, first, nslots, out.descrpt_deriv);
    store_rows(tile, slot.rij, first, nslots, out.rij);
  }
}

}  // namespace

template <typename T, int kColumns>
void env_mat(const GpuDevice& device, const Atoms& atoms, const DeviceNeighbors& neighbors, const EnvMatSpec<T>& spec,
             const EnvMat<T>& out) {
  check_cutoff(spec.cutoff);
  std::vector<int> start{0};
  for (const int count : spec.sel) start.push_back(start.back() + count);
  const int nnei = start.back(), ntypes = int(spec.sel.size());
  const int64_t centers = int64_t(atoms.nframes) * atoms.nloc, nslots = centers * nnei;
  if (nslots == 0) return;
  const Blocks blocks{ntypes, nnei, copy_to_device(device, start.data(), int64_t(start.size()))};
  int32_t* place = device.allocate<int32_t>(nslots);
  launch(device, grid_of_warps(centers), match_slots, atoms, neighbors, blocks, out.nlist, place);
  launch(device, grid_of_threads(nslots), fill_slots<T, kColumns>,
         Source<T>{atoms, neighbors, spec.cutoff, spec.davg, spec.dstd, nnei, place}, out);
}

#define DEEPMD_ENV_MAT(T, COLUMNS)                                                                                \
  template void env_mat<T, COLUMNS>(const GpuDevice&, const Atoms&, const DeviceNeighbors&, const EnvMatSpec<T>&, \
                                    const EnvMat<T>&)
DEEPMD_ENV_MAT(float, kFullRow);
DEEPMD_ENV_MAT(float, kRadialRow);
DEEPMD_ENV_MAT(double, kFullRow);
DEEPMD_ENV_MAT(double, kRadialRow);

}  // namespace deepmd
