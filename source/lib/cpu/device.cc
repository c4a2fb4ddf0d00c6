#include "deepmd/device.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace deepmd {

CpuDevice::CpuDevice() : CpuDevice([](int64_t n, int64_t, const Body& body) { body(0, n); }) {}

CpuDevice::CpuDevice(Loop loop) : loop_(std::move(loop)) {}

CpuDevice CpuDevice::threads(int count) {
  if (count <= 1) return CpuDevice();
  return CpuDevice([count](int64_t n, int64_t, const Body& body) {
    const int64_t ranges = std::min<int64_t>(count, n);
    std::vector<std::thread> workers;
    for (int64_t k = 1; k < ranges; ++k) {
      workers.emplace_back([&body, n, ranges, k] { body(n * k / ranges, n * (k + 1) / ranges); });
    }
    body(0, n / ranges);
    for (std::thread& worker : workers) worker.join();
  });
}

void CpuDevice::parallel_for(int64_t n, int64_t cost, const Body& body) const {
  if (n <= 0) return;
  std::mutex mutex;
  std::exception_ptr error;
  int64_t error_begin = std::numeric_limits<int64_t>::max();
  loop_(n, cost, [&](int64_t begin, int64_t end) {
    try {
      body(begin, end);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (begin < error_begin) {
        error_begin = begin;
        error = std::current_exception();
      }
    }
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace deepmd
