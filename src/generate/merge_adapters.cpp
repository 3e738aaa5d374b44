#include "generate/merge_adapters.h"

#include <algorithm>
#include <system_error>

#include "core/files.h"
#include "core/float_formats.h"
#include "generate/file_limits.h"
#include "generate/unfinished_folder.h"
#include "weights/narrowing.h"
#include "weights/stoppable.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMergedAtOnce = 256 * 1024;  // elements

// A file's tensor as elements [first, …) of a changed weight.
struct ChangedTensor {
  DerivedTensor weight;
  size_t first = 0;
};
using ChangedTensors = std::map<const WeightEntry*, ChangedTensor>;

// What stands in the file for each changed weight. `lost` is asked when they are 8-bit numbers.
ChangedTensors changed_tensors(const Part& part, const AdaptedPart& adapted, const std::function<double()>& lost) {
  ChangedTensors out;
  for (const auto& [weight, name] : adapted.attached.replaced) {
    const DerivedTensor original = part.weights.tensor(weight);
    size_t first = 0;
    for (const FileTensor& source : original.sources) {
      const TensorSpec spec = source.spec();
      if (is_f8(spec.dtype) || source.entry->blocks != nullptr)
        fail_with_hint(ErrorKind::Unsupported, "newbie generate --lora uses it at run time, where nothing is lost",
                       "{}: stored as {}: {:.0f} % of the changed numbers would stay as they are in 8 bits",
                       source.where(), source.entry->dtype_name, 100 * lost());
      out.emplace(source.entry, ChangedTensor{adapted.weights.tensor(name), first});
      first += spec.shape.elements();
    }
    if (first != original.spec.shape.elements())
      fail(ErrorKind::Unsupported, "{}: a weight computed from other tensors cannot be merged into its file", weight);
  }
  return out;
}

StreamedTensor merged(const FileTensor& tensor, const ChangedTensor& changed) {
  const TensorSpec spec = tensor.spec();
  return {tensor.key(), spec, [key = tensor.key(), changed, spec](const auto& write) {
            const size_t count = spec.shape.elements();
            std::vector<float> piece(std::min(count, kMergedAtOnce));
            std::vector<std::byte> bytes(piece.size() * size_of(spec.dtype));
            Narrowing narrowing(key, spec.dtype);
            for (size_t at = 0; at < count; at += piece.size()) {
              const size_t some = std::min(piece.size(), count - at);
              changed.weight.fill(changed.first + at, {piece.data(), some});
              narrowing.convert({piece.data(), some}, bytes.data());
              write({bytes.data(), some * size_of(spec.dtype)});
            }
            narrowing.finish();
            for (const FileTensor& source : changed.weight.sources) source.file->check_intact();
          }};
}

StreamedTensor unchanged(const FileTensor& tensor) {
  return {tensor.key(), tensor.spec(), [tensor](const auto& write) {
            if (!tensor.bytes().empty()) write(tensor.bytes());
            tensor.file->check_intact();
            tensor.file->drop_pages(tensor.bytes());
          }};
}

// Small files beside the weights: configuration, tokenizer, index.
std::vector<fs::path> files_beside(const Part& part) {
  std::vector<fs::path> out;
  std::error_code error, ignored;
  for (const fs::path& path : list_folder(part.folder(), error)) {
    const bool weights = std::ranges::any_of(
        part.files.files, [&](const auto& file) { return fs::equivalent(file->path(), path, ignored); });
    const std::string ending = path.extension().string();
    if (!weights && fs::is_regular_file(path, ignored) && (ending == ".json" || ending == ".model"))
      out.push_back(path);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

MergedFiles merge_adapters(const Transformer& transformer, const TextEncoder& text_encoder,
                           std::span<const UsedAdapter> used, const fs::path& destination,
                           const std::function<void(const fs::path&)>& on_file, StopToken stop) {
  struct PartToMerge {
    const Part& part;
    AdapterPart name;
    AdaptedPart adapted;
    ChangedTensors changed;
  };
  std::vector<PartToMerge> parts;
  for (const auto& [part, name] : {std::pair<const Part*, AdapterPart>(&transformer, AdapterPart::Transformer),
                                   std::pair<const Part*, AdapterPart>(&text_encoder, AdapterPart::TextEncoder)}) {
    AdaptedPart adapted = adapt_part(part->weights, name, used, AdapterMode::Merged);
    if (adapted.attached.replaced.empty()) continue;
    const Part& whose = *part;
    const AdapterPart which = name;
    ChangedTensors changed = changed_tensors(
        whose, adapted, [&whose, which, used] { return share_lost_in_int8(whose.weights, which, used); });
    parts.push_back({whose, which, std::move(adapted), std::move(changed)});
  }
  if (parts.empty()) fail(ErrorKind::InvalidRequest, "nothing to merge: the adapters change no weight");

  MergedFiles out;
  for (const PartToMerge& merge : parts) {
    const fs::path folder = destination / std::string(to_string(merge.name));
    for (const auto& file : merge.part.files.files) require_new_file(folder / file->path().filename(), destination);
    for (const fs::path& beside : files_beside(merge.part)) require_new_file(folder / beside.filename(), destination);
  }
  FolderInProgress writing(destination);
  for (const PartToMerge& merge : parts) {
    const fs::path folder = destination / std::string(to_string(merge.name));
    for (const auto& file : merge.part.files.files) {
      if (!file->header().keys.empty())
        fail_with_hint(ErrorKind::Unsupported, "newbie convert writes safetensors of it",
                       "{}: merged files are safetensors, this one is GGUF", file->path().string());
      std::vector<StreamedTensor> tensors;
      for (const WeightEntry& entry : file->entries()) {
        const FileTensor tensor{file, &entry};
        const auto changed = merge.changed.find(&entry);
        tensors.push_back(changed == merge.changed.end() ? unchanged(tensor) : merged(tensor, changed->second));
      }
      out.written.push_back(folder / file->path().filename());
      writing.add(out.written.back());
      if (on_file) on_file(out.written.back());
      stream_safetensors(out.written.back(), stoppable(std::move(tensors), stop), file->metadata());
    }
    for (const fs::path& beside : files_beside(merge.part)) {
      out.written.push_back(folder / beside.filename());
      writing.add(out.written.back());
      write_file_atomically(out.written.back(), read_file(beside, kMaxTokenizerBytes));
    }
    out.weights += merge.adapted.attached.replaced.size();
  }
  writing.finish();
  return out;
}

}  // namespace newbie
