#pragma once

#include <memory>

#include "backend.h"

namespace deepmd {

/// Any graph in a session of TensorFlow.
std::unique_ptr<Backend> open_session(const GraphFile& graph, const GraphFacts& facts, int threads);

}  // namespace deepmd
