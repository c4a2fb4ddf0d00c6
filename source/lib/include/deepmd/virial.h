#pragma once

#include "deepmd/device.h"
#include "deepmd/gpu_device.h"
#include "deepmd/slots.h"

namespace deepmd {

/// Virials from the derivative of the energy with respect to the slots. With g = net_deriv . in_deriv of a slot, which
/// is -dE/dr_ij, the slot adds g (x) rij to its neighbor j (component 3a + b is g_a rij_b); the virial is the sum over
/// atoms, and pressure = trace / 3V.
///
/// net_deriv, in_deriv and nlist as for slot_force, rij [nframes, nloc, nnei, 3] Å; virial [nframes, 9] and
/// atom_virial [nframes, nall, 9] eV. The sums are the same whatever the number of threads.
template <typename T, int kColumns>
void slot_virial(const CpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv, const T* rij,
                 const int* nlist, T* virial, T* atom_virial);

/// The transpose of slot_virial, a linear map of net_deriv: (grad [nframes, 9], grad_atom [nframes, nall, 9]) ->
/// grad_net [nframes, nloc, nnei, columns].
template <typename T, int kColumns>
void slot_virial_grad(const CpuDevice& device, const SlotShape& shape, const T* grad, const T* grad_atom,
                      const T* in_deriv, const T* rij, const int* nlist, T* grad_net);

/// The same on a GPU. A neighbor that is no atom makes the virials of the center and of its frame, or the slot's
/// gradient, NaN.
template <typename T, int kColumns>
void slot_virial(const GpuDevice& device, const SlotShape& shape, const T* net_deriv, const T* in_deriv, const T* rij,
                 const int* nlist, T* virial, T* atom_virial);
template <typename T, int kColumns>
void slot_virial_grad(const GpuDevice& device, const SlotShape& shape, const T* grad, const T* grad_atom,
                      const T* in_deriv, const T* rij, const int* nlist, T* grad_net);

}  // namespace deepmd
