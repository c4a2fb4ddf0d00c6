#pragma once

#include <memory>
#include <string>

#include "backend.h"

namespace deepmd {

/// The model of a native graph on the kernels. Null, and why, where the graph has another form; throws InputError where
/// it has this form and cannot be used.
std::unique_ptr<Backend> read_native_model(const GraphFile& graph, const GraphFacts& facts, int threads,
                                           std::string* why_not);

}  // namespace deepmd
