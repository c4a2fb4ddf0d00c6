// Measures the bandwidth of a copy and the rate of fused multiply-adds (FMA) in registers of this GPU.
//
// Usage: gpu_peak. Prints one JSON object: copy_gbps (1e9 bytes per second, read and written), float64_gflops and
// float32_gflops (an FMA counts as two). Each is the best of several runs.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr int kRuns = 10, kThreads = 256, kChains = 8, kRepeat = 4096;
constexpr size_t kBytes = size_t(1) << 30;

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "gpu_peak: %s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

/// Return the seconds of the fastest of several runs.
template <typename Work>
double best_seconds(const Work& work) {
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "event");
  check(cudaEventCreate(&end), "event");
  float best = 1e30f;
  for (int k = 0; k <= kRuns; ++k) {
    check(cudaEventRecord(begin), "event");
    work();
    check(cudaEventRecord(end), "event");
    check(cudaEventSynchronize(end), "run");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin, end), "event");
    if (k > 0) best = std::min(best, milliseconds);
  }
  return 1e-3 * double(best);
}

__global__ void copy(const double2* from, double2* to, size_t n) {
  for (size_t k = blockIdx.x * size_t(blockDim.x) + threadIdx.x; k < n; k += size_t(gridDim.x) * blockDim.x) {
    to[k] = from[k];
  }
}

/// Independent chains in registers; `factor` and `term` are arguments so that nothing is computed at compile time.
template <typename T>
__global__ void multiply_add(T factor, T term, T* out) {
  T chain[kChains];
  for (int k = 0; k < kChains; ++k) chain[k] = T(threadIdx.x + k);
  for (int repeat = 0; repeat < kRepeat; ++repeat) {
#pragma unroll
    for (int k = 0; k < kChains; ++k) chain[k] = chain[k] * factor + term;
  }
  T sum = 0;
  for (int k = 0; k < kChains; ++k) sum += chain[k];
  if (sum == T(-1)) *out = sum;  // never true; keeps the compiler from removing the work
}

template <typename T>
double gflops(int processors) {
  T* out;
  check(cudaMalloc(&out, sizeof(T)), "memory");
  const int blocks = processors * 8;
  const double seconds = best_seconds([&] { multiply_add<T><<<blocks, kThreads>>>(T(0.999), T(0.001), out); });
  check(cudaFree(out), "memory");
  return 2e-9 * blocks * kThreads * double(kChains) * kRepeat / seconds;
}

}  // namespace

int main() {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0), "device");
  double2 *from, *to;
  check(cudaMalloc(&from, kBytes), "memory");
  check(cudaMalloc(&to, kBytes), "memory");
  check(cudaMemset(from, 0, kBytes), "memory");
  const size_t n = kBytes / sizeof(double2);
  const double seconds = best_seconds([&] { copy<<<properties.multiProcessorCount * 16, kThreads>>>(from, to, n); });
  std::printf("{\"copy_gbps\": %.1f, \"float64_gflops\": %.1f, \"float32_gflops\": %.1f}\n", 2e-9 * kBytes / seconds,
              gflops<double>(properties.multiProcessorCount), gflops<float>(properties.multiProcessorCount));
}
