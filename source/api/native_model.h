#pragma once

#include <memory>
#include <string>

#include "backend.h"

namespace deepmd {

/// The model of a native graph, evaluated by the kernels. Null, with the reason in why_not, if the graph has another
/// form; throws InputError if it has this form and is not usable.
std::unique_ptr<Backend> read_native_model(const GraphFile& graph, const GraphFacts& facts, int threads,
                                           std::string* why_not);

}  // namespace deepmd
