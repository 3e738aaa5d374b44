#include "backend/weight_bank.h"

#include <algorithm>
#include <functional>

namespace newbie {

namespace {

// Of ranges of addresses, each byte once.
size_t covered_bytes(std::vector<std::span<const std::byte>> ranges) {
  std::ranges::sort(ranges, std::less<>(), [](const auto& range) { return range.data(); });
  size_t total = 0;
  const std::byte* end = nullptr;  // of what is counted
  for (const std::span<const std::byte>& range : ranges) {
    const std::byte* const stop = range.data() + range.size();
    if (end != nullptr && std::less_equal<>()(stop, end)) continue;
    const std::byte* const first = end != nullptr && std::less<>()(range.data(), end) ? end : range.data();
    total += static_cast<size_t>(stop - first);
    end = stop;
  }
  return total;
}

}  // namespace

TensorSpec WeightBank::stored_spec(const WeightUse& use) const {
  const auto spec = source_.find(use.name);
  if (!spec)
    fail_with_hint(ErrorKind::BadFile, "is this another model, or a file of another part?",
                   "{}: no such weight in the model's files", use.name);
  if (!(spec->shape == use.spec.shape))
    fail_with_hint(ErrorKind::BadFile, "another size of the model?", "{}: weight is {}, the configuration says {}",
                   use.name, spec->shape.str(), use.spec.shape.str());
  return *spec;
}

// Row-major bytes of the operand's dtype, aligned, where they lie in a file.
bool WeightBank::packs_from_mapped(const WeightUse& use) const {
  if (stored_spec(use).dtype != use.spec.dtype) return false;
  const ConstTensorView view = source_.mapped(use.name);
  return view.data != nullptr && reinterpret_cast<uintptr_t>(view.data) % size_of(use.spec.dtype) == 0;
}

// A small weight between others is copied: the system maps 64 KiB of a file for it, which nobody would have planned.
bool WeightBank::usable_as_mapped(const WeightUse& use) const {
  constexpr size_t kWorthItsPages = size_t{64} << 10;
  return packs_from_mapped(use) && use.layout.key.empty() && !goes_to_device(use) &&
         (use.by_rows || use.spec.bytes() >= kWorthItsPages);
}

const std::byte* WeightBank::packed(const WeightUse& use) const {
  if (packed_ == nullptr || usable_as_mapped(use)) return nullptr;
  const std::span<const std::byte> bytes = packed_->find(use.key());
  return bytes.size() < prepared_bytes(use) || bytes.empty() ? nullptr : bytes.data();
}

std::span<const std::byte> WeightBank::pages_of(const WeightUse& use) const {
  if (use.by_rows) return {};
  constexpr uintptr_t kPage = 4096;
  const std::byte* const data = source_.mapped(use.name).data;
  const uintptr_t before = reinterpret_cast<uintptr_t>(data) % kPage;
  return {data - before, round_up(before + use.spec.bytes(), kPage)};
}

WeightBank::Kept WeightBank::kept() const {
  std::vector<std::span<const std::byte>> lying;
  for (const auto& [key, item] : prepared_) {
    if (item.place == Prepared::Place::Packed) lying.push_back(packed_->around(key));
    if (item.place == Prepared::Place::File) lying.push_back(pages_of(item.use));
  }
  return {allocated_, covered_bytes(std::move(lying)), allocated_on_host_};
}

size_t WeightBank::prepared_bytes(const WeightUse& use) const {
  return use.layout.key.empty() ? use.spec.bytes() : use.layout.bytes;
}

size_t WeightBank::staging_bytes(const WeightUse& use) const {
  return use.layout.key.empty() || packs_from_mapped(use) ? 0 : use.spec.bytes();
}

WeightBank::Plan WeightBank::plan(const std::vector<WeightUse>& uses) const {
  std::set<std::string> seen;
  std::vector<std::span<const std::byte>> lying;
  Plan plan;
  for (const WeightUse& use : uses) {
    const std::string key = use.key();
    if (!seen.insert(key).second || lies_in_base(key)) continue;
    if (streams(use)) continue;
    if (usable_as_mapped(use)) {
      lying.push_back(pages_of(use));
      continue;
    }
    const auto on_host = [&](size_t staging) {
      plan.host_peak_bytes = std::max(plan.host_peak_bytes, checked_add(plan.kept.host_bytes, staging));
    };
    if (goes_to_device(use)) {
      plan.kept.bytes = checked_add(plan.kept.bytes, prepared_bytes(use));
      plan.peak_bytes = plan.resident_peak_bytes = plan.kept.bytes;
      on_host(upload_bytes(use));
      continue;
    }
    if (lies_packed(use)) {
      lying.push_back(packed_->around(key));
      continue;
    }
    if (!memory_.weights.is_host()) {
      plan.kept.host_bytes = checked_add(plan.kept.host_bytes, prepared_bytes(use));
      on_host(staging_bytes(use));
      continue;
    }
    plan.kept.bytes = checked_add(plan.kept.bytes, prepared_bytes(use));
    const size_t peak = checked_add(plan.kept.bytes, staging_bytes(use));
    plan.peak_bytes = std::max(plan.peak_bytes, peak);
    plan.resident_peak_bytes = std::max(plan.resident_peak_bytes, checked_add(peak, stored_bytes(use)));
  }
  plan.kept.page_bytes = covered_bytes(std::move(lying));
  return plan;
}

bool WeightBank::streams(const WeightUse& use) const {
  const bool on_host = memory_.weights.is_host();
  // A device's window is no place for a table, and of one in a file no more is read than its rows.
  const bool may = goes_to_device(use) || (on_host && !(use.by_rows && usable_as_mapped(use)));
  return may && (streamed_.contains(use.name) || streamed_.contains(use.key())) && !lies_in_base(use.key());
}

size_t WeightBank::upload_bytes(const WeightUse& use) const {
  if (lies_packed(use) || (use.layout.key.empty() && packs_from_mapped(use))) return 0;  // from where they lie
  return checked_add(round_up(prepared_bytes(use), 64), round_up(staging_bytes(use), 64));
}

size_t WeightBank::window_staging_bytes(const WeightUse& use) const {
  return goes_to_device(use) ? upload_bytes(use) : 0;
}

size_t WeightBank::window_bytes(const WeightUse& use) const {
  if (goes_to_device(use)) return round_up(prepared_bytes(use), 64);
  if (!needs_work(use)) return 0;
  return checked_add(round_up(prepared_bytes(use), 64), round_up(staging_bytes(use), 64));
}

const std::byte* WeightBank::prepare_in(const WeightUse& use, std::byte* room, std::byte* staging,
                                        ThreadPool& threads) const {
  if (goes_to_device(use)) {
    upload(use, room, staging, threads);
    return room;
  }
  if (const std::byte* there = packed(use)) {
    packed_->load(use.key());
    return there;
  }
  if (usable_as_mapped(use)) return source_.mapped(use.name).data;
  write(use, room, room + round_up(prepared_bytes(use), 64), threads);
  return room;
}

void WeightBank::prefetch(const WeightUse& use) const {
  lies_packed(use) ? packed_->prefetch(use.key()) : source_.prefetch(use.name);
}

void WeightBank::release(const WeightUse& use) const {
  if (goes_to_device(use)) return;
  if (lies_packed(use))
    packed_->release(use.key());
  else if (usable_as_mapped(use))
    source_.release(use.name);
}

size_t WeightBank::stored_bytes(const WeightUse& use) const {
  if (lies_packed(use)) return packed_->around(use.key()).size();
  stored_spec(use);  // told when it is not there
  return source_.stored_bytes(use.name);
}

WeightBank::~WeightBank() { release_pages(); }

void WeightBank::release_pages() const {
  for (const auto& [key, item] : prepared_) release_pages(item);
}

void WeightBank::release_pages(const Prepared& item) const {
  if (item.place == Prepared::Place::Packed) packed_->release(item.use.key());
  if (item.place == Prepared::Place::File) source_.release(item.use.name);
}

void WeightBank::drop(const std::vector<WeightUse>& uses) {
  for (const WeightUse& use : uses) {
    const auto it = prepared_.find(use.key());
    if (it == prepared_.end()) continue;
    (goes_to_device(use) || memory_.weights.is_host() ? allocated_ : allocated_on_host_) -= it->second.buffer.size();
    release_pages(it->second);
    prepared_.erase(it);
  }
}

void WeightBank::write(const WeightUse& use, std::byte* destination, std::byte* staging, ThreadPool& threads) const {
  if (use.layout.key.empty()) {
    source_.read(use.name, use.spec.dtype, destination);
  } else if (packs_from_mapped(use)) {
    use.layout.pack(ConstTensorView{use.spec, source_.mapped(use.name).data}, destination, threads);
  } else {
    source_.read(use.name, use.spec.dtype, staging);
    use.layout.pack(ConstTensorView{use.spec, staging}, destination, threads);
  }
  source_.release(use.name);
}

void WeightBank::upload(const WeightUse& use, std::byte* destination, std::byte* staging, ThreadPool& threads) const {
  const size_t bytes = prepared_bytes(use);
  if (const std::byte* there = packed(use)) {
    packed_->load(use.key());
    memory_.weights.upload(there, destination, bytes);
    packed_->release(use.key());
  } else if (upload_bytes(use) == 0) {
    memory_.weights.upload(source_.mapped(use.name).data, destination, bytes);
    source_.release(use.name);
  } else {
    write(use, staging, staging + round_up(bytes, 64), threads);
    memory_.weights.upload(staging, destination, bytes);
  }
}

void WeightBank::prepare(const std::vector<WeightUse>& uses, ThreadPool& threads, StopToken stop) {
  for (const WeightUse& use : uses) {
    stop.throw_if_stopped();
    const std::string key = use.key();
    if (prepared_.contains(key) || lies_in_base(key) || streams(use)) continue;
    Prepared item{.use = use};
    const char* const purpose = use.layout.key.empty() ? "weights" : "packed weights";
    if (usable_as_mapped(use)) {
      item.place = Prepared::Place::File;
      item.data = source_.mapped(use.name).data;
    } else if (goes_to_device(use)) {
      const Buffer staging = memory_.host.allocate(upload_bytes(use), "weight staging");
      item.buffer = memory_.weights.allocate(prepared_bytes(use), purpose);
      upload(use, item.buffer.data(), staging.data(), threads);
      item.data = item.buffer.data();
      allocated_ += item.buffer.size();
    } else if (const std::byte* there = packed(use)) {
      packed_->load(key);
      item.data = there;
      item.place = Prepared::Place::Packed;
    } else {
      const Buffer staging = memory_.host.allocate(staging_bytes(use), "weight staging");
      item.buffer = memory_.host.allocate(prepared_bytes(use), purpose);
      write(use, item.buffer.data(), staging.data(), threads);
      item.data = item.buffer.data();
      (memory_.weights.is_host() ? allocated_ : allocated_on_host_) += item.buffer.size();
    }
    prepared_.emplace(key, std::move(item));
  }
}

const std::byte* WeightBank::find(const WeightUse& use) const {
  const auto it = prepared_.find(use.key());
  if (it != prepared_.end()) return it->second.data;
  return base_ == nullptr ? nullptr : base_->find(use);
}

}  // namespace newbie
