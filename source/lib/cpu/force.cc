#include "deepmd/force.h"

#include "cpu/scatter.h"

namespace deepmd {
namespace {
constexpr int64_t kNanosecondsPerSlot = 10;
}

template <typename T>
void force_se_a(const CpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv,
                const int* nlist, T* force) {
  scatter(device, shape, 3, kNanosecondsPerSlot, force, [&](int64_t c, double* sums) {
    double* own = sums + c % shape.nloc * 3;
    for (int64_t slot = c * shape.nnei; slot < (c + 1) * shape.nnei; ++slot) {
      if (nlist[slot] < 0) continue;
      double g[3];
      slot_gradient(net_deriv + 4 * slot, in_deriv + 12 * slot, g);
      double* other = sums + int64_t(nlist[slot]) * 3;
      for (int b = 0; b < 3; ++b) {
        own[b] -= g[b];
        other[b] += g[b];
      }
    }
  });
}

template <typename T>
void force_se_a_grad(const CpuDevice& device, const SlotShape& shape, const T* grad, const T* in_deriv,
                     const int* nlist, T* grad_net) {
  device.parallel_for(shape.centres(), kNanosecondsPerSlot * shape.nnei, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const T* frame = grad + c / shape.nloc * shape.nall * 3;
      const T* own = frame + c % shape.nloc * 3;
      for (int64_t slot = c * shape.nnei; slot < (c + 1) * shape.nnei; ++slot) {
        const T* other = nlist[slot] < 0 ? own : frame + int64_t(nlist[slot]) * 3;
        const T d[3] = {other[0] - own[0], other[1] - own[1], other[2] - own[2]};
        for (int a = 0; a < 4; ++a) {
          const T* in = in_deriv + 12 * slot + 3 * a;
          grad_net[4 * slot + a] = in[0] * d[0] + in[1] * d[1] + in[2] * d[2];
        }
      }
    }
  });
}

template void force_se_a<float>(const CpuDevice&, const SlotShape&, const float*, const float*, const int*, float*);
template void force_se_a<double>(const CpuDevice&, const SlotShape&, const double*, const double*, const int*, double*);
template void force_se_a_grad<float>(const CpuDevice&, const SlotShape&, const float*, const float*, const int*,
                                     float*);
template void force_se_a_grad<double>(const CpuDevice&, const SlotShape&, const double*, const double*, const int*,
                                      double*);

}  // namespace deepmd
