#include "hgnn_moe/config/text_rules.h"

#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

namespace {

bool is_plain_name(const std::string& name) {
  return name != "." && name != ".." && name.find('/') == std::string::npos;
}

bool is_device(const std::string& text) {
  const std::string cuda_index = "cuda:";
  return text == "auto" || text == "cpu" || text == "cuda" ||
         (text.compare(0, cuda_index.size(), cuda_index) == 0 &&
          all_digits(text.substr(cuda_index.size()), 3));
}

bool is_memory_size(const std::string& text) { return parse_bytes(text).has_value(); }

}  // namespace

bool any_text(const std::string&) { return true; }

bool all_digits(const std::string& text, std::size_t longest) {
  return !text.empty() && text.size() <= longest &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

TextRule path_rule(const char* placeholder, const char* description) {
  return {placeholder, description, any_text};
}

TextRule device_rule() { return {"NAME", "auto, cpu, cuda or cuda:INDEX", is_device}; }

TextRule memory_size_rule() {
  return {"SIZE", "a size such as 3GB, 2.5GiB or 800MB", is_memory_size};
}

TextRule run_name_rule() { return {"NAME", "a folder name without /, not . or ..", is_plain_name}; }

}  // namespace hgnn_moe
