#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "deepmd/model_reader.h"
#include "graph_file.h"

namespace deepmd {

/// The inputs of an operation EvaluateModel in a graph, by name; a source of a model (see deepmd/model_reader.h).
class ModelInputs {
 public:
  /// Throws InputError unless their number is that of the operation.
  ModelInputs(const GraphFile& graph, const GraphNode& node);

  const GraphFile& graph() const { return graph_; }

  /// Names of the inputs that are parameters of the model but no constants of the graph.
  std::vector<std::string> not_constant() const;

  ModelAttributes attributes() const;
  size_t count(const std::string& name) const { return inputs_.at(name).size(); }
  const std::vector<int64_t>& shape(const std::string& name, size_t index) { return tensor(name, index).shape; }
  template <typename T>
  const T* data(const char* name, size_t index) {
    const auto* values = std::get_if<Buffer<T>>(&tensor(name, index).values);
    if (values == nullptr) fail(input_place(name, index) + ": expected a constant of " + type_name<T>());
    return values->data();
  }

  /// The tensors that have been read; pointers into them stay valid.
  std::deque<Tensor> take_tensors() { return std::move(tensors_); }

  /// Throws InputError with file and node before the message.
  [[noreturn]] void fail(const std::string& message) const;

 private:
  template <typename T>
  static const char* type_name() {
    return std::is_same_v<T, float> ? "float32" : std::is_same_v<T, double> ? "float64" : "int32";
  }

  /// The constant of an input.
  const Tensor& tensor(const std::string& name, size_t index);

  const GraphFile& graph_;
  const GraphNode& node_;
  std::map<std::string, std::vector<std::string_view>> inputs_;
  std::map<const GraphNode*, const Tensor*> of_node_;
  std::deque<Tensor> tensors_;
};

}  // namespace deepmd
