#include "deepmd/virial.h"

#include "cpu/scatter.h"
#include "math/slot.h"

namespace deepmd {
namespace {
constexpr int64_t kNanosecondsPerSlot = 15;
}

template <typename T, int kColumns>
void slot_virial(const CpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv, const T* rij,
                 const int* nlist, T* virial, T* atom_virial) {
  scatter(device, shape, 9, kNanosecondsPerSlot, atom_virial, [&](int64_t c, double* sums) {
    for (int64_t slot = c * shape.nnei; slot < (c + 1) * shape.nnei; ++slot) {
      if (nlist[slot] < 0) continue;
      double* other = sums + int64_t(nlist[slot]) * 9;
      for (int a = 0; a < 3; ++a) {
        const double g = slot_gradient<kColumns>(net_deriv + kColumns * slot, in_deriv + 3 * kColumns * slot, a);
        for (int b = 0; b < 3; ++b) other[3 * a + b] += g * double(rij[3 * slot + b]);
      }
    }
  });
  for (int64_t k = 0; k < int64_t(shape.nframes) * 9; ++k) {
    double sum = 0;
    const T* atoms = atom_virial + k / 9 * shape.nall * 9 + k % 9;
    for (int64_t i = 0; i < shape.nall; ++i) sum += atoms[9 * i];
    virial[k] = T(sum);
  }
}

template <typename T, int kColumns>
void slot_virial_grad(const CpuDevice& device, const SlotShape& shape, const T* grad, const T* grad_atom,
                      const T* in_deriv, const T* rij, const int* nlist, T* grad_net) {
  device.parallel_for(shape.centers(), kNanosecondsPerSlot * shape.nnei, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const int64_t frame = c / shape.nloc;
      for (int64_t slot = c * shape.nnei; slot < (c + 1) * shape.nnei; ++slot) {
        T d[3] = {0, 0, 0};  // the gradient of the slot's g
        if (nlist[slot] >= 0) {
          const T* total = grad + frame * 9;
          const T* other = grad_atom + (frame * shape.nall + nlist[slot]) * 9;
          for (int a = 0; a < 3; ++a) {
            for (int b = 0; b < 3; ++b) d[a] += (total[3 * a + b] + other[3 * a + b]) * rij[3 * slot + b];
          }
        }
        const T* in = in_deriv + 3 * kColumns * slot;
        for (int a = 0; a < kColumns; ++a) grad_net[kColumns * slot + a] = slot_gradient_transpose(d, in, a);
      }
    }
  });
}

#define DEEPMD_SLOT_VIRIAL(T, COLUMNS)                                                                                \
  template void slot_virial<T, COLUMNS>(const CpuDevice&, const SlotShape&, const T*, const T*, const T*, const int*, \
                                        T*, T*);                                                                      \
  template void slot_virial_grad<T, COLUMNS>(const CpuDevice&, const SlotShape&, const T*, const T*, const T*,        \
                                             const T*, const int*, T*)
DEEPMD_SLOT_VIRIAL(float, kFullRow);
DEEPMD_SLOT_VIRIAL(float, kRadialRow);
DEEPMD_SLOT_VIRIAL(double, kFullRow);
DEEPMD_SLOT_VIRIAL(double, kRadialRow);

}  // namespace deepmd
