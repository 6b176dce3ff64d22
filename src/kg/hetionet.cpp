#include <utility>

#include "graph_builder.h"
#include "gzip.h"
#include "row_checks.h"

#include "hgnn_moe/kg/metaedges.h"
#include "hgnn_moe/kg/readers.h"
#include "hgnn_moe/kg/records.h"

namespace hgnn_moe::kg {
namespace {

using Empty = ColumnLookup::Empty;

// Each node's id with its number in the builder, which is the same.
class NodeIds {
 public:
  NodeIds(const NamedText& file, GraphBuilder& builder) : builder_(builder) {
    ErrorList errors(file.name);
    Records records(file.text, Records::Format::tsv, errors);
    Columns columns(records, {"id", "name", "kind"}, errors);
    const RowChecks checks(records, errors);
    ColumnLookup type(builder.types, "kind", Empty::refused, checks);
    const std::int32_t source = builder.sources.find_or_add("");
    while (columns.next()) {
      const std::string_view id = records.fields()[columns[0]];
      const std::string_view name = records.fields()[columns[1]];
      const std::int32_t type_id = type(records.fields()[columns[2]]);
      checks.require_text("id", id);
      checks.require_utf8("name", name);
      const std::int32_t known = ids_.find(id);
      if (known >= 0 && builder.nodes().key(known).type != type_id) {
        errors.add(records.line(), "the node {} was {} before and is {} here; remove one line",
                   shown(id), shown(builder.types[builder.nodes().key(known).type]),
                   shown(builder.types[type_id]));
        continue;
      }
      const std::int32_t node = builder.node({type_id, source, id}, name);
      const std::int32_t number = ids_.find_or_add(id);
      HGNN_MOE_ASSERT(number == node, "node {} has the number {}", node, number);
    }
    errors.throw_if_any();
    builder.count_blank_lines(records.blank_lines());
  }

  std::int32_t find(std::string_view id) const { return ids_.find(id); }
  const std::string& type_of(std::int32_t node) const {
    return builder_.types[builder_.nodes().key(node).type];
  }

 private:
  GraphBuilder& builder_;
  Vocabulary ids_;
};

class EdgeReader {
 public:
  EdgeReader(const NamedText& file, std::string nodes_file, const NodeIds& nodes,
             GraphBuilder& builder)
      : builder_(builder),
        nodes_(nodes),
        nodes_file_(std::move(nodes_file)),
        errors_(file.name),
        records_(file.text, Records::Format::tsv, errors_),
        columns_(records_, {"source", "metaedge", "target"}, errors_),
        checks_(records_, errors_),
        label_(builder.labels, "metaedge", Empty::refused, checks_) {}

  void read() {
    while (columns_.next()) add_row();
    errors_.throw_if_any();
    builder_.count_blank_lines(records_.blank_lines());
  }

 private:
  struct Resolved {
    const Metaedge* metaedge = nullptr;  // of Hetionet 1.0, where it is one
    std::int32_t relation = 0;
    Direction direction = Direction::undirected;
  };

  std::string_view field(std::size_t column) const { return records_.fields()[columns_[column]]; }

  void add_row() {
    const std::int32_t head = node(field(0));
    const std::int32_t label = label_(field(1));
    const std::int32_t tail = node(field(2));
    if (head < 0 || tail < 0) return;
    const Resolved resolved = resolve(label);
    if (!joins_its_types(resolved, head, tail)) return;
    const std::int32_t head_type = builder_.nodes().key(head).type;
    const std::int32_t tail_type = builder_.nodes().key(tail).type;
    const std::int32_t kind =
        builder_.edge_kind({head_type, resolved.relation, tail_type, label}, resolved.direction);
    builder_.add_edge(kind, {head, tail});
  }

  std::int32_t node(std::string_view id) {
    const std::int32_t node = nodes_.find(id);
    if (node < 0) {
      errors_.add(records_.line(), "the node {} is not in {}; add it there or remove the edge",
                  shown(id), nodes_file_);
    }
    return node;
  }

  Resolved resolve(std::int32_t label) {
    while (resolved_.size() <= static_cast<std::size_t>(label)) {
      const std::string& text = builder_.labels[static_cast<std::int32_t>(resolved_.size())];
      const Metaedge* metaedge = find_metaedge(text);
      const bool has_mark = text.find_first_of("<>") != std::string::npos;
      resolved_.push_back(
          {metaedge,
           builder_.relation_names.find_or_add(metaedge == nullptr ? text : metaedge->relation),
           has_mark ? Direction::directed : Direction::undirected});
    }
    return resolved_[label];
  }

  bool joins_its_types(const Resolved& resolved, std::int32_t head, std::int32_t tail) {
    const Metaedge* metaedge = resolved.metaedge;
    if (metaedge == nullptr || (nodes_.type_of(head) == metaedge->head_type &&
                                nodes_.type_of(tail) == metaedge->tail_type)) {
      return true;
    }
    errors_.add(records_.line(),
                "{} joins {} and {}, but here {} and {}; correct the metaedge or the nodes' kinds",
                metaedge->abbreviation, metaedge->head_type, metaedge->tail_type,
                shown(nodes_.type_of(head)), shown(nodes_.type_of(tail)));
    return false;
  }

  GraphBuilder& builder_;
  const NodeIds& nodes_;
  std::string nodes_file_;
  ErrorList errors_;
  Records records_;
  Columns columns_;
  RowChecks checks_;
  ColumnLookup label_;
  std::vector<Resolved> resolved_;  // by label
};

}  // namespace

LoadedGraph read_hetionet(const NamedText& nodes, const NamedText& edges) {
  std::string unpacked_nodes, unpacked_edges;
  const auto unpacked = [](const NamedText& file, std::string& storage) {
    if (!is_gzip(file.text)) return file;
    storage = gunzip(file);
    return NamedText{storage, file.name};
  };
  GraphBuilder builder;
  builder.begin_part(edges.name);
  const NodeIds ids(unpacked(nodes, unpacked_nodes), builder);
  EdgeReader(unpacked(edges, unpacked_edges), nodes.name, ids, builder).read();
  return std::move(builder.finish().front());
}

}  // namespace hgnn_moe::kg
