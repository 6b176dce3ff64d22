#include <algorithm>
#include <utility>
#include <vector>

#include "csv_rows.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/base/sort_unique.h"
#include "hgnn_moe/kg/generate.h"

namespace hgnn_moe::kg {
namespace {

struct Layer {
  std::string_view type;
  std::string_view source;
  const char* prefix;
  std::int32_t nodes;
  std::int64_t first_index;
};

// What a stream of random numbers is for.
enum class Use : std::uint64_t { targets, causes, effects, phenotypes, interactions };

class MechanismGenerator {
 public:
  MechanismGenerator(const MechanismShape& shape, std::uint64_t seed, const TextSink& sink)
      : shape_(shape), seed_(seed), rows_(sink) {
    std::int64_t first = 0;
    const auto layer = [&](const char* type, const char* source, const char* prefix,
                           std::int32_t nodes) {
      first += nodes;
      return Layer{type, source, prefix, nodes, first - nodes};
    };
    drugs_ = layer("drug", "DrugBank", "DB", shape.drugs);
    genes_ = layer("gene/protein", "NCBI", "", shape.genes);
    diseases_ = layer("disease", "MONDO", "", shape.diseases);
    effects_ = layer("effect/phenotype", "HPO", "", shape.annotations);
  }

  void run() {
    const auto targets = deal(Use::targets, shape_.drugs, shape_.targets_per_drug);
    const auto causes = deal(Use::causes, shape_.diseases, shape_.genes_per_disease);
    add("drug_protein", "target", drugs_, genes_, targets);
    add("disease_protein", "associated with", diseases_, genes_, causes);
    add("indication", "indication", drugs_, diseases_, treated(targets, causes));
    add("drug_effect", "side effect", drugs_, effects_, noise(Use::effects, drugs_, effects_));
    add("disease_phenotype_positive", "phenotype present", diseases_, effects_,
        noise(Use::phenotypes, diseases_, effects_));
    add("protein_protein", "ppi", genes_, genes_, noise(Use::interactions, genes_, genes_));
    rows_.finish();
  }

 private:
  using Lists = std::vector<std::vector<std::int32_t>>;  // for each head, its tails

  std::uint64_t draw(Use use, std::uint32_t a, std::uint32_t b) const {
    const std::uint64_t key = philox_stream_key(seed_, RandomPurpose::generated_graph,
                                                static_cast<std::uint64_t>(use), 1);
    const PhiloxBlock block = philox(key, {{a, b, 0, 0}});
    return static_cast<std::uint64_t>(block.v[1]) << 32 | block.v[0];
  }

  // Genes for `hands` nodes, `each` for every one, from packs that hold every gene once and are
  // shuffled anew: so each gene is dealt as often as any other, give or take one.
  Lists deal(Use use, std::int32_t hands, std::int32_t each) const {
    Lists lists(static_cast<std::size_t>(hands));
    std::vector<std::int32_t> pack;
    std::uint32_t round = 0;
    for (auto& list : lists) {
      if (pack.size() < static_cast<std::size_t>(each)) pack = shuffled_genes(use, round++);
      list.assign(pack.end() - each, pack.end());
      pack.resize(pack.size() - static_cast<std::size_t>(each));
    }
    return lists;
  }

  std::vector<std::int32_t> shuffled_genes(Use use, std::uint32_t round) const {
    std::vector<std::pair<std::uint64_t, std::int32_t>> ranked;
    for (std::int32_t gene = 0; gene < shape_.genes; ++gene) {
      ranked.emplace_back(draw(use, static_cast<std::uint32_t>(gene), round), gene);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::int32_t> genes;
    for (const auto& [rank, gene] : ranked) genes.push_back(gene);
    return genes;
  }

  Lists treated(const Lists& targets, const Lists& causes) const {
    Lists diseases_of_gene(static_cast<std::size_t>(shape_.genes));
    for (std::int32_t disease = 0; disease < shape_.diseases; ++disease) {
      for (const std::int32_t gene : causes[disease]) diseases_of_gene[gene].push_back(disease);
    }
    Lists lists;
    for (const auto& genes : targets) {
      auto& list = lists.emplace_back();
      for (const std::int32_t gene : genes) {
        list.insert(list.end(), diseases_of_gene[gene].begin(), diseases_of_gene[gene].end());
      }
      sort_unique(list);
    }
    return lists;
  }

  Lists noise(Use use, const Layer& heads, const Layer& tails) const {
    Lists lists;
    for (std::int32_t head = 0; head < heads.nodes; ++head) {
      auto& list = lists.emplace_back();
      for (std::int32_t i = 0; i < shape_.noise_edges; ++i) {
        const std::uint64_t bits =
            draw(use, static_cast<std::uint32_t>(head), static_cast<std::uint32_t>(i));
        const auto tail = static_cast<std::int32_t>(bits % static_cast<std::uint64_t>(tails.nodes));
        if (heads.type != tails.type || tail != head) list.push_back(tail);
      }
      sort_unique(list);
    }
    return lists;
  }

  // All edges, then all of them flipped, as PrimeKG lists them.
  void add(std::string_view relation, std::string_view display, const Layer& heads,
           const Layer& tails, const Lists& lists) {
    for (const bool is_flipped : {false, true}) {
      for (std::size_t head = 0; head < lists.size(); ++head) {
        for (const std::int32_t tail : lists[head]) {
          CsvNode x = node(heads, static_cast<std::int32_t>(head));
          CsvNode y = node(tails, tail);
          if (is_flipped) std::swap(x, y);
          rows_.add(relation, display, x, y);
        }
      }
    }
  }

  static CsvNode node(const Layer& layer, std::int32_t number) {
    const std::string text = std::to_string(number + 1);
    return {layer.first_index + number, layer.prefix + text, layer.type,
            fmt::format("{} {}", layer.type, text), layer.source};
  }

  MechanismShape shape_;
  std::uint64_t seed_;
  CsvRows rows_;
  Layer drugs_{}, genes_{}, diseases_{}, effects_{};
};

}  // namespace

void generate_mechanism(const MechanismShape& shape, std::uint64_t seed, const TextSink& sink) {
  HGNN_MOE_ASSERT(shape.targets_per_drug <= shape.genes && shape.genes_per_disease <= shape.genes &&
                      shape.genes % shape.genes_per_disease == 0,
                  "{} genes for {} and {}", shape.genes, shape.targets_per_drug,
                  shape.genes_per_disease);
  MechanismGenerator(shape, seed, sink).run();
}

}  // namespace hgnn_moe::kg
