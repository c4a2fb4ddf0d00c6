#include "gpu/emulated/cuda.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

namespace deepmd::emulated {

thread_local Thread current;

namespace {

constexpr size_t kStack = 128 * 1024;

/// Barrier of a group of threads, which can also count nonzero values.
struct Barrier {
  int expected = 0;
  int arrived = 0;
  uint64_t phase = 0;
  int count[2] = {0, 0};  // number of nonzero values in this phase and in the previous one
};

struct Warp {
  Barrier barrier;
  uint64_t values[2][gpu::kWarp];
};

/// Stack on which threads run one after another, until one has to wait.
struct Fiber {
  ucontext_t begin;  // initial context; later switches are jumps, which need no system call
  jmp_buf place;
  bool started = false;
  std::vector<char> stack = std::vector<char>(kStack);
  Thread thread;
  const Barrier* waits_for = nullptr;
  uint64_t phase = 0;
};

/// Runs the blocks of a grid one after another, on the calling thread of the process.
class Block {
 public:
  void run(const gpu::Grid& grid, const std::function<void()>& kernel) {
    if (grid.threads % gpu::kWarp != 0) throw std::logic_error("a block has whole warps");
    kernel_ = &kernel;
    shared_.assign(grid.shared + 1, char(0xff));  // NaN, to reveal reads of uninitialized memory
    order_.resize(grid.threads);
    std::iota(order_.begin(), order_.end(), 0);
    for (unsigned block = 0; block < grid.blocks; ++block) {
      std::shuffle(order_.begin(), order_.end(), std::minstd_rand(block + 1));
      run_block(grid, block);
    }
  }

  char* shared() { return shared_.data(); }

  void wait(Barrier& barrier) {
    Fiber& fiber = *fiber_;
    const uint64_t phase = barrier.phase;
    if (++barrier.arrived == barrier.expected) {
      barrier.arrived = 0;
      ++barrier.phase;
      barrier.count[barrier.phase & 1] = 0;
      return;
    }
    fiber.thread = current;
    fiber.waits_for = &barrier;
    fiber.phase = phase;
    leave(fiber);
    current = fiber.thread;
  }

  Barrier barrier;
  std::vector<Warp> warps;

 private:
  static void enter() { active()->loop(); }
  static Block*& active() {
    thread_local Block* block = nullptr;
    return block;
  }

  /// Starts one thread after another, and returns to the scheduler when none is left.
  void loop() {
    for (;;) {
      while (next_ < order_.size() && !error_) {
        current = base_;
        current.thread.x = order_[next_++];
        try {
          (*kernel_)();
        } catch (...) {
          error_ = std::current_exception();
        }
      }
      Fiber& fiber = *fiber_;
      idle_.push_back(&fiber);
      leave(fiber);
    }
  }

  void leave(Fiber& fiber) {
    if (_setjmp(fiber.place) == 0) _longjmp(scheduler_, 1);
  }

  void resume(Fiber* fiber) {
    active() = this;
    fiber_ = fiber;
    if (_setjmp(scheduler_) != 0) return;
    if (fiber->started) _longjmp(fiber->place, 1);
    fiber->started = true;
    setcontext(&fiber->begin);
  }

  Fiber* take_fiber() {
    if (idle_.empty()) add_fiber();
    Fiber* fiber = idle_.back();
    idle_.pop_back();
    return fiber;
  }

  void add_fiber() {
    fibers_.push_back(std::make_unique<Fiber>());
    idle_.push_back(fibers_.back().get());
    ucontext_t& context = fibers_.back()->begin;
    getcontext(&context);
    context.uc_stack.ss_sp = fibers_.back()->stack.data();
    context.uc_stack.ss_size = kStack;
    context.uc_link = nullptr;
    makecontext(&context, &Block::enter, 0);
  }

  void run_block(const gpu::Grid& grid, unsigned block) {
    base_ = {{0, 0, 0}, {block, 0, 0}, {grid.threads}, {grid.blocks}};
    next_ = 0;
    error_ = nullptr;
    barrier = Barrier{int(grid.threads)};
    warps.assign(grid.threads / gpu::kWarp, Warp());
    for (Warp& warp : warps) warp.barrier.expected = gpu::kWarp;
    std::vector<Fiber*> waiting;
    while (next_ < order_.size() && !error_) start(waiting);
    while (!waiting.empty() && !error_) {
      bool moved = false;
      std::vector<Fiber*> round;
      round.swap(waiting);
      for (Fiber* fiber : round) {
        if (fiber->waits_for->phase == fiber->phase) {
          waiting.push_back(fiber);
          continue;
        }
        moved = true;
        fiber->waits_for = nullptr;
        resume(fiber);
        if (fiber->waits_for != nullptr) waiting.push_back(fiber);
      }
      if (!moved) error_ = std::make_exception_ptr(std::logic_error("a barrier that not all threads reach"));
    }
    if (!error_) return;
    fibers_.clear();  // waiting fibers are never resumed
    idle_.clear();
    std::rethrow_exception(error_);
  }

  void start(std::vector<Fiber*>& waiting) {
    Fiber* fiber = take_fiber();
    resume(fiber);
    if (fiber->waits_for != nullptr) waiting.push_back(fiber);
  }

  const std::function<void()>* kernel_ = nullptr;
  std::vector<char> shared_;
  std::vector<unsigned> order_;
  size_t next_ = 0;
  Thread base_;
  std::exception_ptr error_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* fiber_ = nullptr;
  jmp_buf scheduler_;
};

Block& block() {
  thread_local Block block;
  return block;
}

}  // namespace

void run(const gpu::Grid& grid, const std::function<void()>& kernel) { block().run(grid, kernel); }

void* shared_memory() { return block().shared(); }

void block_barrier() { block().wait(block().barrier); }

int block_count(int value) {
  Barrier& barrier = block().barrier;
  const uint64_t phase = barrier.phase;
  barrier.count[phase & 1] += value != 0;
  block().wait(barrier);
  const int count = barrier.count[phase & 1];
  block().wait(barrier);  // no thread starts a new count before all have read this one
  return count;
}

uint64_t exchange(uint64_t value, int lane) {
  Warp& warp = block().warps[current.thread.x / gpu::kWarp];
  const uint64_t phase = warp.barrier.phase;
  warp.values[phase & 1][current.thread.x % gpu::kWarp] = value;
  block().wait(warp.barrier);
  return warp.values[phase & 1][lane];
}

unsigned ballot(int value) {
  Warp& warp = block().warps[current.thread.x / gpu::kWarp];
  const uint64_t phase = warp.barrier.phase;
  warp.values[phase & 1][current.thread.x % gpu::kWarp] = value != 0;
  block().wait(warp.barrier);
  unsigned bits = 0;
  for (int lane = 0; lane < gpu::kWarp; ++lane) bits |= unsigned(warp.values[phase & 1][lane]) << lane;
  return bits;
}

unsigned match(uint64_t value) {
  unsigned bits = 0;
  for (int lane = 0; lane < gpu::kWarp; ++lane) bits |= unsigned(exchange(value, lane) == value) << lane;
  return bits;
}

}  // namespace deepmd::emulated
