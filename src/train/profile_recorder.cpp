#include "profile_recorder.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>
#include <variant>

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/profiler_kineto.h>
#include <torch/csrc/profiler/collection.h>

#include "profile_trace.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;
namespace kineto = torch::autograd::profiler;
using torch::profiler::impl::EventType;
using torch::profiler::impl::ExtraFields;
using torch::profiler::impl::Result;
using torch::profiler::impl::TensorMetadata;

using TorchOp = ExtraFields<EventType::TorchOp>;

kineto::ProfilerConfig profiler_config() {
  torch::profiler::impl::ExperimentalConfig names;
  names.capture_overload_names = true;
  return kineto::ProfilerConfig(kineto::ProfilerState::KINETO, /*report_input_shapes=*/true,
                                /*profile_memory=*/false, /*with_stack=*/false,
                                /*with_flops=*/true, /*with_modules=*/false, names);
}

std::set<kineto::ActivityType> activities(c10::Device device) {
  if (device.is_cuda()) return {kineto::ActivityType::CPU, kineto::ActivityType::CUDA};
  return {kineto::ActivityType::CPU};
}

ProfiledTensor describe(const TensorMetadata& tensor) {
  ProfiledTensor result{tensor.sizes_, static_cast<std::int64_t>(c10::elementSize(tensor.dtype_)),
                        1};
  for (std::size_t i = 0; i < tensor.sizes_.size(); ++i) {
    const bool expanded = i < tensor.strides_.size() && tensor.strides_[i] == 0;
    result.stored *= expanded ? std::min<std::int64_t>(tensor.sizes_[i], 1) : tensor.sizes_[i];
  }
  return result;
}

std::vector<std::int64_t> integers_of(const c10::IValue& value) {
  if (value.isInt()) return {value.toInt()};
  if (value.isIntList()) return value.toIntVector();
  return {};
}

std::vector<ProfiledInput> describe_inputs(const TorchOp& fields) {
  std::vector<ProfiledInput> inputs(
      std::max(fields.inputs_.size(), fields.concrete_inputs_.size()));
  for (std::size_t i = 0; i < fields.inputs_.size(); ++i) {
    if (const auto* tensor = std::get_if<TensorMetadata>(&fields.inputs_[i])) {
      inputs[i].tensors.push_back(describe(*tensor));
    } else if (const auto* list = std::get_if<std::vector<TensorMetadata>>(&fields.inputs_[i])) {
      for (const TensorMetadata& one : *list) inputs[i].tensors.push_back(describe(one));
    }
  }
  for (std::size_t i = 0; i < fields.concrete_inputs_.size(); ++i) {
    if (const auto* value = std::get_if<c10::IValue>(&fields.concrete_inputs_[i])) {
      inputs[i].integers = integers_of(*value);
    }
  }
  return inputs;
}

constexpr std::string_view kEnginePrefix = "autograd::engine::";

ProfiledKind kind_of(at::RecordScope scope, const std::string& name) {
  switch (scope) {
    case at::RecordScope::USER_SCOPE:
      return ProfiledKind::scope;
    case at::RecordScope::BACKWARD_FUNCTION:
      return ProfiledKind::backward;
    default:
      // What the engine does around a node carries the node's number.
      return name.compare(0, kEnginePrefix.size(), kEnginePrefix) == 0 ? ProfiledKind::backward
                                                                       : ProfiledKind::operation;
  }
}

// Overloads named out, IntList_out and so on.
bool is_output_form(std::string_view overload) {
  constexpr std::string_view kSuffix = "out";
  return overload.size() >= kSuffix.size() &&
         overload.substr(overload.size() - kSuffix.size()) == kSuffix;
}

bool is_device_work(const Result& result) {
  switch (result.kinetoType()) {
    case libkineto::ActivityType::CONCURRENT_KERNEL:
    case libkineto::ActivityType::GPU_MEMCPY:
    case libkineto::ActivityType::GPU_MEMSET:
      return true;
    default:
      return false;
  }
}

ProfiledEvent describe(const Result& result, const TorchOp& fields) {
  ProfiledEvent event;
  event.kind = kind_of(fields.scope_, fields.name_);
  event.sequence = fields.sequence_number_;
  event.forward_thread = fields.forward_tid_;
  event.flops = static_cast<std::int64_t>(
      torch::profiler::impl::computeFlops(result.name(), fields.extra_args_));
  event.inputs = describe_inputs(fields);
  event.has_output = is_output_form(fields.overload_name_);
  return event;
}

// Depth first through the tree; what is neither LibTorch's nor a device's, as a call that
// launches a kernel, is passed through.
void collect(const Result& result, std::int64_t parent, std::vector<ProfiledEvent>& events) {
  const auto* fields = std::get_if<TorchOp>(&result.extra_fields_);
  if (fields != nullptr || is_device_work(result)) {
    ProfiledEvent event;
    if (fields != nullptr) {
      event = describe(result, *fields);
    } else {
      event.kind = ProfiledKind::device;
    }
    event.name = result.name();
    event.parent = parent;
    event.begin_ns = result.start_time_ns_;
    event.end_ns = result.endTimeNS();
    event.thread = result.start_tid_;
    parent = static_cast<std::int64_t>(events.size());
    events.push_back(std::move(event));
  }
  for (const auto& child : result.children_) collect(*child, parent, events);
}

}  // namespace

ProfileRecorder::ProfileRecorder(c10::Device device) : device_(device) {
  // Kineto writes to standard error by itself, of a missing GPU driver for one; what fails and
  // matters is found and said here. A level that the user sets stays.
  ::setenv("KINETO_LOG_LEVEL", "99", /*overwrite=*/0);
  kineto::prepareProfiler(profiler_config(), activities(device_));
  kineto::enableProfiler(profiler_config(), activities(device_));
  recording_ = true;
  pause();
}

ProfileRecorder::~ProfileRecorder() {
  if (!recording_) return;
  at::enableRecordFunction(true);
  try {
    kineto::disableProfiler();
  } catch (...) {  // a profile that nobody reads
  }
}

void ProfileRecorder::resume() { at::enableRecordFunction(true); }

void ProfileRecorder::pause() { at::enableRecordFunction(false); }

std::vector<ProfiledEvent> ProfileRecorder::finish(const fs::path& trace) {
  HGNN_MOE_ASSERT(recording_, "a profile finished twice");
  at::enableRecordFunction(true);
  recording_ = false;
  const auto result = kineto::disableProfiler();
  write_trace(
      trace, [&](const std::string& path) { result->save(path); },
      /*has_device=*/device_.is_cuda());
  std::vector<ProfiledEvent> events;
  for (const auto& root : result->event_tree()) collect(*root, -1, events);
  return events;
}

}  // namespace hgnn_moe
