#pragma once

#include "gpu/descriptor.h"

namespace deepmd::gpu {

/// Forces [natoms, 3] and virials [natoms, 9] of atoms from edge_grad = dE/d edge_vec [nedge, 3], as edge_force and
/// edge_virial give them, in one pass.
void atom_forces(const GpuDevice& device, const RowEdges& edges, const double* edge_grad, double* force,
                 double* atom_virial);

}  // namespace deepmd::gpu
