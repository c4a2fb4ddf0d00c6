#pragma once

#include "gpu/descriptor.h"

namespace deepmd::gpu {

/// Computes forces [natoms, 3] and atomic virials [natoms, 9] from edge_grad = dE/d edge_vec [nedge, 3] in one pass.
/// The results are those of edge_force and edge_virial.
void atom_forces(const GpuDevice& device, const RowEdges& edges, const double* edge_grad, double* force,
                 double* atom_virial);

}  // namespace deepmd::gpu
