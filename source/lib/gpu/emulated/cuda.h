#pragma once

// Emulation on the CPU of the part of CUDA that the kernels use. It tests the kernels without a GPU, and under
// sanitizers: every index, barrier and exchange between lanes. The threads of a block are fibers that run in a shuffled
// order until they reach a barrier, so a missing barrier gives wrong results. A barrier that some threads do not reach
// is an error. Device memory is memory of the process, and operations in streams run immediately.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "gpu/grid.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static thread_local
#define __align__(n) alignas(n)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
struct double2 {
  double x, y;
};
struct double4 {
  double x, y, z, w;
};
struct float2 {
  float x, y;
};
struct float4 {
  float x, y, z, w;
};
struct int2 {
  int x, y;
};

namespace deepmd::emulated {

/// Indices of the current thread and sizes of its block and grid.
struct Thread {
  dim3 thread, block, threads, blocks;
};
extern thread_local Thread current;

/// Runs `kernel` once for every thread of the grid.
void run(const gpu::Grid& grid, const std::function<void()>& kernel);

void* shared_memory();
void block_barrier();
/// Returns the number of threads of the block with a nonzero value.
int block_count(int value);
/// Returns the value of `lane` of the warp. All lanes call this together.
uint64_t exchange(uint64_t value, int lane);
/// Returns one bit for every lane, set if its value is not zero.
unsigned ballot(int value);
/// Returns one bit for every lane, set if it has the same value.
unsigned match(uint64_t value);

template <typename T>
T shuffle(T value, int lane) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(bits, lane);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

inline int lane() { return int(current.thread.x) % gpu::kWarp; }

}  // namespace deepmd::emulated

#define threadIdx (::deepmd::emulated::current.thread)
#define blockIdx (::deepmd::emulated::current.block)
#define blockDim (::deepmd::emulated::current.threads)
#define gridDim (::deepmd::emulated::current.blocks)

inline void __syncthreads() { deepmd::emulated::block_barrier(); }
inline int __syncthreads_count(int value) { return deepmd::emulated::block_count(value); }
inline int __syncthreads_or(int value) { return deepmd::emulated::block_count(value) > 0; }
inline int __syncthreads_and(int value) { return deepmd::emulated::block_count(!value) == 0; }
inline void __syncwarp(unsigned = 0xffffffffu) { deepmd::emulated::exchange(0, 0); }

// All lanes of a warp take part; masks are ignored.
template <typename T>
T __shfl_sync(unsigned, T value, int lane) {
  return deepmd::emulated::shuffle(value, lane % deepmd::gpu::kWarp);
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return deepmd::emulated::shuffle(value, deepmd::emulated::lane() ^ mask);
}
template <typename T>
T __shfl_down_sync(unsigned, T value, int delta) {
  const int lane = deepmd::emulated::lane() + delta;
  return deepmd::emulated::shuffle(value, lane < deepmd::gpu::kWarp ? lane : deepmd::emulated::lane());
}
template <typename T>
T __shfl_up_sync(unsigned, T value, int delta) {
  const int lane = deepmd::emulated::lane() - delta;
  return deepmd::emulated::shuffle(value, lane >= 0 ? lane : deepmd::emulated::lane());
}
inline unsigned __ballot_sync(unsigned, int value) { return deepmd::emulated::ballot(value); }
inline int __any_sync(unsigned, int value) { return deepmd::emulated::ballot(value) != 0; }
inline int __all_sync(unsigned, int value) { return deepmd::emulated::ballot(!value) == 0; }
inline unsigned __match_any_sync(unsigned, unsigned value) { return deepmd::emulated::match(value); }
inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int __clz(int value) { return value ? __builtin_clz(unsigned(value)) : 32; }

template <typename T>
T __ldg(const T* place) {
  return *place;
}
inline void __threadfence() {}

// Plain operations are sufficient, because the threads of a block run in one thread of the process and blocks of
// different streams share no memory.
template <typename T>
T atomicAdd(T* place, T value) {
  const T before = *place;
  *place = T(before + value);
  return before;
}
template <typename T>
T atomicMax(T* place, T value) {
  const T before = *place;
  if (value > before) *place = value;
  return before;
}
template <typename T>
T atomicMin(T* place, T value) {
  const T before = *place;
  if (value < before) *place = value;
  return before;
}
template <typename T>
T atomicCAS(T* place, T expected, T value) {
  const T before = *place;
  if (before == expected) *place = value;
  return before;
}
template <typename T>
T atomicOr(T* place, T value) {
  const T before = *place;
  *place = before | value;
  return before;
}

using std::fma;
using std::isfinite;
using std::max;
using std::min;
using std::sqrt;

enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
using cudaStream_t = void*;

inline const char* cudaGetErrorString(cudaError_t error) { return error == cudaSuccess ? "no error" : "out of memory"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  if (bytes > 0) std::memcpy(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  if (bytes > 0) std::memset(to, value, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

// Functions for owners of memory and streams.
constexpr unsigned cudaStreamNonBlocking = 1;
using cudaEvent_t = void*;
struct cudaDeviceProp {
  char name[32];
};
inline cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t) {
  *memory = std::malloc(bytes);
  return *memory != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaFreeAsync(void* memory, cudaStream_t) {
  std::free(memory);
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = nullptr;
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
inline cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 0;  // the run time of the emulation is meaningless
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  std::strcpy(properties->name, "emulated");
  return cudaSuccess;
}
