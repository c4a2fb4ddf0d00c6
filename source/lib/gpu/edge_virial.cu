#include <algorithm>
#include <cmath>

#include "deepmd/edges.h"
#include "gpu/frame_sums.h"
#include "gpu/incoming.h"
#include "gpu/launch.h"
#include "gpu/parts.h"

namespace deepmd {
namespace {

using namespace gpu;

constexpr int64_t kMaxParts = 64;
constexpr int64_t kAtomsPerPart = 1024;

/// Returns the frame of an atom, ignoring frames without atoms.
__device__ int frame_of(const FrameSplits& frames, int64_t atom) {
  int low = 0, high = frames.nframes;  // splits[low] <= atom < splits[high]
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (frames.splits[middle] <= atom) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

/// One warp per atom sums the edges that end at it. An invalid neighbor index makes the virial of the center NaN.
__global__ void __launch_bounds__(kThreads) sum_virial(EdgeList edges, Incoming incoming, const double* edge_grad,
                                                       const double* edge_vec, double* atom_virial) {
  for (int64_t i = warp_index(); i < edges.natoms; i += warp_count()) {
    double sum[9] = {};
    if (i < edges.ncenters) {
      for (int64_t e = edges.edge_splits[i] + lane_index(); e < edges.edge_splits[i + 1]; e += kWarp) {
        if (edges.neighbor[e] < 0 || edges.neighbor[e] >= edges.natoms) sum[0] = NAN;
      }
    }
    for (int64_t k = incoming.splits[i] + lane_index(); k < incoming.splits[i + 1]; k += kWarp) {
      const double *g = edge_grad + 3 * int64_t(incoming.items[k]), *d = edge_vec + 3 * int64_t(incoming.items[k]);
      for (int a = 0; a < 3; ++a) {
        for (int b = 0; b < 3; ++b) sum[3 * a + b] -= g[a] * d[b];
      }
    }
    store_warp_sums(sum, atom_virial + 9 * i);
  }
}

/// The atoms of a frame are divided into parts, one block per part: parts [nframes, nparts, 9].
__global__ void __launch_bounds__(kThreads)
    sum_parts(FrameSplits frames, int nparts, const double* atom_virial, double* parts) {
  __shared__ double of_warp[kThreads / kWarp][9];
  for (int64_t k = blockIdx.x; k < int64_t(frames.nframes) * nparts; k += gridDim.x) {
    const int64_t first = frames.splits[k / nparts], count = frames.splits[k / nparts + 1] - first;
    const int64_t begin = first + count * (k % nparts) / nparts, end = first + count * (k % nparts + 1) / nparts;
    double sum[9] = {};
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
      for (int m = 0; m < 9; ++m) sum[m] += atom_virial[9 * i + m];
    }
    store_warp_sums(sum, of_warp[threadIdx.x / kWarp]);
    __syncthreads();
    if (threadIdx.x < 9) {
      double total = 0;
      for (int w = 0; w < kThreads / kWarp; ++w) total += of_warp[w][threadIdx.x];
      parts[9 * k + threadIdx.x] = total;
    }
    __syncthreads();
  }
}

__global__ void __launch_bounds__(kThreads)
    spread_grad(EdgeList edges, FrameSplits frames, const double* grad, const double* grad_atom, const double* edge_vec,
                double* edge_grad) {
  for (int64_t c = warp_index(); c < edges.ncenters; c += warp_count()) {
    const double* total = grad + 9 * int64_t(frame_of(frames, c));
    for (int64_t e = edges.edge_splits[c] + lane_index(); e < edges.edge_splits[c + 1]; e += kWarp) {
      const int64_t j = edges.neighbor[e];
      const bool known = j >= 0 && j < edges.natoms;
      const double* d = edge_vec + 3 * e;
      for (int a = 0; a < 3; ++a) {
        double sum = known ? 0 : NAN;
        for (int b = 0; known && b < 3; ++b) sum -= (total[3 * a + b] + grad_atom[9 * j + 3 * a + b]) * d[b];
        edge_grad[3 * e + a] = sum;
      }
    }
  }
}

}  // namespace

namespace gpu {

void sum_frames(const GpuDevice& device, const FrameSplits& frames, int64_t natoms, const double* atom_virial,
                double* virial) {
  const int64_t atoms_per_frame = natoms / std::max(frames.nframes, 1);
  const int nparts = int(std::clamp<int64_t>(atoms_per_frame / kAtomsPerPart, 1, kMaxParts));
  double* parts = device.allocate<double>(int64_t(frames.nframes) * nparts * 9);
  launch(device, grid_of_blocks(int64_t(frames.nframes) * nparts, kThreads), sum_parts, frames, nparts, atom_virial,
         parts);
  launch(device, grid_of_threads(9 * int64_t(frames.nframes)), add_parts<double>, frames.nframes, nparts, 9,
         static_cast<const double*>(parts), virial);
}

}  // namespace gpu

void edge_virial(const GpuDevice& device, const EdgeList& edges, const FrameSplits& frames, const double* edge_grad,
                 const double* edge_vec, double* virial, double* atom_virial) {
  const Incoming incoming = incoming_items(device, edges.natoms, edges.nedge, edges.neighbor);
  launch(device, grid_of_warps(edges.natoms), sum_virial, edges, incoming, edge_grad, edge_vec, atom_virial);
  gpu::sum_frames(device, frames, edges.natoms, atom_virial, virial);
}

void edge_virial_grad(const GpuDevice& device, const EdgeList& edges, const FrameSplits& frames, const double* grad,
                      const double* grad_atom, const double* edge_vec, double* edge_grad) {
  launch(device, grid_of_warps(edges.ncenters), spread_grad, edges, frames, grad, grad_atom, edge_vec, edge_grad);
}

}  // namespace deepmd
