// Rows of PrimeKG's kg.csv.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hgnn_moe/kg/generate.h"

namespace hgnn_moe::kg {

struct CsvNode {
  std::int64_t index = 0;
  std::string id;
  std::string_view type;
  std::string name;
  std::string_view source;
};

// Writes the header, then rows, in blocks; the rest in finish().
class CsvRows {
 public:
  explicit CsvRows(const TextSink& sink);

  void add(std::string_view relation, std::string_view display, const CsvNode& x, const CsvNode& y);
  void finish();

 private:
  void add_node(const CsvNode& node);

  const TextSink& sink_;
  std::string block_;
};

}  // namespace hgnn_moe::kg
