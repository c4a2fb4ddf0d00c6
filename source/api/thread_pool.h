#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "deepmd/device.h"

namespace deepmd {

/// Threads that wait for loops to share.
class ThreadPool {
 public:
  /// `count` threads work on a loop, its caller among them.
  explicit ThreadPool(int count);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The pool as what kernels run on; it must outlive the device. One loop at a time.
  CpuDevice device();

 private:
  struct Loop;

  void run(int64_t n, int64_t cost, const CpuDevice::Body& body);
  void work();

  std::mutex mutex_;
  std::condition_variable begun_, done_;
  Loop* loop_ = nullptr;  // that which runs
  int64_t turn_ = 0;      // counts loops
  int busy_ = 0;          // threads that work on it
  bool end_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace deepmd
