#pragma once

#include <string>
#include <vector>

namespace deepmd {

/// The instruction set that the kernels use: the best that this processor has, or the one that the environment variable
/// DEEPMD_ISA names. Throws InputError when the processor lacks that one.
std::string instruction_set();

/// Those that this processor can run, from the plainest.
std::vector<std::string> instruction_sets();

}  // namespace deepmd
