// Chronicle: begin, steps and end of cuts.
#include "core/agent/chronicle_memory.h"

namespace kerf::agent {

Chronicle::Chronicle(const gpu::Catalogue& catalogue)
    : memory_(std::make_unique<Memory>(catalogue)) {}
Chronicle::~Chronicle() = default;
Chronicle::Chronicle(Chronicle&&) noexcept = default;
Chronicle& Chronicle::operator=(Chronicle&&) noexcept = default;

Chronicle::Records Chronicle::observe(std::span<const Event> batch, std::span<const Effect> effects,
                                      Instant now) {
  return memory_->observe(batch, effects, now);
}

std::size_t Chronicle::open() const { return memory_->open(); }

std::map<Chronicle::SliceCount, int> Chronicle::slices() const {
  std::map<SliceCount, int> counts;
  if (memory_->status())
    for (const control::GpuStatus& gpu : memory_->status()->gpus)
      for (const control::SliceStatus& slice : gpu.slices) ++counts[{slice.form, slice.state}];
  return counts;
}

const char* to_string(Chronicle::Cut kind) {
  return kind == Chronicle::Cut::Give ? "give" : "take";
}

const char* to_string(Chronicle::Phase phase) {
  using Phase = Chronicle::Phase;
  switch (phase) {
    case Phase::Making: return "making";
    case Phase::CreateInstance: return "create_instance";
    case Phase::CreateCompute: return "create_compute";
    case Phase::Cdi: return "cdi";
    case Phase::Listed: return "listed";
    case Phase::Confirmed: return "confirmed";
    case Phase::Unhealthy: return "unhealthy";
    case Phase::Drained: return "drained";
    case Phase::Going: return "going";
    case Phase::DestroyCompute: return "destroy_compute";
    case Phase::DestroyInstance: return "destroy_instance";
    case Phase::Unlisted: return "unlisted";
  }
  return "";
}

const char* to_string(Chronicle::Result result) {
  switch (result) {
    case Chronicle::Result::Done: return "done";
    case Chronicle::Result::Failed: return "failed";
    case Chronicle::Result::AllocateWon: return "allocate_won";
    case Chronicle::Result::Superseded: return "superseded";
  }
  return "";
}

Chronicle::Records Chronicle::Memory::observe(std::span<const Event> batch,
                                              std::span<const Effect> effects, Instant now) {
  now_ = now;
  records_.clear();
  for (const Event& event : batch) std::visit([this](const auto& value) { hear(value); }, event);
  compare_with_spec();
  for (const Effect& effect : effects) {
    see(effect.id, effect.action);
    newest_ = std::max(newest_, effect.id);
  }
  calls_.clear();  // each was answered in the step that heard it
  finish();
  return std::move(records_);
}

Chronicle::Memory::Open* Chronicle::Memory::cut_of(const std::string& device, Cut kind) {
  const auto found = open_.find(device);
  return found == open_.end() || found->second.kind != kind ? nullptr : &found->second;
}

Chronicle::Memory::Open* Chronicle::Memory::cut_of(const Step& step) {
  const auto found = open_.find(step.device);
  return found == open_.end() || found->second.cut != step.cut ? nullptr : &found->second;
}

Chronicle::Memory::Open& Chronicle::Memory::begin(Cut kind, const std::string& device,
                                                  const std::string& gpu,
                                                  const std::string& resource, bool resumed) {
  if (open_.contains(device)) give_up(device);
  Open& cut = open_[device];
  cut.cut = run_ + "-" + std::to_string(++cuts_);
  cut.kind = kind;
  cut.device = device;
  cut.gpu = gpu;
  cut.resource = resource;
  cut.begun = cut.last = now_;
  records_.push_back(CutBegan{cut.cut, kind, device, gpu, resource, resumed});
  return cut;
}

void Chronicle::Memory::step_done(const std::string& device, Phase phase, Code code, Instant from) {
  const auto found = open_.find(device);
  if (found == open_.end()) return;
  Open& cut = found->second;
  cut.code = code;
  const bool ok = code == Code::Success;
  if (ok) {
    cut.done.insert(phase);
    cut.last = now_;
  }
  records_.push_back(CutPhase{cut.cut, cut.kind, device, phase, ok ? Result::Done : Result::Failed,
                              code, now_ - from});
}

void Chronicle::Memory::end(const std::string& device, Result result) {
  const auto found = open_.find(device);
  if (found == open_.end()) return;
  const Open& cut = found->second;
  records_.push_back(CutEnded{cut.cut, cut.kind, device, cut.gpu, cut.resource, result,
                              result == Result::Failed ? cut.code : Code::Success,
                              now_ - cut.begun});
  open_.erase(found);
}

void Chronicle::Memory::give_up(const std::string& device) {
  const bool failed = open_.at(device).code != Code::Success;
  end(device, failed ? Result::Failed : Result::Superseded);
}

/// The layout wanted has changed, or is looked at for the first time.
void Chronicle::Memory::compare_with_spec() {
  if (!compare_ || seen_.empty()) return;
  compare_ = false;
  for (const auto& [device, written] : written_) {
    const bool out = left_out(written);
    if (out && cut_of(device, Cut::Give)) give_up(device);
    if (!out && cut_of(device, Cut::Take) && written.entry.mark != Mark::Going) give_up(device);
    if (out && !open_.contains(device) && (exists(written) || is_listed(device)))
      begin(Cut::Take, device, written.gpu, written.entry.resource,
            written.entry.mark == Mark::Going);
  }
}

/// Ends what is reached.
void Chronicle::Memory::finish() {
  std::vector<std::string> ended;
  for (const auto& [device, cut] : open_) {
    const auto written = written_.find(device);
    if (cut.kind == Cut::Give
            ? written != written_.end() && is_given(written->second, device)
            : written == written_.end() && !is_listed(device) && cut.unlisting == 0)
      ended.push_back(device);
  }
  for (const std::string& device : ended) end(device, Result::Done);
}

bool Chronicle::Memory::is_given(const Written& written, const std::string& device) const {
  if (written.entry.mark != Mark::Stands) return false;
  const SeenInstance* instance = instance_of(written);
  std::string uuid = written.gpu;
  if (instance != nullptr)
    uuid = instance->computes.size() == 1 ? instance->computes.front().uuid : "";
  const auto cdi = cdi_.find(device);
  if (uuid.empty() || cdi == cdi_.end() || cdi->second != uuid) return false;
  const auto list = lists_.find(written.entry.resource);
  if (list == lists_.end() || !list->second.confirmed) return false;
  const auto served = list->second.devices.find(device);
  return served != list->second.devices.end() && (served->second || !written.entry.published);
}

bool Chronicle::Memory::is_listed(const std::string& device) const {
  return std::ranges::any_of(
      lists_, [&](const auto& list) { return list.second.devices.contains(device); });
}

const gpu::Model* Chronicle::Memory::model_of(const std::string& gpu) const {
  const auto seen = seen_.find(gpu);
  return seen == seen_.end() ? nullptr : catalogue_->find(seen->second.model);
}

/// As the mind judges it (Mind::want): an illegal layout permits nothing.
bool Chronicle::Memory::left_out(const Written& written) const {
  const auto number = number_of(written.gpu);
  if (!wanted_ || !number || wanted_->spec.gpus.size() != journal_.gpus.size()) return false;
  const control::WantedGpu& gpu = wanted_->spec.gpus[*number];
  if (std::ranges::any_of(gpu.slices, [&](const control::WantedSlice& slice) {
        return slice.start == written.key.first && slice.form == written.key.second;
      }))
    return false;
  return illegal(model_of(written.gpu), gpu).empty();
}

bool Chronicle::Memory::exists(const Written& written) const {
  const auto shape = shape_of(model_of(written.gpu), written.key.second, written.key.first);
  if (!shape || shape->kind != Shape::Kind::Slice) return written.entry.mark != Mark::Making;
  return instance_of(written) != nullptr;
}

const SeenInstance* Chronicle::Memory::instance_of(const Written& written) const {
  const auto shape = shape_of(model_of(written.gpu), written.key.second, written.key.first);
  const auto seen = seen_.find(written.gpu);
  if (!shape || shape->kind != Shape::Kind::Slice || seen == seen_.end()) return nullptr;
  for (const SeenInstance& instance : seen->second.instances)
    if (instance.profile == shape->profile && instance.start == shape->start) return &instance;
  return nullptr;
}

std::optional<std::uint32_t> Chronicle::Memory::number_of(const std::string& gpu) const {
  for (std::uint32_t i = 0; i < journal_.gpus.size(); ++i)
    if (journal_.gpus[i].uuid == gpu) return i;
  return std::nullopt;
}

std::string Chronicle::Memory::id_of(const std::string& gpu, std::uint16_t profile,
                                     std::uint8_t start) const {
  const auto number = number_of(gpu);
  const auto form = form_of(model_of(gpu), profile, start);
  return number && form ? control::device_id(*number, *form, start) : "";
}

Chronicle::Memory::DeviceMap Chronicle::Memory::devices_of(const Journal& journal) {
  DeviceMap devices;
  for (std::uint32_t i = 0; i < journal.gpus.size(); ++i)
    for (const Entry& entry : journal.gpus[i].devices)
      devices[control::device_id(i, entry.form, entry.start)] = {
          journal.gpus[i].uuid, {entry.start, entry.form}, entry};
  return devices;
}

}  // namespace kerf::agent
