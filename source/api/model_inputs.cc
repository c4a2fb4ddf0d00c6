#include "model_inputs.h"

#include <algorithm>

#include "wire.h"

namespace deepmd {
namespace {

/// An input of the operation.
struct SchemaInput {
  const char* name;
  const char* count;  // the attribute that says how many tensors it is; null for one
  bool fed;           // by whoever evaluates, else a number of the model
  int least = 1;      // number of tensors
};

constexpr SchemaInput kSchema[] = {
    {"coord", nullptr, true},      {"type", nullptr, true},        {"frame_splits", nullptr, true},
    {"box", nullptr, true},        {"periodic", nullptr, true},    {"extra", nullptr, true},
    {"avg", nullptr, false},       {"std_radial", nullptr, false}, {"std_angular", nullptr, false},
    {"rcut", nullptr, false},      {"rcut_smth", nullptr, false},  {"sel", nullptr, false},
    {"lowest", nullptr, false},    {"unit", nullptr, false},       {"per_octave", nullptr, false},
    {"table", nullptr, false},     {"empty", nullptr, false},      {"first_matrix", "NN", false},
    {"extra_matrix", "NN", false}, {"first_bias", nullptr, false}, {"matrices", "N", false, 0},
    {"biases", "N", false, 0},     {"idts", "NI", false},          {"final_matrix", "NN", false},
    {"atom_bias", nullptr, false},
};

}  // namespace

ModelInputs::ModelInputs(const GraphFile& graph, const GraphNode& node) : graph_(graph), node_(node) {
  std::vector<std::string_view> given;
  for (const std::string_view input : node.inputs) {
    if (input.substr(0, 1) != "^") given.push_back(input);
  }
  size_t next = 0;
  for (const SchemaInput& expected : kSchema) {
    const int64_t count = expected.count ? graph.integer(node, expected.count) : 1;
    if (count < expected.least || uint64_t(count) > given.size() - next)
      fail(std::string("lacks the input ") + expected.name);
    inputs_[expected.name].assign(given.begin() + next, given.begin() + next + count);
    next += size_t(count);
  }
  if (next != given.size()) {
    fail("expected " + std::to_string(next) + " inputs, got " + std::to_string(given.size()));
  }
}

void ModelInputs::fail(const std::string& message) const {
  graph_.fail("the node " + printable(node_.name) + ": " + message);
}

std::string_view ModelInputs::input(const std::string& name) const { return inputs_.at(name).at(0); }

std::vector<std::string> ModelInputs::not_constant() const {
  std::vector<std::string> result;
  for (const SchemaInput& each : kSchema) {
    if (each.fed) continue;
    for (const std::string_view input : inputs_.at(each.name)) {
      if (graph_.source(input).node->op == "Const") continue;
      result.emplace_back(each.name);
      break;
    }
  }
  return result;
}

std::vector<const Tensor*> ModelInputs::list(const std::string& name) {
  const auto found = read_.find(name);
  if (found != read_.end()) return found->second;
  std::vector<const Tensor*>& result = read_[name];
  for (const std::string_view input : inputs_.at(name)) {
    const GraphNode* node = graph_.source(input).node;
    if (!of_node_.count(node)) {
      tensors_.push_back(graph_.constant(*node));
      of_node_[node] = &tensors_.back();
    }
    result.push_back(of_node_[node]);
  }
  return result;
}

const Tensor& ModelInputs::tensor(const std::string& name) { return *list(name).at(0); }

void ModelInputs::check_shape(const std::string& name, const Tensor& tensor,
                              std::initializer_list<int64_t> shape) const {
  const bool same = std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end(),
                               [](int64_t expected, int64_t got) { return expected < 0 || expected == got; });
  if (same) return;
  fail(name + ": expected shape " + shape_text(shape) + " with -1 for any length, got " + shape_text(tensor.shape));
}

}  // namespace deepmd
