#include <charconv>
#include <utility>

#include "graph_builder.h"
#include "row_checks.h"

#include "hgnn_moe/kg/readers.h"
#include "hgnn_moe/kg/records.h"

namespace hgnn_moe::kg {
namespace {

using Empty = ColumnLookup::Empty;

// The columns of one end of an edge, in the order of kColumns.
enum EndColumn : std::size_t { kIndex, kId, kType, kName, kSource };
constexpr std::size_t kRelation = 0;
constexpr std::size_t kDisplayRelation = 1;
constexpr std::size_t kHeadColumns = 2;
constexpr std::size_t kTailColumns = 7;
const std::vector<std::string> kColumns = {"relation", "display_relation", "x_index",  "x_id",
                                           "x_type",   "x_name",           "x_source", "y_index",
                                           "y_id",     "y_type",           "y_name",   "y_source"};

// -1 for what is no number.
std::int64_t parse_index(std::string_view text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

class PrimeKgReader {
 public:
  explicit PrimeKgReader(const NamedText& csv)
      : errors_(csv.name),
        records_(csv.text, Records::Format::csv, errors_),
        columns_(records_, kColumns, errors_),
        checks_(records_, errors_),
        relation_(builder_.relation_names, "relation", Empty::refused, checks_),
        label_(builder_.labels, "display_relation", Empty::allowed, checks_),
        head_(*this, kHeadColumns),
        tail_(*this, kTailColumns) {
    builder_.begin_part(csv.name);
  }

  LoadedGraph read() {
    while (columns_.next()) add_row();
    errors_.throw_if_any();
    builder_.count_blank_lines(records_.blank_lines());
    return std::move(builder_.finish().front());
  }

 private:
  struct End {
    End(PrimeKgReader& reader, std::size_t first_column)
        : first(first_column),
          type(reader.builder_.types, kColumns[first + kType], Empty::refused, reader.checks_),
          source(reader.builder_.sources, kColumns[first + kSource], Empty::allowed,
                 reader.checks_) {}

    std::size_t first;
    ColumnLookup type;
    ColumnLookup source;
    std::int32_t type_id = 0;  // of the row at hand
  };

  std::string_view field(std::size_t column) const { return records_.fields()[columns_[column]]; }

  void add_row() {
    const std::int32_t relation = relation_(field(kRelation));
    const std::int32_t label = label_(field(kDisplayRelation));
    const std::int32_t head = node(head_);
    const std::int32_t tail = node(tail_);
    // The project's build script lists every edge in both directions.
    const std::int32_t kind =
        builder_.edge_kind({head_.type_id, relation, tail_.type_id, label}, Direction::undirected);
    builder_.add_edge(kind, {head, tail});
  }

  std::int32_t node(End& end) {
    end.type_id = end.type(field(end.first + kType));
    const std::string_view id = field(end.first + kId);
    const std::string_view name = field(end.first + kName);
    const std::int32_t known = builder_.nodes().size();
    const std::int32_t node =
        builder_.node({end.type_id, end.source(field(end.first + kSource)), id}, name);
    if (node == known) {
      checks_.require_text(kColumns[end.first + kId], id);
      checks_.require_utf8(kColumns[end.first + kName], name);
    }
    builder_.note_index(node, parse_index(field(end.first + kIndex)));
    return node;
  }

  GraphBuilder builder_;
  ErrorList errors_;
  Records records_;
  Columns columns_;
  RowChecks checks_;
  ColumnLookup relation_;
  ColumnLookup label_;
  End head_;
  End tail_;
};

}  // namespace

LoadedGraph read_primekg(const NamedText& csv) { return PrimeKgReader(csv).read(); }

}  // namespace hgnn_moe::kg
