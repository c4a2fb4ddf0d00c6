#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tensor.h"

namespace deepmd {

/// A node of a graph. Views point into the file.
struct GraphNode {
  std::string_view message;  ///< NodeDef
  std::string_view name, op;
  std::vector<std::string_view> inputs;  ///< "name", "name:1" or "^name", as TensorFlow writes them
  std::unordered_map<std::string_view, std::string_view> attributes;  ///< messages AttrValue
};

/// An output of a node.
struct GraphOutput {
  const GraphNode* node;
  int index;
};

/// A frozen graph (binary GraphDef), read without TensorFlow. Holds only operations of the allow-list, as a graph is a
/// program, and only arithmetic is run from files.
class GraphFile {
 public:
  /// Throws InputError naming the file when it cannot be read, is no graph or holds other operations.
  explicit GraphFile(const std::string& path);
  /// The same of bytes that came from the path.
  GraphFile(std::string path, std::vector<char> bytes);

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }
  const std::vector<GraphNode>& nodes() const { return nodes_; }
  /// The message VersionDef.
  std::string_view versions() const { return versions_; }

  /// The node, or null.
  const GraphNode* find(std::string_view name) const;
  /// What an input refers to, nodes that only pass it on left out ("Identity", and with `reshaped` "Reshape").
  GraphOutput source(std::string_view input, bool reshaped = false) const;
  /// The value of a node "Const".
  Tensor constant(const GraphNode& node) const;

  /// Attributes of a node; throw InputError where it has none of this kind by the name.
  int64_t integer(const GraphNode& node, std::string_view name) const;
  std::string text(const GraphNode& node, std::string_view name) const;
  std::vector<int64_t> integers(const GraphNode& node, std::string_view name) const;

  /// Throws InputError that begins with the path.
  [[noreturn]] void fail(const std::string& message) const;

 private:
  void parse();
  void check_operations() const;
  std::string_view attribute(const GraphNode& node, std::string_view name) const;
  template <typename Read>
  auto read_attribute(const GraphNode& node, std::string_view name, const Read& read) const;

  std::string path_;
  std::vector<char> bytes_;
  std::vector<GraphNode> nodes_;
  std::unordered_map<std::string_view, size_t> index_;
  std::string_view versions_;
  std::vector<std::string_view> functions_;
  mutable int64_t elements_ = 0;  // of the constants read so far
};

}  // namespace deepmd
