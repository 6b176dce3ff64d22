#include "hgnn_moe/hgt/link_memory.h"

#include <algorithm>

#include "hgnn_moe/hgt/triple_ranking.h"
#include "hgnn_moe/kg/edge_order.h"
#include "hgnn_moe/ops/cuda_device.h"

namespace hgnn_moe::hgt {

namespace {

constexpr std::int64_t kFloat = sizeof(float);
constexpr std::int64_t kEdge = sizeof(kg::Edge);
constexpr std::int64_t kMiB = 1 << 20;
// Resident before a graph is read: LibTorch's code and tables. CUDA's libraries take as much again.
std::int64_t program_bytes() { return (ops::cuda_status().compiled ? 352 : 160) * kMiB; }
// Projected keys and values of sources that attention keeps at a time (ops/hgt_attention.h).
constexpr std::int64_t kProjectedBytes = 64 * kMiB;

std::int64_t projected_bytes(const HgtConfig& config, const BlockSize& size) {
  const std::int64_t side = std::min(size.heads, size.tails);
  return std::min(kProjectedBytes, 2 * kFloat * side * config.hidden_dim);
}

// Whether the input layer is a table of a row a node, and not a linear layer.
bool reads_table(const HgtConfig& config) {
  return config.node_features == HgtFeatures::learned ||
         config.node_features == HgtFeatures::random;
}

std::int64_t layers_of(const HgtConfig& config) {
  return config.messages == HgtMessages::none ? 0 : config.num_layers;
}

// What an edge takes in a block and as the attention's two lists, and a node in the lists.
constexpr std::int64_t kBlockEdge = 2 * sizeof(std::int32_t);
constexpr std::int64_t kListedEdge = 2 * sizeof(std::int32_t);
constexpr std::int64_t kListedNode = 2 * sizeof(std::int32_t);

std::int64_t lists_bytes(const BlockSize& size) {
  return kListedEdge * size.edges + kListedNode * (size.heads + size.tails);
}

// What the forward pass of a layer keeps for its backward pass.
std::int64_t kept_bytes(const HgtConfig& config, const BlockSize& size) {
  const std::int64_t rows = size.copied_heads + 2 * size.heads    // their keys and values
                            + size.copied_tails + 3 * size.tails  // queries, sums, gelu of sums
                            + size.copied_destinations            // of the skip connection
                            + 2 * size.destinations               // before it and after
                            + (config.layer_norm ? size.destinations : 0);
  return kFloat * (rows * config.hidden_dim + size.tails * config.num_heads) + lists_bytes(size);
}

// What the backward pass of a layer adds: where it differentiates the attention, and where it adds
// up the gradients of the sources.
std::int64_t backward_bytes(const HgtConfig& config, const BlockSize& size) {
  const std::int64_t attention = 2 * size.heads + 2 * size.tails;
  const std::int64_t sources = 2 * size.sources + 2 * size.heads;
  return kFloat * config.hidden_dim * std::max(attention, sources) + projected_bytes(config, size);
}

// Features of every layer before it that the layer's destinations keep for the output.
std::int64_t jumping_rows(const HgtConfig& config, const MicroBatchSize& size) {
  if (!config.jumping_knowledge || size.layers.empty()) return 0;
  std::int64_t rows = 0, layers = 0;
  for (const BlockSize& layer : size.layers) rows += ++layers * layer.destinations;
  return rows + 2 * (layers + 1) * size.nodes;  // side by side, and their gradient
}

std::int64_t loss_bytes(const HgtConfig& config, const MicroBatchSize& size) {
  // Heads, tails, a query and its products of each triple; the candidates; what scores become on
  // their way to a loss and back.
  const std::int64_t rows = 5 * size.asked + 2 * size.candidates;
  std::int64_t scores = 5 * size.scores + 4 * size.contrasts;
  // Of each score its differences, their squares and what leads back through them are kept.
  if (config.decoder == HgtDecoder::rotate) scores += 4 * size.scores * config.embedding_dim;
  // The embeddings, their gradient, and what one group adds to it.
  const std::int64_t embeddings = (config.embedding_dropout > 0 ? 6 : 4) * size.nodes;
  return kFloat * ((rows + embeddings) * config.embedding_dim + scores);
}

std::int64_t micro_batch_bytes(const HgtConfig& config, const MicroBatchSize& size) {
  const std::int64_t inputs = size.layers.empty() ? size.nodes : size.layers.front().sources;
  // In the place of rows of the table, which are there as well.
  const std::int64_t zeros = has_inductive_types(config) ? inputs : 0;
  std::int64_t kept = kFloat * (inputs + zeros + jumping_rows(config, size)) * config.hidden_dim;
  std::int64_t peak = 0, block_edges = 0;
  for (const BlockSize& layer : size.layers) {
    kept += kept_bytes(config, layer);
    block_edges += layer.edges;
  }
  peak = kept + loss_bytes(config, size);
  for (auto layer = size.layers.rbegin(); layer != size.layers.rend(); ++layer) {
    peak = std::max(peak, kept + backward_bytes(config, *layer));
    kept -= kept_bytes(config, *layer);
  }
  return peak + kBlockEdge * block_edges;
}

std::int64_t batch_bytes(const MicroBatchSize& size) {
  std::int64_t bytes = size.scores + size.contrasts + kFloat * (size.nodes + 2 * size.asked);
  for (const BlockSize& layer : size.layers) {
    bytes += kBlockEdge * layer.edges + kFloat * (layer.sources + layer.destinations);
  }
  return bytes;
}

std::int64_t graph_bytes(const HgtConfig& config, const GraphData& data) {
  const kg::Graph& graph = data.split.train;
  const std::int64_t edges = graph.edge_count();
  const std::int64_t held_out =
      static_cast<std::int64_t>(data.split.valid.size() + data.split.test.size());
  std::int64_t bytes = kEdge * edges;
  if (config.messages == HgtMessages::shuffled) bytes += kEdge * edges;
  for (const kg::TextArray* texts : {&graph.node_ids, &graph.node_names}) {
    bytes += static_cast<std::int64_t>(texts->bytes.size() + 8 * texts->offsets.size());
  }
  bytes += static_cast<std::int64_t>(sizeof(kg::Triple)) * held_out;
  bytes += kFloat * graph.node_count() * data.features.width();
  // Facts of symmetric relations are half of their edges, and an epoch's order has 4 bytes a fact.
  bytes += (kEdge + kFloat) * edges / 2;
  for (const kg::Relation& relation : graph.relations) {
    // Offsets by tail of the known facts and of the messages.
    bytes += 2 * kFloat * graph.node_types[relation.tail_type].count;
    if (relation.reverse == kg::kNoReverse) {
      bytes += kEdge * static_cast<std::int64_t>(relation.edges.size());
    }
  }
  return bytes;
}

// Sources and edges of a tile of nodes.
BlockSize tile_size(const kg::Graph& graph, std::int32_t first, std::int32_t count,
                    std::vector<std::int32_t>& last_seen) {
  BlockSize size;
  size.destinations = size.tails = count;
  const auto see = [&](std::int32_t node) {
    std::int32_t& seen = last_seen[static_cast<std::size_t>(node)];
    size.sources += seen != first ? 1 : 0;
    seen = first;
  };
  for (std::int32_t node = first; node < first + count; ++node) see(node);
  for (const kg::Relation& relation : graph.relations) {
    const auto before = [](const kg::Edge& edge, std::int32_t node) { return edge.tail < node; };
    const kg::Edge* const end = relation.edges.end();
    const kg::Edge* edge = std::lower_bound(relation.edges.begin(), end, first, before);
    for (; edge != end && edge->tail < first + count; ++edge, ++size.edges) see(edge->head);
  }
  size.heads = size.sources;
  return size;
}

std::int64_t tile_bytes(const HgtConfig& config, const BlockSize& tile) {
  // Keys and values of the sources; of destinations queries, sums and what becomes of them.
  const std::int64_t rows = 2 * tile.sources + 8 * tile.destinations;
  return kFloat * rows * config.hidden_dim + projected_bytes(config, tile) +
         (kBlockEdge + 2 * kListedEdge) * tile.edges;
}

std::int64_t largest_tile_bytes(const HgtConfig& config, const kg::Graph& graph,
                                std::int64_t tile_nodes) {
  std::vector<std::int32_t> last_seen(static_cast<std::size_t>(graph.node_count()), -1);
  std::int64_t largest = 0;
  for (std::int64_t first = 0; first < graph.node_count(); first += tile_nodes) {
    const std::int64_t count = std::min<std::int64_t>(tile_nodes, graph.node_count() - first);
    largest = std::max(largest,
                       tile_bytes(config, tile_size(graph, static_cast<std::int32_t>(first),
                                                    static_cast<std::int32_t>(count), last_seen)));
  }
  return largest;
}

std::int64_t largest_count(const kg::Graph& graph) {
  std::int64_t largest = 0;
  for (const kg::NodeType& type : graph.node_types) {
    largest = std::max<std::int64_t>(largest, type.count);
  }
  return largest;
}

std::int64_t ranked_triples(const HgtConfig& config, const GraphData& data) {
  const auto valid = static_cast<std::int64_t>(data.split.valid.size());
  return std::max(
      static_cast<std::int64_t>(data.split.test.size()),
      config.num_eval_triples == kAll ? valid : std::min(valid, config.num_eval_triples));
}

// Whether there is a checkpoint but the last one, which is written while the program waits.
bool saves_between(const HgtConfig& config, const GraphData& data) {
  if (config.eval_every == 0 || config.num_epochs <= config.eval_every) return false;
  if (config.max_steps == kAll) return true;
  return config.max_steps >
         config.eval_every * kg::batch_count(fact_count(data), config.batch_size);
}

}  // namespace

LinkParameterCount count_parameters(const HgtConfig& config, const Schema& schema,
                                    std::int64_t features_width) {
  const std::int64_t types = schema.num_types(), relations = schema.num_relations();
  const std::int64_t f = config.hidden_dim, o = config.embedding_dim, heads = config.num_heads;
  const std::int64_t of_type = f * 3 * f + 3 * f + f * f + f + 1 + (config.layer_norm ? 2 * f : 0);
  const std::int64_t of_relation = 2 * f * (f / heads) + heads;
  LinkParameterCount count;
  count.dense = layers_of(config) * (types * of_type + relations * of_relation);
  const std::int64_t read = config.jumping_knowledge ? layers_of(config) + 1 : 1;
  count.dense += types * (read * f * o + o);
  switch (config.decoder) {
    case HgtDecoder::dot:
      break;
    case HgtDecoder::distmult:
    case HgtDecoder::complex:
      count.dense += relations * o;
      break;
    case HgtDecoder::rotate:
      count.dense += relations * (o / 2);
      break;
  }
  if (!reads_table(config)) {
    const std::int64_t width = config.node_features == HgtFeatures::given ? features_width : 1;
    count.dense += types * (width * f + f);
  } else {
    count.table = schema.num_nodes() * f;
  }
  count.table_is_learned = config.node_features == HgtFeatures::learned;
  return count;
}

std::int64_t inference_bytes(const HgtConfig& config, const GraphData& data,
                             std::int64_t tile_nodes) {
  const kg::Graph& graph = data.messages;
  const std::int64_t nodes = graph.node_count(), layers = layers_of(config);
  const std::int64_t features = kFloat * nodes * config.hidden_dim;
  const std::int64_t embeddings = kFloat * nodes * config.embedding_dim;
  // The first layer reads an embedding of each node where it is, and leaves it so; later ones write
  // over what they read, but where the output reads all. Keys and values are there of all nodes.
  const std::int64_t inputs = reads_table(config) && !has_inductive_types(config) ? 0 : 1;
  const bool keeps_all = config.jumping_knowledge;
  const std::int64_t layer = layers == 0 ? 0
                                         : (inputs + 2 + (keeps_all ? layers : 1)) * features +
                                               largest_tile_bytes(config, graph, tile_nodes);
  const std::int64_t largest_type = largest_count(graph);
  const std::int64_t read = keeps_all ? layers + inputs : layers > 0 ? 1 : inputs;
  const std::int64_t side_by_side = keeps_all ? (layers + 1) * config.hidden_dim : 0;
  const std::int64_t output =
      read * features + embeddings + kFloat * largest_type * (config.embedding_dim + side_by_side);
  // Scores of a piece, and all known facts in an index of their own.
  const std::int64_t scores =
      std::min(kRankedScoreBytes, kFloat * largest_type * ranked_triples(config, data));
  const std::int64_t ranking = embeddings + 2 * scores + kEdge * graph.edge_count() * 3 / 2;
  return std::max({layer, output, ranking});
}

std::optional<std::int64_t> fitting_tile(const HgtConfig& config, const GraphData& data,
                                         std::int64_t budget) {
  for (std::int64_t tile =
           std::min<std::int64_t>(config.node_batch_size, data.messages.node_count());
       tile > 0; tile /= 2) {
    if (inference_bytes(config, data, tile) <= budget) return tile;
  }
  return std::nullopt;
}

std::int64_t LinkMemory::total() const {
  return program + graph + parameters + gradients + optimizer + checkpoint_copy +
         std::max(batches + micro_batch, inference);
}

std::vector<std::pair<std::string, std::int64_t>> LinkMemory::parts() const {
  return {{"program", program},       {"graph", graph},
          {"parameters", parameters}, {"gradients", gradients},
          {"optimizer", optimizer},   {"checkpoint_copy", checkpoint_copy},
          {"batches", batches},       {"micro_batch", micro_batch},
          {"inference", inference}};
}

Json to_json(const LinkMemory& memory) {
  Json record = Json::object();
  for (const auto& [name, bytes] : memory.parts()) record[name] = bytes;
  record["total"] = memory.total();
  return record;
}

LinkMemory estimate_memory(const HgtConfig& config, const GraphData& data,
                           const MicroBatchSize& size, std::int64_t tile_nodes) {
  const LinkParameterCount count =
      count_parameters(config, schema_of(data.split.train), data.features.width());
  const std::int64_t learned_table = count.table_is_learned ? count.table : 0;
  LinkMemory memory;
  memory.program = program_bytes();
  memory.graph = graph_bytes(config, data);
  memory.parameters = kFloat * (count.dense + count.table);
  memory.gradients = kFloat * (count.dense + learned_table);
  memory.optimizer = 2 * kFloat * (count.dense + learned_table);
  if (saves_between(config, data)) memory.checkpoint_copy = memory.parameters + memory.optimizer;
  memory.batches = (config.num_workers_dataloader == 0 ? 0 : config.num_workers_dataloader + 2) *
                   batch_bytes(size);
  memory.micro_batch = micro_batch_bytes(config, size);
  memory.inference = inference_bytes(config, data, tile_nodes);
  return memory;
}

}  // namespace hgnn_moe::hgt
