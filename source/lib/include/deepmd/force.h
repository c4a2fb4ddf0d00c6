#pragma once

#include "deepmd/device.h"
#include "deepmd/gpu_device.h"
#include "deepmd/slots.h"

namespace deepmd {

/// Forces from the derivative of the energy with respect to the slots. With g = net_deriv . in_deriv of a slot,
/// which is dE/dr_i by that slot alone, F_i -= g and F_j += g.
///
/// net_deriv [nframes, nloc, nnei, columns] eV Å, in_deriv [nframes, nloc, nnei, columns, 3] 1/Å^2 and nlist [nframes,
/// nloc, nnei] (see env_mat.h); force [nframes, nall, 3] eV/Å. The sum is the same whatever the number of threads.
template <typename T, int kColumns>
void slot_force(const CpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv,
                const int* nlist, T* force);

/// The transpose of slot_force, a linear map of net_deriv: grad [nframes, nall, 3] -> grad_net [nframes, nloc, nnei,
/// columns].
template <typename T, int kColumns>
void slot_force_grad(const CpuDevice& device, const SlotShape& shape, const T* grad, const T* in_deriv,
                     const int* nlist, T* grad_net);

/// The same on a GPU. A neighbor that is no atom makes the force on the center, or the slot's gradient, NaN.
template <typename T, int kColumns>
void slot_force(const GpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv,
                const int* nlist, T* force);
template <typename T, int kColumns>
void slot_force_grad(const GpuDevice& device, const SlotShape& shape, const T* grad, const T* in_deriv,
                     const int* nlist, T* grad_net);

}  // namespace deepmd
