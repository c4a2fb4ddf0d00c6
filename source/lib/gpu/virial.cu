#include "deepmd/virial.h"

#include <cmath>
#include <type_traits>

#include "gpu/frame_sums.h"
#include "gpu/slots.h"
#include "math/slot.h"

namespace deepmd {
namespace {

using namespace gpu;

/// One warp per atom sums the slots that point to it: sums [nframes * nall, 9]. Its own slots are only checked for
/// invalid indices.
template <typename T>
__global__ void __launch_bounds__(kThreads) sum_virial(SlotShape shape, Incoming incoming, const double* gradient,
                                                       const T* rij, const int* nlist, double* sums) {
  for (int64_t i = warp_index(); i < int64_t(shape.nframes) * shape.nall; i += warp_count()) {
    double sum[9] = {};
    const int64_t c = center_of(shape, i);
    if (c >= 0) {
      for (int64_t slot = c * shape.nnei + lane_index(); slot < (c + 1) * shape.nnei; slot += kWarp) {
        if (nlist[slot] != -1 && !is_atom(shape, nlist[slot])) {
          for (int k = 0; k < 9; ++k) sum[k] = NAN;
        }
      }
    }
    for (int64_t k = incoming.splits[i] + lane_index(); k < incoming.splits[i + 1]; k += kWarp) {
      const double* g = gradient + 3 * int64_t(incoming.items[k]);
      const T* d = rij + 3 * int64_t(incoming.items[k]);
      for (int a = 0; a < 3; ++a) {
        for (int b = 0; b < 3; ++b) sum[3 * a + b] += g[a] * double(d[b]);
      }
    }
    store_warp_sums(sum, sums + 9 * i);
  }
}

__global__ void make_splits(int nframes, int nall, int* splits) {
  for (int64_t k = thread_index(); k <= nframes; k += thread_count()) splits[k] = int(k * nall);
}

template <typename T>
__global__ void round_to(int64_t n, const double* in, T* out) {
  for (int64_t k = thread_index(); k < n; k += thread_count()) out[k] = T(in[k]);
}

/// Returns memory for n sums in double precision: `out` itself if it has that type, else new memory.
template <typename T>
double* room_for_sums(const GpuDevice& device, int64_t n, T* out) {
  if constexpr (std::is_same_v<T, double>) {
    return out;
  } else {
    return device.allocate<double>(n);
  }
}

template <typename T>
void round_sums(const GpuDevice& device, int64_t n, const double* sums, T* out) {
  if constexpr (!std::is_same_v<T, double>) launch(device, grid_of_threads(n), round_to<T>, n, sums, out);
}

/// One warp per center, one lane per column of a slot.
template <typename T, int kColumns>
__global__ void __launch_bounds__(kThreads)
    spread_grad(SlotShape shape, const T* grad, const T* grad_atom, const T* in_deriv, const T* rij, const int* nlist,
                T* grad_net) {
  for (int64_t c = warp_index(); c < shape.centers(); c += warp_count()) {
    const int64_t frame = c / shape.nloc;
    const T* total = grad + frame * 9;
    const int64_t first = c * shape.nnei * kColumns;
    for (int64_t k = first + lane_index(); k < first + int64_t(shape.nnei) * kColumns; k += kWarp) {
      const int64_t slot = k / kColumns;
      const int j = nlist[slot];
      T result = j == -1 ? T(0) : T(NAN);
      if (is_atom(shape, j)) {
        const T* other = grad_atom + (frame * shape.nall + j) * 9;
        T d[3] = {0, 0, 0};
        for (int a = 0; a < 3; ++a) {
          for (int b = 0; b < 3; ++b) d[a] += (total[3 * a + b] + other[3 * a + b]) * rij[3 * slot + b];
        }
        result = slot_gradient_transpose(d, in_deriv + 3 * kColumns * slot, int(k % kColumns));
      }
      grad_net[k] = result;
    }
  }
}

}  // namespace

template <typename T, int kColumns>
void slot_virial(const GpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv, const T* rij,
                 const int* nlist, T* virial, T* atom_virial) {
  const int64_t natoms = int64_t(shape.nframes) * shape.nall;
  const Incoming incoming = incoming_slots(device, shape, nlist);
  const double* gradient = slot_gradients<T, kColumns>(device, shape, net_deriv, in_deriv, nlist);
  double* of_atoms = room_for_sums(device, 9 * natoms, atom_virial);
  double* of_frames = room_for_sums(device, 9 * int64_t(shape.nframes), virial);
  int* splits = device.allocate<int>(int64_t(shape.nframes) + 1);
  launch(device, grid_of_threads(int64_t(shape.nframes) + 1), make_splits, shape.nframes, shape.nall, splits);
  launch(device, grid_of_warps(natoms), sum_virial<T>, shape, incoming, gradient, rij, nlist, of_atoms);
  sum_frames(device, {shape.nframes, splits}, natoms, of_atoms, of_frames);
  round_sums(device, 9 * natoms, of_atoms, atom_virial);
  round_sums(device, 9 * int64_t(shape.nframes), of_frames, virial);
}

template <typename T, int kColumns>
void slot_virial_grad(const GpuDevice& device, const SlotShape& shape, const T* grad, const T* grad_atom,
                      const T* in_deriv, const T* rij, const int* nlist, T* grad_net) {
  launch(device, grid_of_warps(shape.nnei > 0 ? shape.centers() : 0), spread_grad<T, kColumns>, shape, grad, grad_atom,
         in_deriv, rij, nlist, grad_net);
}

#define DEEPMD_SLOT_VIRIAL(T, COLUMNS)                                                                                \
  template void slot_virial<T, COLUMNS>(const GpuDevice&, const SlotShape&, const T*, const T*, const T*, const int*, \
                                        T*, T*);                                                                      \
  template void slot_virial_grad<T, COLUMNS>(const GpuDevice&, const SlotShape&, const T*, const T*, const T*,        \
                                             const T*, const int*, T*)
DEEPMD_SLOT_VIRIAL(float, kFullRow);
DEEPMD_SLOT_VIRIAL(float, kRadialRow);
DEEPMD_SLOT_VIRIAL(double, kFullRow);
DEEPMD_SLOT_VIRIAL(double, kRadialRow);

}  // namespace deepmd
