// Collects what is wrong with a configuration, so that the user sees all of it at once.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

class ErrorList {
 public:
  void add(std::string sentence) { sentences_.push_back(std::move(sentence)); }

  // As add(), and notes that the value of option `name` is not to be trusted.
  void add(std::string sentence, const std::string& name) {
    add(std::move(sentence));
    names_.insert(name);
  }

  // Whether the value of option `name` was rejected: comparing it with others would only
  // report the same mistake twice.
  bool concerns(const std::string& name) const { return names_.count(name) > 0; }

  // Throws Error(usage) with one sentence a line unless the list is empty.
  void throw_if_any() const {
    if (!sentences_.empty()) throw Error(ExitCode::usage, join(sentences_, "\n"));
  }

 private:
  std::vector<std::string> sentences_;
  std::set<std::string> names_;
};

}  // namespace hgnn_moe
