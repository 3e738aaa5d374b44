#include "generate/model_layout.h"

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>
#include <vector>

#include "core/files.h"
#include "core/json.h"
#include "generate/file_limits.h"
#include "models/config_source.h"
#include "weights/formats/sharded_index.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr int kDeepestSubfolder = 3;  // of a ComfyUI folder: people sort their files

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// A file that may be the wanted part, and what its header says.
struct Candidate {
  fs::path path;
  Recognised what;
  HeaderShapes header;
};

// Weight files of a folder and of its folders, down to `deeper` levels; what cannot be read or is a link is left out.
void collect_weight_files(const fs::path& folder, int deeper, std::vector<fs::path>& files) {
  std::error_code ignored;
  for (const fs::path& entry : list_folder(folder, ignored)) {
    if (deeper > 0 && fs::is_directory(fs::symlink_status(entry, ignored)))
      collect_weight_files(entry, deeper - 1, files);
    const bool is_weights = entry.extension() == ".safetensors" || entry.extension() == ".gguf";
    const auto shard = shard_name(entry.filename().string());
    if (shard && shard->number != 1) continue;  // the first stands for all
    if (is_weights && fs::is_regular_file(entry, ignored)) files.push_back(entry);
  }
}

std::vector<fs::path> weight_files(const fs::path& folder, int deepest) {
  std::vector<fs::path> files;
  collect_weight_files(folder, deepest, files);
  std::sort(files.begin(), files.end());
  return files;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// The names these files have where most people get them (spec/checkpoints.md §5).
constexpr std::string_view kUsualNames[] = {"newbie",       "gemma_3_4b_it_bf16", "gemma3-4b-it",  "gemma_3_4b",
                                            "jina_clip_v2", "jina-clip-v2",       "ae.safetensors"};

// Of several files that would do, the one with the most telling name, if it is alone.
const Candidate* choose_by_name(const std::vector<const Candidate*>& files) {
  if (files.size() == 1) return files.front();
  for (const std::string_view usual : kUsualNames) {
    const Candidate* found = nullptr;
    int count = 0;
    for (const Candidate* file : files)
      if (lower(file->path.filename().string()).find(usual) != std::string::npos) {
        found = file;
        ++count;
      }
    if (count == 1) return found;
  }
  return nullptr;
}

// The files below one or more folders, looked into once.
class Shelf {
 public:
  Shelf(const std::vector<fs::path>& folders, int deepest, Strictness strictness) : folders_(folders) {
    for (const fs::path& folder : folders)
      for (const fs::path& file : weight_files(folder, deepest)) {
        try {
          const OpenedWeights opened = open_weights(file, strictness);
          files_.push_back({file, recognise_files(opened), header_shapes(opened)});
        } catch (const Error& e) {
          files_.push_back({file, {FileKind::Unknown, "unreadable: " + e.message()}, {}});
        }
      }
  }

  // `width`: of the text encoder's table, to choose among several sizes.
  const Candidate& take(FileKind kind, const char* option, std::optional<int64_t> width = std::nullopt) const {
    std::vector<const Candidate*> fitting;
    for (const Candidate& file : files_)
      if (file.what.kind == kind) fitting.push_back(&file);
    if (fitting.empty())
      fail_with_hint(ErrorKind::BadFile, std::string("give it with ") + option, "{}: expected {} there, got {}",
                     where(), to_string(kind), list(files_));
    if (fitting.size() > 1 && width) {
      std::vector<const Candidate*> right;
      for (const Candidate* file : fitting) {
        const auto* table = find_token_table(file->header);
        if (table != nullptr && table->second.size() == 2 && table->second[1] == *width) right.push_back(file);
      }
      if (!right.empty()) fitting = right;
    }
    const Candidate* chosen = choose_by_name(fitting);
    if (chosen == nullptr) {
      std::vector<Candidate> several;
      for (const Candidate* file : fitting) several.push_back({file->path, file->what, {}});
      fail_with_hint(ErrorKind::BadFile, std::string("choose one with ") + option,
                     "{}: expected one file that is {}, got {}", where(), to_string(kind), list(several));
    }
    return *chosen;
  }

 private:
  std::string where() const {
    std::string out;
    for (const fs::path& folder : folders_) out += (out.empty() ? "" : ", ") + folder.string();
    return out;
  }

  static std::string list(const std::vector<Candidate>& files) {
    constexpr size_t kShown = 6;
    std::string out;
    for (size_t i = 0; i < std::min(files.size(), kShown); ++i)
      out += fmt::format("{}{} ({})", i ? ", " : "", files[i].path.filename().string(),
                         files[i].what.words.empty() ? "nothing known" : files[i].what.words);
    if (files.size() > kShown) out += fmt::format(" and {} more", files.size() - kShown);
    return out.empty() ? "no .safetensors or .gguf file" : out;
  }

  std::vector<fs::path> folders_;
  std::vector<Candidate> files_;
};

std::vector<fs::path> folders_in(const fs::path& root, std::initializer_list<const char*> names) {
  std::vector<fs::path> found;
  for (const char* name : names)
    if (is_folder(root / name)) found.push_back(root / name);
  return found;
}

void fill(fs::path& part, const fs::path& found) {
  if (part.empty()) part = found;
}

// transformer, vae and two text encoders, each a folder.
std::string locate_in_folders(ModelPaths& paths) {
  const fs::path& root = paths.folder;
  std::string layout = "official folder";
  std::vector<fs::path> encoders = folders_in(root, {"text_encoder", "clip_model", "text_encoder_2"});
  std::optional<fs::path> gemma, jina;
  for (const fs::path& encoder : encoders) {
    OpenedWeights opened;
    try {
      opened = open_weights(encoder, paths.strictness);
    } catch (const Error&) {
      continue;  // told in full when this part is opened by its name
    }
    const FileKind kind = recognise_files(opened).kind;
    if (kind == FileKind::TextEncoder && !gemma) gemma = encoder;
    if (kind == FileKind::ClipModel && !jina) jina = encoder;
    if (find_by_ending(header_shapes(opened), "spiece_model") != nullptr) layout = "repository as uploaded";
  }
  if (is_folder(root / "text_encoder_2")) layout = "diffusers (Lumina2 names)";
  fill(paths.transformer, root / "transformer");
  fill(paths.text_encoder, gemma.value_or(root / "text_encoder"));
  fill(paths.clip_model,
       jina.value_or(is_folder(root / "text_encoder_2") ? root / "text_encoder_2" : root / "clip_model"));
  fill(paths.vae, root / "vae");
  return layout;
}

void take_from(ModelPaths& paths, const std::vector<fs::path>& diffusion, const std::vector<fs::path>& encoders,
               const std::vector<fs::path>& vae, int deepest) {
  std::optional<int64_t> caption_width;
  if (paths.transformer.empty()) {
    const Shelf shelf(diffusion, deepest, paths.strictness);
    const Candidate& file = shelf.take(FileKind::Transformer, "`transformer`");
    paths.transformer = file.path;
    for (const char* name : {"cap_embedder.1.weight", "time_caption_embed.caption_embedder.1.weight"})
      if (const auto* weight = find_by_ending(file.header, name); weight != nullptr && weight->second.size() == 2)
        caption_width = weight->second[1];
  }
  if (paths.text_encoder.empty() || paths.clip_model.empty()) {
    const Shelf shelf(encoders, deepest, paths.strictness);
    if (paths.text_encoder.empty())
      paths.text_encoder = shelf.take(FileKind::TextEncoder, "`text_encoder`", caption_width).path;
    if (paths.clip_model.empty()) paths.clip_model = shelf.take(FileKind::ClipModel, "`clip_model`").path;
  }
  if (paths.vae.empty()) paths.vae = Shelf(vae, deepest, paths.strictness).take(FileKind::Vae, "`vae`").path;
}

std::string locate(ModelPaths& paths) {
  const fs::path& root = paths.folder;
  if (!is_folder(root))
    fail_with_hint(ErrorKind::BadFile, "`model` takes a folder; single files have `transformer` and its like",
                   "{}: expected a folder", root.string());
  if (is_folder(root / "transformer") || is_folder(root / "text_encoder")) return locate_in_folders(paths);
  for (const fs::path& base : {root, root / "models", root / "split_files"}) {
    const auto diffusion = folders_in(base, {"diffusion_models", "unet"});
    if (diffusion.empty()) continue;
    take_from(paths, diffusion, folders_in(base, {"text_encoders", "clip"}), folders_in(base, {"vae"}),
              kDeepestSubfolder);
    return "ComfyUI folder";
  }
  if (!weight_files(root, 0).empty()) {
    take_from(paths, {root}, {root}, {root}, 0);
    return "folder of single files";
  }
  fail_with_hint(ErrorKind::BadFile, "docs/files.md shows the layouts that are known",
                 "{}: expected a model: folders transformer, text_encoder, clip_model and vae, or diffusion_models, "
                 "text_encoders and vae, or the four files",
                 root.string());
}

// The two encoders' flags are easily confused, and ComfyUI takes them in any order.
void put_encoders_right(ModelPaths& paths) {
  try {
    if (recognise_path(paths.text_encoder, paths.strictness).kind == FileKind::ClipModel &&
        recognise_path(paths.clip_model, paths.strictness).kind == FileKind::TextEncoder)
      std::swap(paths.text_encoder, paths.clip_model);
  } catch (const Error&) {
    // Opening the part tells what is wrong with it.
  }
}

}  // namespace

LocatedModel locate_model(const ModelPaths& given) {
  LocatedModel model{given, ""};
  ModelPaths& paths = model.paths;
  const bool both_encoders_by_hand = !paths.text_encoder.empty() && !paths.clip_model.empty();
  if (paths.transformer.empty() || paths.text_encoder.empty() || paths.clip_model.empty() || paths.vae.empty()) {
    if (paths.folder.empty())
      fail_with_hint(ErrorKind::InvalidRequest,
                     "give `model`, or all of `transformer` `text_encoder` `clip_model` `vae`",
                     "no path for the model's {}",
                     paths.transformer.empty()    ? "transformer"
                     : paths.text_encoder.empty() ? "text_encoder"
                     : paths.clip_model.empty()   ? "clip_model"
                                                  : "vae");
    model.layout = locate(paths);
  }
  if (both_encoders_by_hand) put_encoders_right(paths);
  return model;
}

HeaderShapes header_shapes(const OpenedWeights& files) {
  HeaderShapes header;
  for (const FileTensor& tensor : files.tensors) header.emplace(tensor.key(), tensor.entry->shape);
  return header;
}

std::optional<double> scheduler_shift(const fs::path& folder, Log& log) {
  const fs::path path = folder / "scheduler" / "scheduler_config.json";
  if (std::error_code ignored; folder.empty() || !fs::is_regular_file(path, ignored)) return std::nullopt;
  const std::string where = path.string();
  const Json config = parse_json(read_file(path, kMaxConfigBytes), where);
  if (!config.is_object()) fail(ErrorKind::BadFile, "{}: expected a JSON object, got {}", where, config.type_name());
  if (const auto dynamic = config.find("use_dynamic_shifting"); dynamic != config.end() && *dynamic == true)
    log.warn("{}: asks for a shift by size (use_dynamic_shifting), which is not done", where);
  const double shift = config_number(config, "shift", 0, 0, 100, where);
  return shift == 0 ? std::nullopt : std::optional(shift);
}

Recognised recognise_files(const OpenedWeights& files) {
  return recognise(header_shapes(files),
                   files.files.empty() ? std::map<std::string, std::string>() : files.files.front()->metadata());
}

Recognised recognise_path(const fs::path& path, Strictness strictness) {
  return recognise_files(open_weights(path, strictness));
}

}  // namespace newbie
