// A model taken from one layout to another: the official folder, or ComfyUI's single files (docs/files.md).
#pragma once

#include <functional>
#include <string>

#include "core/stop_token.h"
#include "generate/parts.h"

namespace newbie {

enum class ModelForm {
  Folder,   // model_index.json, transformer, text_encoder, clip_model, vae: the official tools, diffusers' habits
  ComfyUi,  // diffusion_models, text_encoders, vae: one file a part, tokenizers and configurations inside
  Gguf,     // the same, the transformer and Gemma as GGUF
};

struct ConversionForm {
  ModelForm form;
  std::string gguf_type = "q8_0";  // of ModelForm::Gguf: the name of a mix (generate/convert_gguf.h)
  bool int8 = false;               // not of Gguf: the transformer's weights as --dtype int8 makes them

  ConversionForm(ModelForm f) : form(f) {}  // NOLINT
};

struct ConvertedFile {
  std::filesystem::path path;
  size_t bytes = 0;
};

struct Conversion {
  std::vector<ConvertedFile> files;
  std::vector<std::string> notes;  // what is not as it was
};

// Writes the model at `source` to the folder `destination`, which is made if need be. Stored dtypes are kept, but what
// is in blocks or scaled becomes bf16, unless another form was asked for. Each file is written atomically and one
// tensor at a time; `on_file` is told each before it is written. Error{OverBudget} when the disk has too little room,
// Error{InvalidRequest} when a file is there already or the destination lies in the source, Error{Cancelled} when
// stopped. After an error nothing is left of the destination.
Conversion convert_model(const ModelPaths& source, const std::filesystem::path& destination, const ConversionForm& form,
                         Log& log, const std::function<void(const std::filesystem::path&)>& on_file = {},
                         StopToken stop = {});

}  // namespace newbie
