#include "weights/formats/foreign_bytes.h"

#include <string>

#include "core/error.h"

namespace newbie {

namespace {

constexpr std::string_view kConvert = "save it as safetensors; pickles can run code and are never opened";

struct Beginning {
  std::string_view bytes, what, hint;
  ErrorKind kind = ErrorKind::BadFile;
};
constexpr Beginning kBeginnings[] = {
    {"version https://git-lfs", "a Git LFS pointer, not the file itself", "git lfs pull, or download the file"},
    {"<!DOCTYPE", "a web page", "download the file itself"},
    {"<!doctype", "a web page", "download the file itself"},
    {"<html", "a web page", "download the file itself"},
    {"Entry not found", "what a server says of a file that it does not have", "look up its address again"},
    {"{\"error\"", "an error message of a server", "download the file again"},
    {"\x1f\x8b", "a gzip archive", "unpack it first"},
    {"\x89PNG", "a PNG picture", "give the file of the model"},
    {"PK\x03\x04", "an archive, as PyTorch's pickles are (.pt, .pth, .ckpt, .bin)", kConvert, ErrorKind::Unsupported},
    {"\x80\x02\x8a\x0a", "a PyTorch checkpoint (pickle)", kConvert, ErrorKind::Unsupported},
    {"\x80\x02}q", "a Python pickle (.pt, .pth, .ckpt, .bin)", kConvert, ErrorKind::Unsupported},
    {"\x80\x02"
     "ccol",
     "a Python pickle (.pt, .pth, .ckpt, .bin)", kConvert, ErrorKind::Unsupported},
    {"\x80\x04\x95", "a Python pickle (.pt, .pth, .ckpt, .bin)", kConvert, ErrorKind::Unsupported},
    {"tjgg", "GGJT, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
    {"GGJT", "GGJT, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
    {"lmgg", "GGML, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
    {"ggml", "GGML, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
    {"fmgg", "GGMF, a format before GGUF", "convert the model anew", ErrorKind::Unsupported},
};

}  // namespace

void refuse_foreign_bytes(std::span<const std::byte> file, std::string_view expected, std::string_view where) {
  const std::string_view begin(reinterpret_cast<const char*>(file.data()), file.size());
  for (const Beginning& row : kBeginnings)
    if (begin.starts_with(row.bytes))
      fail_with_hint(row.kind, std::string(row.hint), "{}: expected {}, got {}", where, expected, row.what);
}

}  // namespace newbie
