#pragma once

#include <deque>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph_file.h"

namespace deepmd {

/// The inputs of an operation EvaluateModel by the names of its schema (source/op/evaluate.cc).
class ModelInputs {
 public:
  /// Throws InputError where their number is not that of the schema.
  ModelInputs(const GraphFile& graph, const GraphNode& node);

  const GraphFile& graph() const { return graph_; }
  const GraphNode& node() const { return node_; }

  /// What an input that is one tensor refers to.
  std::string_view input(const std::string& name) const;
  /// Names of the inputs that hold the model's numbers and are no constants.
  std::vector<std::string> not_constant() const;

  /// The constants of an input.
  std::vector<const Tensor*> list(const std::string& name);
  /// The one constant of an input.
  const Tensor& tensor(const std::string& name);

  /// Its values; throws InputError unless it has this type and shape, where -1 stands for any length.
  template <typename T>
  const T* values(const std::string& name, std::initializer_list<int64_t> shape) {
    return values<T>(name, tensor(name), shape);
  }
  template <typename T>
  const T* values(const std::string& name, const Tensor& tensor, std::initializer_list<int64_t> shape) const {
    check_shape(name, tensor, shape);
    const auto* held = std::get_if<Buffer<T>>(&tensor.values);
    if (held == nullptr) fail(name + ": a constant of another type than expected");
    return held->data();
  }
  template <typename T>
  T scalar(const std::string& name) {
    return *values<T>(name, {});  // [] has one value
  }
  void check_shape(const std::string& name, const Tensor& tensor, std::initializer_list<int64_t> shape) const;

  /// The tensors that have been read, for who keeps pointers into them; they stay where they are.
  std::deque<Tensor> take_tensors() { return std::move(tensors_); }

  /// Throws InputError that names file and node.
  [[noreturn]] void fail(const std::string& message) const;

 private:
  const GraphFile& graph_;
  const GraphNode& node_;
  std::map<std::string, std::vector<std::string_view>> inputs_;
  std::map<std::string, std::vector<const Tensor*>> read_;
  std::map<const GraphNode*, const Tensor*> of_node_;
  std::deque<Tensor> tensors_;
};

}  // namespace deepmd
