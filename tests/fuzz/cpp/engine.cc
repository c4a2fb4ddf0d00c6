// A fuzzer guided by coverage, for compilers without libFuzzer: fuzz_X CORPUS_DIRECTORY RUNS [SECONDS [SEED]].
//
// Inputs that take a branch another number of times than all before join the corpus in memory; new ones are made of
// them by chance. A sanitizer's report, an exception or ten seconds of the processor without an end write the input to
// crash.bin.
#include <sanitizer/common_interface_defs.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;

constexpr size_t kEdges = 1 << 16;
constexpr size_t kLongest = 1 << 16;
constexpr time_t kSeconds = 10;

uint8_t counts[kEdges];
uint8_t seen[kEdges];
thread_local uintptr_t previous = 0;
const Input* current = nullptr;

void save_current() {
  if (current == nullptr) return;
  if (std::FILE* file = std::fopen("crash.bin", "wb")) {
    std::fwrite(current->data(), 1, current->size(), file);
    std::fclose(file);
    std::fputs("the input is in crash.bin\n", stderr);
  }
}

void too_long(int) {
  std::fputs("an input takes too long\n", stderr);
  save_current();
  _exit(70);
}

/// The bit of a number of passages: numbers that differ by little count as one.
uint8_t bucket(uint8_t count) {
  if (count < 4) return uint8_t(count == 0 ? 0 : 1 << (count - 1));
  return uint8_t(count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128);
}

/// Notes which branches were taken; whether there is something new.
bool note_coverage() {
  bool fresh = false;
  for (size_t k = 0; k < kEdges; k += 8) {
    uint64_t eight;
    std::memcpy(&eight, counts + k, 8);
    if (eight == 0) continue;
    for (size_t j = k; j < k + 8; ++j) {
      const uint8_t bit = bucket(counts[j]);
      fresh = fresh || (bit & ~seen[j]) != 0;
      seen[j] |= bit;
    }
  }
  return fresh;
}

/// Seconds of the processor, not of the clock: other programs may run beside this one.
void limit_time(time_t seconds) {
  const itimerval limit{{0, 0}, {seconds, 0}};
  setitimer(ITIMER_PROF, &limit, nullptr);
}

bool run(const Input& input) {
  current = &input;
  std::memset(counts, 0, sizeof counts);
  previous = 0;
  limit_time(kSeconds);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  limit_time(0);
  return note_coverage();
}

using Random = std::mt19937_64;

size_t below(Random& random, size_t end) { return end == 0 ? 0 : size_t(random() % end); }

void put(Input& input, size_t place, const void* bytes, size_t size) {
  if (place + size <= input.size()) std::memcpy(input.data() + place, bytes, size);
}

/// Changes one thing.
void mutate(Input& input, const std::vector<Input>& corpus, Random& random) {
  constexpr double kDoubles[] = {0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, 1e12, 0.5, INFINITY, -INFINITY, NAN, 1e-9};
  constexpr int64_t kIntegers[] = {0, 1, -1, 127, 128, 255, 32767, 65536, 2147483647, -2147483648LL, 1LL << 62};
  const size_t place = below(random, input.size()), size = 1 + below(random, 16);
  switch (random() % 9) {
    case 0:
      if (!input.empty()) input[place] ^= uint8_t(1 << random() % 8);
      break;
    case 1:
      if (!input.empty()) input[place] = uint8_t(random());
      break;
    case 2:
      input.resize(place);
      break;
    case 3:
      input.erase(input.begin() + ptrdiff_t(place), input.begin() + ptrdiff_t(std::min(place + size, input.size())));
      break;
    case 4:
      for (size_t k = 0; k < size; ++k) input.insert(input.begin() + ptrdiff_t(place), uint8_t(random()));
      break;
    case 5: {
      const Input& other = corpus[below(random, corpus.size())];
      const size_t from = below(random, other.size()), length = std::min(other.size() - from, 1 + below(random, 256));
      if (other.empty()) break;
      input.insert(input.begin() + ptrdiff_t(place), other.begin() + ptrdiff_t(from),
                   other.begin() + ptrdiff_t(from + length));
      break;
    }
    case 6:
      put(input, place & ~size_t(7), &kDoubles[random() % std::size(kDoubles)], 8);
      break;
    case 7:
      put(input, place, &kIntegers[random() % std::size(kIntegers)], size_t(1) << random() % 4);
      break;
    default:
      if (!input.empty()) input[place] = uint8_t(input[place] + (random() % 2 ? 1 : -1));
  }
  if (input.size() > kLongest) input.resize(kLongest);
}

std::vector<Input> read_corpus(const char* directory) {
  std::vector<Input> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::sort(corpus.begin(), corpus.end());  // the file system's order is anybody's guess
  if (corpus.empty()) corpus.emplace_back();
  return corpus;
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  uint8_t& count = counts[((here ^ (previous >> 1)) * 0x9E3779B97F4A7C15ULL) >> 48];
  count = uint8_t(count + (count < 255));
  previous = here;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY RUNS [SECONDS [SEED]]\n", argv[0]);
    return 2;
  }
  std::signal(SIGPROF, too_long);
  std::set_terminate([] {
    save_current();
    std::abort();
  });
  __sanitizer_set_death_callback(save_current);
  const long long runs = std::atoll(argv[2]);
  const double max_seconds = argc > 3 ? std::atof(argv[3]) : INFINITY;
  Random random(argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1);
  std::vector<Input> corpus = read_corpus(argv[1]);
  const auto begin = std::chrono::steady_clock::now();
  long long done = 0;
  for (const Input& input : corpus) done += (run(input), 1);
  const auto seconds_since = [](auto time) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - time).count();
  };
  while (done < runs && seconds_since(begin) < max_seconds) {
    Input input = corpus[below(random, corpus.size())];
    for (size_t k = 1 + below(random, 4); k > 0; --k) mutate(input, corpus, random);
    if (run(input)) corpus.push_back(input);
    ++done;
  }
  current = nullptr;
  const double seconds = seconds_since(begin);
  const auto edges = std::count_if(std::begin(seen), std::end(seen), [](uint8_t bits) { return bits != 0; });
  std::printf("Done %lld runs in %.0f second(s), cov: %lld corp: %zu\n", done, seconds, static_cast<long long>(edges),
              corpus.size());
  return 0;
}
