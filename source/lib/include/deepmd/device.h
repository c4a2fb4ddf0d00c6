#pragma once

#include <cstdint>
#include <functional>

namespace deepmd {

/// Where a kernel runs: the processor, with the threads that the caller owns.
///
/// Kernels never start threads of their own; the caller hands in its loop, for instance over TensorFlow's pool.
class CpuDevice {
 public:
  /// Works on the items [begin, end).
  using Body = std::function<void(int64_t begin, int64_t end)>;
  /// Calls the body for disjoint ranges that together are [0, n), in any order and on any thread, and waits for all;
  /// `cost` estimates the nanoseconds that one item takes.
  using Loop = std::function<void(int64_t n, int64_t cost, const Body& body)>;

  /// The calling thread alone.
  CpuDevice();
  explicit CpuDevice(Loop loop);
  /// Starts `count` threads for every loop, for callers that have no pool.
  static CpuDevice threads(int count);

  /// Runs the loop; when bodies throw, the exception of the lowest range reaches the caller, so that what is reported
  /// does not depend on the number of threads.
  void parallel_for(int64_t n, int64_t cost, const Body& body) const;

 private:
  Loop loop_;
};

}  // namespace deepmd
