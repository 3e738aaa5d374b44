// Network: one part of the model with its weights and the way to run graphs on them.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "compile/compile.h"
#include "core/allocator.h"
#include "core/parallel.h"
#include "generate/adapt_part.h"
#include "generate/run_observer.h"
#include "generate/weight_cache.h"
#include "weights/weight_store.h"

namespace newbie {

// What all networks of an engine share.
struct Runtime {
  explicit Runtime(int threads, PrecisionPolicy policy, std::unique_ptr<Backend> chosen, Allocator::FaultHook hook = {},
                   MemorySpace::FaultHook device_hook = {})
      : pool(threads),
        allocator(std::move(hook)),
        backend(std::move(chosen)),
        device(backend->make_memory(std::move(device_hook))),
        precision(std::move(policy)) {}

  // Where arenas and weights lie: on the device, if there is one.
  MemorySpace& working_memory() { return device ? *device : allocator; }
  WeightMemory weight_memory() { return device ? WeightMemory(*device, allocator) : WeightMemory(allocator); }

  ThreadPool pool;
  Allocator allocator;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<MemorySpace> device;  // null: kernels work in the host's memory
  PrecisionPolicy precision;
  bool fuse = true;
  bool decompose = false;    // every fused op by its meaning
  bool name_values = false;  // every value has a path, so that an observer sees it
};

// Weights that are there, and the packed files that some of them lie in. Shared, they are not changed any more.
struct LoadedWeights {
  std::shared_ptr<const AdaptedWeights> adapted;  // whose weights may be among them
  std::shared_ptr<const WeightCache::Opened> packed;
  std::shared_ptr<const LoadedWeights> base;  // others, that the bank reads
  WeightBank bank;
  bool on_device = false;

  // What they take of the host's memory, pages of files included.
  size_t host_bytes() const {
    const WeightBank::Kept kept = bank.kept();
    return on_device ? kept.host_bytes + kept.page_bytes : kept.all();
  }
};

// What a compiler needs to know of a part's weights.
std::optional<DType> stored_dtype(const WeightSource& weights, const std::string& name);

class Network {
 public:
  // `part` prefixes paths in precision policies. Runtime and store must outlive the network.
  Network(Runtime& runtime, const WeightStore& store, std::string part);

  // From now on adapters lie over the part; null: none. Before anything is compiled or loaded. Their own weights are
  // loaded beside the part's, under names of their own, so that others may adopt what is loaded.
  void adapt(std::shared_ptr<const AdaptedWeights> adapted) { adapted_ = std::move(adapted); }

  Program compile(const Graph& graph, Bands bands = Bands::None) const;
  // What compile() compiles with, under another policy.
  CompileOptions compile_options(PrecisionPolicy policy) const;
  const std::string& part() const { return part_; }
  bool on_device() const { return runtime_.device != nullptr; }

  // From now on weights that an earlier run prepared are used from `cache`. It and `part`, whose weights these are,
  // must outlive the network; `fingerprint` is that of its files.
  void use_cache(WeightCache& cache, const Part& part, std::function<std::string()> fingerprint);
  // To be called before a plan. Looks again what the cache has, unless weights are loaded: those stay as they are, but
  // for the pages of those used where they lie, which come back when they are read.
  void renew_cache();
  // Until the next renew_cache() all weights are prepared. What is loaded is freed.
  void close_cache();
  // To be called after load(): what the cache lacks of these programs' weights is written there. Weights that stream
  // are prepared for it, one after the other, in a room as large as the largest window of one. Nothing without a cache.
  void keep_prepared(std::span<const Program* const> programs, StopToken stop);

  // Weights that do not stay: every run prepares them anew. What was loaded under another choice is freed.
  void stream(StreamedWeights streamed);
  const StreamedWeights& streamed() const { return streamed_; }

  // What is loaded just now; null when nothing is. The one who asks must not use it longer than it stays so.
  std::shared_ptr<const LoadedWeights> loaded_weights() const;
  // Weights that others have loaded: what they lack is loaded beside them. What was loaded before is freed.
  void adopt(std::shared_ptr<const LoadedWeights> weights);
  // What is loaded, for others to adopt: from now on more is loaded beside it. Null when nothing is, or something
  // beside what was adopted.
  std::shared_ptr<const LoadedWeights> share();

  // Bytes of the weights of these programs when loaded, and while they are loaded, with these weights streamed. Here
  // and below: beside what was adopted.
  WeightBank::Plan plan(std::span<const Program* const> programs, const StreamedWeights& streamed = {}) const;
  // What a run of one of these programs needs beside its arena for that.
  struct Window {
    size_t bytes = 0;          // allocated, where the arena is
    size_t staging_bytes = 0;  // allocated on the host, for a device
    size_t mapped_bytes = 0;   // pages of files, at most
    size_t read_bytes = 0;     // from files in one run: the most of a program
  };
  Window window(std::span<const Program* const> programs, const StreamedWeights& streamed) const;
  // The fewest weights to be streamed so that those of `programs` that stay and the window of `running` are at most
  // `limit` bytes together: those of the first program first, its last weight before its first. All of any size when
  // even that is too much.
  StreamedWeights choose_streamed(std::span<const Program* const> programs, std::span<const Program* const> running,
                                  size_t limit) const;
  // Seconds to prepare one byte of a file as `program` streams it: by doing so with its largest. 0: nothing is
  // streamed.
  double seconds_per_streamed_byte(const Program& program, const StreamedWeights& streamed) const;

  // Prepares what is not there yet, and stays. Error{BadFile} when a mapped file shrank meanwhile. After a failure
  // nothing is left.
  void load(const Program& program, StopToken stop = {});
  void free();
  WeightBank::Kept kept() const;  // what was adopted is part of it

  // Bytes of mapped weights that reading `rows` rows of each table may bring in: pages are whole.
  size_t mapped_bytes(const Program& program, int64_t rows) const;

  // Runs a loaded program in `arena` (at least its arena_bytes), and in a window of its own when it streams. `probe`
  // sees every named value, too. Error{BadFile} when a mapped file shrank meanwhile.
  void run(const Program& program, const Buffer& arena, const Bindings& bindings, StopToken stop,
           const RunWatch& watch = {}, Observer* probe = nullptr) const;
  // Tells an observer how `program`, which compile() made of `graph`, is going to run.
  void show(const Graph& graph, Bands bands, const Program& program, RunObserver& observer) const;

 private:
  friend class WeightForecast;
  WeightBank bank(StreamedWeights streamed,
                  const WeightBank* base) const {  // an empty one
    return {source(), runtime_.weight_memory(), std::move(streamed), packed_.get(), base};
  }
  const WeightSource& source() const { return adapted_ ? adapted_->source() : store_; }
  const WeightBank* base() const { return base_ ? &base_->bank : nullptr; }
  const WeightBank& loaded() const;  // Error{Internal} when nothing is
  Graph transformed(const Graph& graph, Bands bands) const;
  void check_intact() const;

  Runtime& runtime_;
  const WeightStore& store_;
  std::string part_;
  std::shared_ptr<const AdaptedWeights> adapted_;
  StreamedWeights streamed_;
  WeightCache* cache_ = nullptr;
  std::function<WeightCacheKey()> cache_key_;          // of the part's files as they are now
  std::string opened_key_;                             // whose weights packed_ has
  std::set<std::string> given_to_cache_;               // since it was opened: keys of weights
  std::shared_ptr<const WeightCache::Opened> packed_;  // what is loaded next may lie there
  std::shared_ptr<const LoadedWeights> base_;          // adopted
  std::shared_ptr<LoadedWeights> own_;                 // beside it
};

// What the weights of a network will take as programs are loaded one after the other. Loads nothing.
class WeightForecast {
 public:
  // `there`: what the network has adopted by then, or null. All must outlive the forecast.
  WeightForecast(const Network& network, const StreamedWeights& streamed, const LoadedWeights* there)
      : network_(&network), streamed_(&streamed), there_(there) {}

  // What loading these adds to what is there: `kept`, and the largest moment meanwhile. Nothing when all is there.
  WeightBank::Plan load(std::span<const Program* const> programs);
  void free();
  WeightBank::Kept kept() const;

 private:
  WeightBank::Plan plan_of(const std::vector<WeightUse>& uses) const;

  const Network* network_;
  const StreamedWeights* streamed_;
  const LoadedWeights* there_;
  std::set<const Program*> programs_;  // loaded
  std::set<std::string> keys_;
  std::vector<WeightUse> uses_;
  WeightBank::Kept own_;
};

}  // namespace newbie
