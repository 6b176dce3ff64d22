#include "csv_rows.h"

#include "hgnn_moe/kg/records.h"

namespace hgnn_moe::kg {

constexpr std::size_t kBlockSize = 1 << 20;

CsvRows::CsvRows(const TextSink& sink) : sink_(sink) {
  block_ =
      "relation,display_relation,x_index,x_id,x_type,x_name,x_source,"
      "y_index,y_id,y_type,y_name,y_source\n";
}

void CsvRows::add(std::string_view relation, std::string_view display, const CsvNode& x,
                  const CsvNode& y) {
  append_csv_field(block_, relation);
  block_ += ',';
  append_csv_field(block_, display);
  add_node(x);
  add_node(y);
  block_ += '\n';
  if (block_.size() < kBlockSize) return;
  sink_(block_);
  block_.clear();
}

void CsvRows::finish() {
  sink_(block_);
  block_.clear();
}

void CsvRows::add_node(const CsvNode& node) {
  block_ += ',';
  block_ += std::to_string(node.index);
  for (const std::string_view field :
       {std::string_view(node.id), node.type, std::string_view(node.name), node.source}) {
    block_ += ',';
    append_csv_field(block_, field);
  }
}

std::string collected(const std::function<void(const TextSink&)>& generate) {
  std::string text;
  generate([&](std::string_view piece) { text += piece; });
  return text;
}

}  // namespace hgnn_moe::kg
