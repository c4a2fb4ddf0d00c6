#include <sstream>

#include "backend.h"
#include "deepmd/error.h"
#include "wire.h"

namespace deepmd {
namespace {

constexpr int kMaxTypes = 1 << 12;

/// The value of a constant that may be absent when `needed` is false.
std::vector<double> numbers(const GraphFile& graph, const char* name, bool needed) {
  const GraphNode* node = graph.find(name);
  if (node == nullptr) {
    if (needed) graph.fail(std::string("the graph lacks the constant ") + name);
    return {};
  }
  const Tensor tensor = graph.constant(*node);
  return std::visit(
      [&](const auto& values) -> std::vector<double> {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, std::vector<std::string>>) {
          graph.fail(std::string("the constant ") + name + " is not a number");
        } else {
          return std::vector<double>(values.begin(), values.end());
        }
      },
      tensor.values);
}

int count(const GraphFile& graph, const char* name) {
  const std::vector<double> value = numbers(graph, name, false);
  if (value.empty()) return 0;
  if (value.size() != 1 || !(value[0] >= 0 && value[0] < kMaxTypes)) {
    graph.fail(std::string("the constant ") + name + " is not a count");
  }
  return int(value[0]);
}

std::vector<std::string> words(const GraphFile& graph, const char* name) {
  const GraphNode* node = graph.find(name);
  if (node == nullptr) graph.fail(std::string("not the graph of an energy model, it lacks the constant ") + name);
  const Tensor tensor = graph.constant(*node);
  const auto* strings = std::get_if<std::vector<std::string>>(&tensor.values);
  if (strings == nullptr || strings->size() != 1 || !is_text(strings->front()))
    graph.fail(std::string("the constant ") + name + " is not one string");
  std::istringstream stream(strings->front());
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  if (result.empty() || result.size() > size_t(kMaxTypes)) {
    graph.fail(std::string("the constant ") + name + " names " + std::to_string(result.size()) + " types");
  }
  return result;
}

/// Refuses graphs of a layout that this program does not know; those without a version are of the first.
void check_version(const GraphFile& graph) {
  constexpr const char* kName = "model_attr/model_version";
  const GraphNode* node = graph.find(kName);
  if (node == nullptr) return;
  const Tensor tensor = graph.constant(*node);
  const auto* strings = std::get_if<std::vector<std::string>>(&tensor.values);
  const std::string version = strings != nullptr && strings->size() == 1 ? strings->front() : "";
  if (version.substr(0, version.find('.')) == "1") return;
  graph.fail(std::string("expected ") + kName + " 1.x, which this program reads, got '" + printable(version) +
             "'; freeze it again, or update this program");
}

}  // namespace

GraphFacts::GraphFacts(const GraphFile& graph)
    : type_map(words(graph, "model_attr/tmap")),
      numb_fparam(count(graph, "fitting_attr/dfparam")),
      numb_aparam(count(graph, "fitting_attr/daparam")) {
  check_version(graph);
  const std::vector<double> rcut = numbers(graph, "descrpt_attr/rcut", true);
  if (rcut.size() != 1 || !(rcut[0] > 0 && rcut[0] < 1e6)) {
    graph.fail("the constant descrpt_attr/rcut is not a positive number");
  }
  cutoff = rcut[0];
  for (const double slots : numbers(graph, "descrpt_attr/sel", false)) {
    if (!(slots >= 0 && slots < 1e9)) graph.fail("the constant descrpt_attr/sel does not hold counts");
    sel.push_back(int(slots));
  }
  if (!sel.empty() && int(sel.size()) != ntypes()) {
    graph.fail("the constant descrpt_attr/sel has " + std::to_string(sel.size()) + " numbers, model_attr/tmap " +
               std::to_string(ntypes()) + " names");
  }
  for (const char* name : {"t_coord", "t_type", "t_natoms", "t_box", "t_mesh", "o_energy", "o_force", "o_virial"}) {
    if (graph.find(name) == nullptr) graph.fail(std::string("not the graph of an energy model, it lacks ") + name);
  }
}

}  // namespace deepmd
