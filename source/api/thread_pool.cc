#include "thread_pool.h"

#include <algorithm>
#include <atomic>

namespace deepmd {
namespace {
constexpr int64_t kLeastNanoseconds = 20000;  // of work that is worth another thread
}

/// Ranges of one item count, taken by whoever is free.
struct ThreadPool::Loop {
  int64_t n, step;
  const CpuDevice::Body& body;
  std::atomic<int64_t> next{0};

  void take_turns() {
    for (int64_t begin = next.fetch_add(step); begin < n; begin = next.fetch_add(step)) {
      body(begin, std::min(begin + step, n));
    }
  }
};

ThreadPool::ThreadPool(int count) {
  for (int k = 1; k < count; ++k) threads_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    end_ = true;
  }
  begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

CpuDevice ThreadPool::device() {
  if (threads_.empty()) return CpuDevice();
  return CpuDevice([this](int64_t n, int64_t cost, const CpuDevice::Body& body) { run(n, cost, body); });
}

void ThreadPool::run(int64_t n, int64_t cost, const CpuDevice::Body& body) {
  const int64_t step = std::max<int64_t>(1, kLeastNanoseconds / std::max<int64_t>(cost, 1));
  if (n <= step) return body(0, n);
  Loop loop{n, step, body};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    loop_ = &loop;
    ++turn_;
  }
  begun_.notify_all();
  loop.take_turns();
  std::unique_lock<std::mutex> lock(mutex_);
  loop_ = nullptr;  // who wakes late finds nothing to do
  done_.wait(lock, [this] { return busy_ == 0; });
}

void ThreadPool::work() {
  int64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    begun_.wait(lock, [&] { return end_ || (loop_ != nullptr && turn_ != seen); });
    if (end_) return;
    seen = turn_;
    Loop* loop = loop_;
    ++busy_;
    lock.unlock();
    loop->take_turns();
    lock.lock();
    if (--busy_ == 0) done_.notify_all();
  }
}

}  // namespace deepmd
