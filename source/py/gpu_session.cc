#include "gpu_session.h"

#include <atomic>
#include <string>

#include "gpu/check.h"
#include "gpu/grid.h"
#include "gpu/primitives.h"

namespace deepmd::py {
namespace {

// How often a kernel is run again between two events, and what one of those runs took, for benchmarks.
std::atomic<int> repeats{0};
std::atomic<double> seconds{0};

using gpu::check;

void* make_stream() {
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return stream;
}

/// The time between two places in a stream.
class Timer {
 public:
  explicit Timer(cudaStream_t stream) : stream_(stream) {
    check(cudaEventCreate(&begin_), "cudaEventCreate");
    check(cudaEventCreate(&end_), "cudaEventCreate");
    check(cudaEventRecord(begin_, stream), "cudaEventRecord");
  }
  ~Timer() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  double stop() {
    float milliseconds = 0;
    check(cudaEventRecord(end_, stream_), "cudaEventRecord");
    check(cudaEventSynchronize(end_), "cudaEventSynchronize");
    check(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
    return 1e-3 * double(milliseconds);
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_{}, end_{};
};

/// How work is divided, for tests that need no GPU.
void bind_grids(pb::module_& module) {
  const auto bind = [&module](const char* name, auto make) {
    module.def(
        name,
        [make](int64_t items, int threads) {
          const gpu::Grid grid = make(items, threads);
          return pb::make_tuple(grid.blocks, grid.threads);
        },
        pb::arg("items"), pb::arg("threads") = gpu::kThreads, "-> (blocks, threads of a block)");
  };
  bind("grid_of_threads", [](int64_t items, int threads) { return gpu::grid_of_threads(items, threads); });
  bind("grid_of_warps", [](int64_t items, int threads) { return gpu::grid_of_warps(items, threads); });
  bind("grid_of_blocks", [](int64_t items, int threads) { return gpu::grid_of_blocks(items, threads); });
  module.def("bits_of", &gpu::bits_of, pb::arg("n"), "How many bits hold the numbers [0, n]");
  module.attr("MAX_BLOCKS") = gpu::kMaxBlocks;
}

}  // namespace

GpuSession::GpuSession(int)
    : stream_(make_stream()), device_(stream_, [this](size_t bytes) { return allocate(bytes); }) {}

GpuSession::~GpuSession() {
  release(0);
  cudaStreamDestroy(static_cast<cudaStream_t>(stream_));
}

void* GpuSession::allocate(size_t bytes) {
  void* memory = nullptr;
  check(cudaMallocAsync(&memory, bytes > 0 ? bytes : 1, static_cast<cudaStream_t>(stream_)), "cudaMallocAsync");
  memory_.push_back(memory);
  return memory;
}

void GpuSession::release(size_t kept) {
  for (; memory_.size() > kept; memory_.pop_back()) {
    cudaFreeAsync(memory_.back(), static_cast<cudaStream_t>(stream_));
  }
}

const void* GpuSession::copy_in(const void* host, size_t bytes) {
  void* memory = allocate(bytes);
  check(cudaMemcpyAsync(memory, host, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream_)),
        "cudaMemcpyAsync");
  return memory;
}

void* GpuSession::copy_out(void* host, size_t bytes) {
  void* memory = allocate(bytes);
  copies_.push_back({host, memory, bytes});
  return memory;
}

void GpuSession::run(const std::function<void()>& kernel) {
  pb::gil_scoped_release release_lock;
  const cudaStream_t stream = static_cast<cudaStream_t>(stream_);
  if (const int count = repeats; count > 0) {
    const size_t kept = memory_.size(), copies = copies_.size();
    const auto run_once = [&] {
      kernel();
      release(kept);
      copies_.resize(copies);
    };
    run_once();  // to warm up
    Timer timer(stream);
    for (int k = 0; k < count; ++k) run_once();
    seconds = timer.stop() / count;
  }
  kernel();
  for (const Copy& copy : copies_) {
    check(cudaMemcpyAsync(copy.host, copy.device, copy.bytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
  }
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

void bind_device(pb::module_& module) {
  module.def(
      "device_name",
      [] {
        int device = 0;
        cudaDeviceProp properties{};
        check(cudaGetDevice(&device), "cudaGetDevice");
        check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
        return std::string(properties.name);
      },
      "The name of the GPU; RuntimeError where there is none");
  module.def(
      "measure_kernels", [](int count) { repeats = count; }, pb::arg("repeats"),
      "From now on every call runs its kernel so many times more on arrays that are on the device already, and "
      "takes the time of these runs; 0 ends that");
  module.def("kernel_seconds", [] { return seconds.load(); }, "The time of one run in the last call that was measured");
  bind_grids(module);
}

}  // namespace deepmd::py
