#include "settings.h"

#include <cmath>
#include <cstdlib>
#include <iterator>

#include "deepmd/error.h"
#include "element_masses.h"

namespace deepmd {
namespace {

constexpr const char* kKeywords[] = {"out_freq", "out_file", "atomic", "relative", "relative_v", "fparam", "aparam"};
// Other keywords of DeePMD-kit's pair style, which are not supported.
constexpr const char* kOtherKeywords[] = {"fparam_from_compute", "aparam_from_compute", "fparam_from_fix", "ttm",
                                          "virtual_len",         "spin_norm",           "charge_spin"};
constexpr double kSameMass = 0.01;  // relative

bool is_one_of(const std::string& word, const char* const* begin, const char* const* end) {
  for (; begin != end; ++begin) {
    if (word == *begin) return true;
  }
  return false;
}

bool is_keyword(const std::string& word) {
  return is_one_of(word, std::begin(kKeywords), std::end(kKeywords)) ||
         is_one_of(word, std::begin(kOtherKeywords), std::end(kOtherKeywords));
}

bool is_number(const std::string& word, double* value) {
  char* end = nullptr;
  *value = std::strtod(word.c_str(), &end);
  return !word.empty() && *end == '\0' && std::isfinite(*value);
}

/// Reads words one by one.
class Words {
 public:
  explicit Words(const std::vector<std::string>& words) : words_(words) {}

  bool end() const { return next_ == words_.size(); }
  const std::string& peek() const { return words_[next_]; }
  const std::string& take() { return words_[next_++]; }

  const std::string& value(const std::string& keyword) {
    if (end()) throw InputError(keyword + ": expected a value, got the end of the line");
    return take();
  }
  double number(const std::string& keyword) {
    double result;
    const std::string& word = value(keyword);
    if (!is_number(word, &result)) throw InputError(keyword + ": expected a number, got " + word);
    return result;
  }
  /// Returns all numbers up to the next word that is not a number.
  std::vector<double> numbers(const std::string& keyword) {
    std::vector<double> result(1, number(keyword));
    for (double each; !end() && is_number(peek(), &each); take()) result.push_back(each);
    return result;
  }

 private:
  const std::vector<std::string>& words_;
  size_t next_ = 0;
};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

/// Returns the mass of an element, or 0 if the name is not an element.
double mass_of(const std::string& name) {
  for (const ElementMass& element : kElementMasses) {
    if (name == element.symbol) return element.mass;
  }
  return 0;
}

bool is_mass_of(double mass, const std::string& name) { return std::abs(mass - mass_of(name)) < kSameMass * mass; }

}  // namespace

PairSettings read_settings(const std::vector<std::string>& line) {
  PairSettings settings;
  Words words(line);
  while (!words.end() && !is_keyword(words.peek())) settings.models.push_back(words.take());
  if (settings.models.empty()) throw InputError("expected the name of a graph file, as in: pair_style deepmd graph.pb");
  while (!words.end()) {
    const std::string keyword = words.take();
    if (keyword == "out_freq") {
      const double value = words.number(keyword);
      if (!(value >= 0 && value == std::floor(value) && value < 9e15)) {
        throw InputError("out_freq: expected a number of steps, got " + std::to_string(value));
      }
      settings.out_freq = int64_t(value);
    } else if (keyword == "out_file") {
      settings.out_file = words.value(keyword);
    } else if (keyword == "atomic") {
      settings.atomic = true;
    } else if (keyword == "relative" || keyword == "relative_v") {
      const double value = words.number(keyword);
      if (value < 0) throw InputError(keyword + ": expected a level of at least 0, got " + std::to_string(value));
      (keyword == "relative" ? settings.relative : settings.relative_v) = value;
    } else if (keyword == "fparam") {
      settings.fparam = words.numbers(keyword);
    } else if (keyword == "aparam") {
      settings.aparam = words.numbers(keyword);
    } else if (is_keyword(keyword)) {
      throw InputError(keyword +
                       ": this keyword is not supported; there are out_freq, out_file, atomic, relative, "
                       "relative_v, fparam and aparam");
    } else {
      throw InputError("unknown keyword " + keyword +
                       "; graph files come first, then out_freq, out_file, atomic, "
                       "relative, relative_v, fparam and aparam");
    }
  }
  return settings;
}

std::vector<int> map_types(const std::vector<std::string>& names, int ntypes,
                           const std::vector<std::string>& type_map) {
  std::vector<int> result;
  if (names.empty()) {
    if (ntypes > int(type_map.size())) {
      throw InputError("there are " + std::to_string(ntypes) + " atom types, but the model knows " + joined(type_map) +
                       "; name the element of each type: pair_coeff * * " + joined(type_map));
    }
    for (int k = 0; k < ntypes; ++k) result.push_back(k);
    return result;
  }
  if (int(names.size()) != ntypes) {
    throw InputError("expected the names of " + std::to_string(ntypes) + " elements, one for each atom type, got " +
                     std::to_string(names.size()) + " (" + joined(names) + "); the model knows " + joined(type_map));
  }
  for (const std::string& name : names) {
    int type = 0;
    while (type < int(type_map.size()) && type_map[size_t(type)] != name) ++type;
    if (type == int(type_map.size())) {
      throw InputError("the model does not know the element " + name + "; it was trained for " + joined(type_map));
    }
    result.push_back(type);
  }
  return result;
}

void check_masses(const std::vector<double>& masses, const std::vector<int>& types,
                  const std::vector<std::string>& type_map) {
  for (size_t k = 0; k < masses.size(); ++k) {
    const std::string& own = type_map[size_t(types[k])];
    if (mass_of(own) == 0 || is_mass_of(masses[k], own)) continue;
    bool shared = false;
    for (size_t other = 0; other < masses.size(); ++other) {
      shared = shared || (types[other] != types[k] && std::abs(masses[other] - masses[k]) < kSameMass * masses[k]);
    }
    if (shared) continue;
    for (const std::string& name : type_map) {
      if (name == own || mass_of(name) == 0 || !is_mass_of(masses[k], name)) continue;
      throw InputError("atom type " + std::to_string(k + 1) + " is taken for " + own + " but has the mass " +
                       std::to_string(masses[k]) + " of " + name +
                       "; pair_coeff must name the elements in the order of LAMMPS's atom types");
    }
  }
}

}  // namespace deepmd
