#include "model_inputs.h"

#include "wire.h"

namespace deepmd {

ModelInputs::ModelInputs(const GraphFile& graph, const GraphNode& node) : graph_(graph), node_(node) {
  std::vector<std::string_view> given;
  for (const std::string_view input : node.inputs) {
    if (input.substr(0, 1) != "^") given.push_back(input);
  }
  size_t next = 0;
  for (const ModelInput& expected : kModelInputs) {
    const int64_t count = expected.is_list() ? graph.integer(node, expected.number) : 1;
    if (count < expected.min_length() || uint64_t(count) > given.size() - next)
      fail(std::string("the input ") + expected.name + " is missing");
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

std::vector<std::string> ModelInputs::not_constant() const {
  std::vector<std::string> result;
  for (const ModelInput& each : kModelInputs) {
    if (each.source == InputSource::FRAMES) continue;
    for (const std::string_view input : inputs_.at(each.name)) {
      if (graph_.source(input).node->op == "Const") continue;
      result.emplace_back(each.name);
      break;
    }
  }
  return result;
}

ModelAttributes ModelInputs::attributes() const {
  ModelAttributes result;
  result.one_side = graph_.integer(node_, "one_side") != 0;
  result.exclude_types = graph_.integers(node_, "exclude_types");
  result.axis_neuron = graph_.integer(node_, "axis_neuron");
  result.activation = graph_.text(node_, "activation");
  return result;
}

const Tensor& ModelInputs::tensor(const std::string& name, size_t index) {
  const GraphNode* node = graph_.source(inputs_.at(name).at(index)).node;
  const auto found = of_node_.find(node);
  if (found != of_node_.end()) return *found->second;
  tensors_.push_back(graph_.constant(*node));
  of_node_[node] = &tensors_.back();
  return tensors_.back();
}

}  // namespace deepmd
