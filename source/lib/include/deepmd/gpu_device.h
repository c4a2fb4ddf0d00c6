#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <utility>

#include "deepmd/error.h"

namespace deepmd {

/// CUDA reported an error; the message says in which call, and what.
class DEEPMD_API GpuError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Where a kernel runs: a GPU, in a stream that the caller owns.
///
/// The overloads of the kernels for this device take pointers to its memory, unless their comment says otherwise, and
/// only put work into the stream: nothing waits, except a search, which has to know how many edges there are. They
/// leave out what the others check by reading data. Splits and runs are trusted, and the ends of edges where cells are
/// found, for they come from searches, which check; elsewhere an atom or a type that is out of range, or an edge of no
/// length, makes what it would have taken part in NaN. Results are the same, bit by bit, in every run.
class GpuDevice {
 public:
  /// Memory of the device, aligned to 256 bytes, that remains until the work that is in the stream when the kernel
  /// returns is done.
  using Allocate = std::function<void*(size_t bytes)>;

  GpuDevice(void* stream, Allocate allocate) : stream_(stream), allocate_(std::move(allocate)) {}

  /// The cudaStream_t.
  void* stream() const { return stream_; }

  /// Room for n numbers to work in; never null.
  template <typename T>
  T* allocate(int64_t n) const {
    return static_cast<T*>(allocate_(sizeof(T) * size_t(n > 0 ? n : 1)));
  }

 private:
  void* stream_;
  Allocate allocate_;
};

/// Copies from memory of the host, which may change as soon as this returns, to memory of the device. For the few
/// numbers that frames have: they travel with the launches of kernels.
void copy_to_device(const GpuDevice& device, const void* host, size_t bytes, void* out);

/// The same into new room.
template <typename T>
const T* copy_to_device(const GpuDevice& device, const T* host, int64_t n) {
  T* out = device.allocate<T>(n);
  copy_to_device(device, host, sizeof(T) * size_t(n), out);
  return out;
}

/// Float64 of n numbers, all in memory of the device.
void widen(const GpuDevice& device, int64_t n, const float* values, double* out);

}  // namespace deepmd
