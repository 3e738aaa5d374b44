// WeightBank: a network's weights in the layouts its kernels want, prepared once and shared by all programs of that
// network, or prepared anew for every step that reads them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/packed_weights.h"
#include "core/memory_space.h"
#include "core/stop_token.h"
#include "core/weight_source.h"

namespace newbie {

// One weight as one kernel operand wants it.
struct WeightUse {
  std::string name;
  TensorSpec spec;  // shape as the graph states it; dtype as the operand wants it
  WeightLayout layout;
  bool by_rows = false;  // a table: a run reads some of its rows, nothing else of it

  std::string key() const { return name + '|' + std::string(to_string(spec.dtype)) + '|' + layout.key; }
};

// Names of weights that do not stay in memory; or keys (WeightUse::key) of operands, where only these do not.
using StreamedWeights = std::set<std::string, std::less<>>;

// Where prepared weights lie. For a device they are made in the host's memory, `host`, and uploaded; tables of which a
// run reads some rows stay there.
struct WeightMemory {
  WeightMemory(MemorySpace& host_memory) : weights(host_memory), host(host_memory) {}  // NOLINT: the host's alone
  WeightMemory(MemorySpace& device, MemorySpace& host_memory) : weights(device), host(host_memory) {}
  MemorySpace& weights;
  MemorySpace& host;
};

class WeightBank {
 public:
  // All must outlive the bank. Weights in `streamed` are not kept: a run prepares them in a window of its own, just
  // before the step that reads them, or reads them where the model's file has them as the kernel wants them. What
  // `packed` has is used where it lies instead of being prepared; pages of files are given back where another weight's
  // memory would be freed; for a device packed ones are uploaded. A run's results are the same bytes. What `base` has
  // is read there, and takes none of this bank's memory.
  WeightBank(const WeightSource& source, WeightMemory memory, StreamedWeights streamed = {},
             const PackedWeights* packed = nullptr, const WeightBank* base = nullptr)
      : source_(source), memory_(memory), streamed_(std::move(streamed)), packed_(packed), base_(base) {}
  ~WeightBank();
  WeightBank(WeightBank&&) = default;  // leaves an empty one

  // Prepares what is missing, but for the streamed. Error{BadFile} when a weight is absent or has another shape. Pages
  // of the file are given back after a weight was copied. `stop` is checked between weights; what is prepared by then
  // stays.
  void prepare(const std::vector<WeightUse>& uses, ThreadPool& threads, StopToken stop = {});

  // Where the prepared bytes are (valid while the bank lives), or null when `use` was not prepared.
  const std::byte* find(const WeightUse& use) const;

  // Memory of weights that are there.
  struct Kept {
    size_t bytes = 0;       // allocated
    size_t page_bytes = 0;  // of weights that are used where they lie, but for tables: resident once they were read
    size_t host_bytes = 0;  // allocated in the host's memory, where the others lie on a device: tables

    size_t all() const { return bytes + page_bytes; }
    Kept operator+(const Kept& other) const {
      return {bytes + other.bytes, page_bytes + other.page_bytes, host_bytes + other.host_bytes};
    }
  };
  // What prepare() would allocate for these uses from nothing, in this order; weights that are used where they lie, in
  // the model's files or packed, cost nothing but their pages. Checks names and shapes as prepare() does, and reads no
  // weight.
  struct Plan {
    Kept kept;                       // when all is prepared
    size_t peak_bytes = 0;           // allocated at the largest moment meanwhile, temporaries included
    size_t resident_peak_bytes = 0;  // the same with the pages of the file that are read just then
    size_t host_peak_bytes = 0;      // for a device: allocated in the host's memory at the largest moment
  };
  Plan plan(const std::vector<WeightUse>& uses) const;

  // A streamed weight: what it takes of the window, and of the host's memory beside it where the window is a device's;
  // and its preparation in `room` and `staging` (aligned to 64). The result lies in `room`, or in a file.
  // Error{BadFile} as above.
  bool streams(const WeightUse& use) const;
  size_t window_bytes(const WeightUse& use) const;
  size_t window_staging_bytes(const WeightUse& use) const;
  const std::byte* prepare_in(const WeightUse& use, std::byte* room, std::byte* staging, ThreadPool& threads) const;
  void prefetch(const WeightUse& use) const;  // it is prepared next
  void release(const WeightUse& use) const;   // the step that read it is over
  // What preparing it reads of the file.
  size_t stored_bytes(const WeightUse& use) const;

  // Whether the model's file has the operand's bytes, to be used where they lie: by the host. Error{BadFile} as above.
  bool usable_as_mapped(const WeightUse& use) const;
  bool lies_packed(const WeightUse& use) const { return packed(use) != nullptr; }
  // Whether preparing it is work that packed weights would save. Error{BadFile} as above.
  bool needs_work(const WeightUse& use) const { return !usable_as_mapped(use) && !lies_packed(use); }
  size_t prepared_bytes(const WeightUse& use) const;

  // The pages of weights that are used where they lie are given back; they come again as they are read.
  void release_pages() const;

  // Gives back what was prepared for these uses.
  void drop(const std::vector<WeightUse>& uses);

  Kept kept() const;

 private:
  struct Prepared {
    enum class Place { Memory, Packed, File };
    Place place = Place::Memory;
    Buffer buffer;  // of Place::Memory
    const std::byte* data = nullptr;
    WeightUse use;
  };
  void release_pages(const Prepared& item) const;
  bool goes_to_device(const WeightUse& use) const { return !memory_.weights.is_host() && !use.by_rows; }
  const std::byte* packed(const WeightUse& use) const;  // or null
  bool has(const std::string& key) const { return prepared_.contains(key) || lies_in_base(key); }
  bool lies_in_base(const std::string& key) const { return base_ != nullptr && base_->has(key); }
  TensorSpec stored_spec(const WeightUse& use) const;
  std::span<const std::byte> pages_of(const WeightUse& use) const;  // of one that is used where the file has it
  bool packs_from_mapped(const WeightUse& use) const;  // the mapped bytes are what a kernel's pack function reads
  size_t staging_bytes(const WeightUse& use) const;
  // Of the host's memory while a weight is uploaded: the prepared bytes, and what they are made in.
  size_t upload_bytes(const WeightUse& use) const;
  // Writes the prepared bytes to `destination`; `staging` has room for staging_bytes().
  void write(const WeightUse& use, std::byte* destination, std::byte* staging, ThreadPool& threads) const;
  // The prepared bytes to `destination` on the device; `staging` has room for upload_bytes().
  void upload(const WeightUse& use, std::byte* destination, std::byte* staging, ThreadPool& threads) const;

  const WeightSource& source_;
  WeightMemory memory_;
  StreamedWeights streamed_;
  const PackedWeights* packed_;
  const WeightBank* base_;
  std::map<std::string, Prepared> prepared_;
  size_t allocated_ = 0, allocated_on_host_ = 0;  // the latter beside a device
};

}  // namespace newbie
