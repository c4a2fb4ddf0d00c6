#pragma once

#include "arrays.h"

#ifdef DEEPMD_PY_GPU
#include "gpu_session.h"
#else
#include "deepmd/device.h"
#endif

namespace deepmd::py {

#ifdef DEEPMD_PY_GPU
using Device = GpuDevice;
using DeviceSession = GpuSession;
#else
using Device = CpuDevice;

/// The processor sees NumPy's memory as it is.
class DeviceSession {
 public:
  explicit DeviceSession(int threads) : device_(CpuDevice::threads(threads)) {}
  const CpuDevice& device() const { return device_; }
  const void* copy_in(const void* host, size_t) { return host; }
  void* copy_out(void* host, size_t) { return host; }
  template <typename Kernel>
  void run(const Kernel& kernel) {
    pb::gil_scoped_release release;
    kernel();
  }

 private:
  CpuDevice device_;
};
#endif

/// One call of a kernel from Python: arrays as the device sees them. `run` waits, and then what goes out is there.
class Session : public DeviceSession {
 public:
  using DeviceSession::DeviceSession;

  template <typename T>
  const T* in(const T* values, int64_t n) {
    return static_cast<const T*>(copy_in(values, sizeof(T) * size_t(n)));
  }
  template <typename T>
  const T* in(const Array<T>& array) {
    return in(array.data(), array.size());
  }
  template <typename T>
  const T* in(const std::vector<T>& values) {
    return in(values.data(), int64_t(values.size()));
  }
  template <typename T>
  T* out(T* values, int64_t n) {
    return static_cast<T*>(copy_out(values, sizeof(T) * size_t(n)));
  }
  template <typename T>
  T* out(Array<T>& array) {
    return out(array.mutable_data(), array.size());
  }
};

}  // namespace deepmd::py
