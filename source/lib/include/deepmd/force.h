#pragma once

#include "deepmd/device.h"
#include "deepmd/slots.h"

namespace deepmd {

/// Forces from the derivative of the energy with respect to the slots. With g = net_deriv . in_deriv of a slot,
/// which is dE/dr_i by that slot alone, F_i -= g and F_j += g.
///
/// net_deriv [nframes, nloc, nnei, 4] eV Å, in_deriv [nframes, nloc, nnei, 4, 3] 1/Å^2, nlist [nframes, nloc, nnei];
/// force [nframes, nall, 3] eV/Å. The sum is the same whatever the number of threads.
template <typename T>
void force_se_a(const CpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv,
                const int* nlist, T* force);

/// The transpose of force_se_a, a linear map of net_deriv: grad [nframes, nall, 3] -> grad_net [nframes, nloc, nnei,
/// 4].
template <typename T>
void force_se_a_grad(const CpuDevice& device, const SlotShape& shape, const T* grad, const T* in_deriv,
                     const int* nlist, T* grad_net);

}  // namespace deepmd
