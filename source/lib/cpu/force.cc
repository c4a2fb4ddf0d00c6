#include "deepmd/force.h"

#include "cpu/scatter.h"
#include "math/slot.h"

namespace deepmd {
namespace {
constexpr int64_t kNanosecondsPerSlot = 10;
}

template <typename T, int kColumns>
void slot_force(const CpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv,
                const int* nlist, T* force) {
  scatter(device, shape, 3, kNanosecondsPerSlot, force, [&](int64_t c, double* sums) {
    double* own = sums + c % shape.nloc * 3;
    for (int64_t slot = c * shape.nnei; slot < (c + 1) * shape.nnei; ++slot) {
      if (nlist[slot] < 0) continue;
      double* other = sums + int64_t(nlist[slot]) * 3;
      for (int b = 0; b < 3; ++b) {
        const double g = slot_gradient<kColumns>(net_deriv + kColumns * slot, in_deriv + 3 * kColumns * slot, b);
        own[b] -= g;
        other[b] += g;
      }
    }
  });
}

template <typename T, int kColumns>
void slot_force_grad(const CpuDevice& device, const SlotShape& shape, const T* grad, const T* in_deriv,
                     const int* nlist, T* grad_net) {
  device.parallel_for(shape.centers(), kNanosecondsPerSlot * shape.nnei, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const T* frame = grad + c / shape.nloc * shape.nall * 3;
      const T* own = frame + c % shape.nloc * 3;
      for (int64_t slot = c * shape.nnei; slot < (c + 1) * shape.nnei; ++slot) {
        const T* other = nlist[slot] < 0 ? own : frame + int64_t(nlist[slot]) * 3;
        const T d[3] = {other[0] - own[0], other[1] - own[1], other[2] - own[2]};
        const T* in = in_deriv + 3 * kColumns * slot;
        for (int a = 0; a < kColumns; ++a) grad_net[kColumns * slot + a] = slot_gradient_transpose(d, in, a);
      }
    }
  });
}

#define DEEPMD_SLOT_FORCE(T, COLUMNS)                                                                           \
  template void slot_force<T, COLUMNS>(const CpuDevice&, const SlotShape&, const T*, const T*, const int*, T*); \
  template void slot_force_grad<T, COLUMNS>(const CpuDevice&, const SlotShape&, const T*, const T*, const int*, T*)
DEEPMD_SLOT_FORCE(float, kFullRow);
DEEPMD_SLOT_FORCE(float, kRadialRow);
DEEPMD_SLOT_FORCE(double, kFullRow);
DEEPMD_SLOT_FORCE(double, kRadialRow);

}  // namespace deepmd
