#include "graph_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <unordered_set>
#include <utility>

#include "allowed_ops.h"
#include "deepmd/error.h"
#include "wire.h"

namespace deepmd {
namespace {

constexpr int64_t kMaxBytes = 2147483647;  // of a protobuf message
constexpr int kLongestChain = 64;          // of nodes that only pass something on
constexpr size_t kMaxNodes = 1 << 20;
constexpr int64_t kMaxElements = int64_t(1) << 28;  // of all constants that are read

std::vector<char> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const int64_t size = file ? int64_t(file.tellg()) : -1;
  // A directory opens, and says that it is very large.
  if (size < 0 || size == std::numeric_limits<int64_t>::max()) {
    throw InputError(path + ": cannot read the frozen graph: " + std::strerror(errno ? errno : EISDIR));
  }
  if (size > kMaxBytes) {
    throw InputError(path + ": " + std::to_string(size) + " bytes; a frozen graph is at most " +
                     std::to_string(kMaxBytes));
  }
  std::vector<char> bytes(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(bytes.data(), size)) throw InputError(path + ": cannot read the frozen graph");
  return bytes;
}

/// A reader of the field of a message AttrValue; throws InputError where it holds another.
WireReader value_of(std::string_view message, int field) {
  WireReader reader(message);
  while (reader.next()) {
    if (reader.field() == field) return reader;
  }
  throw InputError("an attribute of another kind than expected");
}

GraphNode parse_node(std::string_view message) {
  GraphNode node;
  node.message = message;
  for (WireReader reader(message); reader.next();) {
    if (reader.field() == 1) node.name = reader.bytes();
    if (reader.field() == 2) node.op = reader.bytes();
    if (reader.field() == 3) node.inputs.push_back(reader.bytes());
    if (reader.field() != 5) continue;
    std::string_view key, value;
    for (WireReader entry(reader.bytes()); entry.next();) {
      if (entry.field() == 1) key = entry.bytes();
      if (entry.field() == 2) value = entry.bytes();
    }
    node.attributes[key] = value;
  }
  return node;
}

}  // namespace

GraphFile::GraphFile(const std::string& path) : GraphFile(path, read_bytes(path)) {}

GraphFile::GraphFile(std::string path, std::vector<char> bytes) : path_(std::move(path)), bytes_(std::move(bytes)) {
  try {
    parse();
  } catch (const InputError& error) {
    fail("not a frozen graph (binary GraphDef, as `dp freeze` writes), or damaged: " + std::string(error.what()));
  }
  check_operations();
}

void GraphFile::fail(const std::string& message) const { throw InputError(path_ + ": " + message); }

void GraphFile::parse() {
  for (WireReader reader(bytes()); reader.next();) {
    if (reader.field() == 1) nodes_.push_back(parse_node(reader.bytes()));
    if (nodes_.size() > kMaxNodes) throw InputError("more than " + std::to_string(kMaxNodes) + " nodes");
    if (reader.field() == 4) versions_ = reader.bytes();
    if (reader.field() != 2) continue;
    for (WireReader library(reader.bytes()); library.next();) {
      if (library.field() == 1) functions_.push_back(library.bytes());
    }
  }
  for (size_t k = 0; k < nodes_.size(); ++k) {
    if (!index_.emplace(nodes_[k].name, k).second) {
      throw InputError("two nodes of the name " + printable(nodes_[k].name));
    }
  }
  if (nodes_.empty()) throw InputError("no nodes");
}

void GraphFile::check_operations() const {
  static const std::unordered_set<std::string_view> allowed(std::begin(kAllowedOps), std::end(kAllowedOps));
  std::set<std::string> foreign;
  for (const GraphNode& node : nodes_) {
    if (allowed.count(node.op)) continue;
    foreign.insert(printable(node.op) + " (node " + printable(node.name) + ")");
  }
  if (!functions_.empty()) foreign.insert(std::to_string(functions_.size()) + " function(s)");
  if (foreign.empty()) return;
  std::string shown;
  size_t count = 0;
  for (const std::string& each : foreign) {
    if (count++ < 5) shown += (shown.empty() ? "" : ", ") + each;
  }
  if (count > 5) shown += " and " + std::to_string(count - 5) + " more";
  fail("refused, the graph holds operations that a Deep Potential does not need: " + shown);
}

const GraphNode* GraphFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &nodes_[found->second];
}

GraphOutput GraphFile::source(std::string_view input, bool reshaped) const {
  for (int step = 0; step < kLongestChain; ++step) {
    const size_t colon = input.rfind(':');
    int index = 0;
    if (colon != std::string_view::npos) {
      for (const char digit : input.substr(colon + 1)) {
        if (digit < '0' || digit > '9' || index > 1000000) fail("a damaged input: " + printable(input));
        index = 10 * index + (digit - '0');
      }
    }
    const GraphNode* node = find(input.substr(0, colon));
    if (node == nullptr) fail("the graph lacks the node " + printable(input));
    const bool passes = node->op == "Identity" || (reshaped && node->op == "Reshape");
    if (!passes || node->inputs.empty()) return {node, index};
    input = node->inputs[0];
  }
  fail("a chain of too many nodes ends at " + printable(input));
}

Tensor GraphFile::constant(const GraphNode& node) const {
  if (node.op != "Const") fail("the node " + printable(node.name) + " is not a constant but " + printable(node.op));
  try {
    Tensor tensor = read_tensor(value_of(attribute(node, "value"), 8).bytes());
    elements_ += std::visit([](const auto& values) { return int64_t(values.size()); }, tensor.values);
    if (elements_ > kMaxElements) throw InputError("all constants together have too many elements");
    return tensor;
  } catch (const InputError& error) {
    fail("the constant " + printable(node.name) + " is damaged: " + error.what());
  }
}

std::string_view GraphFile::attribute(const GraphNode& node, std::string_view name) const {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) {
    fail("the node " + printable(node.name) + " lacks the attribute " + printable(name));
  }
  return found->second;
}

template <typename Read>
auto GraphFile::read_attribute(const GraphNode& node, std::string_view name, const Read& read) const {
  const std::string_view message = attribute(node, name);
  try {
    return read(message);
  } catch (const InputError& error) {
    fail("the attribute " + printable(name) + " of the node " + printable(node.name) + " is damaged: " + error.what());
  }
}

int64_t GraphFile::integer(const GraphNode& node, std::string_view name) const {
  return read_attribute(node, name, [](std::string_view message) {
    // Integers, booleans and data types are numbers alike.
    for (WireReader reader(message); reader.next();) {
      if (reader.field() == 3 || reader.field() == 5 || reader.field() == 6) return int64_t(reader.varint());
    }
    throw InputError("not a number");
  });
}

std::string GraphFile::text(const GraphNode& node, std::string_view name) const {
  return read_attribute(node, name, [](std::string_view message) {
    const std::string_view result = value_of(message, 2).bytes();
    if (!is_text(result)) throw InputError("not a text");
    return std::string(result);
  });
}

std::vector<int64_t> GraphFile::integers(const GraphNode& node, std::string_view name) const {
  return read_attribute(node, name, [](std::string_view message) {
    std::vector<int64_t> result;
    for (WireReader reader(value_of(message, 1).bytes()); reader.next();) {
      if (reader.field() == 3) reader.each_varint([&](uint64_t value) { result.push_back(int64_t(value)); });
    }
    return result;
  });
}

}  // namespace deepmd
