#include "hgnn_moe/model/coupler.h"

#include "combiner.h"
#include "gnn_coupler.h"
#include "hgnn_coupler.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

// The baseline without a graph: the combiner alone.
class MeanCoupler : public Coupler {
 public:
  MeanCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config)
      : combiner_(store, name, config) {}

  at::Tensor forward(const at::Tensor& experts_NED, const at::Tensor&) const override {
    return combiner_.forward(experts_NED);
  }

  CouplerTrace trace(const at::Tensor&, const at::Tensor&) const override { return {}; }

 private:
  Combiner combiner_;
};

}  // namespace

std::unique_ptr<Coupler> make_coupler(ParameterStore& store, const std::string& name,
                                      const ModelConfig& config, const Execution& execution) {
  switch (config.coupler_type) {
    case CouplerType::gnn:
      return std::make_unique<GnnCoupler>(store, name, config, execution);
    case CouplerType::hgnn:
      return std::make_unique<HgnnCoupler>(store, name, config, execution);
    case CouplerType::mean:
      return std::make_unique<MeanCoupler>(store, name, config);
    case CouplerType::none:
      break;
  }
  HGNN_MOE_ASSERT(false, "coupler type {} has no coupler", static_cast<int>(config.coupler_type));
}

}  // namespace hgnn_moe
