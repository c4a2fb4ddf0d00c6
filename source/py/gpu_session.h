#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "arrays.h"
#include "deepmd/gpu_device.h"

namespace deepmd::py {

/// A stream of its own, in which NumPy arrays are copied to the GPU, a kernel runs on them, and results are copied
/// back.
class GpuSession {
 public:
  /// The number of threads is the processor's affair.
  explicit GpuSession(int threads);
  ~GpuSession();
  GpuSession(const GpuSession&) = delete;
  GpuSession& operator=(const GpuSession&) = delete;

  const GpuDevice& device() const { return device_; }
  const void* copy_in(const void* host, size_t bytes);
  /// Memory whose content `run` copies to `host`.
  void* copy_out(void* host, size_t bytes);
  /// What is in memory of the device when the kernel is done, `run` copies to `host`.
  void copy_back(void* host, const void* device, size_t bytes) { copies_.push_back({host, device, bytes}); }
  void run(const std::function<void()>& kernel);

 private:
  struct Copy {
    void* host;
    const void* device;
    size_t bytes;
  };

  void* allocate(size_t bytes);
  /// Gives back what was allocated after the first `kept` pieces.
  void release(size_t kept);

  void* stream_ = nullptr;
  GpuDevice device_;
  std::vector<void*> memory_;
  std::vector<Copy> copies_;
};

/// measure_kernels(repeats), kernel_seconds(), device_name().
void bind_device(pb::module_& module);

}  // namespace deepmd::py
