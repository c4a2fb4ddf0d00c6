// Measures the rate of fused multiply-adds (FMA) in registers, without access to memory.
//
// Usage: peak THREADS float64|float32 SECONDS. Prints GFLOP/s of all threads together (an FMA counts as two).
// Compiled for the machine on which it runs (-march=native).
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__aarch64__)
#define DEEPMD_VECTOR_REGISTER "+w"
#else
#define DEEPMD_VECTOR_REGISTER "+x"
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

// Number of independent chains: more than latency times throughput of FMAs on any processor, and fits 16 registers.
constexpr int kChains = 12;
constexpr int kRepeat = 1000;

template <typename T>
struct Lanes {
  typedef T Vector __attribute__((vector_size(kBytes)));
  static constexpr int count = kBytes / sizeof(T);
};

/// Run kRepeat FMAs in each chain; `factor` and `term` are arguments so that nothing is computed at compile time.
template <typename T>
void multiply_add(typename Lanes<T>::Vector (&chains)[kChains], T factor, T term) {
  typename Lanes<T>::Vector local[kChains];
  for (int k = 0; k < kChains; ++k) local[k] = chains[k];
  for (int repeat = 0; repeat < kRepeat; ++repeat) {
#pragma GCC unroll 12
    for (int k = 0; k < kChains; ++k) {
      local[k] = local[k] * factor + term;
      // Keeps the chain in a register; prevents reordering and merging with the next multiplication.
      asm volatile("" : DEEPMD_VECTOR_REGISTER(local[k]));
    }
  }
  for (int k = 0; k < kChains; ++k) chains[k] = local[k];
}

template <typename T>
double operations_per_second(int threads, double seconds) {
  using Clock = std::chrono::steady_clock;
  std::atomic<int> ready{0};
  std::vector<double> rates(threads);
  std::vector<T> sinks(threads);
  const auto work = [&](int thread) {
    typename Lanes<T>::Vector chains[kChains] = {};
    volatile T factor = T(0.999), term = T(0.001);
    ++ready;
    while (ready < threads) std::this_thread::yield();
    const auto begin = Clock::now();
    double operations = 0, elapsed = 0;
    do {
      multiply_add<T>(chains, factor, term);
      operations += 2.0 * kRepeat * kChains * Lanes<T>::count;
      elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
    } while (elapsed < seconds);
    rates[thread] = operations / elapsed;
    for (const auto& chain : chains) sinks[thread] += chain[0];
  };
  std::vector<std::thread> team;
  for (int thread = 0; thread < threads; ++thread) team.emplace_back(work, thread);
  for (auto& member : team) member.join();
  double total = 0;
  for (int thread = 0; thread < threads; ++thread) total += sinks[thread] == sinks[thread] ? rates[thread] : 0;
  return total;
}

}  // namespace

int main(int count, char** words) {
  const int threads = count == 4 ? std::atoi(words[1]) : 0;
  const double seconds = count == 4 ? std::atof(words[3]) : 0;
  const bool wide = count == 4 && std::strcmp(words[2], "float64") == 0;
  if (threads < 1 || seconds <= 0 || !(wide || std::strcmp(words[2], "float32") == 0)) {
    std::fprintf(stderr, "usage: peak THREADS float64|float32 SECONDS\n");
    return 2;
  }
  std::printf(
      "%.4f\n",
      (wide ? operations_per_second<double>(threads, seconds) : operations_per_second<float>(threads, seconds)) / 1e9);
}
