#include <cstdlib>
#include <string>

#include "cpu/isa/loops.h"
#include "deepmd/error.h"
#include "deepmd/instruction_set.h"

namespace deepmd {
namespace {

/// Returns the compiled loops that this processor supports, from the oldest instruction set to the newest.
std::vector<const Loops*> runnable() {
  std::vector<const Loops*> found;
#ifdef DEEPMD_HAS_x86_64_v2
  if (__builtin_cpu_supports("x86-64-v2")) found.push_back(x86_64_v2());
#endif
#ifdef DEEPMD_HAS_x86_64_v3
  if (__builtin_cpu_supports("x86-64-v3")) found.push_back(x86_64_v3());
#endif
#ifdef DEEPMD_HAS_x86_64_v4
  if (__builtin_cpu_supports("x86-64-v4")) found.push_back(x86_64_v4());
#endif
#ifdef DEEPMD_HAS_generic
  if (found.empty()) found.push_back(generic());
#endif
  if (found.empty()) throw InputError("the kernels were not built for any instruction set of this processor");
  return found;
}

const Loops* choose() {
  const std::vector<const Loops*> found = runnable();
  const char* wanted = std::getenv("DEEPMD_ISA");
  if (wanted == nullptr || *wanted == 0) return found.back();
  for (const Loops* loops : found) {
    if (std::string(wanted) == loops->name) return loops;
  }
  std::string names;
  for (const Loops* loops : found) names += std::string(names.empty() ? "" : ", ") + loops->name;
  throw InputError("DEEPMD_ISA: expected one of " + names + " on this processor, got " + wanted);
}

}  // namespace

const Loops& loops() {
  static const Loops* const chosen = choose();
  return *chosen;
}

std::string instruction_set() { return loops().name; }

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const Loops* found : runnable()) names.push_back(found->name);
  return names;
}

}  // namespace deepmd
